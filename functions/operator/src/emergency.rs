//! `emergency`: a credential leaked. Rotate now, and end the old ones sooner than their grace period.

use std::time::Duration;

use addon_rotation::event::{RevokeEvent, VersionId};
use addon_rotation::secrets::Label;
use clap::Args;

use crate::confirm::confirm;
use crate::output::{Mark, Output};
use crate::stack::{Instance, Stack};
use crate::{OperatorError, Outcome, rotation, time};

/// How often it is looked whether a credential is revoked.
const LOOK: Duration = Duration::from_secs(1);

/// What leaked, and what is to become of the dynos that use it.
#[derive(Debug, Args)]
#[command(
    after_help = "The choice: whoever has the leaked credential can use it until it is revoked, and so can the
apps' dynos, which Heroku restarts when its config changes. Heroku does not tell a partner when
they are back: in the Common Runtime that takes minutes, in Private Spaces up to two hours.
  --revoke-after 15m  dynos that are back within that time notice nothing; the others lose
                      access until they are. The leaked credential works that much longer.
  --accept-downtime   it ends now. Every dyno that is not back yet loses access until it is.

Examples:
  addon-rotation-operator emergency 01234567-89ab-cdef-0123-456789abcdef --revoke-after 15m
  addon-rotation-operator emergency 01234567-89ab-cdef-0123-456789abcdef --accept-downtime --yes
  addon-rotation-operator emergency acme-1 --accept-downtime --rotated  # only end the old ones"
)]
#[group(skip)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag on the command line"
)]
pub struct Options {
    /// The add-on's id: what follows the prefix in the secret's name. Or the secret's name or ARN.
    pub addon: String,
    /// End the old credentials this long after the rotation.
    #[arg(
        long,
        value_name = "TIME",
        value_parser = time::parse,
        required_unless_present = "accept_downtime",
        conflicts_with = "accept_downtime"
    )]
    pub revoke_after: Option<Duration>,
    /// End the old credentials at once.
    #[arg(long)]
    pub accept_downtime: bool,
    /// The leaked credential is not the current one any more: do not rotate once more.
    #[arg(long)]
    pub rotated: bool,
    /// Wait until the old credentials are revoked. With --accept-downtime that is always so.
    #[arg(long)]
    pub wait: bool,
    /// How long to wait for the rotation, and for the revocations beyond their time.
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = time::parse)]
    pub patience: Duration,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

impl Options {
    fn consequences(&self, instance: &Instance) -> String {
        let rotation = if self.rotated {
            "It is not rotated once more.".to_owned()
        } else {
            "It is rotated now: the dynos of every app that the add-on is attached to restart."
                .to_owned()
        };
        let end = match self.revoke_after {
            Some(after) => format!(
                "All its older credentials end {} after that. A dyno that is not back by then loses access \
                 until it is: in the Common Runtime restarts take minutes, in Private Spaces up to two hours. \
                 Until then whoever has a leaked credential can use it.",
                time::words(after)
            ),
            None => "All its older credentials end at once. EVERY dyno that is not back yet LOSES ACCESS until it \
                     is: in the Common Runtime for minutes, in Private Spaces for up to two hours."
                .to_owned(),
        };
        format!("{}: {rotation}\n{end}", instance.id)
    }
}

/// Rotates, and ends what is older.
///
/// # Errors
/// If the rotation does not end, or a revocation cannot be had.
pub async fn run(
    stack: &Stack,
    output: &Output,
    options: &Options,
) -> Result<Outcome, OperatorError> {
    let instance = stack.instance(&options.addon).await?;
    if instance.secret.deleted {
        let message = format!("{} is marked for deletion; restore its secret", instance.id);
        return Err(OperatorError::Refused(message));
    }
    confirm(output, options.yes, &options.consequences(&instance))?;
    if !options.rotated {
        let version = rotation::start(stack, output, &instance).await?;
        rotation::follow(stack, output, &instance, &version, options.patience).await?;
    }
    let old: Vec<_> = stack.again(&instance).await?.waiting().collect();
    if old.is_empty() {
        output.step("revoke", Mark::Done, "no older credential is alive");
        return Ok(Outcome::Fine);
    }
    let emergency = Emergency {
        stack,
        output,
        instance: &instance,
        options,
    };
    for version in &old {
        let begun = emergency.begin(version).await;
        begun.map_err(|error| emergency.failed(error))?;
    }
    if options.accept_downtime || options.wait {
        for version in &old {
            emergency.follow(version).await?;
        }
    }
    Ok(Outcome::Fine)
}

struct Emergency<'a> {
    stack: &'a Stack,
    output: &'a Output,
    instance: &'a Instance,
    options: &'a Options,
}

impl Emergency<'_> {
    /// Schedules the revocation, or has it done now.
    async fn begin(&self, version: &VersionId) -> Result<(), OperatorError> {
        if let Some(after) = self.options.revoke_after {
            let seconds = u32::try_from(after.as_secs()).unwrap_or(u32::MAX);
            self.stack
                .revoke_after(self.instance, version, Some(seconds))
                .await?;
            let message = format!("version {version} is revoked in {}", time::words(after));
            self.output.step("schedule", Mark::Done, &message);
            return Ok(());
        }
        // Without the time of a schedule it is an operator's, who wants it now.
        let event = RevokeEvent {
            secret: self.instance.arn.clone(),
            version: version.clone(),
            attempt: 0,
            was_in_use: false,
            vouched: false,
            held_seconds: 0,
            scheduled_at: None,
        };
        self.stack.invoke("revoke-secret", &event).await
    }

    /// Waits until the label is off, which is a revocation's last act: the service has refused the
    /// credential then. What is in the way is tried again by the function itself.
    async fn follow(&self, version: &VersionId) -> Result<(), OperatorError> {
        let patience = self.options.revoke_after.unwrap_or_default() + self.options.patience;
        let end = tokio::time::Instant::now() + patience;
        let spinner = self
            .output
            .spinner(format!("version {version} is not revoked yet"));
        let live = Label::Live(version.clone());
        while self
            .stack
            .again(self.instance)
            .await?
            .carries(version, &live)
        {
            if tokio::time::Instant::now() >= end {
                let function = self.stack.function("revoke-secret");
                return Err(OperatorError::Unfinished(format!(
                    "version {version} of {} may still be alive: the logs of {function} say why; it goes on \
                     trying for a day. If the service is out of order, end the credential there by hand",
                    self.instance.id
                )));
            }
            tokio::time::sleep(LOOK).await;
        }
        spinner.finish_and_clear();
        let message = format!("version {version} is revoked: the service refuses its credential");
        self.output.step("revoke", Mark::Done, &message);
        Ok(())
    }

    fn failed(&self, source: OperatorError) -> OperatorError {
        let choice = match self.options.revoke_after {
            Some(after) => format!("--revoke-after {}s", after.as_secs()),
            None => "--accept-downtime".to_owned(),
        };
        OperatorError::Step {
            step: "revoke",
            source: Box::new(source),
            state: "The new credential is current, and the older ones live on until their grace period is over"
                .to_owned(),
            again: format!(
                "addon-rotation-operator --stack {} emergency {} --rotated {choice}",
                self.stack.name, self.instance.id
            ),
        }
    }
}
