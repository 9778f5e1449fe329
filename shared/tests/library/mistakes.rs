//! The mistakes that a new user makes: each error names the cause and what to do, in three parts, and no
//! consequence as a second cause.

mod commands;
mod network;

use serde_json::{Value, json};

use crate::support::{Api, Provisioned, Stand};

/// What a message must say: its cause before the arrow, what to do after it, and whether a retry helps at its end.
fn assert_told(message: &str, cause: &str, remedy: &str, retry: bool) {
    let parts = message.split_once(" → ");
    let (what, what_to_do) = parts.unwrap_or_else(|| panic!("nothing to do: {message}"));
    assert!(what.contains(cause), "{cause}: {message}");
    assert!(what_to_do.contains(remedy), "{remedy}: {message}");
    let end = if retry {
        ". A retry can help."
    } else {
        ". A retry does not help."
    };
    assert!(message.ends_with(end), "{message}");
    assert!(!message.contains(".."), "{message}");
}

/// A v1 instance whose event can be sent.
async fn instance() -> (Stand, Provisioned, Value) {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V1);
    let event = json!({ "Document": addon.document });
    (stand, addon, event)
}
