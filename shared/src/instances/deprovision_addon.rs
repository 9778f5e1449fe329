//! The end of an instance: its credentials are revoked, and its secrets deleted.
//!
//! Heroku is not asked: the add-on may be gone there already.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::FleetConfiguration;
use crate::Error;
use crate::deadline::{Deadline, Transient, retry};
use crate::document::{Api, Document};
use crate::ending::Ending;
use crate::error::DeprovisionError;
use crate::event::DeprovisionEvent;
use crate::function::{Function, Handling};
use crate::ids::{SecretArn, VersionId};
use crate::last_will::{LastWill, Panicked};
use crate::schedule::{Schedules, retry_delay};
use crate::secrets::{Deletion, Label, Secret, SecretError, Secrets, own};
use crate::service::Services;
use crate::start::Start;
use crate::telemetry::Metric;
use crate::tokens::Tokens;

/// Kept back to schedule the next try, however long the service took.
const SCHEDULING: Duration = Duration::from_secs(12);

/// So long a look may tell what was before a change: an assumption.
const CONSISTENCY: Duration = Duration::from_secs(10);

/// What `deprovision-addon` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Deprovisioned {
    /// The instance's secret, if there is one.
    pub secret_arn: Option<SecretArn>,
    /// The versions whose credentials this call has ended, each shown to be refused.
    pub revoked: Vec<VersionId>,
    /// The versions whose credentials the service refuses, and which nothing shows to be the instance's: stored by
    /// hand, or of an instance that was enrolled by hand and never rotated. Somebody should look at the service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unproven: Vec<VersionId>,
    /// What was done.
    pub outcome: DeprovisionOutcome,
}

/// What a deprovisioning did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeprovisionOutcome {
    /// No credential is alive that is the instance's own, and the secrets are marked for deletion.
    Deprovisioned,
    /// What was found alive has ended. A rotation was under way, whose functions may still issue a credential:
    /// it is scheduled to look again when they cannot any more, and to delete the secrets then.
    Revoked,
    /// There was nothing to do.
    Unchanged,
}

/// Ends an instance: rotation is switched off, every credential that may be alive is revoked and shown to be
/// refused, its label and its schedules are removed, and the secrets are deleted, last of all, as no value can
/// be read then. It can be repeated from any point of failure. A run that it has scheduled itself schedules
/// its next try when it fails, for a day. What can be done is, whatever else cannot.
#[derive(Debug)]
pub struct DeprovisionAddon {
    secrets: Secrets,
    tokens: Tokens,
    services: Services,
    /// Where revocations are scheduled, and this function's next run is.
    schedules: Schedules,
    fleet: FleetConfiguration,
    /// For how long the deleted secrets can be restored.
    recovery_window_days: u8,
    /// How long a rotation's step, and the function that it called, can still run when the rotation is cancelled.
    longest_step_seconds: u32,
}

impl Function for DeprovisionAddon {
    type Event = DeprovisionEvent;
    type Answer = Deprovisioned;

    fn start(start: &mut Start) -> Option<Self> {
        let mut variables = start.variables();
        let fleet = FleetConfiguration::read(&mut variables);
        let recovery_window_days = variables.number("RECOVERY_WINDOW_DAYS", 7..=30);
        let longest_step_seconds = variables.number("LONGEST_STEP_SECONDS", 1..=1800);
        let services = Services::start(start);
        let tokens = Tokens::start(start);
        let schedules = Schedules::start(start, "DEPROVISION_ADDON_FUNCTION_ARN");
        Some(Self {
            secrets: Secrets::new(&start.aws),
            tokens: tokens?,
            services: services?,
            schedules: schedules?,
            fleet: fleet?,
            recovery_window_days: recovery_window_days?,
            longest_step_seconds: longest_step_seconds?,
        })
    }

    fn handle(&self, event: DeprovisionEvent, deadline: Deadline) -> Handling<'_, Deprovisioned> {
        Box::pin(async move {
            tracing::info!(
                addon = event.addon,
                attempt = event.attempt,
                "deprovisioning"
            );
            let name = self.fleet.names.secret_of(&event.addon);
            let Some((arn, secret)) = self.secrets.find(&name, deadline).await? else {
                return self.without_secret(&event, deadline).await;
            };
            let _will = self.will(&event, &arn);
            let done = self.end(&event, &arn, secret, deadline.less(SCHEDULING));
            match done.await {
                Err(error) if event.rotation_is_over => {
                    self.later(&event, arn, error, deadline).await
                }
                result => result,
            }
        })
    }
}

impl DeprovisionAddon {
    async fn end(
        &self,
        event: &DeprovisionEvent,
        arn: &SecretArn,
        secret: Secret,
        deadline: Deadline,
    ) -> Result<Deprovisioned, Error> {
        let answer = |(revoked, unproven), outcome| Deprovisioned {
            secret_arn: Some(arn.clone()),
            revoked,
            unproven,
            outcome,
        };
        let stack = &self.fleet.stack;
        if !secret.is_of_stack(stack) {
            return Err(DeprovisionError::Foreign {
                secret: arn.clone(),
                stack: stack.clone(),
            }
            .into());
        }
        if secret.deleted {
            // What is deprovisioned has neither.
            return if secret.rotation_enabled || secret.live().next().is_some() {
                Err(DeprovisionError::Deleted(arn.clone()).into())
            } else {
                Ok(answer(
                    <(Vec<_>, Vec<_>)>::default(),
                    DeprovisionOutcome::Unchanged,
                ))
            };
        }
        // One that is not valid is told of with all others, which end first.
        let current = match secret.current() {
            Some(version) => match self.document(arn, &version, deadline).await {
                Err(Error::Document(_) | Error::Authority(_)) => None,
                document => Some(document?),
            },
            None => None,
        };
        let was_rotated = secret.rotation_enabled;
        let cancelled = if was_rotated {
            self.secrets.switch_rotation_off(arn, deadline).await?
        } else {
            None
        };
        // After that, so that a rotation which began before it is seen.
        let secret = self.switched_off(arn, None, deadline).await?;
        let cancelled = cancelled.filter(|version| !secret.carries(version, &Label::Current));
        let pending = secret
            .rotation()
            .under_way()
            .or(cancelled)
            .filter(|_| was_rotated || !event.rotation_is_over);
        if pending.is_some() {
            self.look_again(event, arn, deadline).await?;
        }
        let revoked = self
            .revoke_all(event, arn, &secret, pending.as_ref(), deadline)
            .await?;
        if pending.is_some() {
            return Ok(answer(revoked, DeprovisionOutcome::Revoked));
        }
        if current.is_none_or(|document| document.heroku.api != Api::V1) {
            self.remove_tokens(&event.addon, true, deadline).await?;
        }
        // Somebody may have begun a rotation, which switches it on: nobody could end its credential later.
        self.switched_off(arn, Some(&secret), deadline).await?;
        let window = Deletion::Recoverable(self.recovery_window_days);
        self.secrets.delete(arn, window, deadline).await?;
        Ok(answer(revoked, DeprovisionOutcome::Deprovisioned))
    }

    /// The secret as it is since rotation is off: a look that still sees it on is older, and may miss the credential
    /// that a rotation has made since. `known` is an earlier one, since which no rotation may have begun.
    async fn switched_off(
        &self,
        arn: &SecretArn,
        known: Option<&Secret>,
        deadline: Deadline,
    ) -> Result<Secret, Error> {
        retry(deadline.at_most(CONSISTENCY), || async {
            let secret = self.secrets.describe(arn, deadline).await?;
            let is_new = |known: &Secret| {
                let mut versions = secret
                    .rotation()
                    .under_way()
                    .into_iter()
                    .chain(secret.live());
                versions.any(|it| !known.has_version(&it) && !known.is_live(&it))
            };
            if secret.rotation_enabled || known.is_some_and(is_new) {
                return Err(DeprovisionError::Late(arn.clone()).into());
            }
            Ok(secret)
        })
        .await
    }

    /// What is left of an enrolment that was not completed.
    async fn without_secret(
        &self,
        event: &DeprovisionEvent,
        deadline: Deadline,
    ) -> Result<Deprovisioned, Error> {
        let removed = self.remove_tokens(&event.addon, false, deadline);
        let outcome = if removed.await? {
            DeprovisionOutcome::Deprovisioned
        } else {
            DeprovisionOutcome::Unchanged
        };
        Ok(Deprovisioned {
            secret_arn: None,
            revoked: Vec::new(),
            unproven: Vec::new(),
            outcome,
        })
    }

    /// Every step that is under way has ended then, and none has begun.
    async fn look_again(
        &self,
        event: &DeprovisionEvent,
        arn: &SecretArn,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let next = DeprovisionEvent {
            addon: event.addon.clone(),
            rotation_is_over: true,
            attempt: if event.rotation_is_over {
                event.attempt.saturating_add(1)
            } else {
                0
            },
        };
        let delay = Duration::from_secs(self.longest_step_seconds.into());
        self.schedules
            .deprovision_after(arn, &next, delay, deadline)
            .await?;
        tracing::info!(
            seconds = delay.as_secs(),
            "a rotation is under way: a check after its end is scheduled"
        );
        Ok(())
    }

    /// Of a scheduled run, which nobody else repeats.
    fn will(&self, event: &DeprovisionEvent, arn: &SecretArn) -> Option<LastWill> {
        let delay = retry_delay(event.attempt).filter(|_| event.rotation_is_over)?;
        let next = DeprovisionEvent {
            attempt: event.attempt.saturating_add(1),
            ..event.clone()
        };
        let (schedules, arn) = (self.schedules.clone(), arn.clone());
        Some(LastWill::of(move || async move {
            let deadline = Deadline::after(SCHEDULING);
            let written = async {
                let schedules = schedules.apart()?;
                schedules
                    .deprovision_after(&arn, &next, delay, deadline)
                    .await?;
                Ok::<_, Error>(())
            };
            if let Err(error) = written.await {
                tracing::error!(%error, "{Panicked} No next attempt is scheduled");
            }
        }))
    }

    /// A scheduled run that failed: nobody else repeats it.
    async fn later(
        &self,
        event: &DeprovisionEvent,
        arn: SecretArn,
        error: Error,
        deadline: Deadline,
    ) -> Result<Deprovisioned, Error> {
        let Some(delay) = retry_delay(event.attempt) else {
            return Err(DeprovisionError::GaveUp {
                addon: event.addon.clone(),
                cause: error.to_string(),
            }
            .into());
        };
        tracing::warn!(%error, next_attempt_in_seconds = delay.as_secs(), "not deprovisioned: a later attempt is scheduled");
        let next = DeprovisionEvent {
            attempt: event.attempt.saturating_add(1),
            ..event.clone()
        };
        self.schedules
            .deprovision_after(&arn, &next, delay, deadline)
            .await?;
        Ok(Deprovisioned {
            secret_arn: Some(arn),
            revoked: Vec::new(),
            unproven: Vec::new(),
            outcome: DeprovisionOutcome::Revoked,
        })
    }

    /// Ends what may be alive: the versions with a `LIVE-` label, and the current one, which has none if it was
    /// imported and not rotated yet. That of a rotation under way keeps its label: its credential may be issued
    /// only now. One that cannot be ended keeps none of the others alive.
    async fn revoke_all(
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
                let is_over = ended
                    .iter()
                    .any(|(_, it)| it.is_same_login(&document) == Some(true));
                let is_asked = !is_over && (is_own.is_err() || !was_enrolled);
                if is_asked && !ending.is_shown_now(&version, &document).await? {
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
        let administrator = self.secrets.fields(&document.administrator, deadline).await;
        ending
            .end((version, document), administrator, current)
            .await?;
        // Before the label: a revocation whose schedule is left finds no label, and nothing to do.
        self.schedules
            .remove_revocation(arn, version, deadline)
            .await?;
        Ok(())
    }

    async fn document(
        &self,
        arn: &SecretArn,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<Document, Error> {
        let names = &self.fleet.names;
        Ok(self.secrets.document(names, arn, version, deadline).await?)
    }

    /// Removes the instance's refresh token from the table, and the secret in which an earlier version has kept it,
    /// unless that is another stack's: one that was made by hand says of none, and goes if the instance's own secret
    /// names it. Whether there was anything.
    async fn remove_tokens(
        &self,
        addon: &str,
        is_named: bool,
        deadline: Deadline,
    ) -> Result<bool, Error> {
        let were_kept = self.tokens.remove(addon, deadline).await?;
        let name = self.fleet.names.oauth_of(addon);
        let Some((oauth, secret)) = self.secrets.find(&name, deadline).await? else {
            return Ok(were_kept);
        };
        let stack = &self.fleet.stack;
        let is_ours = secret.oauth_of().map_or(is_named, |it| it == stack);
        if secret.deleted || !is_ours {
            return Ok(were_kept);
        }
        let window = Deletion::Recoverable(self.recovery_window_days);
        self.secrets.delete(&oauth, window, deadline).await?;
        Ok(true)
    }
}
