//! The "rotate" button of a partner's dashboard: one instance's rotation, now.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::FleetConfiguration;
use crate::Error;
use crate::deadline::{Deadline, retry};
use crate::error::StepError;
use crate::event::StartRotationEvent;
use crate::function::{Function, Handling};
use crate::ids::{SecretArn, VersionId};
use crate::secrets::{Rotation, Secret, Secrets};
use crate::start::Start;

/// What `start-rotation` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Started {
    /// The instance's secret, which the events on the event bus name.
    pub secret_arn: SecretArn,
    /// The version under rotation, which they name as well. None if none is, or it cannot be seen yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<VersionId>,
    /// What was done.
    pub outcome: StartOutcome,
    /// After so many seconds a rotation can be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
}

/// What became of a wish for a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartOutcome {
    /// It has begun.
    Started,
    /// Another one is under way.
    UnderWay,
    /// The last one was completed too short a time ago.
    TooSoon,
}

/// Starts the rotation of one instance, unless one is under way or the last one was completed too short a
/// time ago: each restarts the dynos of the customer's apps. Nothing is waited for: the event bus says how it
/// ends.
#[derive(Debug)]
pub struct StartRotation {
    secrets: Secrets,
    fleet: FleetConfiguration,
    /// No rotation begins sooner after the last one's end.
    minimum_interval: Duration,
}

impl Function for StartRotation {
    type Event = StartRotationEvent;
    type Answer = Started;

    fn start(start: &mut Start) -> Option<Self> {
        let mut variables = start.variables();
        let fleet = FleetConfiguration::read(&mut variables);
        let seconds = variables.number("MINIMUM_ROTATION_INTERVAL_SECONDS", 0..=604_800);
        Some(Self {
            secrets: Secrets::new(&start.aws),
            fleet: fleet?,
            minimum_interval: Duration::from_secs(seconds?),
        })
    }

    fn handle(&self, event: StartRotationEvent, deadline: Deadline) -> Handling<'_, Started> {
        Box::pin(async move {
            let Self {
                secrets,
                fleet,
                minimum_interval,
            } = self;
            let name = fleet.names.secret_of(&event.addon);
            let (arn, secret) = enrolled(fleet, &name, secrets, deadline).await?;
            if let Some(outcome) = not_now(&arn, &secret, *minimum_interval) {
                return Ok(outcome);
            }
            // Not repeated: a second rotation might begin.
            match secrets.rotate(&arn, deadline).await {
                Ok(version_id) => {
                    tracing::info!(secret = %arn, version = version_id.as_ref().map(tracing::field::display), "a rotation has started");
                    Ok(Started {
                        secret_arn: arn,
                        version_id,
                        outcome: StartOutcome::Started,
                        retry_after_seconds: None,
                    })
                }
                Err(error) => {
                    // Somebody else's button was faster, or the answer was lost.
                    let (arn, secret) = enrolled(fleet, &name, secrets, deadline).await?;
                    if let Some(outcome) = not_now(&arn, &secret, Duration::ZERO) {
                        return Ok(outcome);
                    }
                    // "A previous rotation isn't complete. That rotation will be reattempted." The look may tell what was
                    // before it.
                    if error.is("InvalidRequestException") {
                        return Ok(Started {
                            secret_arn: arn,
                            version_id: secret.rotation().under_way(),
                            outcome: StartOutcome::UnderWay,
                            retry_after_seconds: None,
                        });
                    }
                    Err(error.into())
                }
            }
        })
    }
}

async fn enrolled(
    fleet: &FleetConfiguration,
    name: &str,
    secrets: &Secrets,
    deadline: Deadline,
) -> Result<(SecretArn, Secret), Error> {
    let found = retry(deadline, || secrets.find(name, deadline)).await?;
    let (arn, secret) = found.ok_or_else(|| StepError::NotEnrolled(name.to_owned()))?;
    let managed = secret.is_of_stack(&fleet.stack) && secret.rotation_enabled;
    if secret.deleted || !managed {
        return Err(StepError::NotEnrolled(name.to_owned()).into());
    }
    Ok((arn, secret))
}

/// Why no rotation is to begin.
fn not_now(arn: &SecretArn, secret: &Secret, minimum_interval: Duration) -> Option<Started> {
    let answer = |version_id, outcome, retry_after_seconds| Started {
        secret_arn: arn.clone(),
        version_id,
        outcome,
        retry_after_seconds,
    };
    match secret.rotation() {
        // Secrets Manager may have given it up: asked for a rotation, it tries this one again.
        Rotation::UnderWay(_) if secret.stands_still() => return None,
        Rotation::UnderWay(version) | Rotation::Completing(version) => {
            return Some(answer(Some(version), StartOutcome::UnderWay, None));
        }
        Rotation::None => {}
    }
    let since = SystemTime::now()
        .duration_since(secret.last_rotated?)
        .unwrap_or_default();
    let left = minimum_interval.checked_sub(since)?;
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    (seconds > 0).then(|| answer(None, StartOutcome::TooSoon, Some(seconds)))
}
