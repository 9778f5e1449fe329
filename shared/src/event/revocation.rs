//! What EventBridge Scheduler sends: one revocation's event, and the sweep's.

use std::ops::RangeInclusive;

use serde::Serialize;
use serde_json::Value;

use super::{Event, EventError, ScheduledAt, SecretArn, VersionId, check};

/// The numbers that a try may have. A day has some ten of them, and a schedule's name two digits.
pub(super) const ATTEMPTS: RangeInclusive<u64> = 0..=99;

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
    /// The credential that an operator vouches for: that it is the instance's own, and this version's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vouched: Option<String>,
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
        check(letter.as_ref().unwrap_or(payload), |event| {
            let (secret, version) = (event.parsed("SecretId"), event.parsed("VersionId"));
            let attempt = event.optional_number("Attempt", ATTEMPTS);
            let was_in_use = event.flag("WasInUse");
            let held_seconds = event.optional_number("HeldSeconds", 0..=u64::from(u32::MAX));
            let vouched = super::vouched(event);
            let scheduled_at = event.optional("ScheduledAt");
            Some(Self {
                secret: secret?,
                version: version?,
                attempt: attempt.filter(|_| letter.is_none()).unwrap_or_default(),
                was_in_use: was_in_use || letter.is_some(),
                vouched,
                held_seconds: held_seconds.unwrap_or_default(),
                scheduled_at,
            })
        })
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
    let refused = |problem: &str| EventError::from(vec![problem.to_owned()]);
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

    fn step(&self) -> &'static str {
        "sweep"
    }
}
