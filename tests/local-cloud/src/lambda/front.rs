//! [Lambda's API](https://docs.aws.amazon.com/lambda/latest/api/), as far as the functions and the operator's
//! tool use it: `Invoke` and `GetFunctionConfiguration`.

use axum::body::Bytes;
use http::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Function, Lambda, arn, not_found};

const FUNCTIONS: &str = "/2015-03-31/functions/";

/// Whether a request is about functions.
pub(crate) fn is_of_functions(request: &Request<Bytes>) -> bool {
    request.uri().path().starts_with(FUNCTIONS)
}

impl Lambda {
    pub(crate) async fn handle(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        let rest = path.strip_prefix(FUNCTIONS).unwrap_or_default();
        let (function, operation) = rest.split_once('/').unwrap_or((rest, ""));
        let function = percent_decode_str(function).decode_utf8_lossy();
        match (request.method(), operation) {
            (&Method::POST, "invocations") => self.answer_invoke(&function, request).await,
            (&Method::GET, "configuration") => match self.function(&function) {
                Some(function) => respond(StatusCode::OK, None, &configuration(function)),
                None => unknown(&function),
            },
            _ => {
                let message = format!("this stand-in has no {} {path}", request.method());
                respond(
                    StatusCode::NOT_IMPLEMENTED,
                    None,
                    &json!({ "Message": message }),
                )
            }
        }
    }

    async fn answer_invoke(&self, function: &str, request: &Request<Bytes>) -> Response<Bytes> {
        if self.function(function).is_none() {
            return unknown(function);
        }
        let event: Value = match serde_json::from_slice(request.body()) {
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

fn unknown(function: &str) -> Response<Bytes> {
    let kind = "ResourceNotFoundException";
    refusal(StatusCode::NOT_FOUND, kind, &not_found(function))
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Response<Bytes> {
    let body = json!({ "Type": "User", "Message": message });
    respond(status, Some(("x-amzn-errortype", kind)), &body)
}

fn respond(
    status: StatusCode,
    header: Option<(&'static str, &str)>,
    body: &Value,
) -> Response<Bytes> {
    let mut response = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("x-amzn-requestid", uuid::Uuid::new_v4().to_string());
    if let Some((name, value)) = header {
        response = response.header(name, value);
    }
    // What could fail is a header's text, and those are all known.
    response
        .body(Bytes::from(body.to_string()))
        .unwrap_or_default()
}
