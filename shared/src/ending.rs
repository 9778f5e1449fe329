//! The end of a credential, in the grace period's or the instance's: refused at its own address, and where the instance
//! has the service by now.

use crate::Error;
use crate::authority::AuthorityError;
use crate::aws::AwsError;
use crate::deadline::Deadline;
use crate::document::Document;
use crate::error::StepError;
use crate::fields::Fields;
use crate::ids::{SecretArn, VersionId};
use crate::secrets::{Secret, SecretError, Secrets, own};
use crate::service::{ServiceError, Services};

/// What it takes to end credentials.
#[derive(Clone, Copy)]
pub(crate) struct Ending<'a> {
    /// The managed secrets, and those of the administrators.
    pub(crate) secrets: &'a Secrets,
    /// The services.
    pub(crate) services: &'a Services,
    /// The secret whose credentials end.
    pub(crate) arn: &'a SecretArn,
    /// Until when.
    pub(crate) deadline: Deadline,
}

impl Ending<'_> {
    /// Shows that a version's credential is the instance's own. If nothing did so far, its login does, which is noted:
    /// once it is ended, it shows nothing any more.
    pub(crate) async fn show_own(
        &self,
        secret: &Secret,
        version: &VersionId,
        document: &Document,
    ) -> Result<(), Error> {
        let Err(not_own) = own(self.arn, secret, version, document) else {
            return Ok(());
        };
        if !self.is_shown_now(version, document).await? {
            return Err(not_own.into());
        }
        Ok(())
    }

    /// Whether the credential logs in, which is noted.
    pub(crate) async fn is_shown_now(
        &self,
        version: &VersionId,
        document: &Document,
    ) -> Result<bool, Error> {
        let administrator = self.administrator(version, document).await?;
        let is_shown = self.logs_in(document, &administrator).await?;
        if is_shown {
            let note = document.note(version);
            self.secrets
                .note_now(self.arn, &note, self.deadline)
                .await?;
        }
        Ok(is_shown)
    }

    /// Has the service refuse the credential, and shows that it does: at both addresses, whichever is out of order.
    /// `administrator` is what the document's own says, and `current` where the service is by now.
    pub(crate) async fn end(
        &self,
        (version, document): (&VersionId, &Document),
        administrator: Result<Fields, Error>,
        current: Option<&Document>,
    ) -> Result<(), Error> {
        let moved = current.filter(|current| !document.is_where(current));
        let Some(current) = moved else {
            return self.refuse(version, document, &administrator?).await;
        };
        // One that does not answer leaves the other its time.
        let first = Self {
            deadline: self.deadline.at_most(self.deadline.left() / 2),
            ..*self
        };
        let ended = match &administrator {
            Ok(administrator) => first.refuse(version, document, administrator).await,
            Err(error) => Err(error.clone()),
        };
        let elsewhere = self.end_where_it_moved(version, document, current).await;
        match ended {
            // Whoever may say what the administrator's login is for has taken the old address out of it.
            Err(error) if elsewhere.is_ok() && is_given_up(&error) => {
                tracing::warn!(%version, %error, "the service has moved from the old credential's address, which is not asked");
            }
            ended => ended?,
        }
        elsewhere
    }

    /// A service that moved may have taken the old credential along, and whoever has it may have changed its password
    /// there. A name that was made of the version's id nobody else has; another one may be somebody else's there, and
    /// ends if it logs in.
    async fn end_where_it_moved(
        &self,
        version: &VersionId,
        document: &Document,
        current: &Document,
    ) -> Result<(), Error> {
        let Some(moved) = current.with_login_of(document)? else {
            return Ok(());
        };
        let administrator = self.administrator(version, &moved).await?;
        let is_named = document.is_named_after(version);
        if !is_named && !self.logs_in(&moved, &administrator).await? {
            return Ok(());
        }
        tracing::info!(%version, "the service has moved: the old credential ends at its new address too");
        self.refuse(version, &moved, &administrator).await
    }

    /// The administrator's secret of the version's document. One that is not there says nothing of the credential.
    pub(crate) async fn administrator(
        &self,
        version: &VersionId,
        document: &Document,
    ) -> Result<Fields, Error> {
        let administrator = &document.administrator;
        match self.secrets.fields(administrator, self.deadline).await {
            Err(SecretError::Aws(error)) if is_deleted(&error) => Err(StepError::NoAdministrator {
                secret: self.arn.clone(),
                version: version.clone(),
                credential: document.engine.credential().to_owned(),
                address: document.address(),
                cause: error.to_string(),
            }
            .into()),
            fields => Ok(fields?),
        }
    }

    async fn logs_in(&self, document: &Document, administrator: &Fields) -> Result<bool, Error> {
        let shown = self
            .services
            .shows_possession(document, administrator, self.deadline);
        Ok(shown.await?)
    }

    async fn refuse(
        &self,
        version: &VersionId,
        document: &Document,
        administrator: &Fields,
    ) -> Result<(), Error> {
        let (services, deadline) = (self.services, self.deadline);
        services.revoke(document, administrator, deadline).await?;
        services.prove_refused(document, version, deadline).await?;
        Ok(())
    }
}

fn is_deleted(error: &AwsError) -> bool {
    error.is("ResourceNotFoundException") || error.is("InvalidRequestException")
}

/// Whether the administrator's login is no longer for the address.
fn is_given_up(error: &Error) -> bool {
    matches!(
        error,
        Error::Service(ServiceError::Authority(AuthorityError::NotServed { .. }))
    )
}
