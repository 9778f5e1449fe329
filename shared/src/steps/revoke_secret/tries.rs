//! What becomes of a try to end a credential, and when the next one is.

use std::time::Duration;

use super::{RevokeSecret, SCHEDULING};
use crate::Error;
use crate::deadline::Deadline;
use crate::error::StepError;
use crate::event::{RevokeEvent, ScheduledAt};
use crate::ids::VersionId;
use crate::last_will::{LastWill, Panicked};
use crate::schedule::retry_delay;
use crate::service::Sessions;
use crate::telemetry::Metric;

pub(super) enum Outcome {
    /// The credential is refused, and the label off. Sessions were open with it until then, if there were any.
    Revoked(Option<Sessions>),
    /// It is revoked already, or a later try has taken this one's place.
    NothingToDo,
    /// This other version has the same credential, which ends with that.
    LeftTo(VersionId),
    /// It was in use at the last try and is no more: dynos need the whole grace period once more.
    GraceAnew(u32),
    /// Sessions are open with it, for which the stack or the secret holds its revocation for so many seconds more.
    Held(Sessions, u32),
}

/// What became of a try, for others to know.
pub(super) struct Told {
    pub(super) sessions: Option<Sessions>,
    pub(super) ended: Ended,
}

pub(super) enum Ended {
    Revoked,
    NothingToDo,
    LeftTo(VersionId),
    /// The next try is scheduled, for an error if there was one.
    Postponed {
        at: ScheduledAt,
        error: Option<Error>,
    },
    GivenUp(Error),
}

impl From<Ended> for Told {
    fn from(ended: Ended) -> Self {
        Self {
            sessions: None,
            ended,
        }
    }
}

impl RevokeSecret {
    /// The next try, should this one panic.
    fn will(&self, event: &RevokeEvent) -> Option<LastWill> {
        let delay = retry_delay(event.attempt)?;
        let next = RevokeEvent {
            attempt: event.attempt.saturating_add(1),
            ..event.clone()
        };
        let schedules = self.schedules.clone();
        Some(LastWill::of(move || async move {
            let deadline = Deadline::after(SCHEDULING);
            let panicked = Error::from(Panicked);
            let written = async {
                let schedules = schedules.apart()?;
                let last_error = panicked.to_string();
                let written = schedules.revoke_after(next, delay, Some(&last_error), deadline);
                Ok::<_, Error>(written.await?)
            };
            if let Err(error) = written.await {
                tracing::error!(%error, "{panicked} No next attempt is scheduled");
            }
        }))
    }

    /// Makes a try, and sees to the next one.
    pub(super) async fn told(&self, event: RevokeEvent, deadline: Deadline) -> Told {
        let attempt = event.attempt.saturating_add(1);
        let will = self.will(&event);
        let tried = self.revoke(&event, deadline.less(SCHEDULING)).await;
        drop(will);
        let mut sessions = None;
        let (next, delay, error) = match tried {
            Ok(Outcome::Revoked(open)) => {
                Metric::CredentialRevoked.count();
                return Told {
                    sessions: open,
                    ended: Ended::Revoked,
                };
            }
            Ok(Outcome::NothingToDo) => return Ended::NothingToDo.into(),
            Ok(Outcome::LeftTo(other)) => return Ended::LeftTo(other).into(),
            Ok(Outcome::GraceAnew(seconds)) => {
                tracing::info!(
                    seconds,
                    "Heroku has ceased to show the credential since this try was scheduled: its grace period begins again"
                );
                let next = RevokeEvent {
                    attempt,
                    was_in_use: false,
                    ..event
                };
                (next, Duration::from_secs(seconds.into()), None)
            }
            Ok(Outcome::Held(open, seconds)) => {
                let most = Duration::from_secs(seconds.into());
                let delay = retry_delay(event.attempt).map_or(most, |delay| delay.min(most));
                tracing::warn!(
                    sessions = open.count,
                    from = open.from.join(" "),
                    held_for_at_most = seconds,
                    next_attempt_in_seconds = delay.as_secs(),
                    "sessions are open with the old credential: its revocation is held back"
                );
                sessions = Some(open);
                let held = u32::try_from(delay.as_secs()).unwrap_or(u32::MAX);
                let held_seconds = event.held_seconds.saturating_add(held);
                let next = RevokeEvent {
                    attempt,
                    held_seconds,
                    ..event
                };
                (next, delay, None)
            }
            // Nobody can log in to end it any more.
            Err(error) if is_gone(&error) => {
                Metric::RevocationImpossible.count();
                return Ended::GivenUp(error).into();
            }
            // A lasting fault is tried again as well: somebody may correct it within the day.
            Err(error) => {
                let is_deleted = matches!(error, Error::Step(StepError::Deleted { .. }));
                let metric = if is_deleted {
                    Metric::RevocationImpossible
                } else {
                    Metric::RevocationPostponed
                };
                metric.count();
                let Some(delay) = retry_delay(event.attempt) else {
                    return given_up(event, &error).into();
                };
                // What Heroku shows until a deleted secret is restored, no try sees.
                let in_use = is_deleted
                    || matches!(
                        error,
                        Error::Step(StepError::InUse { .. } | StepError::Current { .. })
                    );
                tracing::warn!(%error, next_attempt_in_seconds = delay.as_secs(), "not revoked: a later attempt is scheduled");
                let was_in_use = event.was_in_use || in_use;
                let next = RevokeEvent {
                    attempt,
                    was_in_use,
                    ..event
                };
                (next, delay, Some(error))
            }
        };
        let schedules = &self.schedules;
        let last_error = error.as_ref().map(ToString::to_string);
        let written = schedules.revoke_after(next, delay, last_error.as_deref(), deadline);
        let ended = match written.await {
            Ok(()) => Ended::Postponed {
                at: ScheduledAt::after(delay),
                error,
            },
            Err(error) => Ended::GivenUp(error.into()),
        };
        Told { sessions, ended }
    }
}

fn given_up(event: RevokeEvent, error: &Error) -> Ended {
    if matches!(error, Error::Step(StepError::Current { .. })) {
        tracing::info!("current for a day: the next rotation schedules its revocation");
        return Ended::NothingToDo;
    }
    let cause = error.to_string();
    let error = StepError::GaveUp {
        secret: event.secret,
        version: event.version,
        cause,
    };
    Ended::GivenUp(error.into())
}

/// Whether there is no such secret.
fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Aws(error) if error.operation == "secretsmanager:DescribeSecret"
        && error.is("ResourceNotFoundException"))
}
