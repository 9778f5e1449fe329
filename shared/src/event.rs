//! What Secrets Manager sends to the rotation function, and what the functions send one another.
//!
//! Fields that are not known are ignored: Secrets Manager sends
//! [three](https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda.html) or, since 2024, a
//! fourth. What is missing or malformed is reported all at once. Between the functions pass ARNs, version ids and
//! step names, never a value: only whoever enrols an instance sends its document.

mod enroll;
mod revocation;
mod time;

use std::fmt;
use std::str::FromStr;

use secrecy::SecretString;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::fields::{Check, Found};
use crate::limits::LONGEST_GRACE_PERIOD_SECONDS;

pub use crate::ids::{SecretArn, VersionId};
pub use enroll::{DeprovisionEvent, EnrollEvent, EnrollRequest, Grant, StartRotationEvent};
pub use revocation::{RevokeEvent, SweepEvent};
pub use time::ScheduledAt;

/// One of the [four steps](https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html)
/// of a rotation, or their rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Store a new value and have the service issue its credential.
    CreateSecret,
    /// Publish the credential to Heroku's config vars.
    SetSecret,
    /// Try the credential where it is used.
    TestSecret,
    /// Schedule the old credential's revocation and make the new version current.
    FinishSecret,
    /// Try what rotations will do, and leave nothing changed: `enroll-addon` asks for it, never Secrets Manager.
    Rehearse,
}

impl Step {
    /// A rotation's steps, in the order in which Secrets Manager calls them.
    pub const ALL: [Self; 4] = [
        Self::CreateSecret,
        Self::SetSecret,
        Self::TestSecret,
        Self::FinishSecret,
    ];

    /// The name that Secrets Manager uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateSecret => "createSecret",
            Self::SetSecret => "setSecret",
            Self::TestSecret => "testSecret",
            Self::FinishSecret => "finishSecret",
            Self::Rehearse => "rehearse",
        }
    }
}

impl FromStr for Step {
    type Err = &'static str;

    /// Accepts both spellings in AWS's documents: `createSecret` and `create_secret`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.replace('_', "");
        Self::ALL
            .into_iter()
            .chain([Self::Rehearse])
            .find(|step| step.as_str().eq_ignore_ascii_case(&plain))
            .ok_or("must be one of createSecret, setSecret, testSecret, finishSecret")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// An event that a function cannot act upon. Lists every problem, and no value of the event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "The event is not valid: {} → Correct it, and send it again.",
    crate::message::numbered(problems)
)]
pub struct EventError {
    /// What is wrong, one entry per field.
    pub problems: Vec<String>,
}

impl From<Vec<String>> for EventError {
    fn from(problems: Vec<String>) -> Self {
        Self { problems }
    }
}

/// Reads an event's fields, and reports all that is wrong with them at once.
fn check<T>(
    payload: &Value,
    read: impl FnOnce(&mut Check<'_>) -> Option<T>,
) -> Result<T, EventError> {
    let Some(fields) = payload.as_object() else {
        return Err(vec!["it must be a JSON object".to_owned()].into());
    };
    let mut found = Found::default();
    let event = read(&mut Check::new(fields, &mut found));
    Ok(found.finish(event)?)
}

/// A payload that a function can be invoked with.
pub trait Event: Sized {
    /// Reads it from JSON.
    ///
    /// # Errors
    /// With every missing or malformed field.
    fn read(payload: &Value) -> Result<Self, EventError>;

    /// The secret and the version that it is about, if it is about one.
    fn subject(&self) -> Option<(&SecretArn, &VersionId)> {
        None
    }

    /// The step that it asks for, as logs and metrics name it.
    fn step(&self) -> &'static str;
}

/// What Secrets Manager sends to `rotate`, and `enroll-addon` for an instance that does not rotate yet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationEvent {
    /// The step to perform.
    pub step: Step,
    /// The secret under rotation.
    #[serde(rename = "SecretId")]
    pub secret: SecretArn,
    /// The new version's id.
    #[serde(rename = "ClientRequestToken")]
    pub version: VersionId,
    /// Proof for `PutSecretValue` that the caller acts for this rotation. Sensitive: it goes
    /// nowhere else.
    #[serde(skip)]
    pub rotation_token: Option<SecretString>,
}

impl Event for RotationEvent {
    fn read(payload: &Value) -> Result<Self, EventError> {
        check(payload, |event| {
            let step = event.parsed("Step");
            let secret = event.parsed("SecretId");
            let version = event.parsed("ClientRequestToken");
            let rotation_token = event.optional_text("RotationToken", "a string", |_| true);
            Some(Self {
                step: step?,
                secret: secret?,
                version: version?,
                rotation_token: rotation_token.map(SecretString::from),
            })
        })
    }

    fn subject(&self) -> Option<(&SecretArn, &VersionId)> {
        Some((&self.secret, &self.version))
    }

    fn step(&self) -> &'static str {
        self.step.as_str()
    }
}

/// What `rotate` sends to `create-secret`, `publish-to-heroku` and `test-secret`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StepEvent {
    /// The step under way.
    pub step: Step,
    /// The secret under rotation.
    #[serde(rename = "SecretId")]
    pub secret: SecretArn,
    /// The version that carries `AWSPENDING`.
    #[serde(rename = "VersionId")]
    pub version: VersionId,
    /// The login that an operator vouches for, although the current credential does not work: for `create-secret`
    /// alone, which `rotate` never tells so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vouched: Option<String>,
}

impl Event for StepEvent {
    fn read(payload: &Value) -> Result<Self, EventError> {
        check(payload, |event| {
            let (step, secret) = (event.parsed("Step"), event.parsed("SecretId"));
            let (version, vouched) = (event.parsed("VersionId"), vouched(event));
            Some(Self {
                step: step?,
                secret: secret?,
                version: version?,
                vouched,
            })
        })
    }

    fn subject(&self) -> Option<(&SecretArn, &VersionId)> {
        Some((&self.secret, &self.version))
    }

    fn step(&self) -> &'static str {
        self.step.as_str()
    }
}

/// The login that an operator vouches for, by its name: whoever stored a document chose the name in it, and must not
/// have an operator's word for whatever that is.
fn vouched(event: &mut Check<'_>) -> Option<String> {
    let expected = "the name of the login that is vouched for, from your own records";
    event.optional_text("Vouched", expected, |name| !name.is_empty())
}

/// What `rotate` sends to `finish-secret` just before it moves `AWSCURRENT`, and in testSecret already if Heroku goes on
/// showing the current credential.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FinishEvent {
    /// The secret under rotation.
    #[serde(rename = "SecretId")]
    pub secret: SecretArn,
    /// The version that is current until now and whose credential is to end.
    #[serde(rename = "VersionId")]
    pub version: VersionId,
    /// The secret's own grace period in seconds, from its tag, or an operator's choice: from 1 second to 7 days.
    /// The stack's if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoke_after_seconds: Option<u32>,
    /// Whether a schedule that is there already keeps its time: the version is not the one that is
    /// being replaced but an older one, left over by a rotation that was abandoned.
    pub only_if_unscheduled: bool,
    /// Whether Heroku goes on showing the version's credential, or is to show it again, as after a rollback. When its
    /// time has come and Heroku does not, it has the whole grace period once more, since nobody knows since when. If
    /// absent, it is as in the schedule that is there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was_in_use: Option<bool>,
    /// Whether the revocation waits for no session with the old credential: one that leaked.
    pub even_if_in_use: bool,
}

impl Event for FinishEvent {
    fn read(payload: &Value) -> Result<Self, EventError> {
        check(payload, |event| {
            let (secret, version) = (event.parsed("SecretId"), event.parsed("VersionId"));
            let longest = u64::from(LONGEST_GRACE_PERIOD_SECONDS);
            let revoke_after_seconds = event.optional_number("RevokeAfterSeconds", 1..=longest);
            let only_if_unscheduled = event.flag("OnlyIfUnscheduled");
            let was_in_use = event.optional_flag("WasInUse");
            let even_if_in_use = event.flag("EvenIfInUse");
            Some(Self {
                secret: secret?,
                version: version?,
                revoke_after_seconds,
                only_if_unscheduled,
                was_in_use,
                even_if_in_use,
            })
        })
    }

    fn subject(&self) -> Option<(&SecretArn, &VersionId)> {
        Some((&self.secret, &self.version))
    }

    fn step(&self) -> &'static str {
        Step::FinishSecret.as_str()
    }
}

#[cfg(test)]
mod tests;
