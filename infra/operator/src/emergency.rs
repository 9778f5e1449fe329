//! `emergency`: a credential leaked. Rotate now, and end the old ones sooner than their grace period.

mod alive;

use std::time::{Duration, SystemTime};

use addon_rotation::event::{RevokeEvent, VersionId};
use addon_rotation::limits::LONGEST_HOLD_SECONDS;
use addon_rotation::secrets::{Label, Secret};
use addon_rotation::steps::Revocation;
use alive::Alive;
use clap::{ArgGroup, Args};

use crate::confirm::confirm;
use crate::output::{Mark, Output};
use crate::rotation::Started;
use crate::stack::{Instance, Stack, soon};
use crate::{OperatorError, Outcome, rotation, time};

/// How often it is looked whether a credential is revoked.
const LOOK: Duration = Duration::from_secs(1);

/// When a revocation that cannot be had at once is tried by schedule: no sooner is one certain to fire.
const SOON: u32 = 60;

/// What leaked, and what is to become of the dynos that use it.
#[derive(Debug, Args)]
#[command(
    after_help = "The choice: until the leaked credential is revoked, an attacker can use it, and so can the apps'
dynos. Heroku restarts them when its config changes, and does not report when they are back:
in the Common Runtime that takes minutes, in Private Spaces up to two hours.
  --revoke-after 15m  dynos that are back within that time notice nothing. The others lose access
                      until they are back. The leaked credential works that much longer.
  --accept-downtime   revokes it now. Every dyno that is not back yet loses access until it is.

Examples:
  addon-rotation-operator emergency 01234567-89ab-cdef-0123-456789abcdef --revoke-after 15m
  addon-rotation-operator emergency 01234567-89ab-cdef-0123-456789abcdef --accept-downtime --yes
  addon-rotation-operator emergency acme-1 --accept-downtime --rotated  # only revoke the old ones"
)]
#[command(group = ArgGroup::new("end").required(true).args(["revoke_after", "accept_downtime"]))]
#[group(skip)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag on the command line"
)]
pub struct Options {
    /// The add-on's id: what follows the prefix in the secret's name. Or the secret's name or ARN.
    pub addon: String,
    /// Revoke the old credentials this long after the rotation.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub revoke_after: Option<Duration>,
    /// Revoke the old credentials at once.
    #[arg(long)]
    pub accept_downtime: bool,
    /// Do not rotate: the leaked credential is no longer the current one.
    #[arg(long)]
    pub rotated: bool,
    /// Wait until the old credentials are revoked. --accept-downtime always waits.
    #[arg(long)]
    pub wait: bool,
    /// How long to wait for the rotation, and for revocations that are due.
    #[arg(long, value_name = "TIME", default_value = time::PATIENCE, value_parser = time::parse)]
    pub patience: Duration,
    /// Do not ask for confirmation.
    #[arg(long)]
    pub yes: bool,
}

impl Options {
    fn consequences(&self, instance: &Instance) -> String {
        let rotation = if self.rotated {
            "It will not be rotated again.".to_owned()
        } else {
            "It will be rotated now. The dynos of all apps with this add-on will restart."
                .to_owned()
        };
        let end = match self.revoke_after {
            Some(after) => format!(
                "All its older credentials will be revoked {} later. A dyno that is not back by then will lose access \
                 until it is: restarts take minutes in the Common Runtime, and up to two hours in Private Spaces. \
                 Until the revocation, a leaked credential works.",
                time::words(after)
            ),
            None => "All its older credentials will be revoked at once. EVERY dyno that is not back yet LOSES ACCESS until \
                     it is: for minutes in the Common Runtime, for up to two hours in Private Spaces."
                .to_owned(),
        };
        format!("{}: {rotation}\n{end}", instance.id)
    }
}

/// Rotates, and ends what is older. A rotation that fails keeps no older credential alive, and one that cannot be
/// ended keeps no other.
///
/// # Errors
/// If the rotation does not end, or a revocation cannot be had: which credentials are alive still, and the command
/// that goes on.
pub async fn run(
    stack: &Stack,
    output: &Output,
    options: &Options,
) -> Result<Outcome, OperatorError> {
    let instance = stack.instance(&options.addon).await?;
    rotation::not_deleted(&instance, &instance.secret).map_err(OperatorError::Refused)?;
    confirm(output, options.yes, &options.consequences(&instance))?;
    let emergency = Emergency {
        stack,
        output,
        instance: &instance,
        options,
    };
    let rotated = if options.rotated {
        Rotated::default()
    } else {
        emergency.rotate().await
    };
    let (secret, looked) = emergency.look(&rotated).await;
    let Rotated {
        new,
        replaced,
        failed,
    } = rotated;
    // What has failed may have been done all the same.
    let is_current = new
        .as_ref()
        .is_some_and(|new| secret.carries(new, &Label::Current));
    let failed = failed.filter(|_| !is_current);
    let mut old: Vec<_> = secret.waiting().collect();
    if looked.is_err() {
        // The last look is from before.
        old.extend(replaced);
        old.sort_unstable();
        old.dedup();
    }
    let mut alive = Alive::default();
    if let Some(error) = failed {
        let current = secret.current();
        alive.current(&instance, current.as_ref(), error);
    } else if let Err(error) = looked {
        alive.unseen(&instance, error);
    } else if old.is_empty() {
        output.step(
            "revoke",
            Mark::Done,
            "no older credential waits for its revocation",
        );
    }
    emergency.end(&old, &mut alive).await;
    alive.told(&emergency)
}

/// What became of the rotation.
#[derive(Default)]
struct Rotated {
    /// The new version, if it is known: not one that was under way before.
    new: Option<VersionId>,
    /// What was current, one after the other, and was seen to be so no longer.
    replaced: Vec<VersionId>,
    /// Why the new version is not current.
    failed: Option<OperatorError>,
}

struct Emergency<'a> {
    stack: &'a Stack,
    output: &'a Output,
    instance: &'a Instance,
    options: &'a Options,
}

impl Emergency<'_> {
    /// Rotates. What was under way is completed first, and then rotated as well: Heroku may show it already.
    async fn rotate(&self) -> Rotated {
        let Self {
            stack,
            output,
            instance,
            options,
        } = self;
        let settling = options.patience.min(rotation::SETTLING);
        let mut rotated = Rotated::default();
        let (mut current, mut taken_up) = (instance.secret.current(), None);
        loop {
            let started = rotation::start(stack, output, instance, settling).await;
            let Started {
                version,
                is_taken_up,
            } = match started {
                Ok(started) => started,
                Err(error) => {
                    rotated.failed = Some(error);
                    return rotated;
                }
            };
            let (patience, works) = (options.patience, rotation::WORKS);
            let followed = rotation::follow(stack, output, instance, &version, patience, works);
            rotated.failed = followed.await.err();
            if rotated.failed.is_none() && current.as_ref() != Some(&version) {
                rotated.replaced.extend(current.replace(version.clone()));
            }
            // Another one that was under way has begun since.
            if !is_taken_up || taken_up.as_ref().is_some_and(|it| *it != version) {
                rotated.new = Some(version);
                return rotated;
            }
            if rotated.failed.is_some() {
                return rotated;
            }
            if taken_up.is_none() {
                let message = format!("version {version} may have leaked too: it is rotated again");
                output.step("rotate", Mark::Note, &message);
            }
            taken_up = Some(version);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The secret once it shows what is known of it already, and whether it did: a look that does not is from
    /// before, and misses what the rotation has left behind.
    async fn look(&self, rotated: &Rotated) -> (Secret, Result<(), OperatorError>) {
        let end = tokio::time::Instant::now() + rotation::SETTLING;
        let (mut last, mut looks) = (self.instance.secret.clone(), 0);
        loop {
            match self.stack.again(self.instance).await {
                Ok(secret) => last = secret,
                Err(error) => return (last, Err(error)),
            }
            looks += 1;
            let is_late = if rotated.replaced.is_empty() {
                // Nothing older: that may be told by a look from before the last rotation's end.
                last.waiting().next().is_none() && looks < rotation::ABSENCES
            } else {
                // A later rotation may have replaced the new version.
                let current = last.current();
                current.is_none_or(|it| rotated.replaced.contains(&it))
            };
            if !is_late {
                return (last, Ok(()));
            }
            if tokio::time::Instant::now() >= end {
                let message = format!(
                    "AWS does not show the last rotation of {} yet. → Repeat in a minute",
                    self.instance.id
                );
                return (last, Err(OperatorError::Unfinished(message)));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Ends the old versions, each as far as can be.
    async fn end(&self, old: &[VersionId], alive: &mut Alive) {
        let mut begun = Vec::new();
        for version in old {
            match self.begin(version).await {
                Ok(Revocation::Revoked) => {
                    let message =
                        format!("version {version} is revoked: the service refuses its credential");
                    self.output.step("revoke", Mark::Done, &message);
                }
                Ok(Revocation::Left { version_id: heir }) => {
                    if old.iter().any(|it| it.as_str() == heir) {
                        let message = format!(
                            "version {heir} has the credential of version {version}, which ends with that"
                        );
                        self.output.step("revoke", Mark::Note, &message);
                    } else {
                        alive.heir(self.instance, version, &heir);
                    }
                }
                Ok(Revocation::Postponed | Revocation::Unchanged) => begun.push(version),
                Err(error) => self.failed(version, error, alive).await,
            }
        }
        if self.options.accept_downtime || self.options.wait {
            for version in begun {
                match self.follow(version).await {
                    Ok(None) => {}
                    Ok(Some(heir)) => alive.heir(self.instance, version, heir.as_str()),
                    Err(error) => alive.version(version, "", error),
                }
            }
        }
    }

    /// Schedules the revocation, or has it done now.
    async fn begin(&self, version: &VersionId) -> Result<Revocation, OperatorError> {
        if let Some(after) = self.options.revoke_after {
            let after = self.at_most(version, after).await;
            let seconds = u32::try_from(after.as_secs()).unwrap_or(u32::MAX);
            self.stack
                .revoke_after(self.instance, version, Some(seconds), Some(false))
                .await?;
            let message = format!(
                "version {version} will be revoked in {}",
                time::words(after)
            );
            self.output.step("schedule", Mark::Done, &message);
            return Ok(Revocation::Postponed);
        }
        // One that must be postponed goes on from this schedule; the rotation's own is for the grace period's end.
        self.stack
            .revoke_after(self.instance, version, Some(SOON), Some(false))
            .await?;
        // Without the time of a schedule it is an operator's, who wants it now.
        let event = RevokeEvent {
            secret: self.instance.arn.clone(),
            version: version.clone(),
            attempt: 0,
            was_in_use: false,
            vouched: None,
            held_seconds: LONGEST_HOLD_SECONDS,
            scheduled_at: None,
        };
        self.stack.revoke(&event).await
    }

    /// How long the credential has left: the command typed again puts off no end that is sooner, be it a later try's.
    /// One that was in use when its schedule was written does not end at that time.
    async fn at_most(&self, version: &VersionId, after: Duration) -> Duration {
        let group = &self.stack.group;
        let planned = group.to_come(&self.instance.arn, version, soon()).await;
        // What cannot be looked at is written all the same.
        let planned = planned.ok().flatten();
        let Some(planned) = planned.filter(|it| it.will_begin() && !it.was_in_use) else {
            return after;
        };
        let left = planned.at.duration_since(SystemTime::now());
        let soonest = Duration::from_secs(SOON.into());
        after.min(left.unwrap_or_default().max(soonest))
    }

    /// One that could not be had at once is tried by schedule, whatever becomes of this command.
    async fn failed(&self, version: &VersionId, error: OperatorError, alive: &mut Alive) {
        self.output.step(
            "revoke",
            Mark::Failed,
            &format!("version {version}: {error}"),
        );
        // With a time, that was what failed.
        let is_tried = self.options.revoke_after.is_none()
            && self
                .stack
                .revoke_after(self.instance, version, Some(SOON), Some(false))
                .await
                .is_ok();
        let until = if is_tried {
            ": a scheduled attempt follows in a minute"
        } else {
            " until its grace period ends"
        };
        alive.version(version, until, error);
    }

    /// Waits until the label is off, which is a revocation's last act: the service has refused the credential then,
    /// unless another version has it as well. Returns the current version if it has got a label meanwhile: the credential
    /// is its own. What is in the way is tried again by the function itself.
    async fn follow(&self, version: &VersionId) -> Result<Option<VersionId>, OperatorError> {
        let patience = self.options.revoke_after.unwrap_or_default() + self.options.patience;
        let end = tokio::time::Instant::now() + patience;
        let spinner = self
            .output
            .spinner(format!("waiting for the revocation of version {version}"));
        let secret = loop {
            let secret = self.stack.again(self.instance).await?;
            if !secret.is_live(version) {
                break secret;
            }
            if tokio::time::Instant::now() >= end {
                return Err(OperatorError::Unfinished(format!(
                    "Version {version} of {} may still be accepted. revoke-secret keeps trying for a day. → See why: \
                     {} → If the service is out of order, end the credential there by hand.",
                    self.instance.id,
                    self.stack.log_of("revoke-secret")
                )));
            }
            tokio::time::sleep(LOOK).await;
        };
        spinner.finish_and_clear();
        let before = &self.instance.secret;
        let heir = before.current().filter(|it| !before.is_live(it));
        let is_heir = |it: &VersionId| secret.is_live(it) && secret.carries(it, &Label::Current);
        if let Some(heir) = heir.filter(is_heir) {
            return Ok(Some(heir));
        }
        let message = format!("version {version} has no LIVE- label any more");
        self.output.step("revoke", Mark::Done, &message);
        Ok(None)
    }
}
