//! Lambda without MiniStack: the real function binaries, each in a process that speaks Lambda's Runtime API,
//! invoked over HTTP as the SDKs do, by Secrets Manager and by EventBridge Scheduler. Who may invoke what is not
//! asked here: IAM takes MiniStack.

mod environment;
mod front;
mod process;
mod runtime_api;
mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use strict_aws::ministack::Invocation;
use strict_aws::scheduler::{HandOver, Target};
use strict_aws::secrets_manager::{Answer, RotationFunctions};

pub use environment::Launch;
pub use runtime_api::{Call, RuntimeApi};
pub use template::functions;

use process::Sandbox;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:";

pub fn arn(name: &str) -> String {
    format!("{ARN}{name}")
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name at Lambda, the stack's included.
    pub name: String,
    pub binary: String,
    pub timeout: Duration,
    /// Its memory, in MB.
    pub memory: u32,
    pub environment: BTreeMap<String, String>,
}

/// Lambda. Clones share everything; the functions' processes end with the last one.
#[derive(Clone)]
pub struct Lambda(Arc<Shared>);

struct Shared {
    executables: PathBuf,
    logs: PathBuf,
    functions: OnceLock<BTreeMap<String, Function>>,
    /// Processes that wait for an event, by function.
    idle: Mutex<BTreeMap<String, Vec<Sandbox>>>,
    started: Mutex<u32>,
}

impl Lambda {
    /// Runs what is in the directory `executables`; the processes' output goes to files in `logs`.
    pub fn new(executables: &Path, logs: &Path) -> Self {
        Self(Arc::new(Shared {
            executables: executables.to_owned(),
            logs: logs.to_owned(),
            functions: OnceLock::new(),
            idle: Mutex::default(),
            started: Mutex::default(),
        }))
    }

    /// Deploys the functions. Only the first deployment counts.
    pub fn deploy(&self, functions: Vec<Function>) {
        let by_name = functions.into_iter().map(|it| (it.name.clone(), it));
        let _ = self.0.functions.set(by_name.collect());
    }

    fn function(&self, id: &str) -> Option<&Function> {
        let name = id.strip_prefix(ARN).unwrap_or(id);
        self.0.functions.get()?.get(name)
    }

    /// Invokes a function, by name or ARN, and waits for its answer. A failure of the function's own is an answer
    /// with [`Invocation::function_error`].
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Invocation> {
        let known = self.function(function);
        let function = known.with_context(|| not_found(function))?;
        let idle = self.idle().get_mut(&function.name).and_then(Vec::pop);
        let mut sandbox = match idle {
            Some(sandbox) => sandbox,
            None => self.start(function).await?,
        };
        let ended = tokio::time::timeout(function.timeout, sandbox.invoke(event)).await;
        let (invocation, is_reusable) = match ended {
            Ok(Some(invocation)) => (invocation, true),
            Ok(None) => (failure("Runtime.ExitError", "the process ended"), false),
            // Recorded in 2025 (its test names where); in 2024 there was no type.
            Err(_) => (failure("Sandbox.Timedout", "Task timed out"), false),
        };
        if is_reusable {
            let mut idle = self.idle();
            idle.entry(function.name.clone()).or_default().push(sandbox);
        }
        Ok(invocation)
    }

    async fn start(&self, function: &Function) -> Result<Sandbox> {
        let number = {
            let mut started = stand_in::lock(&self.0.started);
            *started += 1;
            *started
        };
        let launch = Launch {
            function: function.name.clone(),
            executable: self.0.executables.join(&function.binary),
            memory: function.memory,
            environment: function.environment.clone(),
        };
        let log = self
            .0
            .logs
            .join(format!("{}-{number}.log", function.binary));
        Sandbox::start(&launch, function.timeout, &log).await
    }

    fn idle(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Sandbox>>> {
        stand_in::lock(&self.0.idle)
    }
}

fn not_found(function: &str) -> String {
    format!("Function not found: {function}")
}

fn failure(kind: &str, message: &str) -> Invocation {
    Invocation {
        payload: json!({ "errorType": kind, "errorMessage": message }),
        function_error: Some("Unhandled".to_owned()),
    }
}

impl RotationFunctions for Lambda {
    fn invoke<'a>(&'a self, function_arn: &'a str, event: &'a Value) -> Answer<'a, Invocation> {
        let invocation = Lambda::invoke(self, function_arn, event);
        Box::pin(async move { invocation.await.map_err(|error| format!("{error:#}")) })
    }

    fn lets_in<'a>(&'a self, function_arn: &'a str, _secret_arn: &'a str) -> Answer<'a, bool> {
        let is_there = self.function(function_arn).is_some();
        Box::pin(async move { Ok(is_there) })
    }

    fn principal<'a>(&'a self, function_arn: &'a str) -> Answer<'a, Option<String>> {
        // Nobody checks signatures here: each function's access key id is its name.
        let name = self.function(function_arn).map(|it| it.name.clone());
        Box::pin(async move { Ok(name) })
    }
}

impl Target for Lambda {
    fn invoke(&self, function_arn: String, _role_arn: String, input: String) -> HandOver<'_> {
        Box::pin(async move {
            let event: Value = serde_json::from_str(&input)
                .map_err(|error| format!("the input is not JSON: {error}"))?;
            self.function(&function_arn)
                .ok_or_else(|| not_found(&function_arn))?;
            // As Lambda does it for an asynchronous invocation: the hand-over is all that the caller hears of.
            let lambda = self.clone();
            tokio::spawn(async move { lambda.invoke_twice_more(&function_arn, &event).await });
            Ok(())
        })
    }
}

impl Lambda {
    /// An asynchronous invocation, which Lambda tries twice more.
    async fn invoke_twice_more(&self, function: &str, event: &Value) {
        for _ in 0..3 {
            match Lambda::invoke(self, function, event).await {
                Ok(Invocation {
                    function_error: None,
                    ..
                }) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(function, %error, "not invoked");
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
