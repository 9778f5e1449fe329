//! What AWS does to a world by itself, as time passes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lambda_in_process::{MINIMUM_ROTATION_INTERVAL, STACK};
use serde_json::{Value, json};
use stand_in::events::{Event, EventKind};
use strict_aws::secrets_manager::RotationOptions;
use tokio::sync::mpsc;

use super::World;
use crate::clock::Time;
use crate::functions::Scheduled;
use crate::violation::Rule;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With the new version current.
    Succeeded,
    GivenUp,
}

/// So many schedules one after the other are more than a day of a revocation's tries.
const MOST_FIRINGS: usize = 60;

/// How long it is waited for a schedule that was brought forward before it is looked whether it was moved.
const MOVED: Duration = Duration::from_millis(200);

/// How often Lambda repeats an asynchronous invocation that failed, and after how long.
const RETRIES: [SignedDuration; 2] = [SignedDuration::from_mins(1), SignedDuration::from_mins(2)];

/// What Scheduler handed over and nobody has worked off.
pub type Handed = mpsc::UnboundedReceiver<Scheduled>;

impl World {
    pub async fn rotate_by_schedule(&self) {
        let seen = self.events.since(0).len();
        if self.secrets.bring_forward(&self.secret).is_ok() {
            self.rotation_ended(seen).await;
        }
    }

    /// Whether a version is AWSPENDING and not current.
    pub fn rotation_is_incomplete(&self) -> bool {
        self.snapshot().is_some_and(|secret| {
            let pending = secret.labelled("AWSPENDING");
            pending.is_some() && pending != secret.labelled("AWSCURRENT")
        })
    }

    /// Lets time pass until `then`, if that is to come.
    pub fn skip_to(&self, then: Time) {
        let left = then.duration_since(self.clock.now());
        if left.is_positive() {
            self.skip(left);
        }
    }

    pub fn skip(&self, time: SignedDuration) {
        self.clock.skip(time);
    }

    /// An hour passes in which nothing is changed, so that a customer may rotate again. Not with each skip: a rotation
    /// would seem to be from before the schedules that were made before it.
    pub fn skip_minimum_interval(&self) {
        let interval = SignedDuration::try_from(MINIMUM_ROTATION_INTERVAL).unwrap_or_default();
        self.skip(interval);
        self.secrets.grow_older(interval);
    }

    pub async fn sweep(&self) {
        self.invoke_asynchronously("sweep", &json!({})).await;
    }

    /// Whether nothing is scheduled, and no label says that more than the current version is alive.
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

    pub async fn lose_schedule(&self, name: &str) {
        let url = self.schedule(name);
        let removed = self.http.delete(url).send().await;
        if removed
            .and_then(reqwest::Response::error_for_status)
            .is_err()
        {
            self.violated(Rule::Stand, "the schedule could not be removed");
        }
    }

    /// Somebody switches a schedule off.
    pub async fn switch_schedule_off(&self, name: &str) {
        let url = format!("{}schedules/{name}", self.gateway.endpoint());
        let changed = async {
            let shown = self.http.get(self.schedule(name)).send().await?;
            let mut schedule: Value = shown.json().await?;
            schedule["State"] = "DISABLED".into();
            let changed = self.http.put(url).json(&schedule).send().await?;
            changed.error_for_status()
        };
        if changed.await.is_err() {
            self.violated(Rule::Stand, "the schedule could not be switched off");
        }
    }

    fn schedule(&self, name: &str) -> String {
        let endpoint = self.gateway.endpoint();
        format!("{endpoint}schedules/{name}?groupName={STACK}")
    }

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

    pub async fn rotate(&self) -> Option<Ended> {
        let seen = self.begin_rotation().await?;
        Some(self.rotation_ended(seen).await)
    }

    /// Has a schedule fire, and works off what it hands over, by Lambda's rules for asynchronous
    /// invocations.
    pub async fn fire(&self, name: &str, scheduled: &mut Handed) -> Vec<Scheduled> {
        let events = self.take(name, scheduled).await;
        for event in &events {
            self.deliver(event).await;
        }
        events
    }

    pub async fn deliver(&self, scheduled: &Scheduled) {
        self.invoke_asynchronously(&scheduled.function, &scheduled.event)
            .await;
    }

    /// Has a schedule fire: what it hands over.
    pub async fn take(&self, name: &str, scheduled: &mut Handed) -> Vec<Scheduled> {
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
                Some(wait) => self.skip(wait),
                None => {
                    return self.book.lock().dead_letters.push(error.error_message);
                }
            }
        }
        self.passage.running.idle().await;
    }

    /// Has every read show what is: enough time has passed.
    pub fn let_be_known(&self) {
        self.manners.let_be_known(&self.secrets);
    }

    /// Lets time pass until nothing is scheduled any more.
    pub async fn settle(&self, scheduled: &mut Handed) {
        for _ in 0..MOST_FIRINGS {
            self.passage.running.idle().await;
            let Some((at, first)) = self.due().into_iter().next() else {
                return;
            };
            self.skip_to(at);
            self.let_be_known();
            self.fire(&first, scheduled).await;
        }
        self.violated(Rule::Converges, "revocations are tried again for ever");
    }
}
