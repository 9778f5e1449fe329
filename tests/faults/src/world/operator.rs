//! What somebody, or AWS by itself, does to a world.

use std::time::Duration;

use local_cloud::events::{Event, EventKind};
use local_cloud::secrets_manager::{Caller, RotationOptions, ServiceError};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{World, rendered};
use crate::Problem;
use crate::functions::Scheduled;
use crate::violation::Rule;

/// How a rotation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With the new version current.
    Succeeded,
    /// Secrets Manager gave up on it.
    GivenUp,
}

/// So many schedules one after the other are more than a day of a revocation's tries.
const MOST_FIRINGS: usize = 60;

/// How often Lambda repeats an asynchronous invocation that failed, and after how long.
const RETRIES: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];

impl World {
    /// Calls Secrets Manager as its operator.
    ///
    /// # Errors
    /// As Secrets Manager does.
    pub async fn call(&self, operation: &str, parameters: Value) -> Result<Value, ServiceError> {
        let operator = Caller("operator".to_owned());
        self.secrets.handle(&operator, operation, parameters).await
    }

    /// A version's value.
    ///
    /// # Errors
    /// If it has none.
    pub async fn value(&self, version: &str) -> Result<Value, Problem> {
        let parameters = json!({ "SecretId": self.secret, "VersionId": version });
        let answer = self.call("GetSecretValue", parameters).await?;
        let text = answer["SecretString"].as_str().unwrap_or_default();
        Ok(serde_json::from_str(text)?)
    }

    /// Begins a rotation; nothing, if Secrets Manager refuses or has one under way.
    pub async fn begin_rotation(&self) -> Option<usize> {
        let seen = self.events.since(0).len();
        let parameters = json!({
            "SecretId": self.secret,
            "ClientRequestToken": Uuid::new_v4().to_string(),
        });
        let begun = self.call("RotateSecret", parameters).await;
        // A rotation that was given up is taken up again, with an error that says so.
        let taken_up = |error: &ServiceError| error.message.contains("previous rotation");
        match begun {
            Ok(_) => Some(seen),
            Err(error) if taken_up(&error) => Some(seen),
            Err(_) => None,
        }
    }

    /// Waits for the end of a rotation that began after so many events.
    pub async fn rotation_ended(&self, seen: usize) -> Ended {
        let attempts = RotationOptions::default().attempts;
        let ended = |events: &[Event]| {
            let mut failed = 0;
            for event in events.iter().skip(seen) {
                match &event.kind {
                    EventKind::RotationSucceeded { .. } => return Some(Ended::Succeeded),
                    EventKind::RotationFailed { message, .. } => {
                        failed += 1;
                        if failed == attempts || message == "the rotation was cancelled" {
                            return Some(Ended::GivenUp);
                        }
                    }
                    _ => {}
                }
            }
            None
        };
        let ended = self.events.wait_for(ended).await;
        self.passage.running.idle().await;
        ended
    }

    /// Rotates now, and waits for the end.
    pub async fn rotate(&self) -> Option<Ended> {
        let seen = self.begin_rotation().await?;
        Some(self.rotation_ended(seen).await)
    }

    /// Has a schedule fire, and works off what it hands over, by Lambda's rules for asynchronous
    /// invocations.
    pub async fn fire(&self, name: &str, scheduled: &mut Scheduled) {
        if !self.gateway.scheduler().bring_forward(name) {
            return;
        }
        let gone = |events: &[Event]| {
            events
                .iter()
                .any(|event| matches!(&event.kind, EventKind::ScheduleFired { name: it, .. } if it == name))
                .then_some(())
        };
        self.events.wait_for(gone).await;
        while let Ok(payload) = scheduled.try_recv() {
            self.invoke_asynchronously("revoke-secret", &payload).await;
        }
    }

    /// An asynchronous invocation: twice more if it fails, then the dead-letter queue.
    pub async fn invoke_asynchronously(&self, function: &str, payload: &Value) {
        let mut retries = RETRIES.into_iter();
        while let Err(error) = self.lambda.invoke(function, payload.clone()).await {
            self.passage.running.idle().await;
            self.clock.due(self.gateway.scheduler());
            match retries.next() {
                Some(wait) => self.clock.skip(wait),
                None => {
                    let what = format!("in the dead-letter queue: {}", error.error_message);
                    return self.violated(Rule::Converges, what);
                }
            }
        }
        self.passage.running.idle().await;
    }

    /// Lets time pass until nothing is scheduled any more.
    pub async fn settle(&self, scheduled: &mut Scheduled) {
        for _ in 0..MOST_FIRINGS {
            self.passage.running.idle().await;
            let due = self.clock.due(self.gateway.scheduler());
            let Some((at, first)) = due.into_iter().next() else {
                return;
            };
            self.clock.skip_to(at);
            self.fire(&first.name, scheduled).await;
        }
        self.violated(Rule::Converges, "revocations are tried again for ever");
    }

    /// What a config var would show of a version.
    #[must_use]
    pub fn shown_as(&self, document: &Value) -> String {
        rendered(&self.template, document)
    }
}
