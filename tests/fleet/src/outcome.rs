//! What became of a fleet.

use crate::Time;

/// What has a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quota {
    /// Secrets Manager's reads.
    Reads,
    /// Secrets Manager's writes.
    Writes,
    /// `RotateSecret`.
    RotateSecret,
    /// Lambda's concurrent executions.
    Concurrency,
    /// Scheduler's requests.
    Scheduler,
    /// Scheduler's invocations.
    Invocations,
    /// Heroku's pool of an account.
    Heroku,
}

impl Quota {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Reads,
        Self::Writes,
        Self::RotateSecret,
        Self::Concurrency,
        Self::Scheduler,
        Self::Invocations,
        Self::Heroku,
    ];

    /// Of one of the fields of an array.
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// As a table names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reads => "Secrets Manager's reads",
            Self::Writes => "Secrets Manager's writes",
            Self::RotateSecret => "RotateSecret",
            Self::Concurrency => "Lambda's concurrency",
            Self::Scheduler => "Scheduler's requests",
            Self::Invocations => "Scheduler's invocations",
            Self::Heroku => "Heroku's pool",
        }
    }
}

/// A figure for each quota.
pub(crate) type PerQuota<T> = [T; Quota::ALL.len()];

/// What became of a fleet.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// Rotations that succeeded.
    pub(crate) done: u64,
    /// Rotations that failed after all of Secrets Manager's attempts.
    pub(crate) failed: u64,
    /// Attempts that Secrets Manager began.
    pub(crate) attempts: u64,
    /// Old credentials that were revoked.
    pub(crate) revoked: u64,
    /// Revocations that were given up after a day of tries, or never began for want of concurrency.
    pub(crate) given_up: u64,
    /// The most instances at one time that were due and not rotated, failed ones among them.
    pub(crate) peak_backlog: u64,
    /// From the first rotation's being due to the last one's success or failure.
    pub(crate) ended_after: Time,
    /// From the same to the last revocation's end.
    pub(crate) revoked_after: Time,
    /// From being due to success: half of the rotations were faster, 99 in a hundred, all.
    pub(crate) waits: [Time; 3],
    /// Requests made, refused ones counted.
    pub(crate) asked: PerQuota<u64>,
    /// Requests refused.
    pub(crate) refused: PerQuota<u64>,
    /// The largest part of each quota that was in use, 0 to 1.
    pub(crate) used: PerQuota<f64>,
    /// Invocations of functions.
    pub(crate) invocations: u64,
    /// Those that began with a start.
    pub(crate) cold: u64,
    /// Lambda's gigabyte-seconds.
    pub(crate) gb_seconds: f64,
    /// The most concurrent executions.
    pub(crate) peak_concurrency: u32,
}

impl Outcome {
    /// The quota that refused most; none if none refused anything.
    pub(crate) fn bottleneck(&self) -> Option<Quota> {
        let most = Quota::ALL
            .into_iter()
            .max_by_key(|quota| self.refused[quota.index()])?;
        (self.refused[most.index()] > 0).then_some(most)
    }

    /// The quota of which the largest part was in use.
    pub(crate) fn fullest(&self) -> Quota {
        let used = |quota: Quota| self.used[quota.index()];
        let [first, rest @ ..] = Quota::ALL;
        rest.into_iter().fold(
            first,
            |most, it| if used(it) > used(most) { it } else { most },
        )
    }
}
