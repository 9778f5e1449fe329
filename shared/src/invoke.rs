//! Calls to the functions: from `rotate` to those that hold the powers it lacks, and an operator's.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::aws::{AwsError, call};
use crate::deadline::{Deadline, Transient, retry};
use crate::message;
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

/// Invokes functions and waits for their answers.
#[derive(Debug, Clone)]
pub struct Functions {
    client: Client,
}

impl Functions {
    /// A client with the execution role's credentials. It repeats no invocation: whether one whose
    /// answer was lost took effect is not known here, and Secrets Manager repeats the step.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let config = aws_sdk_lambda::config::Builder::from(config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .build();
        Self {
            client: Client::from_conf(config),
        }
    }

    /// As a function's environment variables have it: `AWS_ENDPOINT_URL_LAMBDA` is Lambda's own, as for AWS's tools.
    pub fn start(start: &mut Start) -> Self {
        let variable = "AWS_ENDPOINT_URL_LAMBDA";
        let endpoint = start.variables().optional_text(variable, "a URL", |_| true);
        match endpoint {
            Some(endpoint) => Self::new(&start.aws.to_builder().endpoint_url(endpoint).build()),
            None => Self::new(&start.aws),
        }
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
        if payload.as_ref().trim_ascii() == b"null" {
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
        let answer = serde_json::from_slice(payload.as_ref());
        Ok(answer.map_err(|_| unexpected(function))?)
    }

    /// What a function is configured with.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn settings(&self, function: &str, deadline: Deadline) -> Result<Settings, AwsError> {
        let answer = retry(deadline, || {
            let request = self.client.get_function_configuration();
            call(
                "lambda:GetFunctionConfiguration",
                &function,
                deadline,
                Box::pin(request.function_name(function).send()),
            )
        })
        .await?;
        let seconds = answer.timeout.and_then(|it| u64::try_from(it).ok());
        let variables = answer.environment.and_then(|it| it.variables);
        Ok(Settings {
            // Lambda's default.
            timeout: Duration::from_secs(seconds.unwrap_or(3)),
            variables: variables.unwrap_or_default(),
        })
    }

    async fn answer<E: Serialize + Sync>(
        &self,
        function: &str,
        event: &E,
        deadline: Deadline,
    ) -> Result<Blob, InvokeError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Failure {
            error_type: Option<String>,
            error_message: Option<String>,
        }
        let payload = serde_json::to_vec(event).map_err(|error| {
            AwsError::new(
                "lambda:InvokeFunction",
                function,
                "ConstructionFailure",
                error.to_string(),
                false,
            )
        })?;
        let request = self
            .client
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(payload));
        let answer = call(
            "lambda:InvokeFunction",
            &function,
            deadline,
            Box::pin(request.send()),
        )
        .await?;
        let payload = answer.payload.unwrap_or_else(|| Blob::new([]));
        let Some(kind) = answer.function_error else {
            return Ok(payload);
        };
        let failure = serde_json::from_slice::<Failure>(payload.as_ref()).ok();
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

/// What a function is configured with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its time-out: no invocation goes on longer.
    pub timeout: Duration,
    /// Its environment variables.
    pub variables: HashMap<String, String>,
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
