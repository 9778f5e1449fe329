//! When an instance is looked at again.

use std::time::Duration;

use super::{DeprovisionAddon, DeprovisionOutcome, Deprovisioned, SCHEDULING};
use crate::Error;
use crate::deadline::Deadline;
use crate::error::DeprovisionError;
use crate::event::DeprovisionEvent;
use crate::ids::SecretArn;
use crate::last_will::{LastWill, Panicked};
use crate::schedule::retry_delay;

impl DeprovisionAddon {
    /// Every step that is under way has ended then, and none has begun.
    pub(super) async fn look_again(
        &self,
        event: &DeprovisionEvent,
        arn: &SecretArn,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let next = DeprovisionEvent {
            addon: event.addon.clone(),
            rotation_is_over: true,
            attempt: if event.rotation_is_over {
                event.attempt.saturating_add(1)
            } else {
                0
            },
        };
        let delay = Duration::from_secs(self.longest_step_seconds.into());
        self.schedules
            .deprovision_after(arn, &next, delay, deadline)
            .await?;
        tracing::info!(
            seconds = delay.as_secs(),
            "a rotation is under way: a check after its end is scheduled"
        );
        Ok(())
    }

    /// Of a scheduled run, which nobody else repeats.
    pub(super) fn will(&self, event: &DeprovisionEvent, arn: &SecretArn) -> Option<LastWill> {
        let delay = retry_delay(event.attempt).filter(|_| event.rotation_is_over)?;
        let next = DeprovisionEvent {
            attempt: event.attempt.saturating_add(1),
            ..event.clone()
        };
        let (schedules, arn) = (self.schedules.clone(), arn.clone());
        Some(LastWill::of(move || async move {
            let deadline = Deadline::after(SCHEDULING);
            let written = async {
                let schedules = schedules.apart()?;
                schedules
                    .deprovision_after(&arn, &next, delay, deadline)
                    .await?;
                Ok::<_, Error>(())
            };
            if let Err(error) = written.await {
                tracing::error!(%error, "{Panicked} No next attempt is scheduled");
            }
        }))
    }

    /// A scheduled run that failed: nobody else repeats it.
    pub(super) async fn later(
        &self,
        event: &DeprovisionEvent,
        arn: SecretArn,
        error: Error,
        deadline: Deadline,
    ) -> Result<Deprovisioned, Error> {
        let Some(delay) = retry_delay(event.attempt) else {
            return Err(DeprovisionError::GaveUp {
                addon: event.addon.clone(),
                cause: error.to_string(),
            }
            .into());
        };
        tracing::warn!(%error, next_attempt_in_seconds = delay.as_secs(), "not deprovisioned: a later attempt is scheduled");
        let next = DeprovisionEvent {
            attempt: event.attempt.saturating_add(1),
            ..event.clone()
        };
        self.schedules
            .deprovision_after(&arn, &next, delay, deadline)
            .await?;
        Ok(Deprovisioned {
            secret_arn: Some(arn),
            revoked: Vec::new(),
            unproven: Vec::new(),
            outcome: DeprovisionOutcome::Revoked,
        })
    }
}
