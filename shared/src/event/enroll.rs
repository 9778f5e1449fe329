//! What a partner's backend, or an operator, asks for: an instance's enrolment, and its end.

use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;

use super::reader::Reader;
use super::revocation::ATTEMPTS;
use super::{Event, EventError, SecretArn, VersionId};
use crate::document::{Api, Document, Fields, is_addon_id};

/// The interval of rotations may have so many days.
const DAYS: std::ops::RangeInclusive<u32> = 1..=365;

/// What an enrolment's event may hold.
const KEYS: [&str; 4] = ["Document", "GrantCode", "RefreshToken", "RotationDays"];

/// Where a v3 instance's tokens come from.
#[derive(Debug, Clone)]
pub enum Grant {
    /// The `oauth_grant.code` of Heroku's provisioning request: good for one exchange, within five minutes.
    Code(SecretString),
    /// A refresh token that the partner has already.
    RefreshToken(SecretString),
}

/// What `enroll-addon` is asked for. Its `Debug` shows no value.
#[derive(Debug)]
pub struct EnrollEvent {
    /// The instance's document, checked. A v3 one names an OAuth secret that is not made yet, unless the
    /// event's names one.
    pub document: Document,
    /// The OAuth secret that the event's document names.
    pub oauth: Option<SecretArn>,
    /// The tokens, of a v3 instance.
    pub grant: Option<Grant>,
    /// The interval of rotations, if it is not the stack's.
    pub rotation_days: Option<u32>,
}

impl Event for EnrollEvent {
    fn read(payload: &Value) -> Result<Self, EventError> {
        let mut reader = Reader::new(payload);
        // Somebody's words, not AWS's: one that is not known was meant to be another.
        for key in payload
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key)
        {
            if !KEYS.contains(&key.as_str()) {
                reader.problem(unknown(key));
            }
        }
        let code = reader.optional_text("GrantCode");
        let refresh_token = reader.optional_text("RefreshToken");
        let rotation_days = reader.optional_number("RotationDays", DAYS);
        for (name, text) in [("GrantCode", &code), ("RefreshToken", &refresh_token)] {
            if text.as_deref() == Some("") {
                reader.problem(format!("{name} must not be empty"));
            }
        }
        if code.is_some() && refresh_token.is_some() {
            reader.problem("GrantCode and RefreshToken exclude each other: send one of them");
        }
        let grant = code
            .map(|code| Grant::Code(code.into()))
            .or_else(|| refresh_token.map(|token| Grant::RefreshToken(token.into())));
        let document = read_document(&mut reader);
        if let Some((document, oauth)) = document {
            if document.heroku.api == Api::V1 && grant.is_some() {
                reader.problem("GrantCode and RefreshToken are for v3 only: leave them out");
            }
            if reader.problems.is_empty() {
                return Ok(Self {
                    document,
                    oauth,
                    grant,
                    rotation_days,
                });
            }
        }
        Err(reader.into_error())
    }

    fn subject(&self) -> Option<(&SecretArn, &VersionId)> {
        None
    }

    fn step(&self) -> &'static str {
        "enrollAddon"
    }
}

/// A key is shown only if it looks like one: somebody may have put a value in its place.
fn unknown(key: &str) -> String {
    let nearest = KEYS.into_iter().min_by_key(|known| distance(key, known));
    let nearest = nearest.filter(|known| distance(key, known) <= known.len() / 3);
    match nearest {
        Some(known) => format!("{key} is unknown: did you mean {known}?"),
        None => format!("it has an unknown key (known are {})", KEYS.join(", ")),
    }
}

/// How many letters must be put in, left out or replaced to make one word of the other, whatever their case.
fn distance(one: &str, other: &str) -> usize {
    let other = other.to_ascii_lowercase();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.to_ascii_lowercase().bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, same) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(letter != same);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

/// The document, and the OAuth secret that it names.
fn read_document(reader: &mut Reader<'_>) -> Option<(Document, Option<SecretArn>)> {
    let object = reader.object("Document")?;
    let mut fields = Fields::from(object.clone());
    let oauth = fields.heroku_text("oauth");
    let is_v3 = fields.heroku_text("api").as_deref() == Some("v3");
    if is_v3 && oauth.is_none() {
        fields.set_heroku("oauth", TO_BE_MADE);
    }
    match Document::parse(&fields.to_secret()) {
        Ok(document) => Some((document, oauth.and_then(|oauth| oauth.parse().ok()))),
        Err(error) => {
            for problem in error.problems {
                reader.problem(format!("Document: {problem}"));
            }
            None
        }
    }
}

/// Stands for the ARN of the OAuth secret until that is made.
const TO_BE_MADE: &str = "arn:aws:secretsmanager:-:-:secret:to-be-made";

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
        let mut reader = Reader::new(payload);
        let addon = read_addon(&mut reader);
        let rotation_is_over = reader.optional_flag("RotationIsOver").unwrap_or_default();
        let attempt = reader
            .optional_number("Attempt", ATTEMPTS)
            .unwrap_or_default();
        match addon {
            Some(addon) if reader.problems.is_empty() => Ok(Self {
                addon,
                rotation_is_over,
                attempt,
            }),
            _ => Err(reader.into_error()),
        }
    }

    fn subject(&self) -> Option<(&SecretArn, &VersionId)> {
        None
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
        let mut reader = Reader::new(payload);
        match read_addon(&mut reader) {
            Some(addon) if reader.problems.is_empty() => Ok(Self { addon }),
            _ => Err(reader.into_error()),
        }
    }

    fn subject(&self) -> Option<(&SecretArn, &VersionId)> {
        None
    }

    fn step(&self) -> &'static str {
        "startRotation"
    }
}

fn read_addon(reader: &mut Reader<'_>) -> Option<String> {
    let addon = reader.optional_text("AddonId");
    if addon.is_none() && reader.problems.is_empty() {
        reader.problem("AddonId is missing");
    }
    if addon.as_deref().is_some_and(|addon| !is_addon_id(addon)) {
        reader.problem("AddonId must be the add-on's id, as heroku.addon_id has it");
    }
    addon
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_known_was_meant_to_be_another() {
        for (key, meant) in [
            ("RotationDay", "RotationDays"),
            ("rotationDays", "RotationDays"),
            ("Grantcode", "GrantCode"),
            ("Refresh_Token", "RefreshToken"),
            ("Documnet", "Document"),
        ] {
            let expected = format!("{key} is unknown: did you mean {meant}?");
            assert_eq!(unknown(key), expected);
        }
        for key in ["hunter2", "", "Reason", "acme_live_0123456789"] {
            let told = unknown(key);
            assert!(told.contains("GrantCode, RefreshToken"), "{told}");
            assert!(key.is_empty() || !told.contains(key), "{told}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
