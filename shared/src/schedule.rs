//! The delayed revocation: one-time schedules of
//! [EventBridge Scheduler](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#one-time)
//! in the stack's own group, which remove themselves.

mod timetable;

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode,
    RetryPolicy, Target,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_types::SdkConfig;
use ring::digest::{SHA256, digest};

use crate::aws::{AwsError, call};
use crate::configuration::ScheduleConfiguration;
use crate::deadline::Deadline;
use crate::event::{RevokeEvent, ScheduledAt, SecretArn, VersionId};

pub use timetable::{Scheduled, Timetable, Try};

/// The wait before the first further try of a revocation; it doubles with each.
const FIRST_RETRY: Duration = Duration::from_mins(1);

/// No further try is later than a day after the first.
const LAST_RETRY: Duration = Duration::from_hours(24);

/// What the names of all schedules begin with.
const PREFIX: &str = "revoke-";

/// Where and how revocations are scheduled.
#[derive(Debug, Clone)]
pub struct Schedules {
    timetable: Timetable,
    configuration: ScheduleConfiguration,
}

impl Schedules {
    /// A client with the execution role's credentials.
    #[must_use]
    pub fn new(config: &SdkConfig, configuration: ScheduleConfiguration) -> Self {
        let schedules = Self::when_needed(config, configuration);
        schedules.client();
        schedules
    }

    /// A client that is made when it is first needed: the SDK reads its list of AWS's regions then, which
    /// takes as long as a request.
    #[must_use]
    pub fn when_needed(config: &SdkConfig, configuration: ScheduleConfiguration) -> Self {
        Self {
            timetable: Timetable::new(config, configuration.group.clone()),
            configuration,
        }
    }

    fn client(&self) -> &Client {
        self.timetable.client()
    }

    /// Whether the first try of the same revocation was scheduled later than this try, or is still to come
    /// after it: a rotation or a rollback has begun the version's grace period anew since. A first try's
    /// own schedule may be there for a moment longer, and Scheduler's clock be ahead: no first try is
    /// left to one for the time alone.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn is_moved(
        &self,
        event: &RevokeEvent,
        deadline: Deadline,
    ) -> Result<bool, AwsError> {
        let Some(own) = event.scheduled_at else {
            return Ok(false);
        };
        let first = self
            .timetable
            .planned(&event.secret, &event.version, 0, deadline)
            .await?;
        let Some(first) = first else {
            return Ok(false);
        };
        // Both are written alike, so that the text's order is the time's.
        let is_to_come = at(first.at) > at(SystemTime::now());
        // One without a time is somebody else's.
        Ok(first.scheduled_at > Some(own) || (event.attempt > 0 && is_to_come))
    }

    /// Has a version revoked of which nobody knows since when it is out of use, unless that is
    /// scheduled already: `revoke-secret` looks at it soon, after `delay` at the earliest, and the whole
    /// grace period begins when it finds that Heroku does not show it. A rotation that was abandoned may
    /// have published it.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn ensure_revoked(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        delay: Duration,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let event = RevokeEvent {
            secret: secret.clone(),
            version: version.clone(),
            attempt: 0,
            was_in_use: true,
            scheduled_at: Some(ScheduledAt::now()),
        };
        let at = at(SystemTime::now() + FIRST_RETRY + delay);
        match self.create(&event, &at, deadline).await {
            Err(error) if !error.is("ConflictException") => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Has `revoke-secret` invoked with `event` after `delay`. If that is scheduled already, the
    /// schedule is moved: an earlier attempt's time could end a credential too soon.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn revoke_after(
        &self,
        event: RevokeEvent,
        delay: Duration,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let event = RevokeEvent {
            scheduled_at: Some(ScheduledAt::now()),
            ..event
        };
        let at = at(SystemTime::now() + delay);
        match self.create(&event, &at, deadline).await {
            Err(error) if error.is("ConflictException") => {}
            result => return result,
        }
        match self.update(&event, &at, deadline).await {
            // It has just fired and is gone: the revocation looks before it acts.
            Err(error) if error.is("ResourceNotFoundException") => {
                self.create(&event, &at, deadline).await
            }
            result => result,
        }
    }

    /// The revocations for which a try is scheduled, the first or a later one.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn scheduled(&self, deadline: Deadline) -> Result<Scheduled, AwsError> {
        self.timetable.scheduled(deadline).await
    }

    async fn create(
        &self,
        event: &RevokeEvent,
        at: &str,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let name = name(event);
        let request = self
            .client()
            .create_schedule()
            .name(&name)
            .group_name(&self.configuration.group)
            .description(description(event))
            .schedule_expression(at)
            .flexible_time_window(exactly()?)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(self.target(event)?);
        call(
            "scheduler:CreateSchedule",
            &name,
            deadline,
            Box::pin(request.send()),
        )
        .await
        .map(drop)
    }

    async fn update(
        &self,
        event: &RevokeEvent,
        at: &str,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let name = name(event);
        let request = self
            .client()
            .update_schedule()
            .name(&name)
            .group_name(&self.configuration.group)
            .description(description(event))
            .schedule_expression(at)
            .flexible_time_window(exactly()?)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(self.target(event)?);
        call(
            "scheduler:UpdateSchedule",
            &name,
            deadline,
            Box::pin(request.send()),
        )
        .await
        .map(drop)
    }

    fn target(&self, event: &RevokeEvent) -> Result<Target, AwsError> {
        let input = serde_json::to_string(event).map_err(|error| incomplete(&error))?;
        Target::builder()
            .arn(&self.configuration.function)
            .role_arn(&self.configuration.role)
            .input(input)
            // The handing over to Lambda; what the function itself cannot do it schedules again.
            .retry_policy(
                RetryPolicy::builder()
                    .maximum_retry_attempts(185)
                    .maximum_event_age_in_seconds(86_400)
                    .build(),
            )
            .dead_letter_config(
                DeadLetterConfig::builder()
                    .arn(&self.configuration.dead_letter_queue)
                    .build(),
            )
            .build()
            .map_err(|error| incomplete(&error))
    }
}

fn exactly() -> Result<FlexibleTimeWindow, AwsError> {
    FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Off)
        .build()
        .map_err(|error| incomplete(&error))
}

fn incomplete(error: &dyn std::error::Error) -> AwsError {
    AwsError::new(
        "scheduler:CreateSchedule",
        "a revocation",
        "ConstructionFailure",
        error.to_string(),
        false,
    )
}

fn description(event: &RevokeEvent) -> String {
    let text = format!("Revokes version {} of {}", event.version, event.secret);
    text.chars().take(512).collect()
}

/// What the names of all tries of a revocation begin with. It says nothing but is within Scheduler's
/// 64 characters whatever the secret's name.
fn revocation(secret: &SecretArn, version: &VersionId) -> String {
    let mut name = String::from(PREFIX);
    for byte in &digest(&SHA256, format!("{secret}\n{version}").as_bytes()).as_ref()[..20] {
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

fn name_of(secret: &SecretArn, version: &VersionId, attempt: u32) -> String {
    format!("{}-{attempt}", revocation(secret, version))
}

/// `at(yyyy-mm-ddThh:mm:ss)`, in UTC, which is Scheduler's default zone. Rounded up: the grace
/// period is never cut short.
fn at(time: SystemTime) -> String {
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
        assert_eq!(retry_delay(40), None);
    }
}
