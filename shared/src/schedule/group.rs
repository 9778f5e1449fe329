//! What is scheduled, read and never changed.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::types::{ScheduleState, ScheduleSummary};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_types::SdkConfig;

use super::entry::{LAST_ERROR, PREFIX, name_of, retry_delay, revocation};
use crate::aws::{self, AwsError, call};
use crate::deadline::{Deadline, retry};
use crate::event::{Event as _, RevokeEvent, ScheduledAt};
use crate::ids::{SecretArn, VersionId};
use crate::limits::LONGEST_HOLD_SECONDS;

/// The schedules of a stack's group.
#[derive(Debug, Clone)]
pub struct ScheduleGroup {
    config: SdkConfig,
    client: OnceLock<Client>,
    group: String,
}

/// A try of a revocation that is scheduled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it begins; precise to a minute.
    pub at: SystemTime,
    /// Whether it is not switched off.
    pub is_enabled: bool,
    /// When it was scheduled. None if not by this project.
    pub scheduled_at: Option<ScheduledAt>,
    /// Whether the credential was in use then.
    pub was_in_use: bool,
    /// Whether it waits for nobody who uses the credential: one that leaked.
    pub even_if_in_use: bool,
    /// Why the try before it failed, if one did; it holds no secret value, and is cut where
    /// a description ends.
    pub last_error: Option<String>,
}

/// A schedule is precise to a minute, and its call may be a little under way.
const UNDER_WAY: Duration = Duration::from_mins(5);

impl Attempt {
    /// Whether it is still to come, or has just begun: a schedule that is switched off, or whose time is long over,
    /// is none, whatever its name says.
    #[must_use]
    pub fn will_begin(&self) -> bool {
        self.is_enabled && self.at + UNDER_WAY > SystemTime::now()
    }
}

impl ScheduleGroup {
    /// The schedules of the group, which has the stack's name. The client is made when it is first needed.
    #[must_use]
    pub fn new(config: &SdkConfig, group: impl Into<String>) -> Self {
        Self {
            config: config.clone(),
            client: OnceLock::new(),
            group: group.into(),
        }
    }

    /// The same through another HTTP client.
    pub(super) fn through(&self, http: &reqwest::Client) -> Self {
        Self::new(&aws::through(&self.config, http), self.group.clone())
    }

    pub(super) fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }

    /// When a try of a version's revocation, counted from 0, is scheduled; `None` if it is not.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn planned(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        attempt: u32,
        deadline: Deadline,
    ) -> Result<Option<Attempt>, AwsError> {
        let name = name_of(secret, version, attempt);
        self.planned_as(&name, deadline).await
    }

    /// As [`ScheduleGroup::planned`], by the schedule's name.
    pub(super) async fn planned_as(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<Attempt>, AwsError> {
        let request = self
            .client()
            .get_schedule()
            .name(name)
            .group_name(&self.group);
        let answer = call(
            "scheduler:GetSchedule",
            &name,
            deadline,
            Box::pin(request.send()),
        );
        let schedule = match answer.await {
            Ok(schedule) => schedule,
            Err(error) if error.is("ResourceNotFoundException") => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_enabled = schedule.state != Some(ScheduleState::Disabled);
        let event = schedule
            .target
            .and_then(|target| serde_json::from_str(&target.input?).ok())
            .and_then(|input| RevokeEvent::read(&input).ok());
        let last_error = schedule
            .description
            .and_then(|text| text.strip_prefix(LAST_ERROR).map(str::to_owned));
        let at = schedule.schedule_expression.as_deref().and_then(time);
        Ok(at.map(|at| Attempt {
            at,
            is_enabled,
            was_in_use: event.as_ref().is_some_and(|it| it.was_in_use),
            even_if_in_use: event
                .as_ref()
                .is_some_and(|it| it.held_seconds >= LONGEST_HOLD_SECONDS),
            scheduled_at: event.and_then(|it| it.scheduled_at),
            last_error,
        }))
    }

    /// The revocations for which a try is scheduled, the first or a later one.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn scheduled(&self, deadline: Deadline) -> Result<Scheduled, AwsError> {
        Ok(Scheduled::of(self.enabled(PREFIX, deadline).await?))
    }

    /// As [`ScheduleGroup::scheduled`], in a fourth of the time: four lists side by side. Each page of a list
    /// waits for the one before it; that the names are digests divides them.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn scheduled_sooner(&self, deadline: Deadline) -> Result<Scheduled, AwsError> {
        let list = async |digits: [char; 4]| {
            let mut names = Vec::new();
            for digit in digits {
                let prefix = format!("{PREFIX}{digit}");
                names.extend(self.enabled(&prefix, deadline).await?);
            }
            Ok(names)
        };
        let quarters = tokio::join!(
            list(['0', '1', '2', '3']),
            list(['4', '5', '6', '7']),
            list(['8', '9', 'a', 'b']),
            list(['c', 'd', 'e', 'f']),
        );
        let quarters: [Result<Vec<Listed>, AwsError>; 4] = quarters.into();
        let mut all = Vec::new();
        for quarter in quarters {
            all.extend(quarter?);
        }
        Ok(Scheduled::of(all))
    }

    /// The first try, or the first later one, that is scheduled for a version; `None` if none is.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn next_try(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<Option<u32>, AwsError> {
        let tries = revocation(secret, version);
        let found = Scheduled::of(self.enabled(&tries, deadline).await?);
        Ok(found.attempt(secret, version))
    }

    /// The try that begins next: the first whose time is still to come. The schedule of one that has fired may be
    /// there for a moment longer, and counts if nothing follows it.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn to_come(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<Option<Attempt>, AwsError> {
        let first = self.next_try(secret, version, deadline).await?;
        let mut fired = None;
        for attempt in first.into_iter().flat_map(|first| first..) {
            match self.planned(secret, version, attempt, deadline).await? {
                Some(next) if next.at > SystemTime::now() => return Ok(Some(next)),
                Some(next) => fired = fired.or(Some(next)),
                None => break,
            }
        }
        Ok(fired)
    }

    /// The schedules whose names begin so and that are switched on.
    async fn enabled(&self, prefix: &str, deadline: Deadline) -> Result<Vec<Listed>, AwsError> {
        let all = self.listed(prefix, deadline).await?.into_iter();
        Ok(all.filter(|it| it.is_enabled).collect())
    }

    /// The names of the schedules that begin so.
    pub(super) async fn names(
        &self,
        prefix: &str,
        deadline: Deadline,
    ) -> Result<Vec<String>, AwsError> {
        let all = self.listed(prefix, deadline).await?.into_iter();
        Ok(all.map(|it| it.name).collect())
    }

    async fn listed(&self, prefix: &str, deadline: Deadline) -> Result<Vec<Listed>, AwsError> {
        let (mut schedules, mut page) = (Vec::new(), None);
        loop {
            let answer = retry(deadline, || {
                let request = self
                    .client()
                    .list_schedules()
                    .group_name(&self.group)
                    .name_prefix(prefix)
                    .max_results(100)
                    .set_next_token(page.clone());
                call(
                    "scheduler:ListSchedules",
                    &self.group,
                    deadline,
                    Box::pin(request.send()),
                )
            })
            .await?;
            schedules.extend(answer.schedules.into_iter().filter_map(Listed::of));
            page = answer.next_token;
            if page.is_none() {
                return Ok(schedules);
            }
        }
    }
}

/// The revocations for which something is scheduled, each with its first try that is.
#[derive(Debug, Clone, Default)]
pub struct Scheduled(HashMap<String, First>);

/// What a list tells of a schedule. There may be a hundred thousand.
struct Listed {
    name: String,
    is_enabled: bool,
    written: Option<SystemTime>,
}

impl Listed {
    fn of(schedule: ScheduleSummary) -> Option<Self> {
        let written = schedule.last_modification_date;
        Some(Self {
            name: schedule.name?,
            is_enabled: schedule.state != Some(ScheduleState::Disabled),
            written: written.and_then(|time| SystemTime::try_from(time).ok()),
        })
    }
}

/// The first try of a revocation that is scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct First {
    attempt: u32,
    written: Option<SystemTime>,
}

impl Scheduled {
    /// Whether nothing is scheduled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a try of this version's revocation is among them.
    #[must_use]
    pub fn has(&self, secret: &SecretArn, version: &VersionId) -> bool {
        self.attempt(secret, version).is_some()
    }

    /// The first of the tries of this version's revocation that are among them, counted from 0.
    #[must_use]
    pub fn attempt(&self, secret: &SecretArn, version: &VersionId) -> Option<u32> {
        self.first(secret, version).map(|first| first.attempt)
    }

    /// The try whose time may be over, if that can be: its schedule was last written longer ago than any that is
    /// still to come, by the grace period and the wait before such a try.
    #[must_use]
    pub fn doubtful(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        grace_period: Duration,
    ) -> Option<u32> {
        let First { attempt, written } = self.first(secret, version)?;
        let waited = attempt.checked_sub(1).and_then(retry_delay);
        let longest = grace_period.max(waited.unwrap_or_default()) + A_WHILE;
        let is_to_come = written.is_some_and(|written| written + longest > SystemTime::now());
        (!is_to_come).then_some(attempt)
    }

    fn first(&self, secret: &SecretArn, version: &VersionId) -> Option<First> {
        self.0.get(&revocation(secret, version)).copied()
    }

    fn of(schedules: impl IntoIterator<Item = Listed>) -> Self {
        let mut tries: HashMap<String, First> = HashMap::new();
        for schedule in schedules {
            if let Some((revocation, attempt)) = schedule.name.rsplit_once('-') {
                let first = First {
                    attempt: attempt.parse().unwrap_or(u32::MAX),
                    written: schedule.written,
                };
                tries
                    .entry(revocation.to_owned())
                    .and_modify(|known| {
                        if first.attempt < known.attempt {
                            *known = first;
                        }
                    })
                    .or_insert(first);
            }
        }
        Self(tries)
    }
}

/// What clocks, retries of the handing over, and a sweep's spacing may add.
const A_WHILE: Duration = Duration::from_hours(1);

/// The time in `at(yyyy-mm-ddThh:mm:ss)`.
fn time(expression: &str) -> Option<SystemTime> {
    let time = expression.strip_prefix("at(")?.strip_suffix(')')?;
    let time = DateTime::from_str(&format!("{time}Z"), Format::DateTime).ok()?;
    SystemTime::try_from(time).ok()
}

#[cfg(test)]
mod tests {
    use super::super::entry::at;
    use super::*;

    #[test]
    fn a_time_is_read_as_it_was_written() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_410_759);
        assert_eq!(time(&at(now)), Some(now));
        assert_eq!(time("rate(1 hour)"), None);
    }

    #[test]
    fn a_try_will_begin_if_it_is_switched_on_and_its_time_is_not_long_over() {
        for (minutes_ago, is_enabled, will_begin) in [
            (0, true, true),
            (4, true, true),
            (6, true, false),
            (0, false, false),
        ] {
            let planned = Attempt {
                at: SystemTime::now() - Duration::from_mins(minutes_ago),
                is_enabled,
                scheduled_at: None,
                was_in_use: false,
                even_if_in_use: false,
                last_error: None,
            };
            assert_eq!(planned.will_begin(), will_begin, "{planned:?}");
        }
    }

    #[test]
    fn of_several_tries_the_first_counts() {
        let (secret, version): (SecretArn, VersionId) = (
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/db-AbCdEf"
                .parse()
                .unwrap(),
            "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap(),
        );
        assert!(!Scheduled::default().has(&secret, &version));
        let found = |hours: u64| {
            Scheduled::of([3, 1, 2].map(|attempt| Listed {
                name: name_of(&secret, &version, attempt),
                is_enabled: true,
                written: Some(SystemTime::now() - Duration::from_hours(hours)),
            }))
        };
        assert_eq!(found(0).attempt(&secret, &version), Some(1));
        let grace_period = Duration::from_hours(2);
        let doubtful = |hours| found(hours).doubtful(&secret, &version, grace_period);
        assert_eq!(doubtful(2), None, "it may be to come");
        assert_eq!(doubtful(4), Some(1));
    }
}
