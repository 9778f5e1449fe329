//! Where a credential that ends has its labels: on its own version, and on each other one that holds it as well.

use super::RevokeSecret;
use super::look::{Shared, Versions, in_use};
use crate::Error;
use crate::claims;
use crate::deadline::Deadline;
use crate::event::RevokeEvent;
use crate::ids::VersionId;
use crate::secrets::{Label, Secret};
use crate::service::{ServiceError, Verdict};

impl RevokeSecret {
    /// Takes the label off: the last act, since as long as it is there, the revocation is not done. Before it, those of
    /// whoever has stored the credential once more: it is ended, and nobody could show it any more.
    pub(super) async fn take_off(
        &self,
        event: &RevokeEvent,
        secret: &Secret,
        versions: &Versions,
        holder: &VersionId,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let same = versions.ended_with_it(secret).map(|it| (it, it));
        for (version, holder) in same.chain([(&event.version, holder)]) {
            let live = Label::Live(version.clone());
            self.secrets
                .detach(&event.secret, &live, holder, deadline)
                .await?;
        }
        Ok(())
    }

    /// The other version that has the credential as well, if that ends with its label.
    pub(super) async fn left_to_another(
        &self,
        event: &RevokeEvent,
        secret: &Secret,
        versions: &Versions,
        deadline: Deadline,
    ) -> Result<Option<VersionId>, Error> {
        let shared = versions.shared(event, secret, &self.schedules, deadline);
        match shared.await? {
            None => Ok(None),
            Some(Shared::WithWaiting(other)) => {
                self.label(event, secret, &other, deadline).await?;
                Ok(Some(other))
            }
            Some(Shared::WithCurrent) => {
                let is_current = self.is_current(versions, deadline).await?;
                if is_current && !versions.old.is_where(&versions.current) {
                    let reason = format!(
                        "the current version {} holds the same credential at another address. → Rotate: it ends at both then",
                        versions.current_version
                    );
                    return Err(in_use(event, reason).into());
                }
                if is_current {
                    self.label_current(event, secret, versions, deadline)
                        .await?;
                }
                Ok(is_current.then(|| versions.current_version.clone()))
            }
        }
    }

    /// Whether the current version's credential, which has the old one's name, is the one that works. Whoever may
    /// store values could hold up the old one's end by a value that does not.
    async fn is_current(&self, versions: &Versions, deadline: Deadline) -> Result<bool, Error> {
        let Versions { old, current, .. } = versions;
        let administrator = self
            .secrets
            .fields(&current.administrator, deadline)
            .await?;
        claims::serves(current, &administrator)?;
        let proof = self
            .services
            .prove_control(current, &versions.current_version, deadline);
        let Err(error) = proof.await else {
            return Ok(true);
        };
        // A service that lets nobody in says nothing of either.
        if !matches!(error, ServiceError::Unproven(_))
            || self.services.verify(old, deadline).await? != Verdict::Accepted
        {
            return Err(error.into());
        }
        tracing::warn!(
            current = %versions.current_version,
            "the service refuses the current version's credential, which has the old one's name: that one ends all the same"
        );
        Ok(false)
    }

    /// The label follows its credential to the current version. What shows that the credential is the instance's own
    /// goes before it: the old version's note is forgotten with its label, and no rotation may ever replace this one.
    async fn label_current(
        &self,
        event: &RevokeEvent,
        secret: &Secret,
        versions: &Versions,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let (current, document) = (&versions.current_version, &versions.current);
        tracing::info!(%current, "the current version holds the same credential, and waits in its place");
        self.ending(event, deadline)
            .show_own(secret, current, document)
            .await?;
        self.label(event, secret, current, deadline).await
    }

    /// Puts on the label for which another one goes, whether a look shows it or not: that may be from before its version
    /// left the credential to this one. Where somebody has moved it, it stays.
    async fn label(
        &self,
        event: &RevokeEvent,
        secret: &Secret,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let live = Label::Live(version.clone());
        let holder = secret.labelled(&live);
        if holder.is_none_or(|holder| holder == *version) {
            self.secrets
                .attach(&event.secret, &live, version, deadline)
                .await?;
        }
        Ok(())
    }
}
