//! What the partner's backend does to a world, by the product's own functions.

use serde_json::json;
use stand_in::events::{Event, EventKind};

use super::operator::TRIES;
use super::{Ended, World};
use crate::violation::Rule;

impl World {
    /// Enrols the instance, as the partner's backend does: again, until it is.
    pub async fn enroll(&self) {
        let mut last = String::new();
        for _ in 0..TRIES {
            match self
                .lambda
                .invoke("enroll-addon", self.enrolment.clone())
                .await
            {
                Ok(_) => {
                    // Secrets Manager may still be testing the function.
                    let tested = |_: &[Event]| (!self.rotation_is_incomplete()).then_some(());
                    self.events.wait_for(tested).await;
                    self.passage.running.idle().await;
                    self.let_be_known();
                    return;
                }
                Err(error) => last = error.error_message,
            }
            self.passage.running.idle().await;
        }
        self.violated(Rule::Converges, format!("enrolment: {last}"));
    }

    /// A customer presses "rotate", and again while that fails. How the rotation ended that has begun by it, if one
    /// has.
    pub async fn press(&self, tries: usize) -> Option<Ended> {
        self.skip_minimum_interval();
        let seen = self.events.since(0).len();
        for _ in 0..tries {
            let event = json!({ "AddonId": self.addon });
            let pressed = self.lambda.invoke("start-rotation", event).await;
            self.passage.running.idle().await;
            match pressed {
                Ok(_) => break,
                Err(error) => self.book.lock().said.push(error.error_message),
            }
            // The customer waits for a while. No read is so late that it is from before the rotation.
            if self.has_begun(seen) {
                self.rotation_ended(seen).await;
                self.let_be_known();
            }
        }
        if !self.has_begun(seen) {
            return None;
        }
        Some(self.rotation_ended(seen).await)
    }

    pub async fn must_press(&self) {
        match self.press(TRIES).await {
            Some(Ended::Succeeded) => {}
            Some(Ended::GivenUp) => self.violated(Rule::Converges, "Secrets Manager gave up"),
            None => {
                let last = self.book.lock().said.last().cloned().unwrap_or_default();
                self.violated(Rule::Converges, format!("start-rotation: {last}"));
            }
        }
    }

    fn has_begun(&self, seen: usize) -> bool {
        let is_begin = |event: &Event| matches!(event.kind, EventKind::RotationStarted { .. });
        self.snapshot().is_some_and(|it| it.rotation_runs)
            || self.events.since(seen).iter().any(is_begin)
    }
}
