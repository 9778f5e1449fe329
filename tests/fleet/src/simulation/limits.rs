//! Everybody's quotas, and who ran into them.

use crate::bucket::Bucket;
use crate::calls::Request;
use crate::outcome::{PerQuota, Quota};
use crate::parameters::Quotas;
use crate::scenario::Pool;
use crate::{MINUTE, Time, microseconds, number};

/// The buckets.
#[derive(Debug)]
pub(super) struct Limits {
    reads: Bucket,
    writes: Bucket,
    rotate_secret: Bucket,
    /// `CreateSchedule`, `UpdateSchedule`, `GetSchedule`.
    scheduler: [Bucket; 3],
    invocations: Bucket,
    /// One, or one for each instance.
    heroku: Vec<Bucket>,
    heroku_refill: Time,
    retry_after: bool,
    pub(super) asked: PerQuota<u64>,
    pub(super) refused: PerQuota<u64>,
}

impl Limits {
    pub(super) fn new(quotas: &Quotas, pool: Pool, instances: u32) -> Self {
        let second = |many: f64| Bucket::new(many, many);
        let accounts = match pool {
            Pool::Service => 1,
            Pool::Token => instances,
        };
        let pool = Bucket::new(quotas.heroku_pool, quotas.heroku_per_minute / 60.0);
        Self {
            reads: second(quotas.reads),
            writes: second(quotas.writes),
            rotate_secret: second(quotas.rotate_secret),
            scheduler: [second(quotas.create_schedule); 3],
            invocations: second(quotas.scheduler_invocations),
            heroku: vec![pool; usize::try_from(accounts).unwrap_or_default()],
            heroku_refill: microseconds(number(MINUTE) / quotas.heroku_per_minute),
            retry_after: quotas.heroku_retry_after,
            asked: PerQuota::default(),
            refused: PerQuota::default(),
        }
    }

    /// Whose a request is; `None`: nobody's.
    pub(super) fn quota(request: Request) -> Option<Quota> {
        match request {
            Request::Read => Some(Quota::Reads),
            Request::Write => Some(Quota::Writes),
            Request::CreateSchedule | Request::UpdateSchedule | Request::GetSchedule => {
                Some(Quota::Scheduler)
            }
            Request::Token | Request::HerokuRead | Request::HerokuWrite => Some(Quota::Heroku),
            // EventBridge takes 10,000 a second, and 400 in its smallest regions.
            Request::PutEvents | Request::Service => None,
        }
    }

    /// Whether a request of an instance is let through.
    pub(super) fn ask(&mut self, request: Request, instance: u32, now: Time) -> bool {
        let Some(quota) = Self::quota(request) else {
            return true;
        };
        let place = if self.heroku.len() == 1 {
            0
        } else {
            usize::try_from(instance).unwrap_or_default()
        };
        let bucket = match request {
            Request::Read | Request::PutEvents | Request::Service => &mut self.reads,
            Request::Write => &mut self.writes,
            Request::CreateSchedule => &mut self.scheduler[0],
            Request::UpdateSchedule => &mut self.scheduler[1],
            Request::GetSchedule => &mut self.scheduler[2],
            Request::Token | Request::HerokuRead | Request::HerokuWrite => &mut self.heroku[place],
        };
        let taken = bucket.take(now);
        self.count(quota, taken)
    }

    /// Whether the operator's `RotateSecret` is let through.
    pub(super) fn rotate_secret(&mut self, now: Time) -> bool {
        let taken = self.rotate_secret.take(now);
        self.count(Quota::RotateSecret, taken)
    }

    /// Whether Scheduler may invoke a target.
    pub(super) fn invoke(&mut self, now: Time) -> bool {
        let taken = self.invocations.take(now);
        self.count(Quota::Invocations, taken)
    }

    /// Counts what a quota let through or refused.
    pub(super) fn count(&mut self, quota: Quota, taken: bool) -> bool {
        self.asked[quota.index()] += 1;
        self.refused[quota.index()] += u64::from(!taken);
        taken
    }

    /// What Heroku says with a 429: until there is a request again.
    pub(super) fn retry_after(&self) -> Option<Time> {
        self.retry_after.then_some(self.heroku_refill)
    }

    /// The largest part of each that was in use; Lambda's is not here.
    pub(super) fn used(&self) -> PerQuota<f64> {
        let mut used = PerQuota::default();
        let most = |buckets: &[Bucket]| buckets.iter().map(Bucket::most_used).fold(0.0, f64::max);
        used[Quota::Reads.index()] = self.reads.most_used();
        used[Quota::Writes.index()] = self.writes.most_used();
        used[Quota::RotateSecret.index()] = self.rotate_secret.most_used();
        used[Quota::Scheduler.index()] = most(&self.scheduler);
        used[Quota::Invocations.index()] = self.invocations.most_used();
        used[Quota::Heroku.index()] = most(&self.heroku);
        used
    }
}
