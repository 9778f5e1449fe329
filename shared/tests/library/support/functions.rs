//! Lambda: runs the steps in this process, called over HTTP as `rotate` calls the others, by Secrets
//! Manager as rotation function, and by EventBridge Scheduler.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use addon_rotation::heroku::HerokuConfiguration;
use addon_rotation::invoke::Functions;
use addon_rotation::schedule::Schedules;
use addon_rotation::steps::RevokeSecret;
use aws_types::SdkConfig;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use lambda_in_process::{Environment, answered, arn, function_of, invocation};
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use strict_aws::ministack::Invocation;
use strict_aws::scheduler::{HandOver, Target};
use strict_aws::secrets_manager::{Answer, RotationFunctions};
use tokio::runtime::Handle;
use url::Url;

use super::{Invariants, Log, Server};

/// What an invocation has.
const TIMEOUT: Duration = Duration::from_secs(30);

/// When a function's process ends without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before it has done anything.
    Before,
    /// After it has done everything: only its answer is lost.
    After,
}

/// An invocation that ends without an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    pub(crate) function: &'static str,
    /// In which of its steps; in any, if none.
    pub(crate) step: Option<&'static str>,
    pub(crate) when: When,
}

impl Crash {
    /// In whichever of its steps.
    pub(crate) fn new(function: &'static str, when: When) -> Self {
        Self {
            function,
            step: None,
            when,
        }
    }

    /// Before it does anything.
    pub(crate) fn before(function: &'static str) -> Self {
        Self::new(function, When::Before)
    }

    /// After it has done everything.
    pub(crate) fn after(function: &'static str, step: &'static str) -> Self {
        Self {
            step: Some(step),
            ..Self::new(function, When::After)
        }
    }

    fn is_of(&self, function: &str, payload: &Value) -> bool {
        self.function == function && self.step.is_none_or(|step| payload["Step"] == step)
    }
}

/// An invocation as it was made, and the message of the error that it ended with.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) function: String,
    pub(crate) payload: Value,
    pub(crate) error: Option<String>,
}

/// What stands in for a function that is not here.
type StandIn = Box<dyn Fn(&Value) -> Result<Value, Diagnostic> + Send>;

#[derive(Default)]
struct Book {
    crashes: Vec<Crash>,
    twice: bool,
    timeout: Option<Duration>,
    answers: BTreeMap<&'static str, StandIn>,
    records: Vec<Record>,
    logged: String,
    invariants: Vec<Invariants>,
}

#[derive(Clone)]
pub(crate) struct Lambda {
    environment: Arc<Environment>,
    book: Arc<Mutex<Book>>,
}

impl Lambda {
    /// Functions that find AWS at `aws`, and the address at which they find one another.
    pub(crate) async fn start(
        http: &reqwest::Client,
        aws: &Url,
        heroku: HerokuConfiguration,
    ) -> (Self, Server) {
        let address = Server::bind().await;
        let environment = Environment {
            http: http.clone(),
            aws: aws.clone(),
            lambda: address.url.clone(),
            heroku,
            timeout: TIMEOUT,
            reports: false,
        };
        let lambda = Self {
            environment: Arc::new(environment),
            book: Arc::default(),
        };
        let router = Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(invoked))
            .route(
                "/2015-03-31/functions/{name}/configuration",
                get(configured),
            )
            .with_state(lambda.clone());
        (lambda, address.serve(router))
    }

    pub(crate) fn heroku(&self) -> &HerokuConfiguration {
        &self.environment.heroku
    }

    /// What the functions have logged since the last look.
    pub(crate) fn logged(&self) -> String {
        std::mem::take(&mut self.book().logged)
    }

    /// What the functions' environment variables say.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The next invocation that fits ends without an answer.
    pub(crate) fn crash_next(&self, crash: Crash) {
        self.book().crashes.push(crash);
    }

    /// How many of the crashes asked for have not come about yet.
    pub(crate) fn pending_crashes(&self) -> usize {
        self.book().crashes.len()
    }

    /// What Lambda says that a function's time-out is.
    pub(crate) fn tell_timeout(&self, timeout: Duration) {
        self.book().timeout = Some(timeout);
    }

    /// What stands in for a function that is not here.
    pub(crate) fn answer_with(
        &self,
        function: &'static str,
        answer: impl Fn(&Value) -> Result<Value, Diagnostic> + Send + 'static,
    ) {
        self.book().answers.insert(function, Box::new(answer));
    }

    /// Has every event delivered a second time from now on.
    pub(crate) fn deliver_twice(&self) {
        self.book().twice = true;
    }

    /// Looks at the instance before and after every invocation from now on.
    pub(crate) fn watch(&self, invariants: Invariants) {
        self.book().invariants.push(invariants);
    }

    /// The invocations so far, in the order in which they ended.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.book().records.clone()
    }

    /// The invocations of one function.
    pub(crate) fn records_of(&self, function: &str) -> Vec<Record> {
        let mut records = self.records();
        records.retain(|record| record.function == function);
        records
    }

    /// A function's configuration of the AWS SDK: its credentials are its name's.
    pub(crate) fn sdk_config(&self, function: &str) -> SdkConfig {
        self.environment.sdk_config(function)
    }

    /// EventBridge Scheduler as a function reaches it.
    pub(crate) fn schedules(&self) -> Schedules {
        self.environment.schedules("finish-secret")
    }

    /// The same with the bounds that it has when it is deployed.
    pub(crate) fn schedules_as_deployed(&self) -> Schedules {
        self.environment.schedules_as_deployed()
    }

    /// `revoke-secret`, started.
    pub(crate) fn revocation(&self) -> RevokeSecret {
        self.environment.start("revoke-secret")
    }

    /// The functions as `rotate` reaches them.
    pub(crate) fn functions(&self) -> Functions {
        self.environment.functions("rotate")
    }

    /// Invokes a function and waits for its success.
    pub(crate) async fn invoke(&self, function: &str, payload: Value) -> Result<(), Diagnostic> {
        self.ask(function, payload).await.map(drop)
    }

    /// Invokes a function and waits for its answer.
    pub(crate) async fn ask(&self, function: &str, payload: Value) -> Result<Value, Diagnostic> {
        self.look().await;
        let (crash, times) = {
            let mut book = self.book();
            let crash = book
                .crashes
                .iter()
                .position(|crash| crash.is_of(function, &payload));
            let crash = crash.map(|index| book.crashes.remove(index).when);
            (crash, if book.twice { 2 } else { 1 })
        };
        let mut outcome = Ok(Value::Null);
        if crash != Some(When::Before) {
            for _ in 0..times {
                outcome = outcome.and(self.run(function, payload.clone()).await);
            }
        }
        if crash.is_some() {
            outcome = Err(Diagnostic {
                error_type: "Runtime.ExitError".to_owned(),
                error_message: "Runtime exited without providing a reason".to_owned(),
            });
        }
        self.look().await;
        let error = outcome.as_ref().err();
        self.record(function, payload, error.map(|it| it.error_message.as_str()));
        outcome
    }

    fn record(&self, function: &str, payload: Value, error: Option<&str>) {
        self.book().records.push(Record {
            function: function.to_owned(),
            payload,
            error: error.map(ToOwned::to_owned),
        });
    }

    /// A step's future need not be `Send`, since a function runs on one thread: so it does here.
    async fn run(&self, function: &str, payload: Value) -> Result<Value, Diagnostic> {
        let (environment, function) = (Arc::clone(&self.environment), function.to_owned());
        let runtime = Handle::current();
        let step = move || {
            let log = Log::new();
            let outcome = runtime.block_on(environment.invoke(&function, &payload));
            (outcome.map_err(Diagnostic::from), log.text())
        };
        let (outcome, logged) = tokio::task::spawn_blocking(step).await.unwrap();
        self.book().logged.push_str(&logged);
        outcome
    }

    async fn look(&self) {
        let invariants = self.book().invariants.clone();
        for invariants in invariants {
            invariants.look().await;
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }
}

/// What a function says that fails.
pub(crate) fn failure(message: &str) -> Diagnostic {
    Diagnostic {
        error_type: "ServiceError".to_owned(),
        error_message: message.to_owned(),
    }
}

/// Lambda's Invoke. See its API reference: a function that failed is a success with a header.
async fn invoked(
    State(lambda): State<Lambda>,
    Path(function): Path<String>,
    body: Bytes,
) -> Response {
    let payload: Value = serde_json::from_slice(&body).unwrap();
    let function = function_of(&function).to_owned();
    let answer = {
        let book = lambda.book();
        let answer = book.answers.get(function.as_str());
        answer.map(|answer| answer(&payload))
    };
    if let Some(answer) = answer {
        lambda.record(&function, payload, None);
        return answered(answer);
    }
    // Three that Lambda itself answers for.
    let refusal = match function.as_str() {
        "busy" => Some((StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException")),
        "broken" => Some((StatusCode::INTERNAL_SERVER_ERROR, "ServiceException")),
        "unknown" => Some((StatusCode::NOT_FOUND, "ResourceNotFoundException")),
        _ => None,
    };
    if let Some((status, code)) = refusal {
        lambda.record(&function, payload, Some(code));
        let body = Json(json!({ "Message": "out of order" }));
        return (status, [("x-amzn-errortype", code)], body).into_response();
    }
    answered(lambda.ask(&function, payload).await)
}

/// Lambda's `GetFunctionConfiguration`, of the one stack that there is.
async fn configured(State(lambda): State<Lambda>, Path(function): Path<String>) -> Response {
    if !function.starts_with("addon-rotation-") {
        let code = "ResourceNotFoundException";
        let body = Json(json!({ "Message": format!("Function not found: {function}") }));
        return (StatusCode::NOT_FOUND, [("x-amzn-errortype", code)], body).into_response();
    }
    let timeout = lambda.book().timeout.unwrap_or(TIMEOUT);
    let variables: BTreeMap<_, _> = lambda
        .environment
        .variables(&function)
        .into_iter()
        .collect();
    Json(json!({
        "FunctionName": function,
        "Timeout": timeout.as_secs(),
        "Environment": { "Variables": variables },
    }))
    .into_response()
}

impl RotationFunctions for Lambda {
    fn invoke<'a>(&'a self, function_arn: &'a str, event: &'a Value) -> Answer<'a, Invocation> {
        assert_eq!(function_arn, arn("rotate"));
        Box::pin(async move { Ok(invocation(self.ask("rotate", event.clone()).await)) })
    }

    fn lets_in<'a>(&'a self, _function_arn: &'a str, _secret_arn: &'a str) -> Answer<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn principal<'a>(&'a self, _function_arn: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async { Ok(Some("rotate".to_owned())) })
    }
}

impl Target for Lambda {
    /// Handed over: what becomes of the event is the function's own affair.
    fn invoke(&self, function_arn: String, _role_arn: String, input: String) -> HandOver<'_> {
        Box::pin(async move {
            let function = function_of(&function_arn);
            assert!(["revoke-secret", "deprovision-addon"].contains(&function));
            let payload = serde_json::from_str(&input).unwrap();
            let _ = Self::invoke(self, function, payload).await;
            Ok(())
        })
    }
}
