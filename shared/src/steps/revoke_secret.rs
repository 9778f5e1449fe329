//! After the grace period: the old credential ends. It looks before it acts, and does not give up
//! for a day.

use std::time::Duration;

use super::StepError;
use crate::Error;
use crate::authority::Names;
use crate::configuration::HerokuConfiguration;
use crate::deadline::Deadline;
use crate::document::Document;
use crate::event::RevokeEvent;
use crate::heroku::{AddOn, HerokuClient, Partner};
use crate::schedule::{Schedules, retry_delay};
use crate::secrets::{Label, Secrets};
use crate::service::Services;
use crate::telemetry::Metric;

/// Kept back to schedule the next try, however long the service or Heroku took.
pub const SCHEDULING: Duration = Duration::from_secs(12);

/// What a revocation needs.
#[derive(Debug)]
pub struct Revocation {
    /// The managed secrets, and those of administrator, partner and add-on.
    pub secrets: Secrets,
    /// What the secrets are called.
    pub names: Names,
    /// The services.
    pub services: Services,
    /// Heroku.
    pub heroku: HerokuClient,
    /// Where Heroku is, and who the partner is.
    pub configuration: HerokuConfiguration,
    /// Where the next try is scheduled.
    pub schedules: Schedules,
    /// The stack's grace period.
    pub grace_period_seconds: u32,
}

enum Outcome {
    /// The credential is refused, and the label off.
    Revoked,
    /// It is revoked already, or a later try has taken this one's place.
    NothingToDo,
    /// It was in use at the last try and is no more: dynos need the whole grace period once more.
    GraceAnew(u32),
}

/// Ends the version's credential, shows that it is refused, and takes the version's `LIVE-` label
/// off. While the credential is in use, or something is out of order, it schedules the next try.
///
/// # Errors
/// If it must not or cannot be done and no further try is left, or none can be scheduled. Lambda
/// then repeats the invocation twice and hands it to the dead-letter queue.
pub async fn revoke_secret(
    event: RevokeEvent,
    revocation: &Revocation,
    deadline: Deadline,
) -> Result<(), Error> {
    let attempt = event.attempt.saturating_add(1);
    let (next, delay, last_error) = match revocation.revoke(&event, deadline.less(SCHEDULING)).await
    {
        Ok(Outcome::Revoked) => {
            Metric::CredentialRevoked.count();
            return Ok(());
        }
        Ok(Outcome::NothingToDo) => return Ok(()),
        Ok(Outcome::GraceAnew(seconds)) => {
            tracing::info!(
                seconds,
                "the credential is no longer in use: its grace period begins anew"
            );
            let next = RevokeEvent {
                attempt,
                was_in_use: false,
                ..event
            };
            (next, Duration::from_secs(seconds.into()), None)
        }
        // Nobody can log in to end it; only a deletion with a recovery window can be undone.
        Err(error) if is_deleted(&error) => {
            Metric::RevocationImpossible.count();
            return Err(error);
        }
        // A lasting fault is tried again as well: somebody may correct it within the day.
        Err(error) => {
            Metric::RevocationPostponed.count();
            let Some(delay) = retry_delay(event.attempt) else {
                if matches!(error, Error::Step(StepError::Current { .. })) {
                    tracing::info!(
                        "current for a day: whatever replaces it schedules its revocation"
                    );
                    return Ok(());
                }
                let cause = format!("the last try failed because: {error}");
                return Err(StepError::GaveUp {
                    secret: event.secret,
                    version: event.version,
                    cause,
                }
                .into());
            };
            let in_use = matches!(
                error,
                Error::Step(StepError::InUse { .. } | StepError::Current { .. })
            );
            tracing::warn!(%error, next_try_in_seconds = delay.as_secs(), "not revoked: tried again later");
            let was_in_use = event.was_in_use || in_use;
            (
                RevokeEvent {
                    attempt,
                    was_in_use,
                    ..event
                },
                delay,
                Some(error),
            )
        }
    };
    Ok(revocation
        .schedules
        .revoke_after(next, delay, last_error.as_ref(), deadline)
        .await?)
}

fn is_deleted(error: &Error) -> bool {
    match error {
        Error::Aws(error) => {
            error.operation == "secretsmanager:DescribeSecret"
                && error.is("ResourceNotFoundException")
        }
        Error::Step(StepError::Deleted { .. }) => true,
        _ => false,
    }
}

impl Revocation {
    async fn revoke(&self, event: &RevokeEvent, deadline: Deadline) -> Result<Outcome, Error> {
        let secret = self.secrets.describe(&event.secret, deadline).await?;
        let live = Label::Live(event.version.clone());
        if !secret.carries(&event.version, &live) {
            tracing::info!("the version has no LIVE- label: it is revoked already");
            return Ok(Outcome::NothingToDo);
        }
        if secret.deleted {
            return Err(StepError::Deleted {
                secret: event.secret.clone(),
                version: event.version.clone(),
            }
            .into());
        }
        let in_use = |reason: String| StepError::InUse {
            secret: event.secret.clone(),
            version: event.version.clone(),
            reason,
        };
        if secret.carries(&event.version, &Label::Current) {
            return Err(StepError::Current {
                secret: event.secret.clone(),
                version: event.version.clone(),
            }
            .into());
        }
        if secret.carries(&event.version, &Label::Pending) {
            let reason = "it is AWSPENDING; if its rotation was cancelled, take the label off";
            return Err(in_use(reason.to_owned()).into());
        }
        // The version was current once more since this try was scheduled. Only after the look: a rotation
        // that is finished by then has scheduled the revocation before.
        if self.schedules.is_moved(event, deadline).await? {
            tracing::info!("a later rotation has scheduled this revocation anew: left to that");
            return Ok(Outcome::NothingToDo);
        }
        let current = secret
            .current()
            .ok_or_else(|| StepError::NoCurrentVersion(event.secret.clone()))?;
        let (old, current) = (
            self.secrets
                .document(&self.names, &event.secret, &event.version, deadline)
                .await?,
            self.secrets
                .document(&self.names, &event.secret, &current, deadline)
                .await?,
        );
        if old.engine.credential() == current.engine.credential() {
            // Somebody stored its value anew: the same credential under another version.
            return Err(in_use("the current version holds the same credential".to_owned()).into());
        }
        if let Some(vars) = self.shown(&old, &current, deadline).await? {
            let remedy = "publish the current version, or remove config vars that the document no longer names";
            return Err(in_use(format!("Heroku still shows its {vars}; {remedy}")).into());
        }
        if event.was_in_use {
            let own = secret.grace_period_seconds().ok().flatten();
            return Ok(Outcome::GraceAnew(own.unwrap_or(self.grace_period_seconds)));
        }
        let administrator = self.secrets.fields(&old.administrator, deadline).await?;
        self.services.revoke(&old, &administrator, deadline).await?;
        self.services
            .prove_refused(&old, &event.version, deadline)
            .await?;
        // The last act: as long as the label is there, the revocation is not done.
        if let Err(error) = self
            .secrets
            .detach(&event.secret, &live, &event.version, deadline)
            .await
        {
            // Another delivery may have been faster, or the first answer was lost.
            let secret = self.secrets.describe(&event.secret, deadline).await?;
            if secret.carries(&event.version, &live) {
                return Err(error.into());
            }
        }
        Ok(Outcome::Revoked)
    }

    /// The config vars that show the old version's values and not the current one's.
    async fn shown(
        &self,
        old: &Document,
        current: &Document,
        deadline: Deadline,
    ) -> Result<Option<String>, Error> {
        let partner = Partner::new(
            self.secrets
                .fields(&self.configuration.partner, deadline)
                .await?,
        );
        let addon = AddOn::of(current, &self.heroku, &partner, &self.secrets);
        let config = match addon.config(deadline).await {
            Ok(config) => config,
            Err(error)
                if error.is_gone() || addon.is_gone_by_v1(&error, &partner, deadline).await =>
            {
                tracing::info!(%error, "the add-on is gone: nothing shows the credential");
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let (old, current) = (old.render()?, current.render()?);
        let vars = config.still_showing(&old, &current);
        Ok((!vars.is_empty()).then(|| vars.join(", ")))
    }
}
