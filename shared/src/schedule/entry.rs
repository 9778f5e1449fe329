//! What schedules are called, what they say, and when they fire.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use ring::digest::{SHA256, digest};

use super::write::incomplete;
use crate::aws::AwsError;
use crate::event::{DeprovisionEvent, RevokeEvent};
use crate::ids::{SecretArn, VersionId};

/// The wait before the first further try of a revocation; it doubles with each.
pub(super) const FIRST_RETRY: Duration = Duration::from_mins(1);

/// No further try is later than a day after the first.
const LAST_RETRY: Duration = Duration::from_hours(24);

/// What the names of all revocations' schedules begin with.
pub(super) const PREFIX: &str = "revoke-";

/// What those of the deprovisionings that wait for a rotation's end begin with: the sweep counts them for no
/// revocation.
const DEPROVISION_PREFIX: &str = "deprovision-";

/// What the description of a further try begins with, before the error.
pub(super) const LAST_ERROR: &str = "The last attempt failed: ";

/// What a schedule is called, what it says of itself, and what it sends.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) input: String,
}

impl Entry {
    /// A further try tells why the last one failed, if it did: `status` and AWS's console show it.
    pub(super) fn of_revocation(
        event: &RevokeEvent,
        last_error: Option<&str>,
    ) -> Result<Self, AwsError> {
        let description = match last_error {
            Some(error) => format!("{LAST_ERROR}{error}"),
            None => format!("Revokes version {} of {}", event.version, event.secret),
        };
        Ok(Self {
            name: name(event),
            description: shortened(&description),
            input: serde_json::to_string(event).map_err(|error| incomplete(&error))?,
        })
    }

    pub(super) fn of_deprovisioning(
        secret: &SecretArn,
        event: &DeprovisionEvent,
    ) -> Result<Self, AwsError> {
        Ok(Self {
            name: format!(
                "{}-{}",
                hashed(DEPROVISION_PREFIX, secret.as_str()),
                event.attempt
            ),
            description: shortened(&format!("Deprovisions add-on {}", event.addon)),
            input: serde_json::to_string(event).map_err(|error| incomplete(&error))?,
        })
    }
}

/// As much as Scheduler takes of a description.
fn shortened(text: &str) -> String {
    text.chars().take(512).collect()
}

/// What the names of all tries of a revocation begin with.
pub(super) fn revocation(secret: &SecretArn, version: &VersionId) -> String {
    hashed(PREFIX, &format!("{secret}\n{version}"))
}

/// It says nothing but is within Scheduler's 64 characters, whatever the secret's name.
fn hashed(prefix: &str, text: &str) -> String {
    let mut name = String::from(prefix);
    for byte in &digest(&SHA256, text.as_bytes()).as_ref()[..20] {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// A name of its own for each try of each revocation. The same try has the same name, so that
/// repeating a step makes no second schedule.
fn name(event: &RevokeEvent) -> String {
    name_of(&event.secret, &event.version, event.attempt)
}

pub(super) fn name_of(secret: &SecretArn, version: &VersionId, attempt: u32) -> String {
    format!("{}-{attempt}", revocation(secret, version))
}

/// `at(yyyy-mm-ddThh:mm:ss)`, in UTC, which is Scheduler's default zone. Rounded up: the grace
/// period is never cut short.
pub(super) fn at(time: SystemTime) -> String {
    let since_epoch = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = since_epoch.as_secs() + u64::from(since_epoch.subsec_nanos() > 0);
    let text = DateTime::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
        .fmt(Format::DateTime)
        .unwrap_or_default();
    format!("at({})", text.trim_end_matches('Z'))
}

/// How long to wait before the try that follows the `attempt`-th; `None` once a day is over.
#[must_use]
pub fn retry_delay(attempt: u32) -> Option<Duration> {
    let delay = FIRST_RETRY.checked_mul(2_u32.checked_pow(attempt)?)?;
    // The waits so far and this one: 1 + 2 + 4 + … times the first.
    let total = delay.checked_mul(2)?.checked_sub(FIRST_RETRY)?;
    (total <= LAST_RETRY).then_some(delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(attempt: u32) -> RevokeEvent {
        RevokeEvent {
            secret: "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/db-AbCdEf"
                .parse()
                .unwrap(),
            version: "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap(),
            attempt,
            was_in_use: false,
            vouched: None,
            held_seconds: 0,
            scheduled_at: None,
        }
    }

    #[test]
    fn a_schedule_has_a_name_that_scheduler_takes_and_each_try_its_own() {
        let name = name(&event(u32::MAX));
        assert!(
            name.len() <= 64
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        );
        assert_eq!(name, super::name(&event(u32::MAX)));
        assert_ne!(name, super::name(&event(1)));
    }

    #[test]
    fn a_time_is_written_in_utc_and_never_earlier_than_asked() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_410_759);
        assert_eq!(at(time), "at(2026-11-23T05:12:39)");
        assert_eq!(
            at(time + Duration::from_millis(1)),
            "at(2026-11-23T05:12:40)"
        );
    }

    #[test]
    fn further_tries_come_later_each_time_and_end_within_a_day() {
        let delays: Vec<_> = (0..).map_while(retry_delay).collect();
        assert_eq!(delays[0], FIRST_RETRY);
        assert!(delays.is_sorted() && delays.len() >= 8);
        let total: Duration = delays.iter().sum();
        assert!(total <= LAST_RETRY && total > LAST_RETRY / 2, "{total:?}");
        assert_eq!((retry_delay(40), retry_delay(u32::MAX)), (None, None));
    }
}
