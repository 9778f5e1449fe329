//! The end of all that may be alive of an instance.

use std::collections::BTreeSet;

use super::DeprovisionAddon;
use crate::Error;
use crate::deadline::{Deadline, Transient};
use crate::document::Document;
use crate::ending::Ending;
use crate::error::DeprovisionError;
use crate::event::DeprovisionEvent;
use crate::ids::{SecretArn, VersionId};
use crate::secrets::{Label, Secret, SecretError, own};
use crate::telemetry::Metric;

impl DeprovisionAddon {
    /// Ends what may be alive: the versions with a `LIVE-` label, and the current one, which has none if it was
    /// imported and not rotated yet. That of a rotation under way keeps its label: its credential may be issued
    /// only now. One that cannot be ended keeps none of the others alive.
    pub(super) async fn revoke_all(
        &self,
        event: &DeprovisionEvent,
        arn: &SecretArn,
        secret: &Secret,
        pending: Option<&VersionId>,
        deadline: Deadline,
    ) -> Result<(Vec<VersionId>, Vec<VersionId>), Error> {
        let versions: BTreeSet<_> = secret.live().chain(secret.current()).collect();
        // An enrolment that was not completed has noted what nobody has looked at.
        let was_enrolled = secret.rotation_off || secret.rotation_function.is_some();
        let (mut revoked, mut unproven) = (Vec::new(), Vec::new());
        let (mut problems, mut transient) = (Vec::new(), true);
        let mut found = Vec::new();
        for version in versions {
            let document = self.document(arn, &version, deadline).await;
            let is_own = match &document {
                Ok(document) => own(arn, secret, &version, document),
                Err(_) => Ok(()),
            };
            found.push((version, document, is_own));
        }
        let current = secret.current().and_then(|current| {
            let mut found = found.iter();
            let (_, document, _) = found.find(|(version, ..)| *version == current)?;
            document.as_ref().ok().cloned()
        });
        let ending = Ending {
            secrets: &self.secrets,
            services: &self.services,
            arn,
            deadline,
        };
        // What has another version's credential, and shows nothing itself, is over with that one.
        found.sort_by_key(|(_, _, is_own)| is_own.is_err());
        let mut ended: Vec<(VersionId, Document)> = Vec::new();
        for (version, document, is_own) in found {
            let is_pending = pending == Some(&version);
            let end = async {
                let document = match document {
                    // Whoever may store a value may give it the label of a version that never was.
                    Err(Error::Secret(SecretError::NoValue { .. }))
                        if !secret.has_version(&version) =>
                    {
                        return Ok(None);
                    }
                    document => document?,
                };
                let same = ended
                    .iter()
                    .filter(|(_, it)| it.is_same_login(&document) == Some(true));
                let same: Vec<_> = same.map(|(_, it)| it.is_where(&document)).collect();
                let is_asked = !same.contains(&true) && (is_own.is_err() || !was_enrolled);
                if is_asked && !ending.is_shown_now(&version, &document).await? {
                    // At another address, its name may be somebody else's.
                    if !same.is_empty() {
                        return Ok(Some(document));
                    }
                    if secret.is_live(&version) {
                        is_own?;
                    }
                    return Ok(None);
                }
                // It was never rotated. From here on an ending that is cut off is completed.
                if !secret.is_live(&version) {
                    let live = Label::Live(version.clone());
                    self.secrets.attach(arn, &live, &version, deadline).await?;
                }
                self.revoke(ending, (&version, &document), current.as_ref())
                    .await?;
                Ok::<_, Error>(Some(document))
            };
            match end.await {
                Ok(None) => {
                    tracing::warn!(%version, "the service refuses the current credential, which was never seen to log in: not revoked. Look at the service whether there is a login of its name");
                    unproven.push(version);
                }
                Ok(Some(document)) => ended.push((version, document)),
                // A step that is under way may issue it again just now: the next look ends it.
                Err(error) if is_pending => {
                    tracing::warn!(%version, %error, "not revoked yet: its rotation was under way");
                }
                Err(error) => {
                    transient &= error.is_transient();
                    problems.push(format!("Version {version} of {arn}: {error}"));
                }
            }
        }
        // Those first that are over with another: cut off here, that one shows it once more.
        for (version, _) in ended.into_iter().rev() {
            let live = Label::Live(version.clone());
            if pending != Some(&version) {
                // Where the label is, if somebody has moved it.
                let holder = secret.labelled(&live).unwrap_or(version.clone());
                let detached = self.secrets.detach(arn, &live, &holder, deadline);
                if let Err(error) = detached.await {
                    transient &= error.is_transient();
                    problems.push(format!("Version {version} of {arn}: {error}"));
                    break;
                }
            }
            Metric::CredentialRevoked.count();
            revoked.push(version);
        }
        if problems.is_empty() {
            revoked.sort_unstable();
            return Ok((revoked, unproven));
        }
        Err(DeprovisionError::Alive {
            addon: event.addon.clone(),
            problems,
            transient,
        }
        .into())
    }

    async fn revoke(
        &self,
        ending: Ending<'_>,
        (version, document): (&VersionId, &Document),
        current: Option<&Document>,
    ) -> Result<(), Error> {
        let (arn, deadline) = (ending.arn, ending.deadline);
        let administrator = ending.administrator(version, document).await;
        ending
            .end((version, document), administrator, current)
            .await?;
        // Before the label: a revocation whose schedule is left finds no label, and nothing to do.
        self.schedules
            .remove_revocation(arn, version, deadline)
            .await?;
        Ok(())
    }
}
