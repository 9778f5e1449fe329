//! Lambda: the functions' own handlers, each invocation a cold start that keeps nothing, called over
//! HTTP by `rotate`, by Secrets Manager as rotation function, and by EventBridge Scheduler.

use std::rc::Rc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use lambda_in_process::{Environment, answered, function_of, invocation, names};
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use strict_aws::ministack::Invocation;
use strict_aws::scheduler::{HandOver, Target};
use strict_aws::secrets_manager::{Answer, RotationFunctions};
use tokio::sync::{mpsc, oneshot};

use crate::running::Running;

/// What an invocation has. A function that dies of it does so at a request, at once.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(3);

struct Job {
    function: String,
    payload: Value,
    reply: oneshot::Sender<Result<Value, Diagnostic>>,
}

/// Invokes functions. Clones invoke the same.
#[derive(Clone)]
pub struct Lambda {
    jobs: mpsc::UnboundedSender<Job>,
    scheduled: mpsc::UnboundedSender<Scheduled>,
}

#[derive(Clone, Debug)]
pub struct Scheduled {
    pub function: String,
    pub event: Value,
}

impl Lambda {
    /// Functions on this thread, within a [`tokio::task::LocalSet`]. `failures` hears the error of
    /// every invocation that failed, and every panic.
    pub fn start(
        environment: Environment,
        running: Running,
        errors: mpsc::UnboundedSender<String>,
    ) -> (Self, mpsc::UnboundedReceiver<Scheduled>) {
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

    pub async fn invoke(&self, function: &str, payload: Value) -> Result<Value, Diagnostic> {
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

    /// Lambda's own API, for `rotate` and the operator's tool. It says that functions have no time: what the tool
    /// would wait for is over here before a command begins.
    pub fn router(&self) -> Router {
        let names = names();
        let settings = json!({ "Timeout": 0, "Environment": { "Variables": {
            "SECRET_NAME_PREFIX": names.credentials,
            "ADMINISTRATOR_SECRET_NAME_PREFIX": names.administrators,
            "OAUTH_SECRET_NAME_PREFIX": names.oauth,
        } } });
        let settings = move || {
            let settings = settings.clone();
            async { Json(settings).into_response() }
        };
        Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(invoked))
            .route("/2015-03-31/functions/{name}/configuration", get(settings))
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
) -> Result<Value, Diagnostic> {
    let (function, payload) = (job.function.clone(), job.payload.clone());
    let caller = match payload.get("RotationToken").and(payload["Step"].as_str()) {
        Some(step) => format!("{function} {step}"),
        None => function.clone(),
    };
    let task =
        tokio::task::spawn_local(async move { environment.invoke(&function, &payload).await });
    let id = running.begin(&job.function, caller, task.abort_handle());
    let outcome = task.await;
    running.end(id);
    let message = match outcome {
        Ok(Ok(answer)) => return Ok(answer),
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

async fn invoked(
    State(lambda): State<Lambda>,
    Path(function): Path<String>,
    body: Bytes,
) -> Response {
    let payload = serde_json::from_slice(&body).unwrap_or_default();
    answered(lambda.invoke(function_of(&function), payload).await)
}

impl RotationFunctions for Lambda {
    fn invoke<'a>(&'a self, function_arn: &'a str, event: &'a Value) -> Answer<'a, Invocation> {
        Box::pin(async move {
            let function = function_of(function_arn);
            Ok(invocation(
                Self::invoke(self, function, event.clone()).await,
            ))
        })
    }

    fn lets_in<'a>(&'a self, _function_arn: &'a str, _secret_arn: &'a str) -> Answer<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn principal<'a>(&'a self, _function_arn: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async { Ok(Some("rotate".to_owned())) })
    }
}

impl Target for Lambda {
    /// An asynchronous invocation: Lambda takes the event, and Scheduler is done.
    fn invoke(&self, function_arn: String, _role_arn: String, input: String) -> HandOver<'_> {
        Box::pin(async move {
            let scheduled = Scheduled {
                function: function_of(&function_arn).to_owned(),
                event: serde_json::from_str(&input).map_err(|error| error.to_string())?,
            };
            self.scheduled
                .send(scheduled)
                .map_err(|_| "the stand is gone".to_owned())
        })
    }
}
