//! The Lambda functions that rotate secrets, as Secrets Manager sees them.

use std::pin::Pin;

use axum::body::Bytes;
use http::Request;
use serde_json::Value;

use crate::ministack::{self, ACCOUNT_ID, Invocation, InvocationType, Principal};

/// An answer on its way. Its error says why there is none.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// What policies call Secrets Manager.
const SERVICE: &str = "secretsmanager.amazonaws.com";

/// Where rotation functions run.
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
        Box::pin(async move {
            let path = format!(
                "/2015-03-31/functions/{}/configuration",
                function_arn.replace(':', "%3A")
            );
            let request = Request::get(path).body(Bytes::new()).map_err(told)?;
            let answer = self.signed("lambda", request).await.map_err(told)?;
            let configuration: Value = serde_json::from_slice(answer.body()).map_err(|error| {
                format!("the configuration of {function_arn} is not JSON: {error}")
            })?;
            let role = configuration.get("Role").and_then(Value::as_str);
            Ok(role.map(str::to_owned))
        })
    }
}

/// The name that [`RotationFunctions::principal`] gives the same caller.
pub(crate) fn principal_name(principal: Principal, access_key_id: &str) -> String {
    match principal {
        Principal::Role { role_arn, .. } => role_arn,
        Principal::Root => format!("arn:aws:iam::{ACCOUNT_ID}:root"),
        Principal::Unknown => access_key_id.to_owned(),
    }
}

/// With its causes.
fn told(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}

fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}
