//! What waits for its revocation, over all secrets of the stack: measured, and scheduled where
//! nothing is.

use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::Error;
use crate::deadline::Deadline;
use crate::event::{SecretArn, VersionId};
use crate::schedule::Schedules;
use crate::secrets::{Secret, Secrets};
use crate::telemetry::{self, Metric};

/// A revocation that comes so much later than the grace period's end is overdue.
const OVERDUE: Duration = Duration::from_hours(1);

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

/// Lists the stack's secrets by their labels alone, measures what waits for its revocation, and
/// schedules what has no schedule: a schedule that was lost, a rotation that was abandoned, a
/// revocation that was given up. Such a credential has the whole grace period from now on, since
/// nobody knows when it was last in use.
///
/// # Errors
/// If AWS refuses or does not answer. What could be measured and scheduled is.
pub async fn sweep(
    secrets: &Secrets,
    schedules: &Schedules,
    stack: &str,
    grace_period_seconds: u32,
    deadline: Deadline,
) -> Result<(), Error> {
    let mut waiting = Vec::new();
    let (mut found, mut page) = (0_u64, None);
    loop {
        let (managed, next) = secrets.managed(stack, page, deadline).await?;
        for (arn, secret) in &managed {
            found += 1;
            waiting.extend(Waiting::of(arn, secret, grace_period_seconds));
        }
        page = next;
        if page.is_none() {
            break;
        }
    }
    // Looked at after the labels: a rotation schedules before it promotes, so whatever is found
    // waiting has been scheduled by now if it ever was.
    let known = schedules.scheduled(deadline).await?;
    let (mut overdue, mut unscheduled, mut result) = (0_u64, 0_u64, Ok(()));
    for it in &waiting {
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
            unscheduled += 1;
            let ensured = schedules
                .ensure_revoked(&it.secret, &it.version, deadline)
                .await;
            result = result.and(ensured);
        }
    }
    let longest = waiting.iter().map(Waiting::waited).max();
    telemetry::record(&[
        (
            Metric::RevocationsWaiting,
            u64::try_from(waiting.len()).unwrap_or(u64::MAX),
        ),
        (Metric::RevocationsOverdue, overdue),
        (Metric::RevocationsUnscheduled, unscheduled),
        (Metric::LongestWait, longest.unwrap_or_default().as_secs()),
    ]);
    tracing::info!(
        secrets = found,
        waiting = waiting.len(),
        overdue,
        unscheduled,
        "swept"
    );
    Ok(result?)
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
