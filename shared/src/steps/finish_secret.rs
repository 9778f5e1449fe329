//! finishSecret's power: the schedule of the revocation.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::deadline::Deadline;
use crate::event::{FinishEvent, RevokeEvent, ScheduledAt};
use crate::function::{Function, Handling};
use crate::limits::LONGEST_HOLD_SECONDS;
use crate::schedule::Schedules;
use crate::start::{Start, grace_period_seconds};

/// What `finish-secret` answers: when the credential of the version ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Scheduled {
    /// In UTC. Precise to a minute; one that is in use then ends later.
    pub revokes_at: String,
}

/// Has the version that is current until now revoked after the grace period: the secret's own in
/// the event, else the stack's. The answer is `None` where a schedule that is there already may keep its time.
#[derive(Debug)]
pub struct FinishSecret {
    schedules: Schedules,
    grace_period_seconds: u32,
}

impl Function for FinishSecret {
    type Event = FinishEvent;
    type Answer = Option<Scheduled>;

    fn start(start: &mut Start) -> Option<Self> {
        let grace_period_seconds = grace_period_seconds(&mut start.variables());
        let schedules = Schedules::start(start, "REVOKE_SECRET_FUNCTION_ARN");
        Some(Self {
            schedules: schedules?,
            grace_period_seconds: grace_period_seconds?,
        })
    }

    fn handle(&self, event: FinishEvent, deadline: Deadline) -> Handling<'_, Option<Scheduled>> {
        Box::pin(async move {
            let Self {
                schedules,
                grace_period_seconds,
            } = self;
            if event.only_if_unscheduled {
                schedules
                    .ensure_revoked(&event.secret, &event.version, Duration::ZERO, deadline)
                    .await?;
                return Ok(None);
            }
            let seconds = event.revoke_after_seconds.unwrap_or(*grace_period_seconds);
            let revocation = RevokeEvent {
                secret: event.secret,
                version: event.version,
                attempt: 0,
                was_in_use: event.was_in_use.unwrap_or_default(),
                vouched: None,
                held_seconds: if event.even_if_in_use {
                    LONGEST_HOLD_SECONDS
                } else {
                    0
                },
                scheduled_at: None,
            };
            let delay = Duration::from_secs(seconds.into());
            if event.was_in_use.is_some() {
                let moved = schedules.revoke_after(revocation, delay, None, deadline);
                moved.await?;
            } else {
                let moved = schedules.begin_grace_period(revocation, delay, deadline);
                moved.await?;
            }
            tracing::info!(
                revoke_after_seconds = seconds,
                "the revocation is scheduled"
            );
            Ok(Some(Scheduled {
                revokes_at: ScheduledAt::after(delay).to_string(),
            }))
        })
    }
}
