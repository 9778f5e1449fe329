//! Lambda: the functions' own handlers, each invocation a cold start that keeps nothing, called over
//! HTTP by `rotate`, by Secrets Manager as rotation function, and by EventBridge Scheduler.

use std::rc::Rc;
use std::time::Duration;

use addon_rotation::aws::sdk_config_with;
use addon_rotation::configuration::{HerokuConfiguration, ScheduleConfiguration, StepFunctions};
use addon_rotation::deadline::Deadline;
use addon_rotation::event::{FinishEvent, RevokeEvent, RotationEvent, StepEvent, SweepEvent};
use addon_rotation::event_bus::EventBus;
use addon_rotation::heroku::HerokuClient;
use addon_rotation::invoke::Functions;
use addon_rotation::schedule::Schedules;
use addon_rotation::secrets::Secrets;
use addon_rotation::service::Services;
use addon_rotation::steps::{self, Revocation};
use addon_rotation::{Error, function};
use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use lambda_runtime::Diagnostic;
use local_cloud::ministack::Invocation;
use local_cloud::scheduler::{HandOver, Target};
use local_cloud::secrets_manager::{Answer, RotationFunctions};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use url::Url;

use crate::running::Running;

/// The stack's name: the value of the managed secrets' tag `rotation:stack`.
pub const STACK: &str = "addon-rotation";

/// The stack's grace period: the default.
pub const GRACE_PERIOD: Duration = Duration::from_hours(2);

/// What an invocation has. A function that dies of it does so at a request, at once.
const TIMEOUT: Duration = Duration::from_mins(3);

/// A function's ARN.
#[must_use]
pub fn arn(function: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{function}")
}

/// What the functions' environment variables say.
#[derive(Debug)]
pub struct Environment {
    /// Where AWS is, Lambda excepted.
    pub aws: Url,
    /// Where Lambda is.
    pub lambda: Url,
    /// Where Heroku is.
    pub heroku: HerokuConfiguration,
    /// The HTTP client that each builds at its start.
    pub http: reqwest::Client,
}

/// An invocation that waits for its answer.
struct Job {
    function: String,
    payload: Value,
    reply: oneshot::Sender<Result<(), Diagnostic>>,
}

/// Invokes functions. Clones invoke the same.
#[derive(Clone)]
pub struct Lambda {
    jobs: mpsc::UnboundedSender<Job>,
    scheduled: mpsc::UnboundedSender<Value>,
}

/// What Scheduler handed over and nobody has worked off.
pub type Scheduled = mpsc::UnboundedReceiver<Value>;

impl Lambda {
    /// Functions on this thread, within a [`tokio::task::LocalSet`]. `failures` hears the error of
    /// every invocation that failed, and every panic.
    #[must_use]
    pub fn start(
        environment: Environment,
        running: Running,
        errors: mpsc::UnboundedSender<String>,
    ) -> (Self, Scheduled) {
        let (jobs, mut work) = mpsc::unbounded_channel::<Job>();
        let (scheduled, hand_overs) = mpsc::unbounded_channel();
        let environment = Rc::new(environment);
        tokio::task::spawn_local(async move {
            while let Some(job) = work.recv().await {
                let (environment, running) = (Rc::clone(&environment), running.clone());
                let errors = errors.clone();
                tokio::task::spawn_local(async move {
                    let outcome = invoke(environment, &running, &job, &errors).await;
                    // A caller that died waits no longer.
                    let _ = job.reply.send(outcome);
                });
            }
        });
        (Self { jobs, scheduled }, hand_overs)
    }

    /// Invokes a function and waits for its answer.
    ///
    /// # Errors
    /// With the function's error, or Lambda's if its process ended.
    pub async fn invoke(&self, function: &str, payload: Value) -> Result<(), Diagnostic> {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            function: function.to_owned(),
            payload,
            reply,
        };
        let gone = || died("the stand is gone");
        self.jobs.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Lambda's own API, for `rotate`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(invoked))
            .with_state(self.clone())
    }
}

fn died(message: &str) -> Diagnostic {
    Diagnostic {
        error_type: "Sandbox.Timedout".to_owned(),
        error_message: message.to_owned(),
    }
}

async fn invoke(
    environment: Rc<Environment>,
    running: &Running,
    job: &Job,
    errors: &mpsc::UnboundedSender<String>,
) -> Result<(), Diagnostic> {
    let (function, payload) = (job.function.clone(), job.payload.clone());
    let caller = match payload.get("RotationToken").and(payload["Step"].as_str()) {
        Some(step) => format!("{function} {step}"),
        None => function.clone(),
    };
    let task = tokio::task::spawn_local(async move { environment.run(&function, &payload).await });
    let id = running.begin(&job.function, caller, task.abort_handle());
    let outcome = task.await;
    running.end(id);
    let message = match outcome {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => {
            // What a debugging log of the caller's would hold is to be as clean as the message.
            let _ = errors.send(format!("{error} {error:?}"));
            return Err(Diagnostic::from(error));
        }
        Err(error) if error.is_cancelled() => "Task timed out after 60.00 seconds".to_owned(),
        Err(error) => {
            let _ = errors.send(format!("{PANICKED}{}: {error}", job.function));
            "Runtime exited with error: exit status 101".to_owned()
        }
    };
    Err(died(&message))
}

/// What the word of a panic begins with.
pub const PANICKED: &str = "panicked: ";

impl Environment {
    fn sdk_config(&self, function: &str, endpoint: &Url) -> SdkConfig {
        let credentials = Credentials::new(function, "secret access key", None, None, "test");
        let endpoint = Some(endpoint.to_string());
        sdk_config_with(&self.http, "us-east-1".to_owned(), credentials, endpoint)
    }

    fn schedules(aws: &SdkConfig) -> Schedules {
        let configuration = ScheduleConfiguration {
            group: STACK.to_owned(),
            role: "arn:aws:iam::000000000000:role/scheduler".to_owned(),
            function: arn("revoke-secret"),
            dead_letter_queue: "arn:aws:sqs:us-east-1:000000000000:dead-letters".to_owned(),
        };
        Schedules::new(aws, configuration)
    }

    /// What the function's `main` does with one event, from its start on.
    async fn run(&self, name: &str, payload: &Value) -> Result<(), Error> {
        let deadline = Deadline::after(TIMEOUT);
        let aws = self.sdk_config(name, &self.aws);
        let (secrets, services) = (Secrets::new(&aws), Services::new(self.http.clone()));
        let client = HerokuClient::new(self.http.clone(), &self.heroku);
        let grace_period = u32::try_from(GRACE_PERIOD.as_secs()).unwrap_or(u32::MAX);
        match name {
            "rotate" => {
                let names = StepFunctions {
                    create_secret: "create-secret".to_owned(),
                    publish_to_heroku: "publish-to-heroku".to_owned(),
                    test_secret: "test-secret".to_owned(),
                    finish_secret: "finish-secret".to_owned(),
                };
                let functions = Functions::new(&self.sdk_config(name, &self.lambda));
                let bus = EventBus::new(&aws);
                let step = async |event: RotationEvent, deadline| {
                    steps::rotate(event, &secrets, &functions, &names, &bus, deadline).await
                };
                function::handle(step, payload, "", deadline).await
            }
            "create-secret" => {
                let step = async |event: StepEvent, deadline| {
                    steps::create_secret(event, &secrets, &services, deadline).await
                };
                function::handle(step, payload, "", deadline).await
            }
            "publish-to-heroku" => {
                let step = async |event: StepEvent, deadline| {
                    steps::publish_to_heroku(event, &secrets, &client, &self.heroku, deadline).await
                };
                function::handle(step, payload, "", deadline).await
            }
            "test-secret" => {
                let step = async |event: StepEvent, deadline| {
                    steps::test_secret(event, &secrets, &services, &client, &self.heroku, deadline)
                        .await
                };
                function::handle(step, payload, "", deadline).await
            }
            "finish-secret" => {
                let schedules = Self::schedules(&aws);
                let step = async |event: FinishEvent, deadline| {
                    steps::finish_secret(event, &schedules, grace_period, deadline).await
                };
                function::handle(step, payload, "", deadline).await
            }
            "revoke-secret" => {
                let revocation = Revocation {
                    schedules: Self::schedules(&aws),
                    secrets,
                    services,
                    heroku: client,
                    configuration: self.heroku.clone(),
                    grace_period_seconds: grace_period,
                };
                let step = async |event: RevokeEvent, deadline| {
                    steps::revoke_secret(event, &revocation, deadline).await
                };
                function::handle(step, payload, "", deadline).await
            }
            "sweep" => {
                let schedules = Self::schedules(&aws);
                let step = async |_: SweepEvent, deadline| {
                    steps::sweep(
                        &secrets,
                        &schedules,
                        STACK,
                        grace_period,
                        steps::Order::OldestFirst,
                        deadline,
                    )
                    .await
                };
                function::handle(step, payload, "", deadline).await
            }
            _ => unreachable!("there is no function {name}"),
        }
    }
}

/// Lambda's Invoke. See its API reference: a function that failed is a success with a header.
async fn invoked(
    State(lambda): State<Lambda>,
    Path(function): Path<String>,
    body: Bytes,
) -> Response {
    let payload = serde_json::from_slice(&body).unwrap_or_default();
    match lambda.invoke(&function, payload).await {
        Ok(()) => Json(Value::Null).into_response(),
        Err(error) => (
            [("x-amz-function-error", "Unhandled")],
            Json(described(&error)),
        )
            .into_response(),
    }
}

fn described(error: &Diagnostic) -> Value {
    json!({ "errorType": error.error_type, "errorMessage": error.error_message })
}

impl RotationFunctions for Lambda {
    fn invoke<'a>(&'a self, function_arn: &'a str, event: &'a Value) -> Answer<'a, Invocation> {
        Box::pin(async move {
            let function = function_arn.rsplit(':').next().unwrap_or_default();
            Ok(match Self::invoke(self, function, event.clone()).await {
                Ok(()) => Invocation {
                    payload: Value::Null,
                    function_error: None,
                },
                Err(error) => Invocation {
                    payload: described(&error),
                    function_error: Some("Unhandled".to_owned()),
                },
            })
        })
    }

    fn policy<'a>(&'a self, function_arn: &'a str) -> Answer<'a, Option<Value>> {
        Box::pin(async move {
            Ok(Some(json!({ "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "secretsmanager.amazonaws.com" },
                "Action": "lambda:InvokeFunction",
                "Resource": function_arn,
                "Condition": { "StringEquals": { "AWS:SourceAccount": "000000000000" } },
            }] })))
        })
    }

    fn principal<'a>(&'a self, _function_arn: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async { Ok(Some("rotate".to_owned())) })
    }
}

impl Target for Lambda {
    /// An asynchronous invocation: Lambda takes the event, and Scheduler is done.
    fn invoke(&self, _function_arn: String, _role_arn: String, input: String) -> HandOver<'_> {
        Box::pin(async move {
            let payload = serde_json::from_str(&input).map_err(|error| error.to_string())?;
            self.scheduled
                .send(payload)
                .map_err(|_| "the stand is gone".to_owned())
        })
    }
}
