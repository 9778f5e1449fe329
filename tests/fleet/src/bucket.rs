//! A quota as a bucket of tokens that is refilled continuously.

use crate::Time;

/// A bucket, full at the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    capacity: f64,
    per_microsecond: f64,
    level: f64,
    since: Time,
    least: f64,
}

impl Bucket {
    /// A bucket of so many tokens, refilled by so many a second.
    pub(crate) fn new(capacity: f64, per_second: f64) -> Self {
        Self {
            capacity,
            per_microsecond: per_second / 1e6,
            level: capacity,
            since: 0,
            least: capacity,
        }
    }

    /// Takes a token; false if there is none. What is refused takes none.
    pub(crate) fn take(&mut self, now: Time) -> bool {
        self.fill(now);
        // What time adds up to by a hair less than a token is one.
        let taken = self.level >= 1.0 - 1e-9;
        if taken {
            self.level = (self.level - 1.0).max(0.0);
            self.least = self.least.min(self.level);
        }
        taken
    }

    /// The largest part of the bucket that was ever used up, 0 to 1.
    pub(crate) fn most_used(&self) -> f64 {
        1.0 - self.least / self.capacity
    }

    fn fill(&mut self, now: Time) {
        let passed = crate::number(now.saturating_sub(self.since));
        self.level = (self.level + passed * self.per_microsecond).min(self.capacity);
        self.since = self.since.max(now);
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

    #[test]
    fn a_rate_holds_over_time() {
        // Asked 200 times a second for 10 s, 50 a second: the bucket and what flows in.
        let mut bucket = Bucket::new(50.0, 50.0);
        let taken = (0..2_000).filter(|it| bucket.take(it * SECOND / 200));
        assert_eq!(taken.count(), 50 + 499);
    }
}
