//! The stack's rotation function, as Secrets Manager calls it: on request, every step twice.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::ministack::{self, Invocation};
use crate::secrets_manager::{Answer, RotationFunctions};

/// MiniStack's functions. [Lambda may be asked the same thing
/// twice](https://docs.aws.amazon.com/lambda/latest/dg/concepts-event-driven-architectures.html), so
/// every step must bear it.
#[derive(Clone)]
pub(super) struct Functions {
    client: ministack::Client,
    twice: Arc<Mutex<BTreeSet<String>>>,
}

impl Functions {
    pub(super) fn new(client: ministack::Client) -> Self {
        Self {
            client,
            twice: Arc::default(),
        }
    }

    pub(super) fn call_twice(&self, secret_arn: &str) {
        let mut twice = self.twice.lock().unwrap_or_else(PoisonError::into_inner);
        twice.insert(secret_arn.to_owned());
    }

    fn is_called_twice(&self, event: &Value) -> bool {
        let twice = self.twice.lock().unwrap_or_else(PoisonError::into_inner);
        event["SecretId"]
            .as_str()
            .is_some_and(|arn| twice.contains(arn))
    }
}

impl RotationFunctions for Functions {
    fn invoke<'a>(&'a self, function_arn: &'a str, event: &'a Value) -> Answer<'a, Invocation> {
        Box::pin(async move {
            if self.is_called_twice(event) {
                let first = RotationFunctions::invoke(&self.client, function_arn, event).await?;
                if first.function_error.is_some() {
                    return Ok(first);
                }
            }
            RotationFunctions::invoke(&self.client, function_arn, event).await
        })
    }

    fn policy<'a>(&'a self, function_arn: &'a str) -> Answer<'a, Option<Value>> {
        self.client.policy(function_arn)
    }

    fn principal<'a>(&'a self, function_arn: &'a str) -> Answer<'a, Option<String>> {
        RotationFunctions::principal(&self.client, function_arn)
    }
}
