//! The stack's rotation function, as Secrets Manager calls it: on request, every step
//! twice, or one of them later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use strict_aws::ministack::{self, Invocation};
use strict_aws::secrets_manager::{Answer, RotationFunctions};
use tokio::sync::oneshot;

/// MiniStack's functions. [Lambda may be asked the same thing
/// twice](https://docs.aws.amazon.com/lambda/latest/dg/concepts-event-driven-architectures.html), so
/// every step must bear it.
#[derive(Clone)]
pub(super) struct Functions {
    client: ministack::Client,
    twice: Arc<Mutex<BTreeSet<String>>>,
    /// By the secret's ARN and the step.
    held: Arc<Mutex<BTreeMap<(String, String), Holder>>>,
}

/// A call of a step that waits. It goes on when this is dropped.
pub struct Held {
    reached: oneshot::Receiver<()>,
    _let_go: oneshot::Sender<()>,
}

/// The other side of [`Held`].
struct Holder {
    reached: oneshot::Sender<()>,
    let_go: oneshot::Receiver<()>,
}

impl Held {
    /// Waits for the call, whose function has not begun then.
    pub async fn reached(&mut self) {
        // No call comes any more if the cloud is stopped: then there is nothing to wait for.
        let _ = (&mut self.reached).await;
    }
}

impl Functions {
    pub(super) fn new(client: ministack::Client) -> Self {
        Self {
            client,
            twice: Arc::default(),
            held: Arc::default(),
        }
    }

    pub(super) fn call_twice(&self, secret_arn: &str) {
        let mut twice = stand_in::lock(&self.twice);
        twice.insert(secret_arn.to_owned());
    }

    pub(super) fn hold(&self, secret_arn: &str, step: &str) -> Held {
        let ((called, reached), (go_on, let_go)) = (oneshot::channel(), oneshot::channel());
        let holder = Holder {
            reached: called,
            let_go,
        };
        let mut held = stand_in::lock(&self.held);
        held.insert((secret_arn.to_owned(), step.to_owned()), holder);
        Held {
            reached,
            _let_go: go_on,
        }
    }

    fn holder(&self, event: &Value) -> Option<Holder> {
        let text = |name: &str| Some(event[name].as_str()?.to_owned());
        let mut held = stand_in::lock(&self.held);
        held.remove(&(text("SecretId")?, text("Step")?))
    }

    fn is_called_twice(&self, event: &Value) -> bool {
        let twice = stand_in::lock(&self.twice);
        event["SecretId"]
            .as_str()
            .is_some_and(|arn| twice.contains(arn))
    }
}

impl RotationFunctions for Functions {
    fn invoke<'a>(&'a self, function_arn: &'a str, event: &'a Value) -> Answer<'a, Invocation> {
        Box::pin(async move {
            if let Some(holder) = self.holder(event) {
                // Nobody waits for it, or lets it go any more: it goes on.
                let _ = holder.reached.send(());
                let _ = holder.let_go.await;
            }
            if self.is_called_twice(event) {
                let first = RotationFunctions::invoke(&self.client, function_arn, event).await?;
                if first.function_error.is_some() {
                    return Ok(first);
                }
            }
            RotationFunctions::invoke(&self.client, function_arn, event).await
        })
    }

    fn lets_in<'a>(&'a self, function_arn: &'a str, secret_arn: &'a str) -> Answer<'a, bool> {
        self.client.lets_in(function_arn, secret_arn)
    }

    fn principal<'a>(&'a self, function_arn: &'a str) -> Answer<'a, Option<String>> {
        RotationFunctions::principal(&self.client, function_arn)
    }
}
