//! The service's HTTP side.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use headers::authorization::Bearer;
use headers::{Authorization, HeaderMapExt};
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{Book, KEY_FIELD, Registration, Shared};

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route(
            "/v1/credentials/{id}",
            put(register).get(verify).delete(revoke),
        )
        .route("/v1/items", get(items))
        .fallback(async || {
            let message = "There is nothing at this path.";
            told(StatusCode::NOT_FOUND, "not_found", message)
        })
        .method_not_allowed_fallback(async || {
            error(StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed.")
        })
        .with_state(shared)
}

async fn register(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut book = shared.book();
    if !is_administrator(&book, &headers) {
        return wrong_administrator();
    }
    let Ok(fields) = serde_json::from_slice::<BTreeMap<String, String>>(&body) else {
        let message = "The body is not a JSON object of strings.";
        return error(StatusCode::BAD_REQUEST, message);
    };
    if fields.get(KEY_FIELD).is_none_or(String::is_empty) {
        let message = format!("The field {KEY_FIELD} is missing.");
        return error(StatusCode::BAD_REQUEST, &message);
    }
    let registered = Json(json!({ "id": id }));
    match book.register(&id, fields) {
        Registration::New => (StatusCode::CREATED, registered).into_response(),
        Registration::Unchanged => registered.into_response(),
        Registration::Conflict => error(
            StatusCode::CONFLICT,
            "This credential is registered with other fields.",
        ),
    }
}

async fn verify(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let book = shared.book();
    let Some(fields) = book.live.get(&id) else {
        return no_such_credential();
    };
    match (bearer(&headers), fields.get(KEY_FIELD)) {
        (Some(key), Some(live)) if key.token() == live => {
            let mut answer = json!({ "accepted": true });
            if let Some(last_used) = book.last_used.get(&id) {
                answer["last_used_at"] = last_used.as_str().into();
            }
            Json(answer).into_response()
        }
        _ => told(
            StatusCode::UNAUTHORIZED,
            "credential_refused",
            "The key is not accepted.",
        ),
    }
}

async fn revoke(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let mut book = shared.book();
    if !is_administrator(&book, &headers) {
        return wrong_administrator();
    }
    if book.revoke(&id) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        no_such_credential()
    }
}

async fn items(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let accepted = bearer(&headers).is_some_and(|key| shared.book().accepts(key.token()));
    if accepted {
        Json(json!({ "items": Vec::<Value>::new() })).into_response()
    } else {
        error(StatusCode::UNAUTHORIZED, "The key is not accepted.")
    }
}

fn bearer(headers: &HeaderMap) -> Option<Bearer> {
    let header = headers.typed_get::<Authorization<Bearer>>();
    header.map(|Authorization(bearer)| bearer)
}

fn is_administrator(book: &Book, headers: &HeaderMap) -> bool {
    bearer(headers).is_some_and(|bearer| bearer.token() == book.options.administrator_token)
}

fn wrong_administrator() -> Response {
    let message = "The administrator token is not accepted.";
    error(StatusCode::UNAUTHORIZED, message)
}

fn no_such_credential() -> Response {
    error(StatusCode::NOT_FOUND, "There is no such credential.")
}

fn error(status: StatusCode, message: &str) -> Response {
    let word = match status.as_u16() {
        401 => "unauthorized",
        403 => "forbidden",
        404 => "no_such_credential",
        405 => "method_not_allowed",
        409 => "conflict",
        429 => "too_many_requests",
        500..=599 => "unavailable",
        _ => "bad_request",
    };
    told(status, word, message)
}

fn told(status: StatusCode, word: &str, message: &str) -> Response {
    (status, Json(json!({ "error": word, "message": message }))).into_response()
}

pub(super) fn error_answer(status: StatusCode, retry_after: Option<Duration>) -> Response {
    let mut answer = error(status, "The request failed on request of a test.");
    if let Some(wait) = retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    answer
}
