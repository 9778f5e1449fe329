//! A credential that is neither current nor under rotation, and may be alive.

use std::time::{Duration, SystemTime};

use crate::ids::{SecretArn, VersionId};
use crate::secrets::Secret;

/// A revocation that comes so much later than the grace period's end is overdue.
const OVERDUE: Duration = Duration::from_hours(1);

/// A credential that is neither current nor under rotation, and may be alive.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The secret.
    pub secret: SecretArn,
    /// Its version.
    pub version: VersionId,
    /// Since when at the least: anything else that changes the secret begins the wait anew.
    pub since: SystemTime,
    /// How long it lives on after the version that replaced it is current.
    pub grace_period: Duration,
}

impl Waiting {
    /// Those of a secret. `grace_period_seconds` is the stack's, for a secret without its own.
    pub fn of(
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

    /// How long it has waited at the least.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.since.elapsed().unwrap_or_default()
    }

    /// Whether its revocation is late: by more than an hour after the grace period's end.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.waited() > self.grace_period + OVERDUE
    }
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
