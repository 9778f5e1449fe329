//! `rotate`: a rotation now, followed to its end.

use std::time::Duration;

use addon_rotation::event::VersionId;
use addon_rotation::secrets::Label;
use clap::Args;

use crate::output::{Mark, Output};
use crate::stack::{Instance, Stack, soon};
use crate::{OperatorError, Outcome, time};

/// How often it is looked whether a rotation has ended.
const LOOK: Duration = Duration::from_secs(1);

/// What to rotate.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  addon-rotation-operator rotate 01234567-89ab-cdef-0123-456789abcdef --wait
  addon-rotation-operator rotate addon/credentials/acme-1 --json")]
pub struct Options {
    /// The add-on's id: what follows the prefix in the secret's name. Or the secret's name or ARN.
    pub addon: String,
    /// Wait for the end.
    #[arg(long)]
    pub wait: bool,
    /// How long to wait for it.
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = time::parse)]
    pub patience: Duration,
}

/// Starts a rotation, and follows it if that is asked for.
///
/// # Errors
/// If it cannot be started, or does not end in time.
pub async fn run(
    stack: &Stack,
    output: &Output,
    options: &Options,
) -> Result<Outcome, OperatorError> {
    let instance = stack.instance(&options.addon).await?;
    let version = start(stack, output, &instance).await?;
    if options.wait {
        follow(stack, output, &instance, &version, options.patience).await?;
    }
    Ok(Outcome::Fine)
}

/// Starts a rotation, or takes up the one that is not complete; its version.
pub(crate) async fn start(
    stack: &Stack,
    output: &Output,
    instance: &Instance,
) -> Result<VersionId, OperatorError> {
    match stack.secrets.rotate(&instance.arn, soon()).await {
        Ok(version) => {
            let version = version.ok_or_else(|| OperatorError::no_version(&instance.id))?;
            output.step("rotate", Mark::Done, &format!("version {version} begins"));
            Ok(version)
        }
        // Secrets Manager says so of a rotation that is not complete, and tries it again now.
        Err(error) if error.is("InvalidRequestException") => {
            let secret = stack.again(instance).await?;
            let pending = secret.labelled(&Label::Pending);
            let version = pending
                .filter(|version| !secret.carries(version, &Label::Current))
                .ok_or(error)?;
            let message = format!("version {version} was under way already; it is tried again");
            output.step("rotate", Mark::Note, &message);
            Ok(version)
        }
        Err(error) => Err(error.into()),
    }
}

/// Waits until the version is current.
pub(crate) async fn follow(
    stack: &Stack,
    output: &Output,
    instance: &Instance,
    version: &VersionId,
    patience: Duration,
) -> Result<(), OperatorError> {
    let end = tokio::time::Instant::now() + patience;
    let spinner = output.spinner(format!("version {version} is AWSPENDING"));
    loop {
        let secret = stack.again(instance).await?;
        if secret.carries(version, &Label::Current) {
            spinner.finish_and_clear();
            output.step(
                "rotate",
                Mark::Done,
                &format!("version {version} is current"),
            );
            return Ok(());
        }
        if !secret.has_version(version) {
            let message = format!(
                "version {version} of {} has no label any more: its rotation was given up",
                instance.id
            );
            return Err(OperatorError::Unfinished(message));
        }
        if tokio::time::Instant::now() >= end {
            let (function, patience) = (stack.function("rotate"), time::words(patience));
            return Err(OperatorError::Unfinished(format!(
                "version {version} of {} is still AWSPENDING after {patience}. Nobody is locked out: the \
                 old credential is current and works. The logs of {function} say what to do; Secrets \
                 Manager goes on trying",
                instance.id
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
}
