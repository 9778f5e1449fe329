//! What EventBridge Scheduler sends: one revocation's event, and the sweep's.

use std::ops::RangeInclusive;

use serde::Serialize;
use serde_json::Value;

use super::reader::Reader;
use super::{Event, EventError, ScheduledAt, SecretArn, VersionId};

/// The numbers that a try may have. A day has some ten of them, and a schedule's name two digits.
pub(super) const ATTEMPTS: RangeInclusive<u32> = 0..=99;

/// What EventBridge Scheduler sends to `revoke-secret` when the grace period is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RevokeEvent {
    /// The secret that the version belongs to.
    #[serde(rename = "SecretId")]
    pub secret: SecretArn,
    /// The version whose credential is to end.
    #[serde(rename = "VersionId")]
    pub version: VersionId,
    /// How many earlier tries there were.
    pub attempt: u32,
    /// Whether the last try found the credential in use: dynos may have been started with it since.
    pub was_in_use: bool,
    /// Whether an operator vouches for the version: that its credential is the instance's own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub vouched: bool,
    /// For how many seconds earlier tries were held, since sessions were open with the credential.
    #[serde(skip_serializing_if = "is_zero")]
    pub held_seconds: u32,
    /// When this try was scheduled. Without it nobody scheduled it: an operator asks for it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<ScheduledAt>,
}

impl Event for RevokeEvent {
    /// Also from a message of the dead-letter queue, as the queue's event source mapping hands it over:
    /// [Lambda wraps what failed](https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html),
    /// EventBridge Scheduler may wrap it in its call of Lambda. The revocation begins anew then, and as
    /// nobody knows whether the last try found the credential in use, with the whole grace period.
    fn read(payload: &Value) -> Result<Self, EventError> {
        let letter = dead_letter(payload)?;
        let mut reader = Reader::new(letter.as_ref().unwrap_or(payload));
        let secret = reader.parse("SecretId");
        let version = reader.parse("VersionId");
        let attempt = reader
            .optional_number("Attempt", ATTEMPTS)
            .unwrap_or_default();
        let was_in_use = reader.optional_flag("WasInUse").unwrap_or_default();
        let held_seconds = reader
            .optional_number("HeldSeconds", 0..=u32::MAX)
            .unwrap_or_default();
        let vouched = reader.optional_flag("Vouched").unwrap_or_default();
        let scheduled_at = reader.optional("ScheduledAt");
        match (secret, version) {
            (Some(secret), Some(version)) if reader.problems.is_empty() => Ok(Self {
                secret,
                version,
                attempt: if letter.is_some() { 0 } else { attempt },
                was_in_use: was_in_use || letter.is_some(),
                vouched,
                held_seconds,
                scheduled_at,
            }),
            _ => Err(reader.into_error()),
        }
    }

    fn subject(&self) -> Option<(&SecretArn, &VersionId)> {
        Some((&self.secret, &self.version))
    }

    fn step(&self) -> &'static str {
        "revokeSecret"
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(seconds: &u32) -> bool {
    *seconds == 0
}

/// The event within a message of the dead-letter queue; `None` if the payload is no message.
fn dead_letter(payload: &Value) -> Result<Option<Value>, EventError> {
    let Some(records) = payload.get("Records") else {
        return Ok(None);
    };
    let refused = |problem: &str| EventError {
        problems: vec![problem.to_owned()],
    };
    let records = records.as_array().map(Vec::as_slice);
    let [record] = records.unwrap_or_default() else {
        return Err(refused(
            "Records must hold one message: set the event source mapping's BatchSize to 1",
        ));
    };
    let body = record.get("body").and_then(Value::as_str);
    let body: Value = body
        .and_then(|body| serde_json::from_str(body).ok())
        .ok_or_else(|| refused("the message's body must be JSON"))?;
    let wrapped = body.get("requestPayload").or_else(|| body.get("Payload"));
    Ok(Some(match wrapped {
        Some(Value::String(text)) => serde_json::from_str(text)
            .map_err(|_| refused("the payload within the message must be JSON"))?,
        Some(event) => event.clone(),
        None => body,
    }))
}

/// What EventBridge Scheduler sends to `sweep`: the time has come. Its content does not matter.
#[derive(Clone, Copy, Debug)]
pub struct SweepEvent;

impl Event for SweepEvent {
    fn read(_: &Value) -> Result<Self, EventError> {
        Ok(Self)
    }

    fn subject(&self) -> Option<(&SecretArn, &VersionId)> {
        None
    }

    fn step(&self) -> &'static str {
        "sweep"
    }
}
