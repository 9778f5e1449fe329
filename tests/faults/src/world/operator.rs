//! What somebody, or AWS by itself, does to a world.

use std::time::Duration;

use jiff::Timestamp;
use lambda_in_process::{STACK, arn};
use local_cloud::events::{Event, EventKind};
use local_cloud::secrets_manager::{Caller, RotationOptions, ServiceError};
use serde_json::{Value, json};
use uuid::Uuid;

use super::World;
use crate::Problem;
use crate::clock::Time;
use crate::functions::Scheduled;
use crate::story::tell::publication;
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

/// How long it is waited for a schedule that was brought forward before it is looked whether it was moved.
const MOVED: Duration = Duration::from_millis(200);

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

    /// Begins a rotation, or takes up the one that Secrets Manager gave up; nothing, if it refuses.
    pub async fn begin_rotation(&self) -> Option<usize> {
        let seen = self.events.since(0).len();
        let secret = self.snapshot().filter(|it| it.deletion.is_none())?;
        let parameters = json!({
            "SecretId": self.secret,
            "ClientRequestToken": Uuid::new_v4().to_string(),
            "RotationLambdaARN": arn("rotate"),
            "RotationRules": { "AutomaticallyAfterDays": 90 },
        });
        let begun = self.call("RotateSecret", parameters).await;
        // A rotation that was given up is taken up again, with an error that says so.
        let taken_up = secret.rotation_enabled && secret.labelled("AWSPENDING").is_some();
        (begun.is_ok() || taken_up).then_some(seen)
    }

    /// Has the secret's own schedule be due.
    pub async fn rotate_by_schedule(&self) {
        let seen = self.events.since(0).len();
        if self.secrets.bring_forward(&self.secret).is_ok() {
            self.rotation_ended(seen).await;
        }
    }

    /// `CancelRotateSecret`.
    pub async fn cancel(&self) {
        let parameters = json!({ "SecretId": self.secret });
        // A secret that is marked for deletion has no rotation to cancel.
        let _ = self.call("CancelRotateSecret", parameters).await;
    }

    /// Takes AWSPENDING off what a cancelled rotation leaves behind, as AWS asks.
    pub async fn abandon(&self) {
        let Some(secret) = self.snapshot() else {
            return;
        };
        let pending = secret.labelled("AWSPENDING");
        if let Some(version) = pending.filter(|it| secret.labelled("AWSCURRENT") != Some(*it)) {
            let parameters = json!({
                "SecretId": self.secret,
                "VersionStage": "AWSPENDING",
                "RemoveFromVersionId": version,
            });
            self.accepted("UpdateSecretVersionStage", parameters).await;
        }
    }

    /// Whether a version is AWSPENDING and not current.
    #[must_use]
    pub fn rotation_is_incomplete(&self) -> bool {
        self.snapshot().is_some_and(|secret| {
            let pending = secret.labelled("AWSPENDING");
            pending.is_some() && pending != secret.labelled("AWSCURRENT")
        })
    }

    /// Marks the secret for deletion.
    pub async fn delete(&self) {
        let parameters = json!({ "SecretId": self.secret, "RecoveryWindowInDays": 7 });
        // It may be so already.
        let _ = self.call("DeleteSecret", parameters).await;
    }

    /// Restores the secret, if it is marked for deletion.
    pub async fn restore(&self) {
        if self.snapshot().is_some_and(|it| it.deletion.is_some()) {
            let parameters = json!({ "SecretId": self.secret });
            self.accepted("RestoreSecret", parameters).await;
        }
    }

    /// An older version whose credential is still accepted, to roll back to.
    pub async fn accepted_before(&self) -> Option<String> {
        let secret = self.snapshot()?;
        if secret.deletion.is_some() || self.rotation_is_incomplete() || !self.is_provisioned() {
            return None;
        }
        let current = secret.labelled("AWSCURRENT")?;
        for version in secret.versions.iter().rev().filter(|it| it.id != current) {
            if !version.labels.contains(&format!("LIVE-{}", version.id)) {
                continue;
            }
            let document = self.value(&version.id).await.ok()?;
            if self.service.accepts(&document).await.ok()? {
                return Some(version.id.clone());
            }
        }
        None
    }

    /// Makes an older version current, in the order of the operations page: its revocation is put off;
    /// Heroku shows it; only then does the other's grace period begin; then it is current. If one of
    /// these fails, the rest is not done.
    pub async fn roll_back(&self, version: &str) {
        let secret = self.snapshot();
        let Some(current) = secret.as_ref().and_then(|it| it.labelled("AWSCURRENT")) else {
            return;
        };
        let event = |version| json!({ "SecretId": self.secret, "VersionId": version });
        let mut put_off = event(version);
        put_off["WasInUse"] = true.into();
        let put_off = self.lambda.invoke("finish-secret", put_off);
        if put_off.await.is_err() || self.accepted_before().await.as_deref() != Some(version) {
            return;
        }
        let published = publication(&self.secret, version);
        if self
            .lambda
            .invoke("publish-to-heroku", published)
            .await
            .is_err()
        {
            return;
        }
        // An imported version has none before its first rotation.
        self.accepted(
            "UpdateSecretVersionStage",
            json!({
                "SecretId": self.secret,
                "VersionStage": format!("LIVE-{current}"),
                "MoveToVersionId": current,
            }),
        )
        .await;
        if self
            .lambda
            .invoke("finish-secret", event(current))
            .await
            .is_err()
        {
            return;
        }
        let parameters = json!({
            "SecretId": self.secret,
            "VersionStage": "AWSCURRENT",
            "MoveToVersionId": version,
            "RemoveFromVersionId": current,
        });
        self.accepted("UpdateSecretVersionStage", parameters).await;
    }

    /// Has Heroku show the current version, as the operations page says after a rollback.
    pub async fn publish_current(&self) {
        let secret = self.snapshot().filter(|it| it.deletion.is_none());
        let current = secret.as_ref().and_then(|it| it.labelled("AWSCURRENT"));
        if let Some(version) = current {
            let event = publication(&self.secret, version);
            // Heroku may be out of order: whoever is on call looks again.
            let _ = self.lambda.invoke("publish-to-heroku", event).await;
        }
    }

    /// The hourly sweep.
    pub async fn sweep(&self) {
        self.invoke_asynchronously("sweep", &json!({})).await;
    }

    /// Whether nothing is scheduled, and no label says that more than the current version is alive.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let Some(secret) = self.snapshot() else {
            return true;
        };
        let current = secret.labelled("AWSCURRENT");
        let others = secret
            .versions
            .iter()
            .filter(|version| Some(version.id.as_str()) != current);
        let mut labels = others.flat_map(|version| &version.labels);
        self.due().is_empty() && !labels.any(|label| label.starts_with("LIVE-"))
    }

    /// The schedules' names and when they are due, the earliest first.
    pub fn due(&self) -> Vec<(Time, String)> {
        let due = self.clock.due(self.gateway.scheduler());
        due.into_iter()
            .map(|(at, schedule)| (at, schedule.name))
            .collect()
    }

    /// Removes a schedule.
    pub async fn lose_schedule(&self, name: &str) {
        let url = format!(
            "{}schedules/{name}?groupName={STACK}",
            self.gateway.endpoint()
        );
        let removed = self.http.delete(url).send().await;
        if !removed.is_ok_and(|answer| answer.status().is_success()) {
            self.violated(Rule::Stand, "the schedule could not be removed");
        }
    }

    /// Somebody switches a schedule off.
    pub async fn switch_schedule_off(&self, name: &str) {
        let url = format!("{}schedules/{name}", self.gateway.endpoint());
        let shown = self
            .http
            .get(format!("{url}?groupName={STACK}"))
            .send()
            .await;
        let changed = async {
            let mut schedule: Value = shown?.json().await?;
            schedule["State"] = "DISABLED".into();
            self.http
                .put(url)
                .json(&schedule)
                .send()
                .await?
                .error_for_status()
        };
        if changed.await.is_err() {
            self.violated(Rule::Stand, "the schedule could not be switched off");
        }
    }

    /// A call that nothing stands in the way of.
    async fn accepted(&self, operation: &str, parameters: Value) {
        if let Err(error) = self.call(operation, parameters).await {
            self.violated(Rule::Stand, format!("{operation}: {error}"));
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
    pub async fn fire(&self, name: &str, scheduled: &mut Scheduled) -> Vec<Value> {
        let events = self.take(name, scheduled).await;
        for event in &events {
            self.invoke_asynchronously("revoke-secret", event).await;
        }
        events
    }

    /// Has a schedule fire: what it hands over.
    pub async fn take(&self, name: &str, scheduled: &mut Scheduled) -> Vec<Value> {
        let seen = self.events.since(0).len();
        if !self.gateway.scheduler().bring_forward(name) {
            return Vec::new();
        }
        let gone = |events: &[Event]| {
            events
                .iter()
                .skip(seen)
                .any(|event| matches!(&event.kind, EventKind::ScheduleFired { name: it, .. } if it == name))
                .then_some(())
        };
        // A rotation under way may move it just then: it does not fire.
        while tokio::time::timeout(MOVED, self.events.wait_for(gone))
            .await
            .is_err()
        {
            let all = self.gateway.scheduler().schedules();
            let still = all.into_iter().find(|it| it.name == name);
            if still.is_some_and(|it| it.fires_at.is_some_and(|at| at > Timestamp::now())) {
                return Vec::new();
            }
        }
        let mut events = Vec::new();
        while let Ok(payload) = scheduled.try_recv() {
            events.push(payload);
        }
        events
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
                    return self.book().dead_letters.push(error.error_message);
                }
            }
        }
        self.passage.running.idle().await;
    }

    /// Lets time pass until nothing is scheduled any more.
    pub async fn settle(&self, scheduled: &mut Scheduled) {
        for _ in 0..MOST_FIRINGS {
            self.passage.running.idle().await;
            let Some((at, first)) = self.due().into_iter().next() else {
                return;
            };
            self.clock.skip_to(at);
            self.fire(&first, scheduled).await;
        }
        self.violated(Rule::Converges, "revocations are tried again for ever");
    }

    /// The errors of what ended in the dead-letter queue.
    pub fn dead_letters(&self) -> Vec<String> {
        self.book().dead_letters.clone()
    }
}
