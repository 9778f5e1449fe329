//! Lambda's answers.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use strict_aws::ministack::Invocation;

/// [Invoke](https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html)'s answer: a function that failed is a
/// success with a header.
pub fn answered(outcome: Result<Value, Diagnostic>) -> Response {
    match outcome {
        Ok(value) => Json(value).into_response(),
        Err(error) => (
            [("x-amz-function-error", "Unhandled")],
            Json(described(&error)),
        )
            .into_response(),
    }
}

/// The same, as Secrets Manager gets it.
pub fn invocation(outcome: Result<Value, Diagnostic>) -> Invocation {
    match outcome {
        Ok(payload) => Invocation {
            payload,
            function_error: None,
        },
        Err(error) => Invocation {
            payload: described(&error),
            function_error: Some("Unhandled".to_owned()),
        },
    }
}

/// An error as [the runtime reports it](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
pub fn described(error: &Diagnostic) -> Value {
    json!({ "errorType": error.error_type, "errorMessage": error.error_message })
}
