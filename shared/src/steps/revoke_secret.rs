//! After the grace period: the old credential ends. It looks before it acts, and does not give up
//! for a day.

mod labels;
mod look;
mod tries;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use look::{Seen, Versions, in_use};
use tries::{Ended, Outcome, Told};

use super::StepError;
use super::possession::vouched_for;
use crate::Error;
use crate::claims::Names;
use crate::deadline::Deadline;
use crate::ending::Ending;
use crate::event::RevokeEvent;
use crate::event_bus::{self, EventBus, Occurrence};
use crate::function::{Function, Handling};
use crate::heroku::HerokuClient;
use crate::limits::LONGEST_HOLD_SECONDS;
use crate::schedule::Schedules;
use crate::secrets::{Label, Secret, Secrets};
use crate::service::Services;
use crate::start::{Start, grace_period_seconds};
use crate::tokens::Tokens;

/// Kept back to schedule the next try, however long the service or Heroku took.
pub const SCHEDULING: Duration = Duration::from_secs(12);

/// What `revoke-secret` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "Outcome", rename_all = "lowercase")]
pub enum Revocation {
    /// The service refuses the credential, and the label is off.
    Revoked,
    /// Another version has the same credential, which ends with that one. The label is off.
    Left {
        /// The other version.
        #[serde(rename = "VersionId")]
        version_id: String,
    },
    /// The next try is scheduled.
    Postponed,
    /// There was nothing to do.
    Unchanged,
}

/// Ends the version's credential, shows that it is refused, and takes the version's `LIVE-` label
/// off. While the credential is in use, or something is out of order, it schedules the next try. Says on the event
/// bus what became of it. It fails if it must not or cannot be done and no further try is left, or none can be
/// scheduled: Lambda then repeats the invocation twice and hands it to the dead-letter queue.
#[derive(Debug)]
pub struct RevokeSecret {
    /// The managed secrets, and those of administrator, partner and add-on.
    pub secrets: Secrets,
    /// What the secrets are called.
    pub names: Names,
    /// The services.
    pub services: Services,
    /// Heroku.
    pub heroku: HerokuClient,
    /// The refresh tokens for it.
    pub tokens: Tokens,
    /// Where the next try is scheduled.
    pub schedules: Schedules,
    /// The stack's grace period.
    pub grace_period_seconds: u32,
    /// The longest that a revocation is held for sessions with the old credential, in seconds.
    pub hold_while_in_use_seconds: u32,
    /// Where what became of it is told.
    pub bus: EventBus,
}

impl Function for RevokeSecret {
    type Event = RevokeEvent;
    type Answer = Revocation;

    fn start(start: &mut Start) -> Option<Self> {
        let mut variables = start.variables();
        let names = Names::read(&mut variables);
        let grace_period_seconds = grace_period_seconds(&mut variables);
        let longest = u64::from(LONGEST_HOLD_SECONDS);
        let hold = variables.optional_number("HOLD_WHILE_IN_USE_SECONDS", 0..=longest);
        let (services, heroku) = (Services::start(start), HerokuClient::start(start));
        let tokens = Tokens::start(start);
        let schedules = Schedules::when_needed(start, "REVOKE_SECRET_FUNCTION_ARN");
        Some(Self {
            secrets: Secrets::new(&start.aws),
            names: names?,
            services: services?,
            heroku: heroku?,
            tokens: tokens?,
            schedules: schedules?,
            grace_period_seconds: grace_period_seconds?,
            hold_while_in_use_seconds: hold.unwrap_or_default(),
            bus: EventBus::start(start),
        })
    }

    fn handle(&self, event: RevokeEvent, deadline: Deadline) -> Handling<'_, Revocation> {
        Box::pin(async move {
            let (secret, version) = (event.secret.clone(), event.version.clone());
            let told = self.told(event, deadline.less(event_bus::LONGEST)).await;
            let mut occurrences = Vec::new();
            let Told { sessions, ended } = told;
            occurrences.extend(sessions.map(Occurrence::InUse));
            match &ended {
                Ended::Revoked => occurrences.push(Occurrence::Revoked),
                Ended::Postponed { at, error } => {
                    let at = at.to_string();
                    occurrences.push(Occurrence::RevocationPostponed(
                        at,
                        error.as_ref().map(Into::into),
                    ));
                }
                Ended::GivenUp(error) => {
                    occurrences.push(Occurrence::RevocationGivenUp(error.into()));
                }
                Ended::NothingToDo | Ended::LeftTo(_) => {}
            }
            let occurrences: Vec<_> = occurrences.into_iter().map(|it| (&version, it)).collect();
            self.bus.put(&secret, &occurrences, deadline).await;
            match ended {
                Ended::GivenUp(error) => Err(error),
                Ended::Revoked => Ok(Revocation::Revoked),
                Ended::Postponed { .. } => Ok(Revocation::Postponed),
                Ended::LeftTo(version) => Ok(Revocation::Left {
                    version_id: version.to_string(),
                }),
                Ended::NothingToDo => Ok(Revocation::Unchanged),
            }
        })
    }
}

impl RevokeSecret {
    async fn revoke(&self, event: &RevokeEvent, deadline: Deadline) -> Result<Outcome, Error> {
        let secret = self.secrets.describe(&event.secret, deadline).await?;
        let live = Label::Live(event.version.clone());
        let Some(holder) = secret.labelled(&live) else {
            tracing::info!("the version has no LIVE- label: it is revoked already");
            return Ok(Outcome::NothingToDo);
        };
        if holder != event.version {
            tracing::warn!(%holder, "somebody has moved the LIVE- label to another version");
        }
        if secret.deleted {
            return Err(StepError::Deleted {
                secret: event.secret.clone(),
                version: event.version.clone(),
            }
            .into());
        }
        if secret.carries(&event.version, &Label::Current) {
            return Err(StepError::Current {
                secret: event.secret.clone(),
                version: event.version.clone(),
            }
            .into());
        }
        if secret.carries(&event.version, &Label::Pending) {
            let reason = "it is AWSPENDING. → If its rotation was cancelled, take the label off";
            return Err(in_use(event, reason.to_owned()).into());
        }
        // The version was current once more since this try was scheduled. Only after the look: a rotation
        // that is finished by then has scheduled the revocation before.
        if self.schedules.is_moved(event, deadline).await? {
            tracing::info!("a later rotation has scheduled this revocation again: left to that");
            return Ok(Outcome::NothingToDo);
        }
        let current = secret
            .current()
            .ok_or_else(|| StepError::NoCurrentVersion(event.secret.clone()))?;
        let old = self.old(event, &secret, &holder, deadline).await?;
        let (others, unproven) = self.others(event, &secret, &current, deadline).await?;
        let versions = Versions {
            current: self.document(event, &current, deadline).await?,
            others,
            unproven,
            current_version: current,
            old,
        };
        let left = self.left_to_another(event, &secret, &versions, deadline);
        if let Some(other) = left.await? {
            self.secrets
                .detach(&event.secret, &live, &holder, deadline)
                .await?;
            return Ok(Outcome::LeftTo(other));
        }
        let old = &versions.old;
        match &event.vouched {
            None => {
                self.ending(event, deadline)
                    .show_own(&secret, &event.version, old)
                    .await?;
            }
            Some(vouched) => vouched_for(
                &event.secret,
                &event.version,
                old.engine.credential(),
                vouched,
            )?,
        }
        let seen = self.look(event, &versions, deadline).await?;
        if event.was_in_use {
            let own = secret.grace_period_seconds().ok().flatten();
            return Ok(Outcome::GraceAnew(own.unwrap_or(self.grace_period_seconds)));
        }
        let ended = self.end(event, &secret, &versions, seen, deadline).await?;
        if let Outcome::Held(..) = ended {
            return Ok(ended);
        }
        self.take_off(event, &secret, &versions, &holder, deadline)
            .await?;
        Ok(ended)
    }

    /// Ends the credential, or holds that back while sessions are open with it.
    async fn end(
        &self,
        event: &RevokeEvent,
        secret: &Secret,
        versions: &Versions,
        seen: Seen,
        deadline: Deadline,
    ) -> Result<Outcome, Error> {
        let Versions { old, current, .. } = versions;
        let ending = self.ending(event, deadline);
        let administrator = ending.administrator(&event.version, old).await;
        let sessions = match &administrator {
            Ok(administrator) => self.sessions(old, administrator, deadline).await,
            Err(_) => None,
        };
        if let Some(sessions) = &sessions
            && let Some(seconds) = self.held(event, secret, sessions)
        {
            return Ok(Outcome::Held(sessions.clone(), seconds));
        }
        ending
            .end((&event.version, old), administrator, Some(current))
            .await?;
        // A server that refuses everybody has proved nothing.
        if seen == Seen::Current {
            self.services
                .prove_control(current, &event.version, deadline)
                .await?;
        }
        Ok(Outcome::Revoked(sessions))
    }

    fn ending<'a>(&'a self, event: &'a RevokeEvent, deadline: Deadline) -> Ending<'a> {
        Ending {
            secrets: &self.secrets,
            services: &self.services,
            arn: &event.secret,
            deadline,
        }
    }
}
