//! Lambda: invoking a function and reading who may.

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use http::{Method, Request};
use serde_json::Value;

use super::client::{Client, accept, json_body};
use super::error::code;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationType {
    RequestResponse,
    /// Hand the event over; Lambda retries the function by itself.
    Event,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// The function's answer, or its error's description; null for [`InvocationType::Event`].
    pub payload: Value,
    /// `Unhandled` or `Handled` if the function failed.
    pub function_error: Option<String>,
}

impl Client {
    /// Invokes a function as root, waiting as long as it takes.
    ///
    /// A function that fails is an `Ok` with [`Invocation::function_error`] set.
    pub async fn invoke(
        &self,
        function_arn: &str,
        payload: &Value,
        kind: InvocationType,
    ) -> Result<Invocation> {
        const OPERATION: &str = "lambda:Invoke";
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/invocations", function_path(function_arn)))
            .header(http::header::CONTENT_TYPE, "application/json")
            .header(
                "x-amz-invocation-type",
                match kind {
                    InvocationType::RequestResponse => "RequestResponse",
                    InvocationType::Event => "Event",
                },
            )
            .body(Bytes::from(payload.to_string()))?;
        let answer = accept(OPERATION, self.signed("lambda", request).await?)?;
        let function_error = answer
            .headers()
            .get("x-amz-function-error")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let payload = match kind {
            InvocationType::RequestResponse => json_body(OPERATION, &answer)?,
            InvocationType::Event => Value::Null,
        };
        Ok(Invocation {
            payload,
            function_error,
        })
    }

    /// The function's resource policy, `None` if it has none.
    pub(crate) async fn function_policy(&self, function_arn: &str) -> Result<Option<Value>> {
        const OPERATION: &str = "lambda:GetPolicy";
        let request =
            Request::get(format!("{}/policy", function_path(function_arn))).body(Bytes::new())?;
        let answer = match self.call("lambda", OPERATION, request).await {
            Err(error) if code(&error) == Some("ResourceNotFoundException") => return Ok(None),
            answer => answer?,
        };
        let body = json_body(OPERATION, &answer)?;
        let policy = body.get("Policy").and_then(Value::as_str);
        policy
            .map(serde_json::from_str)
            .transpose()
            .with_context(|| format!("the policy of {function_arn} is no JSON"))
    }

    /// The ARN of the function's role; `None` if it has none, or there is no such function.
    pub(crate) async fn function_role(&self, function_arn: &str) -> Result<Option<String>> {
        let path = format!("{}/configuration", function_path(function_arn));
        let request = Request::get(path).body(Bytes::new())?;
        let answer = self.signed("lambda", request).await?;
        let configuration = json_body("lambda:GetFunctionConfiguration", &answer)?;
        Ok(configuration["Role"].as_str().map(str::to_owned))
    }
}

/// The path of a function's operations. A name serves as well as an ARN.
fn function_path(function_arn: &str) -> String {
    let function = function_arn.replace(':', "%3A");
    format!("/2015-03-31/functions/{function}")
}
