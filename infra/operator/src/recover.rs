//! `recover`: an instance whose current credential does not work, on an operator's word.
//!
//! No credential is issued before the current one has logged in. Where that cannot be, this says that it need
//! not, once, by a right of its own (the stack's managed policy `RecoverPolicy`).

use std::time::Duration;

use addon_rotation::event::{Step, StepEvent, VersionId};
use addon_rotation::secrets::Label;
use clap::Args;

use crate::confirm::confirm;
use crate::output::{Mark, Output};
use crate::stack::{Instance, Stack};
use crate::{OperatorError, Outcome, rotation, time};

/// How often it is looked whether the new value is stored.
const LOOK: Duration = Duration::from_secs(1);

/// What to recover.
#[derive(Debug, Args)]
#[command(
    after_help = "Look up in your own records which login is the instance's. Do not take it from its document or from an
error: the author of the document chose that name. The new credential gets that login's privileges.
The broken credential is not revoked: end it at the service.

Example:
  addon-rotation-operator recover 01234567-89ab-cdef-0123-456789abcdef --login acme_0042"
)]
pub struct Options {
    /// The add-on's id: what follows the prefix in the secret's name. Or the secret's name or ARN.
    pub addon: String,
    /// The instance's login at the service, from your own records: the owner that it acts as, the user, or the http
    /// engine's credential id.
    #[arg(long, value_name = "NAME")]
    pub login: String,
    /// How long to wait for the rotation.
    #[arg(long, value_name = "TIME", default_value = time::PATIENCE, value_parser = time::parse)]
    pub patience: Duration,
    /// Do not ask for confirmation.
    #[arg(long)]
    pub yes: bool,
}

/// Rotates, and has the new credential issued although the current one does not log in.
///
/// # Errors
/// If it is not agreed to, or the rotation does not end.
pub async fn run(
    stack: &Stack,
    output: &Output,
    options: &Options,
) -> Result<Outcome, OperatorError> {
    let instance = stack.instance(&options.addon).await?;
    rotation::not_deleted(&instance, &instance.secret).map_err(OperatorError::Refused)?;
    let consequences = format!(
        "{}: It will be rotated now, although its current credential does not work. You vouch that {:?} is its \
         own login: the new credential gets that login's privileges.\n\
         The dynos of all apps with this add-on will restart. The old credential will be revoked only if it is known to be this instance's.",
        instance.id, options.login
    );
    confirm(output, options.yes, &consequences)?;
    let started = rotation::start(stack, output, &instance, rotation::SETTLING).await?;
    let version = started.version;
    let words = ["recover", &instance.id, "--login", &options.login];
    let again = || stack.command(&words, Some(options.patience));
    let vouching = vouch(stack, &instance, &version, options);
    let vouched = vouching.await.map_err(|source| OperatorError::Step {
        step: "vouch",
        source: Box::new(source),
        state: "A rotation is under way, and the current credential is unchanged".to_owned(),
        again: again(),
    })?;
    if vouched {
        let message = format!("the credential of {version} is issued");
        output.step("vouch", Mark::Done, &message);
    }
    go_on(stack, output, &instance, &version)
        .await
        .map_err(|source| OperatorError::Step {
            step: "rotate",
            source: Box::new(source),
            state: format!("The credential of {version} is issued, and is not published yet"),
            again: again(),
        })?;
    let broken = "The current credential does not work, and the new one is issued";
    rotation::follow(stack, output, &instance, &version, options.patience, broken).await?;
    Ok(Outcome::Fine)
}

/// Has Secrets Manager try the rotation again now, unless it has succeeded meanwhile.
async fn go_on(
    stack: &Stack,
    output: &Output,
    instance: &Instance,
    version: &VersionId,
) -> Result<(), OperatorError> {
    let secret = stack.again(instance).await?;
    if secret.carries(version, &Label::Current) {
        return Ok(());
    }
    match rotation::start(stack, output, instance, Duration::ZERO).await {
        // It is under way, or complete by now.
        Err(OperatorError::Aws(error)) if error.is("InvalidRequestException") => Ok(()),
        started => started.map(drop),
    }
}

/// Once the value is stored, which comes first. Whether there was anything to vouch for.
async fn vouch(
    stack: &Stack,
    instance: &Instance,
    version: &VersionId,
    options: &Options,
) -> Result<bool, OperatorError> {
    let end = tokio::time::Instant::now() + options.patience;
    loop {
        let secret = stack.again(instance).await?;
        if secret.carries(version, &Label::Current) {
            return Ok(false);
        }
        if secret.is_live(version) {
            break;
        }
        if tokio::time::Instant::now() >= end {
            return Err(OperatorError::Unfinished(format!(
                "Version {version} of {} has no value yet. → See why: {}",
                instance.id,
                stack.log_of("rotate")
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
    let event = StepEvent {
        step: Step::CreateSecret,
        secret: instance.arn.clone(),
        version: version.clone(),
        vouched: Some(options.login.clone()),
    };
    stack.ask("create-secret", &event).await.map(|_| true)
}
