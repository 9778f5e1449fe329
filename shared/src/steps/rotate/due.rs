//! What must hold before a step, by the secret's labels and tags.

use crate::event::RotationEvent;
use crate::ids::VersionId;
use crate::secrets::{Label, MOST_LABELS, Secret};
use crate::steps::StepError;

/// AWS's checks [before any step](https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html).
pub(super) fn is_due(event: &RotationEvent, secret: &Secret) -> Result<bool, StepError> {
    let (id, version) = (event.secret.clone(), event.version.clone());
    if !secret.rotation_enabled {
        Err(StepError::RotationDisabled(id))
    } else if !secret.has_version(&version) {
        Err(StepError::UnknownVersion {
            secret: id,
            version,
        })
    } else if secret.carries(&version, &Label::Current) {
        Ok(false)
    } else if !secret.carries(&version, &Label::Pending) {
        Err(StepError::NotPending {
            secret: id,
            version,
        })
    } else {
        Ok(true)
    }
}

pub(super) fn current(event: &RotationEvent, secret: &Secret) -> Result<VersionId, StepError> {
    secret
        .current()
        .ok_or_else(|| StepError::NoCurrentVersion(event.secret.clone()))
}

pub(super) fn grace_period(
    event: &RotationEvent,
    secret: &Secret,
) -> Result<Option<u32>, StepError> {
    tagged(event, secret.grace_period_seconds())
}

pub(super) fn tagged(
    event: &RotationEvent,
    seconds: Result<Option<u32>, String>,
) -> Result<Option<u32>, StepError> {
    seconds.map_err(|problem| StepError::Tag {
        secret: event.secret.clone(),
        problem,
    })
}

/// Counts the labels that this rotation will put on versions: where there is no room for one of them, nothing is
/// begun.
pub(super) fn room_for_labels(
    event: &RotationEvent,
    secret: &Secret,
    current: &VersionId,
) -> Result<(), StepError> {
    let needed = [
        !secret.is_live(&event.version),
        !secret.is_live(current),
        secret.labelled(&Label::Previous).is_none(),
    ];
    let needed = needed.into_iter().filter(|it| *it).count();
    let has = secret.label_count();
    if has + needed <= MOST_LABELS {
        return Ok(());
    }
    Err(StepError::Labels {
        secret: event.secret.clone(),
        has,
        needed,
        waiting: secret.waiting().count(),
    })
}
