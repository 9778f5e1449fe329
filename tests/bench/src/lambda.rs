//! Lambda while a rotation is recorded: each invocation starts the function's process anew.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use axum::body::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use local_cloud::lambda::Function;
use local_cloud::ministack::Invocation;
use local_cloud::scheduler::{HandOver, Target};
use local_cloud::secrets_manager::{Answer as Future, RotationFunctions};
use serde_json::{Value, json};

use super::front::Desk;
use super::processors::Starter;
use super::sandbox::{Launch, Sandbox};
use super::tape::Answer;
use super::world::STACK;

/// A function's ARN.
pub(crate) fn arn(function: &str) -> String {
    local_cloud::lambda::arn(&format!("{STACK}-{function}"))
}

/// A function by its ARN.
fn named(arn: &str) -> Option<&str> {
    let name = arn.rsplit(':').next()?;
    name.strip_prefix(STACK)?.strip_prefix('-')
}

/// The name of one kind of invocation: the function's, and with `rotate` the step's.
pub(crate) fn name(function: &str, event: &Value) -> String {
    match (function, event["Step"].as_str()) {
        ("rotate", Some(step)) => format!("rotate {step}"),
        _ => function.to_owned(),
    }
}

/// Starts the functions. Clones share everything.
#[derive(Clone)]
pub(crate) struct Lambda(Arc<Shared>);

struct Shared {
    starter: Starter,
    executables: PathBuf,
    logs: PathBuf,
    functions: OnceLock<Vec<Function>>,
    desk: OnceLock<Weak<Desk>>,
}

impl Lambda {
    pub(crate) fn new(starter: Starter, executables: &Path, logs: &Path) -> Self {
        Self(Arc::new(Shared {
            starter,
            executables: executables.to_owned(),
            logs: logs.to_owned(),
            functions: OnceLock::new(),
            desk: OnceLock::new(),
        }))
    }

    /// What there is to know before the first invocation.
    pub(crate) fn set_up(&self, functions: Vec<Function>, desk: &Arc<Desk>) {
        // Once only: there is one world per Lambda.
        let _ = self.0.functions.set(functions);
        let _ = self.0.desk.set(Arc::downgrade(desk));
    }

    /// How a function is started.
    pub(crate) fn launch(&self, function: &str) -> Launch {
        let functions = self.0.functions.get();
        let deployed = functions.and_then(|all| all.iter().find(|it| it.binary == function));
        Launch {
            name: function.to_owned(),
            function: local_cloud::lambda::Launch {
                // What the others know it by is nothing to the floor.
                function: deployed.map_or(function, |it| &it.name).to_owned(),
                executable: self.0.executables.join(function),
                memory: deployed.map_or(256, |it| it.memory),
                environment: deployed
                    .map(|it| it.environment.clone())
                    .unwrap_or_default(),
            },
            under: Vec::new(),
            log: self.0.logs.join(format!("{function}.log")),
        }
    }

    /// Runs a function once. The error says what kept it from answering.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        event: Value,
    ) -> Result<Result<Value, Value>, String> {
        let desk = self.0.desk.get().and_then(Weak::upgrade);
        let desk = desk.ok_or("there is no world yet")?;
        let name = name(function, &event);
        desk.begins(&name, &event);
        let outcome = self.run(function, event).await;
        desk.ends(&name);
        outcome
    }

    async fn run(&self, function: &str, event: Value) -> Result<Result<Value, Value>, String> {
        let launch = self.launch(function);
        let started = Sandbox::start(&launch, &self.0.starter, event).await;
        let mut sandbox = started.map_err(|error| error.to_string())?;
        sandbox.ready().await.map_err(|error| error.to_string())?;
        sandbox.outcome().await.map_err(|error| error.to_string())
    }

    /// `Invoke`, as `rotate` asks for it: a function that fails is a success with a header.
    pub(crate) async fn answer(&self, path: &str, body: &Bytes) -> Option<Answer> {
        let function = path
            .strip_prefix("/2015-03-31/functions/")?
            .strip_suffix("/invocations")?;
        let function = percent_decoded(function);
        let function = named(&function)?;
        let event = serde_json::from_slice(body).ok()?;
        let mut headers = HeaderMap::new();
        let payload = match self.invoke(function, event).await.ok()? {
            Ok(payload) => payload,
            Err(error) => {
                let name = HeaderName::from_static("x-amz-function-error");
                headers.insert(name, HeaderValue::from_static("Unhandled"));
                error
            }
        };
        Some(Answer {
            status: StatusCode::OK,
            headers,
            body: Bytes::from(payload.to_string()),
        })
    }
}

fn percent_decoded(text: &str) -> String {
    text.replace("%3A", ":").replace("%3a", ":")
}

impl RotationFunctions for Lambda {
    fn invoke<'a>(&'a self, function_arn: &'a str, event: &'a Value) -> Future<'a, Invocation> {
        Box::pin(async move {
            let function = named(function_arn).unwrap_or(function_arn);
            let outcome = Self::invoke(self, function, event.clone()).await?;
            let function_error = outcome.is_err().then(|| "Unhandled".to_owned());
            let (Ok(payload) | Err(payload)) = outcome;
            Ok(Invocation {
                payload,
                function_error,
            })
        })
    }

    fn policy<'a>(&'a self, function_arn: &'a str) -> Future<'a, Option<Value>> {
        Box::pin(async move {
            Ok(Some(json!({ "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "secretsmanager.amazonaws.com" },
                "Action": "lambda:InvokeFunction",
                "Resource": function_arn,
            }] })))
        })
    }

    fn principal<'a>(&'a self, function_arn: &'a str) -> Future<'a, Option<String>> {
        Box::pin(async move { Ok(function_arn.rsplit(':').next().map(str::to_owned)) })
    }
}

impl Target for Lambda {
    fn invoke(&self, function_arn: String, _role_arn: String, input: String) -> HandOver<'_> {
        Box::pin(async move {
            let event = serde_json::from_str(&input).map_err(|error| error.to_string())?;
            let function = named(&function_arn).unwrap_or(&function_arn);
            match Self::invoke(self, function, event).await? {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            }
        })
    }
}
