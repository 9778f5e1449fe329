//! What each function's process does with one event.

use std::time::Duration;

use addon_rotation::claims::Names;
use addon_rotation::deadline::Deadline;
use addon_rotation::event::Event as _;
use addon_rotation::function::{self, Function};
use addon_rotation::heroku::HerokuConfiguration;
use addon_rotation::instances::{DeprovisionAddon, EnrollAddon, StartRotation, Sweep};
use addon_rotation::invoke::Functions;
use addon_rotation::schedule::{SOONEST, ScheduleConfiguration, Schedules};
use addon_rotation::start::Start;
use addon_rotation::steps::{
    CreateSecret, FinishSecret, PublishToHeroku, RevokeSecret, Rotate, TestSecret,
};
use addon_rotation::{Error, net};
use aws_types::SdkConfig;
use serde_json::Value;
use url::Url;

use crate::{FUNCTIONS, GRACE_PERIOD, MINIMUM_ROTATION_INTERVAL, STACK, arn};

#[derive(Clone, Debug)]
pub struct Environment {
    /// Where AWS is, Lambda excepted.
    pub aws: Url,
    pub lambda: Url,
    pub heroku: HerokuConfiguration,
    /// The HTTP client that each builds at its start.
    pub http: reqwest::Client,
    pub timeout: Duration,
    /// Whether invocations say on standard output how they ended, as in Lambda.
    pub reports: bool,
}

macro_rules! functions {
    ($($name:literal => $function:ty),+ $(,)?) => {
        impl Environment {
            /// What the function answers to an event, from its start on; `null`, if it answers nothing.
            pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Value, Error> {
                match function {
                    $($name => Box::pin(self.run::<$function>(function, payload)).await,)+
                    _ => unreachable!("there is no function {function}"),
                }
            }
        }

        /// Every function with the names of the environment variables that it reads, and what it says when it is
        /// started without any.
        pub fn read_by_each() -> Vec<(&'static str, Vec<String>, String)> {
            vec![$({
                let mut start = Start::new([], Some(client())).expect("the stand's client");
                assert!(<$function>::start(&mut start).is_none());
                let read = start.asked().map(ToOwned::to_owned).collect();
                let error = start.finish(None::<()>).expect_err("there are no variables");
                ($name, read, error.to_string())
            }),+]
        }
    };
}

functions! {
    "rotate" => Rotate,
    "create-secret" => CreateSecret,
    "publish-to-heroku" => PublishToHeroku,
    "test-secret" => TestSecret,
    "finish-secret" => FinishSecret,
    "revoke-secret" => RevokeSecret,
    "sweep" => Sweep,
    "enroll-addon" => EnrollAddon,
    "start-rotation" => StartRotation,
    "deprovision-addon" => DeprovisionAddon,
}

fn client() -> reqwest::Client {
    net::http_client().expect("the stand's client")
}

impl Environment {
    /// The function as its process starts it.
    pub fn start<F: Function>(&self, function: &str) -> F {
        function::start(self.begin(function)).expect("the stand's variables")
    }

    /// A function's configuration of the AWS SDK: its credentials are its name's.
    pub fn sdk_config(&self, function: &str) -> SdkConfig {
        self.begin(function).aws
    }

    /// The functions as one of them, or a person, reaches them.
    pub fn functions(&self, caller: &str) -> Functions {
        Functions::start(&mut self.begin(caller))
    }

    pub fn schedules(&self, function: &str) -> Schedules {
        self.schedules_from(function, Duration::ZERO)
    }

    /// Those of `finish-secret` as it is deployed: none is for a time that is too near.
    pub fn schedules_as_deployed(&self) -> Schedules {
        self.schedules_from("finish-secret", SOONEST)
    }

    fn schedules_from(&self, function: &str, soonest: Duration) -> Schedules {
        let configuration = ScheduleConfiguration {
            group: STACK.to_owned(),
            role: SCHEDULER_ROLE.to_owned(),
            function: arn("revoke-secret"),
            dead_letter_queue: DEAD_LETTERS.to_owned(),
            soonest,
        };
        Schedules::new(&self.begin(function), configuration)
    }

    async fn run<F: Function>(&self, function: &str, payload: &Value) -> Result<Value, Error> {
        let (function, deadline) = (self.start::<F>(function), Deadline::after(self.timeout));
        let answer = if self.reports {
            function::invoke(&function, payload, "", deadline).await?
        } else {
            function.handle(F::Event::read(payload)?, deadline).await?
        };
        // The answers are plain records.
        Ok(serde_json::to_value(answer).unwrap_or_default())
    }

    fn begin(&self, function: &str) -> Start {
        Start::new(self.variables(function), Some(self.http.clone())).expect("a client is given")
    }

    /// A function's environment variables. Each has all that any of them reads.
    pub fn variables(&self, function: &str) -> Vec<(String, String)> {
        let (names, heroku) = (names(), &self.heroku);
        let [create_secret, publish_to_heroku, test_secret, finish_secret] = FUNCTIONS;
        let interval = MINIMUM_ROTATION_INTERVAL.as_secs();
        let variables = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", function),
            ("AWS_SECRET_ACCESS_KEY", "secret access key"),
            ("AWS_ENDPOINT_URL", self.aws.as_str()),
            ("AWS_ENDPOINT_URL_LAMBDA", self.lambda.as_str()),
            ("ALLOW_PLAIN_TEXT_ON_LOOPBACK", "true"),
            ("ALLOW_PRIVATE_ADDRESSES", "true"),
            ("HEROKU_API_URL", heroku.api.as_str()),
            ("HEROKU_OAUTH_URL", heroku.oauth.as_str()),
            ("PARTNER_SECRET_ARN", heroku.partner.as_str()),
            ("STACK_NAME", STACK),
            ("SECRET_NAME_PREFIX", &names.credentials),
            ("ADMINISTRATOR_SECRET_NAME_PREFIX", &names.administrators),
            ("OAUTH_SECRET_NAME_PREFIX", &names.oauth),
            ("TOKENS_TABLE", TOKENS_TABLE),
            ("CREATE_SECRET_FUNCTION", create_secret),
            ("PUBLISH_TO_HEROKU_FUNCTION", publish_to_heroku),
            ("TEST_SECRET_FUNCTION", test_secret),
            ("FINISH_SECRET_FUNCTION", finish_secret),
            ("ROTATE_FUNCTION_ARN", &arn("rotate")),
            ("REVOKE_SECRET_FUNCTION_ARN", &arn("revoke-secret")),
            ("DEPROVISION_ADDON_FUNCTION_ARN", &arn("deprovision-addon")),
            ("SCHEDULE_GROUP", STACK),
            ("SCHEDULER_ROLE_ARN", SCHEDULER_ROLE),
            ("DEAD_LETTER_QUEUE_ARN", DEAD_LETTERS),
            ("SOONEST_SCHEDULE_SECONDS", "0"),
            ("GRACE_PERIOD_SECONDS", &GRACE_PERIOD.as_secs().to_string()),
            ("MINIMUM_ROTATION_INTERVAL_SECONDS", &interval.to_string()),
            ("ROTATION_DAYS", "90"),
            ("RECOVERY_WINDOW_DAYS", "30"),
            ("LONGEST_STEP_SECONDS", "240"),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        variables.map(owned).into()
    }
}

pub const TOKENS_TABLE: &str = "acme-refresh-tokens";

const SCHEDULER_ROLE: &str = "arn:aws:iam::000000000000:role/scheduler";
const DEAD_LETTERS: &str = "arn:aws:sqs:us-east-1:000000000000:dead-letters";

/// What the names of the stand's secrets begin with.
pub fn names() -> Names {
    Names {
        credentials: "acme/credentials/".to_owned(),
        administrators: "acme/masters/".to_owned(),
        oauth: "acme/oauth/".to_owned(),
    }
}
