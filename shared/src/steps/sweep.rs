//! What waits for its revocation, over all secrets of the stack: measured, and scheduled where
//! nothing is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_secretsmanager::types::SortOrderType;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::Error;
use crate::aws::AwsError;
use crate::deadline::{Deadline, retry};
use crate::event::{SecretArn, VersionId};
use crate::schedule::Schedules;
use crate::secrets::{Secret, Secrets};
use crate::telemetry::{self, Metric};

/// A revocation that comes so much later than the grace period's end is overdue.
const OVERDUE: Duration = Duration::from_hours(1);

/// The time between two looks of `revoke-secret` that a sweep causes. A stack that was restored may have
/// 100,000 of them. Of a whole fleet of v1 add-ons Heroku answers 4,500 requests an hour, the second
/// looks come a grace period later, and rotations go on meanwhile.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// A credential that is neither current nor under rotation, and may be alive.
struct Waiting {
    secret: SecretArn,
    version: VersionId,
    /// Since when at the least: anything else that changes the secret begins the wait anew.
    since: SystemTime,
    grace_period: Duration,
}

impl Waiting {
    fn of(
        arn: &SecretArn,
        secret: &Secret,
        grace_period_seconds: u32,
    ) -> impl Iterator<Item = Self> {
        let own = secret.grace_period_seconds().ok().flatten();
        let seconds = own.unwrap_or(grace_period_seconds);
        let since = secret.last_changed.unwrap_or_else(SystemTime::now);
        secret.waiting().map(move |version| Self {
            secret: arn.clone(),
            version,
            since,
            grace_period: Duration::from_secs(seconds.into()),
        })
    }

    fn waited(&self) -> Duration {
        self.since.elapsed().unwrap_or_default()
    }

    fn is_overdue(&self) -> bool {
        self.waited() > self.grace_period + OVERDUE
    }
}

/// From which end the secrets are listed. A sweep that has not time for all of them leaves those at
/// the other end, where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Those made first.
    OldestFirst,
    /// Those made last.
    NewestFirst,
}

impl Order {
    /// The one of this hour.
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

impl From<Order> for SortOrderType {
    fn from(order: Order) -> Self {
        match order {
            Order::OldestFirst => Self::Asc,
            Order::NewestFirst => Self::Desc,
        }
    }
}

/// Lists the stack's secrets by their labels alone, measures what waits for its revocation, and
/// schedules what has no schedule: a schedule that was lost, a rotation that was abandoned, a
/// revocation that was given up. Nobody knows since when such a credential is out of use: the first try
/// looks, and the whole grace period begins when Heroku does not show it.
///
/// What there is not time for is left to the next sweeps: what this one has scheduled they pass over.
///
/// # Errors
/// If AWS refuses or does not answer, or the time is over. What could be measured and scheduled is.
pub async fn sweep(
    secrets: &Secrets,
    schedules: &Schedules,
    stack: &str,
    grace_period_seconds: u32,
    order: Order,
    deadline: Deadline,
) -> Result<(), Error> {
    let mut found = Found::default();
    let half = deadline.at_most(deadline.left() / 2);
    let listed = found
        .list(secrets, stack, grace_period_seconds, order, half)
        .await;
    if let Err(error) = &listed {
        tracing::warn!(%error, secrets = found.secrets, "not all secrets were looked at: the next sweep begins at the other end");
    }
    // Looked at after the labels: a rotation schedules before it promotes, so whatever is found
    // waiting has been scheduled by now if it ever was.
    let known = schedules
        .scheduled(deadline.at_most(deadline.left() * 3 / 4))
        .await?;
    let waiting = &found.waiting;
    let (mut overdue, mut lost) = (0_u64, Vec::new());
    for it in waiting {
        let (is_overdue, is_scheduled) = (it.is_overdue(), known.has(&it.secret, &it.version));
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

#[derive(Default)]
struct Found {
    secrets: u64,
    waiting: Vec<Waiting>,
}

impl Found {
    /// Adds the stack's secrets, page by page. Those of the pages that came stay if one does not.
    async fn list(
        &mut self,
        secrets: &Secrets,
        stack: &str,
        grace_period_seconds: u32,
        order: Order,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let (order, mut page) = (order.into(), None);
        loop {
            let (managed, next) = retry(deadline, || {
                secrets.managed(stack, &order, page.clone(), deadline)
            })
            .await?;
            for (arn, secret) in &managed {
                self.secrets += 1;
                self.waiting
                    .extend(Waiting::of(arn, secret, grace_period_seconds));
            }
            if next.is_none() {
                return Ok(());
            }
            page = next;
        }
    }
}

/// Has each of them revoked, some at once: fewer than the 250 a second that EventBridge Scheduler takes
/// in its smallest regions, of which rotations need some. One that fails keeps no other from it.
async fn schedule(
    schedules: &Schedules,
    lost: &[&Waiting],
    deadline: Deadline,
) -> Result<(), AwsError> {
    let next = AtomicUsize::new(0);
    let one_by_one = async || {
        let mut result = Ok(());
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(it) = lost.get(place) else {
                break;
            };
            let before = u32::try_from(place).unwrap_or(u32::MAX);
            let made = schedules
                .ensure_revoked(&it.secret, &it.version, BETWEEN_LOOKS * before, deadline)
                .await;
            if let Err(error) = &made {
                tracing::warn!(secret = %it.secret, version = %it.version, %error, "not scheduled: left to the next sweep");
            }
            result = result.and(made);
            if deadline.left().is_zero() {
                break;
            }
        }
        result
    };
    let results: [_; 8] = tokio::join!(
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
    )
    .into();
    results.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(minutes: u64, grace_period_minutes: u64) -> Waiting {
        Waiting {
            secret: "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/db-AbCdEf"
                .parse()
                .unwrap(),
            version: "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap(),
            since: SystemTime::now() - Duration::from_mins(minutes),
            grace_period: Duration::from_mins(grace_period_minutes),
        }
    }

    #[test]
    fn each_hour_begins_at_the_other_end() {
        let now = SystemTime::now();
        let later = Order::at(now + Duration::from_hours(1));
        assert_ne!(Order::at(now), later);
        assert_eq!(Order::at(now), Order::at(now + Duration::from_hours(2)));
    }

    #[test]
    fn overdue_is_an_hour_after_the_grace_period() {
        for (minutes, grace_period, overdue) in [
            (0, 0, false),
            (59, 0, false),
            (61, 0, true),
            (61, 120, false),
            (179, 120, false),
            (181, 120, true),
        ] {
            assert_eq!(
                waits(minutes, grace_period).is_overdue(),
                overdue,
                "{minutes}"
            );
        }
    }
}
