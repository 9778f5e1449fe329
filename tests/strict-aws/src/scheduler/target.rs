//! What a schedule fires at.

use std::pin::Pin;

use serde_json::Value;

use crate::ministack::{self, InvocationType};

/// A hand-over under way. Its error says why it failed.
pub type HandOver<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// What a schedule's firing hands its input to.
pub trait Target: Send + Sync {
    /// Hands `input` to the function, acting as the schedule's role, which is known to be
    /// allowed to. The error says why it failed; the hand-over is then retried.
    fn invoke(&self, function_arn: String, role_arn: String, input: String) -> HandOver<'_>;
}

/// MiniStack's Lambda, [invoked
/// asynchronously](https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html).
impl Target for ministack::Client {
    fn invoke(&self, function_arn: String, _role_arn: String, input: String) -> HandOver<'_> {
        Box::pin(async move {
            let input: Value = serde_json::from_str(&input)
                .map_err(|error| format!("the input is not JSON: {error}"))?;
            ministack::Client::invoke(self, &function_arn, &input, InvocationType::Event)
                .await
                .map(drop)
                .map_err(|error| format!("{error:#}"))
        })
    }
}
