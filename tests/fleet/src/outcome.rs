//! What became of a fleet.

use crate::{MINUTE, Time};

/// What has a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quota {
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
    pub const ALL: [Self; 7] = [
        Self::Reads,
        Self::Writes,
        Self::RotateSecret,
        Self::Concurrency,
        Self::Scheduler,
        Self::Invocations,
        Self::Heroku,
    ];

    /// Of one of the fields of an array.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// As a table names it.
    #[must_use]
    pub fn name(self) -> &'static str {
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
pub type PerQuota<T> = [T; Quota::ALL.len()];

/// What became of a fleet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Rotations that succeeded.
    pub done: u64,
    /// Rotations that failed after all of Secrets Manager's attempts.
    pub failed: u64,
    /// Attempts that Secrets Manager began.
    pub attempts: u64,
    /// Old credentials that were revoked.
    pub revoked: u64,
    /// Revocations that were given up after a day of tries, or never began for want of concurrency.
    pub given_up: u64,
    /// The most instances at one time that were due and not rotated, failed ones among them.
    pub peak_backlog: u64,
    /// The most of them in each minute from the start.
    pub backlog: Vec<u32>,
    /// From the first rotation's being due to the last one's success or failure.
    pub ended_after: Time,
    /// From the same to the last revocation's end.
    pub revoked_after: Time,
    /// From being due to success: half of the rotations were faster, 99 in a hundred, all.
    pub waits: [Time; 3],
    /// Requests made, refused ones counted.
    pub asked: PerQuota<u64>,
    /// Requests refused.
    pub refused: PerQuota<u64>,
    /// The largest part of each quota that was in use, 0 to 1.
    pub used: PerQuota<f64>,
    /// Invocations of functions.
    pub invocations: u64,
    /// Those that began with a start.
    pub cold: u64,
    /// Lambda's gigabyte-seconds.
    pub gb_seconds: f64,
    /// The most concurrent executions.
    pub peak_concurrency: u32,
}

impl Outcome {
    /// The quota that refused most; none if none refused anything.
    #[must_use]
    pub fn bottleneck(&self) -> Option<Quota> {
        let most = Quota::ALL
            .into_iter()
            .max_by_key(|quota| self.refused[quota.index()])?;
        (self.refused[most.index()] > 0).then_some(most)
    }

    /// The quota of which the largest part was in use.
    #[must_use]
    pub fn fullest(&self) -> Quota {
        let used = |quota: Quota| self.used[quota.index()];
        let [first, rest @ ..] = Quota::ALL;
        rest.into_iter().fold(
            first,
            |most, it| if used(it) > used(most) { it } else { most },
        )
    }
}

/// Follows the backlog.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    now: u64,
    peak: u64,
    minutes: Vec<u32>,
}

impl Backlog {
    pub(crate) fn add(&mut self, at: Time, many: u64) {
        self.fill(at);
        self.now += many;
        self.peak = self.peak.max(self.now);
        self.fill(at);
    }

    pub(crate) fn end(&mut self, at: Time) {
        self.fill(at);
        self.now = self.now.saturating_sub(1);
    }

    fn fill(&mut self, at: Time) {
        let minute = usize::try_from(at / MINUTE).unwrap_or(usize::MAX);
        let now = u32::try_from(self.now).unwrap_or(u32::MAX);
        if self.minutes.len() <= minute {
            self.minutes.resize(minute + 1, now);
        }
        self.minutes[minute] = self.minutes[minute].max(now);
    }

    pub(crate) fn finish(self) -> (u64, Vec<u32>) {
        (self.peak, self.minutes)
    }
}
