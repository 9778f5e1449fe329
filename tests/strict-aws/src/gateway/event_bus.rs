//! EventBridge's default event bus where there is no MiniStack: it keeps what is put on it.

use std::sync::Mutex;

use axum::body::Bytes;
use http::Response;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer;
use crate::secrets_manager::ServiceError;

/// [`PutEvents`](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html), as a rule of the
/// bus sees each of its events.
pub(super) fn put(bus: &Mutex<Vec<Value>>, body: &Bytes) -> Response<Bytes> {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let entries = request["Entries"].as_array().map(Vec::as_slice);
    let answers = entries.unwrap_or_default().iter().map(|entry| {
        let detail = entry["Detail"].as_str().unwrap_or_default();
        let detail = serde_json::from_str::<Value>(detail);
        let Ok(detail @ Value::Object(_)) = detail else {
            return json!({ "ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed." });
        };
        let id = Uuid::new_v4().to_string();
        stand_in::lock(bus).push(json!({
            "id": id, "source": entry["Source"], "detail-type": entry["DetailType"],
            "resources": entry["Resources"], "detail": detail,
        }));
        json!({ "EventId": id })
    });
    let answers: Vec<_> = answers.collect();
    let failed = answers.iter().filter(|it| it.get("ErrorCode").is_some());
    let answer = json!({ "FailedEntryCount": failed.count(), "Entries": answers });
    answer::json(Ok::<_, ServiceError>(answer))
}
