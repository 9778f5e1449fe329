//! Answers in AWS's JSON protocol.

use axum::body::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::tables::Refused;
use crate::secrets_manager::ServiceError;

pub(crate) fn json(result: Result<Value, ServiceError>) -> Response<Bytes> {
    let (status, body) = match result {
        Ok(answer) => (StatusCode::OK, answer),
        Err(error) => (
            match error.code {
                "InternalServiceError" => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::BAD_REQUEST,
            },
            json!({ "__type": error.code, "Message": error.message }),
        ),
    };
    respond(status, "application/x-amz-json-1.1", body.to_string())
}

/// DynamoDB's answer, or its error, in JSON 1.0.
pub(super) fn dynamodb(result: Result<Value, Refused>) -> Response<Bytes> {
    let (status, body) = match result {
        Ok(answer) => (StatusCode::OK, answer),
        Err(refused) => (StatusCode::BAD_REQUEST, refused.body()),
    };
    respond(status, "application/x-amz-json-1.0", body.to_string())
}

/// A refusal that no AWS service makes.
pub(super) fn text(status: StatusCode, message: &str) -> Response<Bytes> {
    respond(status, "text/plain; charset=utf-8", message.to_owned())
}

pub(crate) fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: String,
) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
