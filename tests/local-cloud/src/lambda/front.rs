//! [Lambda's API](https://docs.aws.amazon.com/lambda/latest/api/), as far as the functions and the operator's
//! tool use it: `Invoke` and `GetFunctionConfiguration`.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::routing::{get, post};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{Function, Lambda, arn, not_found};

impl Lambda {
    pub(crate) fn router(&self) -> Router {
        let invoke =
            async |State(lambda): State<Self>, Path(function): Path<String>, body: Bytes| {
                lambda.answer_invoke(&function, &body).await
            };
        let describe = async |State(lambda): State<Self>, Path(function): Path<String>| match lambda
            .function(&function)
        {
            Some(function) => respond(StatusCode::OK, None, &configuration(function)),
            None => unknown(&function),
        };
        Router::new()
            .route("/2015-03-31/functions/{function}/invocations", post(invoke))
            .route(
                "/2015-03-31/functions/{function}/configuration",
                get(describe),
            )
            .with_state(self.clone())
    }

    async fn answer_invoke(&self, function: &str, body: &[u8]) -> Response<Body> {
        if self.function(function).is_none() {
            return unknown(function);
        }
        let event: Value = match serde_json::from_slice(body) {
            Ok(event) => event,
            Err(error) => {
                let message = format!("Could not parse request body into json: {error}");
                let kind = "InvalidRequestContentException";
                return refusal(StatusCode::BAD_REQUEST, kind, &message);
            }
        };
        match self.invoke(function, &event).await {
            Ok(invocation) => {
                let failed = invocation.function_error.as_deref();
                let header = failed.map(|kind| ("x-amz-function-error", kind));
                respond(StatusCode::OK, header, &invocation.payload)
            }
            Err(error) => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                refusal(status, "ServiceException", &format!("{error:#}"))
            }
        }
    }
}

fn configuration(function: &Function) -> Value {
    json!({
        "FunctionName": function.name,
        "FunctionArn": arn(&function.name),
        "Runtime": "provided.al2023",
        "Timeout": function.timeout.as_secs(),
        "MemorySize": function.memory,
        "Environment": { "Variables": function.environment },
    })
}

fn unknown(function: &str) -> Response<Body> {
    let kind = "ResourceNotFoundException";
    refusal(StatusCode::NOT_FOUND, kind, &not_found(function))
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Response<Body> {
    let body = json!({ "Type": "User", "Message": message });
    respond(status, Some(("x-amzn-errortype", kind)), &body)
}

fn respond(
    status: StatusCode,
    header: Option<(&'static str, &str)>,
    body: &Value,
) -> Response<Body> {
    let mut response = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("x-amzn-requestid", uuid::Uuid::new_v4().to_string());
    if let Some((name, value)) = header {
        response = response.header(name, value);
    }
    // What could fail is a header's text, and those are all known.
    response
        .body(Body::from(body.to_string()))
        .unwrap_or_default()
}
