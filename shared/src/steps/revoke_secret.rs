//! After the grace period: the old credential ends. It looks before it acts, and does not give up
//! for a day.

use super::StepError;
use crate::Error;
use crate::configuration::HerokuConfiguration;
use crate::deadline::{Deadline, Passing};
use crate::document::Document;
use crate::event::{RevokeEvent, VersionId};
use crate::heroku::{AddOn, HerokuClient, Partner};
use crate::schedule::{Schedules, retry_delay};
use crate::secrets::{Label, Secret, Secrets};
use crate::service::Services;
use crate::telemetry::Metric;

/// What a revocation needs.
#[derive(Debug)]
pub struct Revocation {
    /// The managed secrets, and those of administrator, partner and add-on.
    pub secrets: Secrets,
    /// The services.
    pub services: Services,
    /// Heroku.
    pub heroku: HerokuClient,
    /// Where Heroku is, and who the partner is.
    pub configuration: HerokuConfiguration,
    /// Where the next try is scheduled.
    pub schedules: Schedules,
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
    match revocation.revoke(&event, deadline).await {
        Ok(()) => Ok(()),
        // A lasting fault is tried again as well: somebody may correct it within the day.
        Err(error) if is_deleted(&error) => {
            Metric::RevocationImpossible.count();
            Err(error)
        }
        Err(error) => {
            Metric::RevocationPostponed.count();
            let Some(delay) = retry_delay(event.attempt) else {
                let cause = format!("the last try failed because: {error}");
                return Err(StepError::GaveUp {
                    secret: event.secret,
                    version: event.version,
                    cause,
                }
                .into());
            };
            let next = RevokeEvent {
                attempt: event.attempt + 1,
                ..event
            };
            let passing = error.is_passing();
            tracing::warn!(%error, passing, next_try_in_seconds = delay.as_secs(), "not revoked: tried again later");
            Ok(revocation
                .schedules
                .revoke_after(&next, delay, deadline)
                .await?)
        }
    }
}

fn is_deleted(error: &Error) -> bool {
    matches!(error, Error::Aws(error) if error.operation == "secretsmanager:DescribeSecret" && error.is("ResourceNotFoundException"))
}

impl Revocation {
    async fn revoke(&self, event: &RevokeEvent, deadline: Deadline) -> Result<(), Error> {
        let secret = self.secrets.describe(&event.secret, deadline).await?;
        let live = Label::Live(event.version.clone());
        if !secret.carries(&event.version, &live) {
            tracing::info!("the version has no LIVE- label: it is revoked already");
            return Ok(());
        }
        let in_use = |reason: &str| StepError::InUse {
            secret: event.secret.clone(),
            version: event.version.clone(),
            reason: reason.to_owned(),
        };
        if secret.carries(&event.version, &Label::Current) {
            return Err(in_use("it is AWSCURRENT").into());
        }
        if secret.carries(&event.version, &Label::Pending) {
            return Err(in_use(
                "it is AWSPENDING; if its rotation was cancelled, take the label off",
            )
            .into());
        }
        let value = self
            .secrets
            .stored_value(&event.secret, &event.version, deadline)
            .await?;
        let document = Document::parse(&value)?;
        if let Some(vars) = self.shown(event, &secret, &document, deadline).await? {
            return Err(in_use(&format!(
                "Heroku still shows its {vars}; publish the current version"
            ))
            .into());
        }
        let administrator = self
            .secrets
            .fields(&document.administrator, deadline)
            .await?;
        self.services
            .revoke(&document, &event.version, &administrator, deadline)
            .await?;
        self.services
            .prove_refused(&document, &event.version, deadline)
            .await?;
        // The last act: as long as the label is there, the revocation is not done.
        self.secrets
            .detach(&event.secret, &live, &event.version, deadline)
            .await?;
        Metric::CredentialRevoked.count();
        Ok(())
    }

    /// The config vars that show the old version's values and not the current one's.
    async fn shown(
        &self,
        event: &RevokeEvent,
        secret: &Secret,
        old: &Document,
        deadline: Deadline,
    ) -> Result<Option<String>, Error> {
        let current = secret
            .current()
            .ok_or_else(|| StepError::NoCurrentVersion(event.secret.clone()))?;
        let current = self.document(event, &current, deadline).await?;
        let partner = Partner::new(
            self.secrets
                .fields(&self.configuration.partner, deadline)
                .await?,
        );
        let config = match AddOn::of(&current, &self.heroku, &partner, &self.secrets)
            .config(deadline)
            .await
        {
            Ok(config) => config,
            Err(error) if error.is_gone() => {
                tracing::info!(%error, "the add-on is gone: nothing shows the credential");
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let (old, current) = (old.render()?, current.render()?);
        let vars = config.still_showing(&old, &current);
        Ok((!vars.is_empty()).then(|| vars.join(", ")))
    }

    async fn document(
        &self,
        event: &RevokeEvent,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<Document, Error> {
        let value = self
            .secrets
            .stored_value(&event.secret, version, deadline)
            .await?;
        Ok(Document::parse(&value)?)
    }
}
