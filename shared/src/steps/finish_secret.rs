//! finishSecret's power: the schedule of the revocation.

use std::time::Duration;

use crate::Error;
use crate::deadline::Deadline;
use crate::event::{FinishEvent, RevokeEvent};
use crate::schedule::Schedules;

/// Has the version that is current until now revoked after the grace period: the secret's own in
/// the event, else the stack's.
///
/// # Errors
/// If EventBridge Scheduler refuses or does not answer.
pub async fn finish_secret(
    event: FinishEvent,
    schedules: &Schedules,
    grace_period_seconds: u32,
    deadline: Deadline,
) -> Result<(), Error> {
    if event.only_if_unscheduled {
        schedules
            .ensure_revoked(&event.secret, &event.version, Duration::ZERO, deadline)
            .await?;
        return Ok(());
    }
    let seconds = event.revoke_after_seconds.unwrap_or(grace_period_seconds);
    let revocation = RevokeEvent {
        secret: event.secret,
        version: event.version,
        attempt: 0,
        was_in_use: event.was_in_use,
        scheduled_at: None,
    };
    schedules
        .revoke_after(
            revocation,
            Duration::from_secs(seconds.into()),
            None,
            deadline,
        )
        .await?;
    tracing::info!(
        revoke_after_seconds = seconds,
        "the revocation is scheduled"
    );
    Ok(())
}
