//! What a revocation looks at before it acts: the other versions, and Heroku.

use std::time::Duration;

use super::RevokeSecret;
use crate::Error;
use crate::deadline::Deadline;
use crate::document::Document;
use crate::error::StepError;
use crate::event::RevokeEvent;
use crate::fields::Fields;
use crate::heroku::{AddOn, Partner};
use crate::ids::VersionId;
use crate::schedule::{Schedules, retry_delay};
use crate::secrets::{Label, Secret, SecretError, own};
use crate::service::{Sessions, Verdict};
use crate::telemetry::{self, Metric};

/// The longest that it is asked who uses a credential, which decides nothing by itself.
const LOOKING: Duration = Duration::from_secs(5);

/// The documents of the versions whose credentials may be alive.
pub(super) struct Versions {
    pub(super) old: Document,
    pub(super) current: Document,
    pub(super) current_version: VersionId,
    pub(super) others: Vec<(VersionId, Document)>,
    /// Those of which nothing but their labels says that they are the instance's own.
    pub(super) unproven: Vec<(VersionId, Document)>,
}

impl Versions {
    /// The versions without a proof of their own whose credential is the old one, where that is shown to be refused.
    pub(super) fn ended_with_it<'a>(
        &'a self,
        secret: &'a Secret,
    ) -> impl Iterator<Item = &'a VersionId> {
        let same = self.unproven.iter().filter(move |(version, document)| {
            self.old.is_same_login(document) == Some(true)
                && (self.old.is_where(document) || self.current.is_where(document))
                && secret.labelled(&Label::Live(version.clone())).as_ref() == Some(version)
        });
        same.map(|(version, _)| version)
    }

    /// The other version with the same credential that is revoked in this one's place, if there is one. All versions
    /// with one credential at one address are one: the credential ends with the last of their labels. At each other
    /// address a version of its own ends it, and one after the other: two addresses may be two names of one server.
    pub(super) async fn shared(
        &self,
        event: &RevokeEvent,
        secret: &Secret,
        schedules: &Schedules,
        deadline: Deadline,
    ) -> Result<Option<Shared>, Error> {
        let current = (self.current_version.clone(), self.current.clone());
        let mut others: Vec<_> = self.others.iter().chain([&current]).collect();
        // Whoever leaves its label to another waits for none, or two could wait for each other.
        others.sort_by_key(|(_, document)| !self.old.is_where(document));
        for (other, document) in others {
            match self.old.is_same_login(document) {
                Some(true) => {}
                Some(false) => continue,
                None if event.vouched.is_some() => continue,
                None => {
                    return Err(in_use(event, format!(
                        "version {other} has a credential of the same name at another address. → If they are two credentials, invoke revoke-secret with \"Vouched\": \"<the credential's name>\" and \"WasInUse\": true"
                    )).into());
                }
            }
            if *other == self.current_version {
                return Ok(Some(Shared::WithCurrent));
            }
            // Of two that wait, one leaves it to the other, or neither would have a label in the end; or ends it where
            // that is not, after that: the one that is where the service is by now, or else the greater id, is the other.
            let waits = !secret.carries(other, &Label::Pending);
            let rank = |document: &Document, id: &VersionId| {
                (document.is_where(&self.current), id.clone())
            };
            let is_first = waits && rank(&self.old, &event.version) > rank(document, other);
            if !self.old.is_where(document) {
                // An operator who asks for it now does not wait for the other's time.
                if is_first
                    && (event.scheduled_at.is_none()
                        || !schedules.is_to_come(&event.secret, other, deadline).await?)
                {
                    continue;
                }
                let reason = format!(
                    "version {other} holds the same credential at another address, and is due first"
                );
                return Err(in_use(event, reason).into());
            }
            if is_first {
                let reason = format!("version {other} holds the same credential");
                return Err(in_use(event, reason).into());
            }
            tracing::info!(%other, "another live version holds the same credential, which ends with that");
            return Ok(Some(Shared::WithWaiting(other.clone())));
        }
        Ok(None)
    }
}

pub(super) fn in_use(event: &RevokeEvent, reason: String) -> StepError {
    StepError::InUse {
        secret: event.secret.clone(),
        version: event.version.clone(),
        reason,
    }
}

/// Which other version has the same credential.
pub(super) enum Shared {
    /// One whose `LIVE-` label says that it is to be revoked.
    WithWaiting(VersionId),
    /// The current one, by its document: somebody has stored that anew, with another template or another password.
    WithCurrent,
}

/// What Heroku shows, when nothing of it is the old credential.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The current credential.
    Current,
    /// There is no such add-on any more.
    Gone,
}

impl RevokeSecret {
    pub(super) async fn document(
        &self,
        event: &RevokeEvent,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<Document, Error> {
        let secrets = &self.secrets;
        let document = secrets.document(&self.names, &event.secret, version, deadline);
        Ok(document.await?)
    }

    /// The version's own document. `holder` is the version that its label is on.
    pub(super) async fn old(
        &self,
        event: &RevokeEvent,
        secret: &Secret,
        holder: &VersionId,
        deadline: Deadline,
    ) -> Result<Document, Error> {
        let version = &event.version;
        match self.document(event, version, deadline).await {
            Err(Error::Secret(SecretError::NoValue { .. })) if !secret.has_version(version) => {
                let reason = format!(
                    "there is no such version, and its label is on version {holder}. → Somebody has put it there: take it off (UpdateSecretVersionStage)"
                );
                Err(in_use(event, reason).into())
            }
            document => document,
        }
    }

    /// The other versions whose credentials may be alive, but for the current one: those that are shown to be the
    /// instance's own, and the rest. Whoever may store values could name any credential in a version that he labels
    /// himself.
    pub(super) async fn others(
        &self,
        event: &RevokeEvent,
        secret: &Secret,
        current: &VersionId,
        deadline: Deadline,
    ) -> Result<(Vec<(VersionId, Document)>, Vec<(VersionId, Document)>), Error> {
        let (mut others, mut unproven) = (Vec::new(), Vec::new());
        let versions = secret.live();
        for version in versions.filter(|it| it != current && *it != event.version) {
            match self.document(event, &version, deadline).await {
                Ok(document) => {
                    let is_own = own(&event.secret, secret, &version, &document).is_ok();
                    let versions = if is_own { &mut others } else { &mut unproven };
                    versions.push((version, document));
                }
                // Whoever may store a value may give it the label of a version that never was.
                Err(Error::Secret(SecretError::NoValue { .. }))
                    if !secret.has_version(&version) =>
                {
                    tracing::warn!(%version, "a LIVE- label names a version that is not there: skipped");
                }
                Err(error @ (Error::Document(_) | Error::Authority(_))) => {
                    tracing::warn!(%version, %error, "another live version has no valid document: skipped");
                }
                Err(error) => return Err(error),
            }
        }
        Ok((others, unproven))
    }

    /// Looks at Heroku, which shows a live credential and nothing of the old one, or has no such add-on any more.
    pub(super) async fn look(
        &self,
        event: &RevokeEvent,
        versions: &Versions,
        deadline: Deadline,
    ) -> Result<Seen, Error> {
        let (old, current) = (&versions.old, &versions.current);
        let partner = self.secrets.fields(self.heroku.partner(), deadline);
        let partner = Partner::new(partner.await?);
        let addon = AddOn::of(current, &self.heroku, &partner, &self.tokens);
        let config = match addon.config(deadline).await {
            Ok(config) => config,
            Err(error)
                if error.is_gone() || addon.is_gone_by_v1(&error, &partner, deadline).await =>
            {
                tracing::info!(%error, "the add-on is gone: nothing shows the credential");
                return Ok(Seen::Gone);
            }
            Err(error) => return Err(error.into()),
        };
        let (old, rendered) = (old.render()?, current.render()?);
        // What both have is the current one's if the service lets that in: stored by hand, it may have a wrong address.
        let vars = config.showing_both(&old, &rendered);
        if !vars.is_empty() && self.services.verify(current, deadline).await? != Verdict::Accepted {
            let reason = format!(
                "the service refuses the current version {}, and Heroku shows what both have in {}. → Store a current version that works (PutSecretValue)",
                versions.current_version,
                vars.join(", ")
            );
            return Err(in_use(event, reason).into());
        }
        let vars = config.still_showing(&old, &rendered);
        if !vars.is_empty() {
            let reason = format!(
                "Heroku still shows its credential in {}. → Publish the current version, or remove config vars that the document no longer names (v3: `change` to a document that has them in heroku.removed)",
                vars.join(", ")
            );
            return Err(in_use(event, reason).into());
        }
        let mut is_seen = !config.showing(&rendered).is_empty();
        for (_, other) in &versions.others {
            is_seen |= !config.showing(&other.render()?).is_empty();
        }
        if !is_seen {
            return Err(StepError::NothingSeen {
                secret: event.secret.clone(),
                version: event.version.clone(),
                addon: current.heroku.addon_id.clone(),
                shown: config.names().collect::<Vec<_>>().join(", "),
            }
            .into());
        }
        Ok(Seen::Current)
    }

    /// Who uses the credential now, if anybody does and the service says so. A service that cannot say is no reason
    /// to let the credential live on.
    pub(super) async fn sessions(
        &self,
        old: &Document,
        administrator: &Fields,
        deadline: Deadline,
    ) -> Option<Sessions> {
        let deadline = deadline.at_most(LOOKING);
        match self.services.sessions(old, administrator, deadline).await {
            Ok(sessions) => {
                let open = sessions.filter(|it| it.count > 0);
                if let Some(open) = &open {
                    telemetry::record(&[(Metric::SessionsInUse, open.count)]);
                }
                open
            }
            Err(error) => {
                tracing::warn!(%error, "the old credential's sessions are unknown");
                None
            }
        }
    }

    /// The longest that the revocation waits for the sessions to end by themselves, in seconds, if it does.
    pub(super) fn held(
        &self,
        event: &RevokeEvent,
        secret: &Secret,
        sessions: &Sessions,
    ) -> Option<u32> {
        let own = secret.hold_while_in_use_seconds().ok().flatten();
        let most = own.unwrap_or(self.hold_while_in_use_seconds);
        let left = most.saturating_sub(event.held_seconds);
        // An operator who asks for it now, and a day of tries, are no time to wait.
        let may_wait = event.scheduled_at.is_some() && retry_delay(event.attempt).is_some();
        if left > 0 && may_wait {
            return Some(left);
        }
        tracing::warn!(
            sessions = sessions.count,
            from = sessions.from.join(" "),
            "sessions are open with the old credential: the service ends them now"
        );
        None
    }
}
