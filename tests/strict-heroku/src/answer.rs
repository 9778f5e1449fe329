//! Errors in Heroku's form.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::json;

use super::limits::Exhausted;

pub(super) const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");

/// An error answer: `{"id", "message", "url"}`.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    id: &'static str,
    message: String,
    retry_after: Option<Duration>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, id: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            id,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Invalid credentials provided.",
        )
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(super) fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_params", message)
    }

    /// An error made up for a fault, with the id that Heroku documents for the status.
    pub(super) fn of_status(status: StatusCode, retry_after: Option<Duration>) -> Self {
        let (id, message) = match status.as_u16() {
            401 => ("unauthorized", "Invalid credentials provided."),
            403 => ("forbidden", "You do not have access to this resource."),
            404 => ("not_found", "The requested resource does not exist."),
            406 => ("not_acceptable", "Set another Accept header."),
            409 => ("conflict", "Another change is under way."),
            410 => ("gone", "The requested resource is gone."),
            422 => ("invalid_params", "The parameters are refused."),
            429 => ("rate_limit", "Your account reached the API rate limit."),
            503 => (
                "service_unavailable",
                "The service is temporarily unavailable.",
            ),
            500..=599 => ("internal_server_error", "Internal server error."),
            _ => ("bad_request", "The request is refused."),
        };
        let mut error = Self::new(status, id, message);
        error.retry_after = retry_after;
        error
    }
}

impl From<Exhausted> for ApiError {
    fn from(exhausted: Exhausted) -> Self {
        Self::of_status(StatusCode::TOO_MANY_REQUESTS, exhausted.retry_after)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({
            "id": self.id,
            "message": self.message,
            "url": "https://devcenter.heroku.com/articles/platform-api-reference#errors",
        });
        let mut answer = (self.status, Json(body)).into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            answer
                .headers_mut()
                .insert(REMAINING, HeaderValue::from_static("0"));
        }
        answer
    }
}
