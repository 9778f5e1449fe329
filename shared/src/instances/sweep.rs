//! What waits for its revocation, over all secrets of the stack: measured, and scheduled where
//! nothing is.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::fleet::stack_name;
use crate::Error;
use crate::aws::AwsError;
use crate::deadline::Deadline;
use crate::event::SweepEvent;
use crate::fleet::{self, Waiting};
use crate::function::{Function, Handling};
use crate::schedule::{Scheduled, Schedules};
use crate::secrets::{Listing, Secrets};
use crate::start::{Start, grace_period_seconds, name};
use crate::telemetry::{self, Metric};

pub use crate::secrets::Order;

/// The time between two looks of `revoke-secret` that a sweep causes. A stack that was restored may have
/// 100,000 of them. Of a whole fleet of v1 add-ons Heroku answers 4,500 requests an hour, the second
/// looks come a grace period later, and rotations go on meanwhile.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

const DELETED_ALIVE: &str = "the secret is marked for deletion, and the service may accept its credentials. → Restore it \
    (aws secretsmanager restore-secret): a later sweep schedules what is due. Or end them at the service by hand";

impl Order {
    /// The one of this hour. A sweep that has not time for all secrets leaves those at the other end,
    /// where the next one begins.
    #[must_use]
    pub fn at(time: SystemTime) -> Self {
        let since_epoch = time
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        if (since_epoch.as_secs() / 3600).is_multiple_of(2) {
            Self::OldestFirst
        } else {
            Self::NewestFirst
        }
    }
}

/// Lists the stack's secrets by their labels alone, measures what waits for its revocation, and
/// schedules what has no schedule: a schedule that was lost, a rotation that was abandoned, a
/// revocation that was given up. Nobody knows since when such a credential is out of use: the first try
/// looks, and the whole grace period begins when Heroku does not show it.
///
/// What there is not time for is left to the next sweeps: what this one has scheduled they pass over.
#[derive(Debug)]
pub struct Sweep {
    /// The stack's secrets.
    pub secrets: Secrets,
    /// Where revocations are scheduled.
    pub schedules: Schedules,
    /// The stack's name, with which its secrets are tagged.
    pub stack: String,
    /// What their names begin with.
    pub prefix: String,
    /// The stack's grace period.
    pub grace_period_seconds: u32,
}

impl Function for Sweep {
    type Event = SweepEvent;
    type Answer = ();

    fn start(start: &mut Start) -> Option<Self> {
        let mut variables = start.variables();
        let stack = stack_name(&mut variables);
        let prefix = name(
            &mut variables,
            "SECRET_NAME_PREFIX",
            "a prefix of secrets' names",
        );
        let grace_period_seconds = grace_period_seconds(&mut variables);
        let schedules = Schedules::start(start, "REVOKE_SECRET_FUNCTION_ARN");
        Some(Self {
            secrets: Secrets::new(&start.aws),
            schedules: schedules?,
            stack: stack?,
            prefix: prefix?,
            grace_period_seconds: grace_period_seconds?,
        })
    }

    fn handle(&self, _: SweepEvent, deadline: Deadline) -> Handling<'_, ()> {
        Box::pin(async move { self.sweep(Order::at(SystemTime::now()), deadline).await })
    }
}

impl Sweep {
    /// One sweep, from one end of the list.
    ///
    /// # Errors
    /// If AWS refuses or does not answer, or the time is over. What could be measured and scheduled is.
    pub async fn sweep(&self, order: Order, deadline: Deadline) -> Result<(), Error> {
        let mut found = Found::default();
        let half = deadline.at_most(deadline.left() / 2);
        let listed = found.list(self, order, half).await;
        if let Err(error) = &listed {
            tracing::warn!(%error, secrets = found.secrets, "not all secrets were checked: the next sweep begins at the other end");
        }
        // As revoke-secret counts its tries: of these secrets none may be scheduled.
        if found.deleted_alive > 0 {
            telemetry::record(&[(Metric::RevocationImpossible, found.deleted_alive)]);
        }
        // Looked at after the labels: a rotation schedules before it promotes, so whatever is found
        // waiting has been scheduled by now if it ever was.
        let Self { schedules, .. } = self;
        let known = schedules
            .scheduled(deadline.at_most(deadline.left() * 3 / 4))
            .await?;
        if listed.is_ok() && found.listed == 0 && !known.is_empty() {
            return Err(self.sees_nothing().into());
        }
        let waiting = &found.waiting;
        let idle = idle(
            schedules,
            waiting,
            &known,
            deadline.at_most(deadline.left() / 2),
        )
        .await;
        let (mut overdue, mut lost) = (0_u64, Vec::new());
        for (place, it) in waiting.iter().enumerate() {
            let is_overdue = it.is_overdue();
            let is_scheduled = known.has(&it.secret, &it.version) && !idle.contains(&place);
            tracing::info!(
                secret = %it.secret,
                version = %it.version,
                since = DateTime::from(it.since).fmt(Format::DateTime).unwrap_or_default(),
                overdue = is_overdue,
                scheduled = is_scheduled,
                "waits for revocation"
            );
            overdue += u64::from(is_overdue);
            if !is_scheduled {
                lost.push(it);
            }
        }
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let longest = waiting.iter().map(Waiting::waited).max();
        telemetry::record(&[
            (Metric::RevocationsWaiting, count(waiting.len())),
            (Metric::RevocationsOverdue, overdue),
            (Metric::RevocationsUnscheduled, count(lost.len())),
            (Metric::LongestWait, longest.unwrap_or_default().as_secs()),
        ]);
        let made = schedule(schedules, &lost, deadline).await;
        tracing::info!(
            secrets = found.secrets,
            waiting = waiting.len(),
            overdue,
            unscheduled = lost.len(),
            "swept"
        );
        Ok(listed.and(made)?)
    }

    /// Rotations have scheduled revocations, and no list shows a secret: what waits is not seen. Without a sweep that
    /// succeeds there is an alarm.
    fn sees_nothing(&self) -> AwsError {
        AwsError::new(
            "secretsmanager:ListSecrets",
            format!("{}*", self.prefix),
            "NoSecrets",
            "no secret of this stack is listed, although revocations of its secrets are scheduled",
            true,
        )
        .with_remedy(
            "Check SECRET_NAME_PREFIX of sweep, and the tags rotation:stack of the secrets",
        )
    }
}

/// The places of those that are overdue although something is scheduled, which will not begin. Those that there is
/// not time to look at are left to the next sweep.
async fn idle(
    schedules: &Schedules,
    waiting: &[Waiting],
    known: &Scheduled,
    deadline: Deadline,
) -> BTreeSet<usize> {
    let doubtful: Vec<_> = (0..)
        .zip(waiting)
        .filter(|(_, it)| it.is_overdue())
        .filter_map(|(place, it)| {
            let attempt = known.doubtful(&it.secret, &it.version, it.grace_period)?;
            Some((place, it, attempt))
        })
        .collect();
    let idle = RefCell::new(BTreeSet::new());
    let looked = fleet::eight_at_once(doubtful.len(), deadline, async |index| {
        let (place, it, attempt) = doubtful[index];
        let will_begin = schedules.will_begin(&it.secret, &it.version, attempt, deadline);
        if !will_begin.await? {
            idle.borrow_mut().insert(place);
        }
        Ok::<_, AwsError>(())
    });
    if let Err(error) = looked.await {
        tracing::warn!(%error, "not all schedules were checked: left to the next sweep");
    }
    idle.into_inner()
}

#[derive(Default)]
struct Found {
    /// Those of the stack, whatever their state.
    listed: u64,
    secrets: u64,
    /// Those whose credentials nobody can end.
    deleted_alive: u64,
    waiting: Vec<Waiting>,
}

impl Found {
    /// Adds the stack's secrets, page by page. Those of the pages that came stay if one does not.
    async fn list(
        &mut self,
        sweep: &Sweep,
        order: Order,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let listing = Listing {
            stack: &sweep.stack,
            prefix: &sweep.prefix,
            order,
            with_deleted: true,
        };
        fleet::list(&sweep.secrets, listing, deadline, |page| {
            for (arn, secret) in &page {
                self.listed += 1;
                // Of a rotation that is switched off, AWS may forget the function (open). One that was never switched on
                // is nobody's.
                let is_own = secret.is_rotated_by(&sweep.stack, arn);
                let is_own = is_own.unwrap_or(secret.rotation_off);
                if is_own && secret.is_deleted_alive() {
                    self.deleted_alive += 1;
                    tracing::warn!(secret = %arn, "{DELETED_ALIVE}");
                }
                if is_own && !secret.deleted {
                    self.secrets += 1;
                    self.waiting
                        .extend(Waiting::of(arn, secret, sweep.grace_period_seconds));
                }
            }
            ControlFlow::Continue(())
        })
        .await
    }
}

/// Has each of them revoked, some at once: fewer than the 250 a second that EventBridge Scheduler takes
/// in its smallest regions, of which rotations need some. One that fails keeps no other from it.
async fn schedule(
    schedules: &Schedules,
    lost: &[&Waiting],
    deadline: Deadline,
) -> Result<(), AwsError> {
    fleet::eight_at_once(lost.len(), deadline, async |place| {
        let it = lost[place];
        let before = u32::try_from(place).unwrap_or(u32::MAX);
        let made = schedules
            .ensure_revoked(&it.secret, &it.version, BETWEEN_LOOKS * before, deadline)
            .await;
        if let Err(error) = &made {
            tracing::warn!(secret = %it.secret, version = %it.version, %error, "not scheduled: left to the next sweep");
        }
        made
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hour_begins_at_the_other_end() {
        let now = SystemTime::now();
        let later = Order::at(now + Duration::from_hours(1));
        assert_ne!(Order::at(now), later);
        assert_eq!(Order::at(now), Order::at(now + Duration::from_hours(2)));
    }
}
