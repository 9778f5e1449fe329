//! The end of an instance: its credentials are revoked, and its secrets deleted.
//!
//! Heroku is not asked: the add-on may be gone there already.

mod credentials;
mod tries;

use std::time::Duration;

use serde::Serialize;

use super::FleetConfiguration;
use crate::Error;
use crate::deadline::{Deadline, retry};
use crate::document::{Api, Document};
use crate::error::DeprovisionError;
use crate::event::DeprovisionEvent;
use crate::function::{Function, Handling};
use crate::ids::{SecretArn, VersionId};
use crate::schedule::Schedules;
use crate::secrets::{Deletion, Label, Secret, Secrets};
use crate::service::Services;
use crate::start::Start;
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
            return if secret.is_deleted_alive() {
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
