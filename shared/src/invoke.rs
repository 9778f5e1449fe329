//! Calls to the functions: from `rotate` to those that hold the powers it lacks, and an operator's.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use http::Request;
use percent_encoding::utf8_percent_encode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::aws::{AwsError, Service};
use crate::deadline::{Deadline, Transient, retry};
use crate::fields::UNRESERVED;
use crate::message;
use crate::net::Answer;
use crate::start::Start;

/// A called function failed, or could not be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The function answered with an error: passed on word for word.
    #[error("{error_message}")]
    Function {
        /// The function.
        function: String,
        /// Its error's type.
        error_type: String,
        /// Its error's message.
        error_message: String,
    },
    /// The function could not be called, or did not answer.
    #[error(transparent)]
    Call(#[from] AwsError),
}

impl Transient for InvokeError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Function { .. } => false,
            Self::Call(error) => error.is_transient(),
        }
    }
}

/// A called function's error, passed on as an answer: it is no failure of the function that passes it on.
///
/// `rotate` answers it where rotations of an instance that is being enrolled would fail: no rotation has failed, and
/// nobody is to be alarmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Refused {
    /// The function.
    pub function: String,
    /// Its error's type.
    pub error_type: String,
    /// Its error's message.
    pub error_message: String,
}

impl Refused {
    /// What a function was asked for and refused; nothing if it did it.
    ///
    /// # Errors
    /// If it could not be called, or did not answer.
    pub(crate) fn of<A>(asked: Result<A, InvokeError>) -> Result<Option<Self>, InvokeError> {
        match asked {
            Ok(_) => Ok(None),
            Err(InvokeError::Function {
                function,
                error_type,
                error_message,
            }) => Ok(Some(Self {
                function,
                error_type,
                error_message,
            })),
            Err(error) => Err(error),
        }
    }
}

impl From<Refused> for InvokeError {
    fn from(refused: Refused) -> Self {
        Self::Function {
            function: refused.function,
            error_type: refused.error_type,
            error_message: refused.error_message,
        }
    }
}

/// Invokes functions and waits for their answers, through
/// [Lambda's API](https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html). It repeats no invocation: whether one
/// whose answer was lost took effect is not known here, and Secrets Manager repeats the step.
#[derive(Debug, Clone)]
pub struct Functions(Service);

impl Functions {
    /// As the environment variables have it: `AWS_ENDPOINT_URL_LAMBDA` is Lambda's own, as for AWS's tools.
    pub fn start(start: &mut Start) -> Self {
        let variable = "AWS_ENDPOINT_URL_LAMBDA";
        let endpoint = start.variables().optional_text(variable, "a URL", |_| true);
        let mut aws = start.aws.to_builder();
        if endpoint.is_some() {
            aws.set_endpoint_url(endpoint);
        }
        Self(Service::new("lambda", &start.http, &aws.build()))
    }

    /// Invokes a function synchronously, for as long as this invocation has.
    ///
    /// # Errors
    /// With the function's own error, or if it could not be called.
    pub async fn invoke<E: Serialize + Sync>(
        &self,
        function: &str,
        event: &E,
        deadline: Deadline,
    ) -> Result<(), InvokeError> {
        let payload = self.answer(function, event, deadline).await?;
        // What a function of this project answers. Anything else is not its word: it may never
        // have been asked.
        if payload.trim_ascii() == b"null" {
            return Ok(());
        }
        Err(unexpected(function).into())
    }

    /// As [`Functions::invoke`], of a function that answers something: of this kind, or it is not its word.
    ///
    /// # Errors
    /// With the function's own error, or if it could not be called.
    pub async fn ask<E: Serialize + Sync, A: DeserializeOwned>(
        &self,
        function: &str,
        event: &E,
        deadline: Deadline,
    ) -> Result<A, InvokeError> {
        let payload = self.answer(function, event, deadline).await?;
        let answer = serde_json::from_slice(&payload);
        Ok(answer.map_err(|_| unexpected(function))?)
    }

    /// What a function is configured with.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn settings(&self, function: &str, deadline: Deadline) -> Result<Settings, AwsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Configuration {
            timeout: Option<u64>,
            environment: Option<Environment>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Environment {
            variables: Option<HashMap<String, String>>,
        }
        let operation = "lambda:GetFunctionConfiguration";
        let configuration: Configuration = retry(deadline, || async {
            let request = Request::get(path(function, "configuration"));
            let answer = self.call(operation, function, request, Vec::new(), deadline);
            serde_json::from_slice(&answer.await?.body)
                .map_err(|_| AwsError::unreadable(operation, &function))
        })
        .await?;
        let environment = configuration.environment;
        Ok(Settings {
            // Lambda's default.
            timeout: Duration::from_secs(configuration.timeout.unwrap_or(3)),
            variables: environment.and_then(|it| it.variables).unwrap_or_default(),
        })
    }

    async fn call(
        &self,
        operation: &'static str,
        function: &str,
        request: http::request::Builder,
        body: Vec<u8>,
        deadline: Deadline,
    ) -> Result<Answer, AwsError> {
        let request = request
            .body(body)
            .map_err(|error| not_made(operation, function, &error))?;
        self.0.call(operation, &function, request, deadline).await
    }

    async fn answer<E: Serialize + Sync>(
        &self,
        function: &str,
        event: &E,
        deadline: Deadline,
    ) -> Result<Vec<u8>, InvokeError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Failure {
            error_type: Option<String>,
            error_message: Option<String>,
        }
        let operation = "lambda:InvokeFunction";
        let payload =
            serde_json::to_vec(event).map_err(|error| not_made(operation, function, &error))?;
        let request = Request::post(path(function, "invocations"));
        let answer = self
            .call(operation, function, request, payload, deadline)
            .await?;
        let payload = answer.body;
        let Some(kind) = answer.headers.get("x-amz-function-error") else {
            return Ok(payload);
        };
        let kind = String::from_utf8_lossy(kind.as_bytes()).into_owned();
        let failure = serde_json::from_slice::<Failure>(&payload).ok();
        let (error_type, error_message): (Option<String>, Option<String>) = failure
            .map_or((None, None), |failure| {
                (failure.error_type, failure.error_message)
            });
        let is_lambdas_own = error_type
            .as_deref()
            .is_none_or(|kind| kind.starts_with("Runtime.") || kind.starts_with("Sandbox."));
        let error_type = error_type.unwrap_or(kind);
        let see = format!(
            "→ Look in its log: aws logs tail /aws/lambda/{function} --since 1h. A retry can help."
        );
        Err(InvokeError::Function {
            function: function.to_owned(),
            error_message: match error_message {
                // Lambda's own words, for a function that timed out or died, do not name it.
                Some(message) if is_lambdas_own => {
                    let words = message::bare(&message);
                    format!("{function} failed: {words} ({error_type}). {see}")
                }
                Some(message) => message,
                None => format!("{function} failed without a message. {see}"),
            },
            error_type,
        })
    }
}

fn path(function: &str, what: &str) -> String {
    let function = utf8_percent_encode(function, UNRESERVED);
    format!("/2015-03-31/functions/{function}/{what}")
}

/// What a function is configured with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its time-out: no invocation goes on longer.
    pub timeout: Duration,
    /// Its environment variables.
    pub variables: HashMap<String, String>,
}

fn not_made(operation: &'static str, function: &str, error: &dyn Display) -> AwsError {
    AwsError::new(
        operation,
        function,
        "ConstructionFailure",
        error.to_string(),
        false,
    )
}

fn unexpected(function: &str) -> AwsError {
    AwsError::new(
        "lambda:InvokeFunction",
        function,
        "UnexpectedAnswer",
        "the answer is not one of this project's functions",
        true,
    )
    .with_remedy("Check that the function is this stack's, and what answers at Lambda's endpoint")
}
