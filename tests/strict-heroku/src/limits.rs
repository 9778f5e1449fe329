//! Heroku's rate limit: a pool of tokens for each account, refilled continuously.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// The rate limit of each [account](https://devcenter.heroku.com/articles/platform-api-reference#rate-limits).
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    /// The size of the pool, full at the start.
    pub capacity: u32,
    /// How many requests a minute flow back into the pool.
    pub refill_per_minute: u32,
    /// Whether a 429 says `Retry-After`.
    pub retry_after: bool,
    /// Whose requests v3 counts together.
    pub pool: Pool,
}

/// Whose requests v3 counts together; v1 counts those of the add-on service. Recorded nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pool {
    /// Each token's, and so each add-on's. Exchanges of tokens are not counted.
    #[default]
    Token,
    /// The whole add-on service's, with v1's, exchanges of tokens among them.
    Service,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            capacity: 4_500,
            refill_per_minute: 75,
            retry_after: true,
            pool: Pool::Token,
        }
    }
}

/// The pool is empty; when the next request is possible, unless that is kept quiet.
pub(super) struct Exhausted {
    pub(super) retry_after: Option<Duration>,
}

#[derive(Default)]
pub(super) struct Pools {
    pub(super) limit: RateLimit,
    levels: HashMap<String, (f64, Instant)>,
}

impl Pools {
    /// Takes on a new limit; every pool is full again.
    pub(super) fn set(&mut self, limit: RateLimit) {
        self.limit = limit;
        self.levels.clear();
    }

    /// The account of an add-on service.
    pub(super) fn of_service(service: &str) -> String {
        format!("service {service}")
    }

    /// Takes one request out of the account's pool; answers how many are left.
    pub(super) fn take(&mut self, account: &str) -> Result<u32, Exhausted> {
        let now = Instant::now();
        let capacity = f64::from(self.limit.capacity);
        let per_second = f64::from(self.limit.refill_per_minute) / 60.0;
        let (level, since) = self
            .levels
            .entry(account.to_owned())
            .or_insert((capacity, now));
        *level = (*level + now.duration_since(*since).as_secs_f64() * per_second).min(capacity);
        *since = now;
        if *level < 1.0 {
            let wait = Duration::try_from_secs_f64((1.0 - *level) / per_second)
                .unwrap_or(Duration::from_hours(1));
            return Err(Exhausted {
                retry_after: self.limit.retry_after.then_some(wait),
            });
        }
        *level -= 1.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // between 0 and the capacity, a u32
        Ok(level.floor() as u32)
    }
}
