//! The delayed revocation: one-time schedules of
//! [EventBridge Scheduler](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#one-time)
//! in the stack's own group, which remove themselves.

mod entry;
mod group;
mod write;

use std::time::{Duration, SystemTime};

use aws_sdk_scheduler::Client;

pub use entry::retry_delay;
use entry::{Entry, FIRST_RETRY, at, revocation};
pub use group::{Attempt, ScheduleGroup, Scheduled};
use write::incomplete;

use crate::aws::{AwsError, call};
use crate::deadline::{Deadline, Transient, retry};
use crate::event::{DeprovisionEvent, RevokeEvent, ScheduledAt};
use crate::fields::Check;
use crate::ids::{SecretArn, VersionId};
use crate::net::{self, Roots};
use crate::start::{Start, name};

/// [A schedule is precise to a minute](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html),
/// and what becomes of one that is over when it arrives is documented nowhere: a minute, and what clocks and a
/// request take.
pub const SOONEST: Duration = Duration::from_secs(75);

/// Where functions are scheduled.
#[derive(Clone, Debug)]
pub struct ScheduleConfiguration {
    /// The stack's schedule group.
    pub group: String,
    /// The role in which EventBridge Scheduler invokes the function.
    pub role: String,
    /// The function to invoke.
    pub function: String,
    /// Where an event goes that could not be handed over.
    pub dead_letter_queue: String,
    /// No schedule is written for an earlier time from now, [`SOONEST`] by default. For test stands; the template
    /// never sets it.
    pub soonest: Duration,
}

impl ScheduleConfiguration {
    /// `function` is the variable that holds the ARN of the function to invoke.
    fn read(variables: &mut Check<'_>, function: &str) -> Option<Self> {
        let group = name(variables, "SCHEDULE_GROUP", "a schedule group's name");
        let role = name(variables, "SCHEDULER_ROLE_ARN", "a role's ARN");
        let function = name(variables, function, "a Lambda function's ARN");
        let queue = name(variables, "DEAD_LETTER_QUEUE_ARN", "an SQS queue's ARN");
        let soonest = variables.optional_number("SOONEST_SCHEDULE_SECONDS", 0..=3600);
        Some(Self {
            group: group?,
            role: role?,
            function: function?,
            dead_letter_queue: queue?,
            soonest: soonest.map_or(SOONEST, Duration::from_secs),
        })
    }
}

/// Scheduler's word for a name that is there already, and for a schedule that is being changed or deleted.
const CONFLICT: &str = "ConflictException";

/// What becomes of a schedule that is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    /// It keeps its time, if it will begin.
    Keeps,
    /// It is moved.
    Moves,
}

/// A schedule that is not written.
struct NotPut {
    error: AwsError,
    may_pass: bool,
}

impl NotPut {
    fn for_good(error: AwsError) -> Self {
        Self {
            error,
            may_pass: false,
        }
    }
}

impl Transient for NotPut {
    fn is_transient(&self) -> bool {
        self.may_pass
    }
}

/// Where and how revocations are scheduled.
#[derive(Debug, Clone)]
pub struct Schedules {
    group: ScheduleGroup,
    configuration: ScheduleConfiguration,
    /// What [`Schedules::apart`] trusts.
    roots: Roots,
}

impl Schedules {
    /// As a function's environment variables have it; `function` is the one that holds the ARN of the function to
    /// invoke. The client is made when it is first needed: the SDK reads its list of AWS's regions then, which takes
    /// as long as a request.
    pub(crate) fn when_needed(start: &mut Start, function: &str) -> Option<Self> {
        let configuration = ScheduleConfiguration::read(&mut start.variables(), function)?;
        Some(Self::new(start, configuration))
    }

    /// The same with its client.
    pub(crate) fn start(start: &mut Start, function: &str) -> Option<Self> {
        let schedules = Self::when_needed(start, function)?;
        schedules.client();
        Some(schedules)
    }

    /// With the execution role's credentials.
    #[must_use]
    pub fn new(start: &Start, configuration: ScheduleConfiguration) -> Self {
        Self {
            group: ScheduleGroup::new(&start.aws, configuration.group.clone()),
            configuration,
            roots: start.roots.clone(),
        }
    }

    /// The same with connections of its own: those of another runtime cannot be used.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub(crate) fn apart(&self) -> Result<Self, AwsError> {
        let http = net::http_client_trusting(&self.roots).map_err(|error| incomplete(&error))?;
        Ok(Self {
            group: self.group.through(&http),
            ..self.clone()
        })
    }

    fn client(&self) -> &Client {
        self.group.client()
    }

    /// Whether the first try of the same revocation was scheduled later than this try, or is still to come
    /// after it: a rotation or a rollback has begun the version's grace period anew since. A first try's
    /// own schedule may be there for a moment longer, and Scheduler's clock be ahead: no first try is
    /// left to one for the time alone. The one that is to come learns that the credential was in use, if this one
    /// knows that.
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
        let now = SystemTime::now();
        let first = self
            .group
            .planned(&event.secret, &event.version, 0, deadline)
            .await?;
        let Some(first) = first.filter(Attempt::will_begin) else {
            return Ok(false);
        };
        // Both are written alike, so that the text's order is the time's.
        let is_to_come = at(first.at) > at(now);
        // One without a time is somebody else's.
        let is_moved = first.scheduled_at > Some(own) || (event.attempt > 0 && is_to_come);
        // It fired between testSecret, which has seen the credential in use, and finishSecret, which found no schedule to
        // know that from.
        let is_forgotten = event.attempt == 0 && event.was_in_use && !first.was_in_use;
        if is_moved && is_forgotten && !first.even_if_in_use {
            let left = first.at.duration_since(now).unwrap_or_default();
            self.revoke_after(event.clone(), left, None, deadline)
                .await?;
        }
        Ok(is_moved)
    }

    /// Whether the first try of a version's revocation is still to come. One rotation schedules several for one time,
    /// which is precise to a minute.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub(crate) async fn is_to_come(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<bool, AwsError> {
        let first = self.group.planned(secret, version, 0, deadline);
        let now = SystemTime::now() + Duration::from_mins(1);
        Ok(first.await?.is_some_and(|it| it.is_enabled && it.at > now))
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
            vouched: None,
            held_seconds: 0,
            scheduled_at: Some(ScheduledAt::now()),
        };
        let entry = Entry::of_revocation(&event, None)?;
        self.put(&entry, FIRST_RETRY + delay, Existing::Keeps, deadline)
            .await
    }

    /// Whether the next try of a version's revocation, the `attempt`-th, will begin: its schedule is switched on, and
    /// its time is not over. `true` if it is not there any more: it has just begun.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn will_begin(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        attempt: u32,
        deadline: Deadline,
    ) -> Result<bool, AwsError> {
        let planned = self.group.planned(secret, version, attempt, deadline);
        Ok(planned.await?.is_none_or(|it| it.will_begin()))
    }

    /// Has `deprovision-addon` invoked with `event` after `delay`, unless that is scheduled already: the
    /// rotation that is waited for ended then.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn deprovision_after(
        &self,
        secret: &SecretArn,
        event: &DeprovisionEvent,
        delay: Duration,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let entry = Entry::of_deprovisioning(secret, event)?;
        self.put(&entry, delay, Existing::Keeps, deadline).await
    }

    /// Schedules once, however often it is repeated. A refusal for a conflict says neither that there is such a
    /// schedule nor that it will begin: it is looked at.
    async fn put(
        &self,
        entry: &Entry,
        delay: Duration,
        existing: Existing,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let written = self.time(delay);
        let put = retry(deadline, || async {
            match self.create(entry, &written, deadline).await {
                Err(error) if error.is(CONFLICT) => {}
                created => return created.map_err(NotPut::for_good),
            }
            if existing == Existing::Keeps {
                let planned = self.group.planned_as(&entry.name, deadline).await;
                if planned
                    .map_err(NotPut::for_good)?
                    .is_some_and(|it| it.will_begin())
                {
                    return Ok(());
                }
            }
            let updated = self.update(entry, &written, deadline).await;
            updated.map_err(|error| NotPut {
                // It has just begun and is gone, or is being changed or deleted: the next attempt sees.
                may_pass: error.is(CONFLICT) || error.is("ResourceNotFoundException"),
                error,
            })
        });
        put.await.map_err(|NotPut { error, .. }| error)
    }

    /// Removes the schedules of a version's revocation, of whatever try.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn remove_revocation(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let tries = revocation(secret, version);
        for name in self.group.names(&tries, deadline).await? {
            let request = self
                .client()
                .delete_schedule()
                .name(&name)
                .group_name(&self.configuration.group);
            let answer = call(
                "scheduler:DeleteSchedule",
                &name,
                deadline,
                Box::pin(request.send()),
            );
            match answer.await {
                // It has just fired.
                Err(error) if !error.is("ResourceNotFoundException") => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Has `revoke-secret` invoked with `event` after `delay`. If that is scheduled already, the
    /// schedule is moved: an earlier attempt's time could end a credential too soon. The schedule tells of
    /// `last_error`, for which it is a further try.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn revoke_after(
        &self,
        event: RevokeEvent,
        delay: Duration,
        last_error: Option<&str>,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let event = RevokeEvent {
            scheduled_at: Some(ScheduledAt::now()),
            ..event
        };
        let entry = Entry::of_revocation(&event, last_error)?;
        self.put(&entry, delay, Existing::Moves, deadline).await
    }

    /// As [`Schedules::revoke_after`], for a first try: what the schedule that is there already knows of the
    /// credential's use, the new one knows as well.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub(crate) async fn begin_grace_period(
        &self,
        event: RevokeEvent,
        delay: Duration,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let event = RevokeEvent {
            scheduled_at: Some(ScheduledAt::now()),
            ..event
        };
        let entry = Entry::of_revocation(&event, None)?;
        match self.create(&entry, &self.time(delay), deadline).await {
            Err(error) if error.is(CONFLICT) => {}
            created => return created,
        }
        let known = self.group.planned_as(&entry.name, deadline).await?;
        let was_in_use = event.was_in_use || known.is_some_and(|it| it.was_in_use);
        let event = RevokeEvent {
            was_in_use,
            ..event
        };
        self.revoke_after(event, delay, None, deadline).await
    }

    /// The time of a schedule that is written now.
    fn time(&self, delay: Duration) -> String {
        at(SystemTime::now() + delay.max(self.configuration.soonest))
    }

    /// The revocations for which a try is scheduled, the first or a later one.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn scheduled(&self, deadline: Deadline) -> Result<Scheduled, AwsError> {
        self.group.scheduled(deadline).await
    }
}
