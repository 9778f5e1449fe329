//! Everybody's quotas, and who ran into them.

use crate::calls::Request;
use crate::parameters::{Parameters, PerQuota, Quota};
use crate::scenario::Pool;
use crate::{Time, number};

/// A quota as a bucket of tokens, full at the start and refilled continuously.
#[derive(Clone, Debug)]
struct Bucket {
    capacity: f64,
    per_microsecond: f64,
    level: f64,
    since: Time,
    least: f64,
}

impl Bucket {
    fn new(capacity: f64, per_second: f64) -> Self {
        Self {
            capacity,
            per_microsecond: per_second / 1e6,
            level: capacity,
            since: 0,
            least: capacity,
        }
    }

    /// Takes a token; false if there is none. What is refused takes none.
    fn take(&mut self, now: Time) -> bool {
        let passed = number(now.saturating_sub(self.since));
        self.level = (self.level + passed * self.per_microsecond).min(self.capacity);
        self.since = self.since.max(now);
        // What time adds up to by a hair less than a token is one.
        let taken = self.level >= 1.0 - 1e-9;
        if taken {
            self.level = (self.level - 1.0).max(0.0);
            self.least = self.least.min(self.level);
        }
        taken
    }

    /// The largest part of the bucket that was ever used up, 0 to 1.
    fn most_used(&self) -> f64 {
        1.0 - self.least / self.capacity
    }
}

#[derive(Debug)]
pub(super) struct Limits {
    /// Scheduler has one for each of its requests; Heroku one, or one for each instance.
    buckets: PerQuota<Vec<Bucket>>,
    pub(super) asked: PerQuota<u64>,
    pub(super) refused: PerQuota<u64>,
}

impl Limits {
    pub(super) fn new(parameters: &Parameters, pool: Pool, instances: u32) -> Self {
        let accounts = match pool {
            Pool::Service => 1,
            Pool::Token => usize::try_from(instances).unwrap_or_default(),
        };
        let buckets = Quota::ALL.map(|quota| {
            let most = parameters.quotas[quota as usize];
            match quota {
                Quota::Heroku => {
                    vec![Bucket::new(most, parameters.heroku_per_minute / 60.0); accounts]
                }
                Quota::Scheduler => vec![Bucket::new(most, most); 3],
                _ => vec![Bucket::new(most, most)],
            }
        });
        Self {
            buckets,
            asked: PerQuota::default(),
            refused: PerQuota::default(),
        }
    }

    pub(super) fn ask(&mut self, request: Request, instance: u32, now: Time) -> bool {
        let Some(quota) = Quota::of(request) else {
            return true;
        };
        let place = match request {
            Request::UpdateSchedule => 1,
            Request::GetSchedule => 2,
            _ if quota == Quota::Heroku => usize::try_from(instance).unwrap_or_default(),
            _ => 0,
        };
        self.take(quota, place, now)
    }

    /// Takes one of a quota's; from the only bucket, if there is one alone.
    pub(super) fn take(&mut self, quota: Quota, place: usize, now: Time) -> bool {
        let buckets = &mut self.buckets[quota as usize];
        let place = place.min(buckets.len() - 1);
        let taken = buckets[place].take(now);
        self.count(quota, taken)
    }

    pub(super) fn count(&mut self, quota: Quota, taken: bool) -> bool {
        self.asked[quota as usize] += 1;
        self.refused[quota as usize] += u64::from(!taken);
        taken
    }

    /// The largest part of each that was in use; Lambda's is not here.
    pub(super) fn used(&self) -> PerQuota<f64> {
        let most = |it: &Vec<Bucket>| it.iter().map(Bucket::most_used).fold(0.0, f64::max);
        self.buckets.each_ref().map(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HOUR, MINUTE, SECOND};

    #[test]
    fn a_pool_of_heroku_lasts_as_long_as_by_hand() {
        // 4,500 at once, then 75 a minute: the first is refused, after 0.8 seconds there is one more.
        let mut pool = Bucket::new(4_500.0, 75.0 / 60.0);
        assert!((0..4_500).all(|_| pool.take(0)));
        assert!(!pool.take(0));
        assert!(!pool.take(799_999));
        assert!(pool.take(800_000));
        assert!(!pool.take(800_000));
        // A minute later there are 75.
        let minute = MINUTE + 800_000;
        assert!((0..75).all(|_| pool.take(minute)));
        assert!(!pool.take(minute));
        // And after more than an hour as many as at first, not more.
        let later = 3 * HOUR;
        assert!((0..4_500).all(|_| pool.take(later)));
        assert!(!pool.take(later));
        assert!((pool.most_used() - 1.0).abs() < 1e-9);
        // It is the most that ever was.
        let mut pool = Bucket::new(100.0, 1.0);
        assert!((0..25).all(|_| pool.take(0)) && pool.take(10 * SECOND));
        assert!((pool.most_used() - 0.25).abs() < 1e-9);
    }
}
