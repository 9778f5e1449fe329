//! What a partner's backend, or an operator, asks for: an instance's enrolment, and its end.

use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;

use super::revocation::ATTEMPTS;
use super::{Event, EventError, check};
use crate::document::{Api, Document, is_addon_id, is_legacy_id};
use crate::fields::{Check, Fields};

/// Where a v3 instance's tokens come from.
#[derive(Debug, Clone)]
pub enum Grant {
    /// The `oauth_grant.code` of Heroku's provisioning request: good for one exchange, within five minutes.
    Code(SecretString),
    /// A refresh token that the partner has already.
    RefreshToken(SecretString),
}

/// What `enroll-addon` is asked for.
#[derive(Debug)]
pub enum EnrollRequest {
    /// An instance's enrolment.
    Enroll(Box<EnrollEvent>),
    /// The move of this add-on's refresh token from the secret in which an earlier version has kept it.
    MoveToken(String),
}

/// An enrolment. Its `Debug` shows no value.
#[derive(Debug)]
pub struct EnrollEvent {
    /// The instance's document, checked.
    pub document: Document,
    /// The tokens, of a v3 instance.
    pub grant: Option<Grant>,
    /// The interval of rotations, if it is not the stack's.
    pub rotation_days: Option<u32>,
}

impl Event for EnrollRequest {
    fn read(payload: &Value) -> Result<Self, EventError> {
        check(payload, |event| {
            let expected = "an add-on's id, as heroku.addon_id has it";
            if let Some(addon) = event.optional_text("MoveTokenOf", expected, is_addon_id) {
                event.refuse_unknown();
                return Some(Self::MoveToken(addon));
            }
            let grant = |event: &mut Check<'_>, name| event.optional_secret(name, "a string");
            let code = grant(event, "GrantCode");
            let refresh_token = grant(event, "RefreshToken");
            let rotation_days = event.optional_number("RotationDays", 1..=365);
            let document = read_document(event);
            event.refuse_unknown();
            if code.is_some() && refresh_token.is_some() {
                let problem = "exclude each other: send one of them";
                event.problem("GrantCode and RefreshToken", problem);
            }
            let grant = code.map(Grant::Code);
            let grant = grant.or_else(|| refresh_token.map(Grant::RefreshToken));
            let document = document?;
            if !is_the_one_id(&document) {
                let problem = "must be the add-on's UUID in lower case, as Heroku's provisioning request has it (with v1 also app123@heroku.com, where Heroku shows no UUID)";
                event.problem("Document: heroku.addon_id", problem);
            }
            if document.heroku.api == Api::V1 && grant.is_some() {
                let problem = "are for v3 only: leave them out";
                event.problem("GrantCode and RefreshToken", problem);
            }
            Some(Self::Enroll(Box::new(EnrollEvent {
                document,
                grant,
                rotation_days,
            })))
        })
    }

    fn step(&self) -> &'static str {
        "enrollAddon"
    }
}

fn read_document(event: &mut Check<'_>) -> Option<Document> {
    let fields = Fields::from(event.map("Document")?.clone());
    match Document::parse(&fields.to_secret()) {
        Ok(document) => {
            if matches!(document.heroku.api, Api::V3 { oauth: Some(_) }) {
                let problem = "is of an earlier version: send RefreshToken instead";
                event.problem("Document: heroku.oauth", problem);
            }
            Some(document)
        }
        Err(error) => {
            for problem in error.problems {
                event.problem("Document:", &problem);
            }
            None
        }
    }
}

/// Heroku [takes an add-on's name for its id as well](https://devcenter.heroku.com/articles/platform-api-reference#add-on):
/// one add-on would be two instances, each of which publishes over the other.
fn is_the_one_id(document: &Document) -> bool {
    let id = document.heroku.addon_id.as_str();
    let groups: Vec<_> = id.split('-').collect();
    let is_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let is_uuid = groups.iter().map(|it| it.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|it| it.chars().all(is_hex));
    // Heroku is asked whether that one has a UUID.
    let is_legacy = document.heroku.api == Api::V1 && is_legacy_id(id);
    is_uuid || is_legacy
}

/// What `deprovision-addon` is asked for, by the partner's handler of Heroku's `DELETE` or by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeprovisionEvent {
    /// The add-on's id, as its document has it.
    #[serde(rename = "AddonId")]
    pub addon: String,
    /// Whether every step of a rotation that was under way when it was cancelled has ended by now.
    pub rotation_is_over: bool,
    /// How many earlier tries by schedule there were.
    pub attempt: u32,
}

impl Event for DeprovisionEvent {
    fn read(payload: &Value) -> Result<Self, EventError> {
        check(payload, |event| {
            let addon = read_addon(event);
            let rotation_is_over = event.flag("RotationIsOver");
            let attempt = event.optional_number("Attempt", ATTEMPTS);
            Some(Self {
                addon: addon?,
                rotation_is_over,
                attempt: attempt.unwrap_or_default(),
            })
        })
    }

    fn step(&self) -> &'static str {
        "deprovisionAddon"
    }
}

/// What `start-rotation` is asked for, by the backend of the partner's dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRotationEvent {
    /// The add-on's id, as its document has it.
    pub addon: String,
}

impl Event for StartRotationEvent {
    fn read(payload: &Value) -> Result<Self, EventError> {
        check(payload, |event| {
            Some(Self {
                addon: read_addon(event)?,
            })
        })
    }

    fn step(&self) -> &'static str {
        "startRotation"
    }
}

fn read_addon(event: &mut Check<'_>) -> Option<String> {
    let expected = "the add-on's id, as heroku.addon_id has it";
    event.text("AddonId", expected, is_addon_id)
}
