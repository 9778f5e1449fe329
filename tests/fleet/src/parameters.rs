//! What the simulation takes as given, each with where it is from.

use crate::{MILLISECOND, MINUTE, SECOND, Time};

/// Everything that the simulation takes as given.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    /// The quotas.
    pub(crate) quotas: Quotas,
    /// How long requests take.
    pub(crate) network: Network,
    /// How Lambda runs the functions.
    pub(crate) lambda: Lambda,
    /// How Secrets Manager goes about a rotation.
    pub(crate) rotation: Rotation,
}

impl Parameters {
    /// As documented, measured or assumed.
    pub(crate) fn documented() -> Self {
        Self {
            quotas: Quotas::documented(),
            network: Network::assumed(),
            lambda: Lambda::measured(),
            rotation: Rotation::assumed(),
        }
    }
}

/// The quotas, per account and region. An infinite one is lifted.
#[derive(Clone, Debug)]
pub(crate) struct Quotas {
    /// [Secrets Manager](https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html):
    /// `DescribeSecret` and `GetSecretValue` together, a second.
    pub(crate) reads: f64,
    /// The same: `PutSecretValue`, `UpdateSecretVersionStage` and the like together, a second.
    pub(crate) writes: f64,
    /// The same: `RotateSecret` and `CancelRotateSecret` together, a second.
    pub(crate) rotate_secret: f64,
    /// [Lambda](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html): concurrent executions.
    pub(crate) concurrency: u32,
    /// [EventBridge Scheduler](https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html):
    /// `CreateSchedule` a second, in the large regions; `GetSchedule` and `UpdateSchedule` each have as much.
    pub(crate) create_schedule: f64,
    /// The same: invocations of targets a second.
    pub(crate) scheduler_invocations: f64,
    /// [Heroku](https://devcenter.heroku.com/articles/platform-api-reference#rate-limits): the pool of an account.
    pub(crate) heroku_pool: f64,
    /// The same: what flows back into it, a minute.
    pub(crate) heroku_per_minute: f64,
    /// Whether a 429 says after how long to come back. Heroku's page does not promise it.
    pub(crate) heroku_retry_after: bool,
}

impl Quotas {
    fn documented() -> Self {
        Self {
            reads: 10_000.0,
            writes: 50.0,
            rotate_secret: 50.0,
            concurrency: 1_000,
            create_schedule: 5_000.0,
            scheduler_invocations: 1_000.0,
            heroku_pool: 4_500.0,
            heroku_per_minute: 75.0,
            heroku_retry_after: false,
        }
    }

    /// None of them.
    #[cfg(test)]
    pub(crate) fn lifted() -> Self {
        Self {
            reads: f64::INFINITY,
            writes: f64::INFINITY,
            rotate_secret: f64::INFINITY,
            concurrency: u32::MAX,
            create_schedule: f64::INFINITY,
            scheduler_invocations: f64::INFINITY,
            heroku_pool: f64::INFINITY,
            heroku_per_minute: f64::INFINITY,
            heroku_retry_after: false,
        }
    }
}

/// How long requests take, on average; each takes half to one and a half times that. Assumptions.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// A read of Secrets Manager.
    pub(crate) read: Time,
    /// A write.
    pub(crate) write: Time,
    /// A request to EventBridge Scheduler.
    pub(crate) scheduler: Time,
    /// An event for EventBridge.
    pub(crate) events: Time,
    /// Lambda's own part of an invocation.
    pub(crate) invoke: Time,
    /// A look at Heroku's config.
    pub(crate) heroku_read: Time,
    /// A write of it, which makes a release.
    pub(crate) heroku_write: Time,
    /// An access token.
    pub(crate) heroku_token: Time,
    /// A request to the add-on's service.
    pub(crate) service: Time,
    /// An answer that refuses: 429, or AWS's throttling.
    pub(crate) refusal: Time,
}

impl Network {
    fn assumed() -> Self {
        Self {
            read: 15 * MILLISECOND,
            write: 40 * MILLISECOND,
            scheduler: 40 * MILLISECOND,
            events: 20 * MILLISECOND,
            invoke: 15 * MILLISECOND,
            heroku_read: 200 * MILLISECOND,
            heroku_write: 1_500 * MILLISECOND,
            heroku_token: 250 * MILLISECOND,
            service: 50 * MILLISECOND,
            refusal: 20 * MILLISECOND,
        }
    }
}

/// How Lambda runs the functions. The processor's times are `cargo xtask bench`'s largest with TLS, of any
/// function, for a whole processor.
#[derive(Clone, Debug)]
pub(crate) struct Lambda {
    /// Start to ready.
    pub(crate) init: Time,
    /// Ready to answer, the first time.
    pub(crate) cold: Time,
    /// The same, later.
    pub(crate) warm: Time,
    /// The functions' memory, MB: `infra/template.yaml`.
    pub(crate) memory: u32,
    /// The memory that [has a whole processor](https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html), MB.
    pub(crate) processor: u32,
    /// A machine for a function, before its init; not billed. An assumption.
    pub(crate) machine: Time,
    /// How long an idle function is kept. An assumption.
    pub(crate) kept: Time,
    /// `rotate`'s time-out: `infra/template.yaml`.
    pub(crate) rotate_timeout: Time,
    /// The others'.
    pub(crate) timeout: Time,
}

impl Lambda {
    fn measured() -> Self {
        Self {
            init: 2 * MILLISECOND,
            cold: 8 * MILLISECOND,
            warm: 2 * MILLISECOND,
            memory: 256,
            processor: 1_769,
            machine: 150 * MILLISECOND,
            kept: 5 * MINUTE,
            rotate_timeout: 180 * SECOND,
            timeout: 60 * SECOND,
        }
    }

    /// The processor's time becomes the clock's.
    pub(crate) fn slowed(&self, processor: Time) -> Time {
        processor * u64::from(self.processor) / u64::from(self.memory)
    }
}

/// How Secrets Manager goes about a rotation. It
/// [retries the entire rotation multiple times](https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda.html):
/// how often and when is not documented, and neither is what it does when Lambda throttles its call. Assumptions.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    /// Attempts, the first one counted.
    pub(crate) attempts: u8,
    /// From the failure of one to the next.
    pub(crate) pause: Time,
    /// The moment within a window [is weighted towards the top of an
    /// hour](https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_rotation.html): this part
    /// of the rotations begins in its first five minutes.
    pub(crate) top_of_the_hour: f64,
    /// The grace period before a revocation: the template's default.
    pub(crate) grace: Time,
}

impl Rotation {
    fn assumed() -> Self {
        Self {
            attempts: 5,
            pause: 5 * MINUTE,
            top_of_the_hour: 0.5,
            grace: 120 * MINUTE,
        }
    }
}
