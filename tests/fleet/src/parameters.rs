//! What the simulation takes as given, each with where it is from.

use crate::calls::Request;
use crate::{MILLISECOND, MINUTE, SECOND, Time};

/// What has a quota, per account and region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quota {
    /// [Secrets Manager](https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html):
    /// `DescribeSecret` and `GetSecretValue` together, a second.
    Reads,
    /// The same: `PutSecretValue`, `UpdateSecretVersionStage` and the like together, a second.
    Writes,
    /// The same: `RotateSecret` and `CancelRotateSecret` together, a second.
    RotateSecret,
    /// [DynamoDB](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html): what
    /// a new table on demand reads a second.
    Items,
    /// [Lambda](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html): concurrent executions.
    Concurrency,
    /// [EventBridge Scheduler](https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html):
    /// `CreateSchedule` a second, in the large regions; `GetSchedule` and `UpdateSchedule` each have as much.
    Scheduler,
    /// The same: invocations of targets a second.
    Invocations,
    /// [Heroku](https://devcenter.heroku.com/articles/platform-api-reference#rate-limits): the pool of an account.
    Heroku,
}

impl Quota {
    pub(crate) const ALL: [Self; 8] = [
        Self::Reads,
        Self::Writes,
        Self::RotateSecret,
        Self::Items,
        Self::Concurrency,
        Self::Scheduler,
        Self::Invocations,
        Self::Heroku,
    ];

    fn documented(self) -> f64 {
        match self {
            Self::Reads => 10_000.0,
            Self::Writes | Self::RotateSecret => 50.0,
            Self::Items => 12_000.0,
            Self::Concurrency | Self::Invocations => 1_000.0,
            Self::Scheduler => 5_000.0,
            Self::Heroku => 4_500.0,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reads => "Secrets Manager's reads",
            Self::Writes => "Secrets Manager's writes",
            Self::RotateSecret => "RotateSecret",
            Self::Items => "DynamoDB's reads",
            Self::Concurrency => "Lambda's concurrency",
            Self::Scheduler => "Scheduler's requests",
            Self::Invocations => "Scheduler's invocations",
            Self::Heroku => "Heroku's pool",
        }
    }

    /// Whose a request is; `None`: nobody's.
    pub(crate) fn of(request: Request) -> Option<Self> {
        match request {
            Request::Read => Some(Self::Reads),
            Request::Write => Some(Self::Writes),
            Request::GetItem => Some(Self::Items),
            Request::CreateSchedule | Request::UpdateSchedule | Request::GetSchedule => {
                Some(Self::Scheduler)
            }
            Request::Token | Request::HerokuRead | Request::HerokuWrite => Some(Self::Heroku),
            // EventBridge takes 10,000 a second, and 400 in its smallest regions.
            Request::PutEvents | Request::Service => None,
        }
    }
}

/// A figure for each quota, in their order.
pub(crate) type PerQuota<T> = [T; Quota::ALL.len()];

#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    /// An infinite one is lifted.
    pub(crate) quotas: PerQuota<f64>,
    /// [Heroku](https://devcenter.heroku.com/articles/platform-api-reference#rate-limits): what flows back into a pool, a
    /// minute.
    pub(crate) heroku_per_minute: f64,
    pub(crate) lambda: Lambda,
    /// Secrets Manager
    /// [retries the entire rotation multiple times](https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda.html):
    /// how often and when is not documented, and neither is what it does when Lambda throttles its call. The first
    /// attempt counted: an assumption.
    pub(crate) attempts: u8,
    /// From the failure of one attempt to the next: an assumption.
    pub(crate) pause: Time,
}

impl Parameters {
    /// As documented, measured or assumed.
    pub(crate) fn documented() -> Self {
        Self {
            quotas: Quota::ALL.map(Quota::documented),
            heroku_per_minute: 75.0,
            lambda: Lambda {
                init: 2 * MILLISECOND,
                cold: 8 * MILLISECOND,
                warm: 2 * MILLISECOND,
                memory: 256,
                processor: 1_769,
                machine: 150 * MILLISECOND,
                kept: 5 * MINUTE,
                rotate_timeout: 180 * SECOND,
                timeout: 60 * SECOND,
            },
            attempts: 5,
            pause: 5 * MINUTE,
        }
    }
}

/// The moment within a window [is weighted towards the top of an
/// hour](https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_rotation.html): this part of the
/// rotations begins in its first five minutes. An assumption.
pub(crate) const TOP_OF_THE_HOUR: f64 = 0.5;

/// The grace period before a revocation: the template's default.
pub(crate) const GRACE: Time = 120 * MINUTE;

/// How long a request takes, on average; each takes half to one and a half times that. Assumptions.
pub(crate) fn latency(request: Request) -> Time {
    let milliseconds = match request {
        Request::Read => 15,
        Request::Write
        | Request::CreateSchedule
        | Request::UpdateSchedule
        | Request::GetSchedule => 40,
        Request::GetItem => 10,
        Request::PutEvents => 20,
        Request::HerokuRead => 200,
        Request::HerokuWrite => 1_500,
        Request::Token => 250,
        Request::Service => 50,
    };
    milliseconds * MILLISECOND
}

/// Lambda's own part of an invocation.
pub(crate) const INVOKE: Time = 15 * MILLISECOND;

/// An answer that refuses: 429, or AWS's throttling.
pub(crate) const REFUSAL: Time = 20 * MILLISECOND;

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
    /// The processor's time becomes the clock's.
    pub(crate) fn slowed(&self, processor: Time) -> Time {
        processor * u64::from(self.processor) / u64::from(self.memory)
    }
}
