//! The Lambda functions that rotate secrets, as Secrets Manager sees them.

use std::pin::Pin;

use serde_json::Value;

use crate::ministack::{self, Invocation, InvocationType};

/// An answer on its way. Its error says why there is none.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// What policies call Secrets Manager.
const SERVICE: &str = "secretsmanager.amazonaws.com";

pub trait RotationFunctions: Send + Sync {
    /// Invokes the function and waits for its answer, as long as it takes.
    fn invoke<'a>(&'a self, function_arn: &'a str, event: &'a Value) -> Answer<'a, Invocation>;

    /// Whether the function's policy lets Secrets Manager invoke it on behalf of the secret.
    fn lets_in<'a>(&'a self, function_arn: &'a str, secret_arn: &'a str) -> Answer<'a, bool>;

    /// Who the function is when it calls Secrets Manager: the ARN of its execution role, or,
    /// where nobody checks signatures, its access key id.
    fn principal<'a>(&'a self, function_arn: &'a str) -> Answer<'a, Option<String>>;
}

/// No functions at all: `RotateSecret` is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoFunctions;

impl RotationFunctions for NoFunctions {
    fn invoke<'a>(&'a self, function_arn: &'a str, _event: &'a Value) -> Answer<'a, Invocation> {
        Box::pin(async move { Err(format!("there is no function {function_arn}")) })
    }

    fn lets_in<'a>(&'a self, _function_arn: &'a str, _secret_arn: &'a str) -> Answer<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    fn principal<'a>(&'a self, _function_arn: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async { Ok(None) })
    }
}

impl RotationFunctions for ministack::Client {
    fn invoke<'a>(&'a self, function_arn: &'a str, event: &'a Value) -> Answer<'a, Invocation> {
        let invocation =
            ministack::Client::invoke(self, function_arn, event, InvocationType::RequestResponse);
        Box::pin(async move { invocation.await.map_err(told) })
    }

    fn lets_in<'a>(&'a self, function_arn: &'a str, secret_arn: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            let policy = self.function_policy(function_arn).await;
            let Some(policy) = policy.map_err(told)? else {
                return Ok(false);
            };
            let context = [
                ("aws:SourceAccount", account_of(secret_arn)),
                ("aws:SourceArn", secret_arn),
            ];
            let let_in = self.lets_service(
                (&policy, Some(function_arn)),
                SERVICE,
                "lambda:InvokeFunction",
                &context,
            );
            let_in.await.map_err(told)
        })
    }

    fn principal<'a>(&'a self, function_arn: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async move { self.function_role(function_arn).await.map_err(told) })
    }
}

/// With its causes.
fn told(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}

fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}
