//! What each function's `main` does with one event.

use std::time::Duration;

use addon_rotation::authority::Names;
use addon_rotation::aws::sdk_config_with;
use addon_rotation::configuration::{
    DeprovisionConfiguration, EnrollConfiguration, FleetConfiguration, HerokuConfiguration,
    SOONEST, ScheduleConfiguration, StartConfiguration, StepFunctions,
};
use addon_rotation::deadline::Deadline;
use addon_rotation::event::{
    DeprovisionEvent, EnrollEvent, Event, FinishEvent, RevokeEvent, RotationEvent,
    StartRotationEvent, StepEvent, SweepEvent,
};
use addon_rotation::event_bus::EventBus;
use addon_rotation::heroku::HerokuClient;
use addon_rotation::invoke::Functions;
use addon_rotation::net::PlainText;
use addon_rotation::schedule::Schedules;
use addon_rotation::secrets::Secrets;
use addon_rotation::service::Services;
use addon_rotation::steps::{self, Deprovisioning, Enrollment, Order, Revocation, Swept};
use addon_rotation::{Error, function};
use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use serde::Serialize;
use serde_json::Value;
use url::Url;

use crate::{FUNCTIONS, GRACE_PERIOD, MINIMUM_ROTATION_INTERVAL, STACK, arn};

/// What the functions' environment variables say.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Where AWS is, Lambda excepted.
    pub aws: Url,
    /// Where Lambda is.
    pub lambda: Url,
    /// Where Heroku is.
    pub heroku: HerokuConfiguration,
    /// The HTTP client that each builds at its start.
    pub http: reqwest::Client,
    /// What an invocation has.
    pub timeout: Duration,
    /// Whether invocations say on standard output how they ended, as in Lambda.
    pub reports: bool,
}

impl Environment {
    /// A function's configuration of the AWS SDK: its credentials are its name's.
    #[must_use]
    pub fn sdk_config(&self, function: &str) -> SdkConfig {
        self.sdk_config_at(&self.aws, function)
    }

    /// The functions as `rotate` reaches them.
    #[must_use]
    pub fn functions(&self) -> Functions {
        Functions::new(&self.sdk_config_at(&self.lambda, "rotate"))
    }

    /// EventBridge Scheduler as a function reaches it.
    #[must_use]
    pub fn schedules(&self, function: &str) -> Schedules {
        self.schedules_of("revoke-secret", function)
    }

    /// What `revoke-secret` works with.
    #[must_use]
    pub fn revocation(&self) -> Revocation {
        const NAME: &str = "revoke-secret";
        Revocation {
            secrets: self.secrets(NAME),
            names: names(),
            services: self.services(),
            heroku: self.heroku_client(),
            configuration: self.heroku.clone(),
            schedules: self.schedules(NAME),
            grace_period_seconds: grace_period_seconds(),
            hold_while_in_use_seconds: 0,
            bus: EventBus::new(&self.sdk_config(NAME)),
        }
    }

    /// What the function answers to an event, from its start on; `null`, if it answers nothing.
    ///
    /// # Errors
    /// With the function's.
    ///
    /// # Panics
    /// If there is no such function.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Value, Error> {
        let (secrets, services) = (self.secrets(function), self.services());
        let names = names();
        let (client, heroku) = (self.heroku_client(), &self.heroku);
        match function {
            "rotate" => {
                let [create_secret, publish_to_heroku, test_secret, finish_secret] =
                    FUNCTIONS.map(ToOwned::to_owned);
                let step_functions = StepFunctions {
                    create_secret,
                    publish_to_heroku,
                    test_secret,
                    finish_secret,
                };
                let (functions, bus) =
                    (self.functions(), EventBus::new(&self.sdk_config(function)));
                self.handle(payload, async |event: RotationEvent, deadline| {
                    steps::rotate(
                        event,
                        &secrets,
                        &names,
                        &functions,
                        &step_functions,
                        &bus,
                        deadline,
                    )
                    .await
                })
                .await
            }
            "create-secret" => {
                self.handle(payload, async |event: StepEvent, deadline| {
                    steps::create_secret(event, &secrets, &names, &services, deadline).await
                })
                .await
            }
            "publish-to-heroku" => {
                self.handle(payload, async |event: StepEvent, deadline| {
                    steps::publish_to_heroku(event, &secrets, &names, &client, heroku, deadline)
                        .await
                })
                .await
            }
            "test-secret" => {
                self.handle(payload, async |event: StepEvent, deadline| {
                    steps::test_secret(
                        event, &secrets, &names, &services, &client, heroku, deadline,
                    )
                    .await
                })
                .await
            }
            "finish-secret" => {
                let schedules = self.schedules(function);
                self.handle(payload, async |event: FinishEvent, deadline| {
                    steps::finish_secret(event, &schedules, grace_period_seconds(), deadline).await
                })
                .await
            }
            "revoke-secret" => {
                let revocation = self.revocation();
                self.handle(payload, async |event: RevokeEvent, deadline| {
                    steps::revoke_secret(event, &revocation, deadline).await
                })
                .await
            }
            "sweep" => {
                let (schedules, order) = (self.schedules(function), Order::OldestFirst);
                let swept = Swept {
                    stack: STACK,
                    prefix: "acme/credentials/",
                    grace_period_seconds: grace_period_seconds(),
                };
                self.handle(payload, async |_: SweepEvent, deadline| {
                    steps::sweep(&secrets, &schedules, swept, order, deadline).await
                })
                .await
            }
            _ => self.of_the_fleet(function, payload).await,
        }
    }

    /// The functions that the partner's backend invokes.
    async fn of_the_fleet(&self, function: &str, payload: &Value) -> Result<Value, Error> {
        let secrets = self.secrets(function);
        let fleet = FleetConfiguration {
            stack: STACK.to_owned(),
            names: names(),
        };
        match function {
            "enroll-addon" => {
                let enrollment = Enrollment {
                    secrets,
                    services: self.services(),
                    heroku: self.heroku_client(),
                    configuration: self.heroku.clone(),
                    enrollment: EnrollConfiguration {
                        fleet,
                        key: None,
                        rotate: arn("rotate"),
                        rotation_days: 90,
                    },
                };
                self.handle(payload, async |event: EnrollEvent, deadline| {
                    steps::enroll_addon(event, &enrollment, deadline).await
                })
                .await
            }
            "start-rotation" => {
                let configuration = StartConfiguration {
                    fleet,
                    minimum_interval: MINIMUM_ROTATION_INTERVAL,
                };
                self.handle(payload, async |event: StartRotationEvent, deadline| {
                    steps::start_rotation(event, &secrets, &configuration, deadline).await
                })
                .await
            }
            "deprovision-addon" => {
                let deprovisioning = Deprovisioning {
                    secrets,
                    services: self.services(),
                    schedules: self.schedules_of(function, function),
                    configuration: DeprovisionConfiguration {
                        fleet,
                        recovery_window_days: 30,
                        longest_step_seconds: 240,
                    },
                };
                self.handle(payload, async |event: DeprovisionEvent, deadline| {
                    steps::deprovision_addon(event, &deprovisioning, deadline).await
                })
                .await
            }
            _ => unreachable!("there is no function {function}"),
        }
    }

    async fn handle<E: Event, A: Serialize>(
        &self,
        payload: &Value,
        step: impl AsyncFn(E, Deadline) -> Result<A, Error>,
    ) -> Result<Value, Error> {
        let deadline = Deadline::after(self.timeout);
        let answer = if self.reports {
            function::handle(step, payload, "", deadline).await?
        } else {
            step(E::read(payload)?, deadline).await?
        };
        // The answers are plain records.
        Ok(serde_json::to_value(answer).unwrap_or_default())
    }

    fn secrets(&self, function: &str) -> Secrets {
        Secrets::new(&self.sdk_config(function))
    }

    fn services(&self) -> Services {
        Services::new(self.http.clone()).speaking(PlainText::OnLoopback)
    }

    fn heroku_client(&self) -> HerokuClient {
        HerokuClient::new(self.http.clone(), &self.heroku)
    }

    fn schedules_of(&self, target: &str, function: &str) -> Schedules {
        self.schedules_from(target, function, Duration::ZERO)
    }

    /// Those of `finish-secret` as it is deployed: none is for a time that is too near.
    #[must_use]
    pub fn schedules_as_deployed(&self) -> Schedules {
        self.schedules_from("revoke-secret", "finish-secret", SOONEST)
    }

    fn schedules_from(&self, target: &str, function: &str, soonest: Duration) -> Schedules {
        let configuration = ScheduleConfiguration {
            group: STACK.to_owned(),
            role: "arn:aws:iam::000000000000:role/scheduler".to_owned(),
            function: arn(target),
            dead_letter_queue: "arn:aws:sqs:us-east-1:000000000000:dead-letters".to_owned(),
            soonest,
        };
        Schedules::new(&self.sdk_config(function), configuration)
    }

    fn sdk_config_at(&self, endpoint: &Url, function: &str) -> SdkConfig {
        let credentials = Credentials::new(function, "secret access key", None, None, "test");
        let endpoint = Some(endpoint.to_string());
        sdk_config_with(&self.http, "us-east-1".to_owned(), credentials, endpoint)
    }
}

fn grace_period_seconds() -> u32 {
    u32::try_from(GRACE_PERIOD.as_secs()).unwrap_or(u32::MAX)
}

/// What the names of the stand's secrets begin with.
#[must_use]
pub fn names() -> Names {
    Names {
        credentials: "acme/credentials/".to_owned(),
        administrators: "acme/masters/".to_owned(),
        oauth: "acme/oauth/".to_owned(),
    }
}
