//! What became of a fleet.

use crate::Time;
use crate::parameters::{PerQuota, Quota};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) done: u64,
    /// Rotations that failed after all of Secrets Manager's attempts.
    pub(crate) failed: u64,
    pub(crate) attempts: u64,
    pub(crate) revoked: u64,
    /// Revocations that were given up after a day of tries, or never began for want of concurrency.
    pub(crate) given_up: u64,
    /// The most instances at one time that were due and not rotated, failed ones among them.
    pub(crate) peak_backlog: u64,
    /// From the first rotation's being due to the last one's success or failure.
    pub(crate) ended_after: Time,
    /// From the same to the last revocation's end.
    pub(crate) revoked_after: Time,
    /// From being due to success: half of the rotations were faster, 99 in a hundred.
    pub(crate) waits: [Time; 2],
    pub(crate) asked: PerQuota<u64>,
    pub(crate) refused: PerQuota<u64>,
    /// The largest part of each quota that was in use, 0 to 1.
    pub(crate) used: PerQuota<f64>,
    pub(crate) invocations: u64,
    pub(crate) gb_seconds: f64,
    pub(crate) peak_concurrency: u32,
}

impl Outcome {
    pub(crate) fn refused(&self, quota: Quota) -> u64 {
        self.refused[quota as usize]
    }

    /// The quota that refused most; none if none refused anything.
    pub(crate) fn bottleneck(&self) -> Option<Quota> {
        let most = Quota::ALL.into_iter().max_by_key(|it| self.refused(*it))?;
        (self.refused(most) > 0).then_some(most)
    }

    pub(crate) fn fullest(&self) -> Quota {
        let used = |quota: Quota| self.used[quota as usize];
        let [first, rest @ ..] = Quota::ALL;
        rest.into_iter().fold(
            first,
            |most, it| if used(it) > used(most) { it } else { most },
        )
    }
}
