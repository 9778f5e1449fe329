//! `rotate`: a rotation now, followed to its end.

use std::time::Duration;

use addon_rotation::event::VersionId;
use addon_rotation::secrets::{Label, Rotation, Secret};
use clap::Args;

use crate::output::{Mark, Output};
use crate::stack::{Instance, Stack, soon};
use crate::{OperatorError, Outcome, time};

/// How often it is looked whether a rotation has ended.
const LOOK: Duration = Duration::from_secs(1);

/// So long Secrets Manager may need to note that the last rotation is complete, and a look to show the next one.
pub(crate) const SETTLING: Duration = Duration::from_mins(1);

/// So many looks in a row must miss what an earlier one saw: any one of them may tell what was before.
pub(crate) const ABSENCES: u32 = 3;

/// What to rotate.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  addon-rotation-operator rotate 01234567-89ab-cdef-0123-456789abcdef --wait
  addon-rotation-operator rotate addon/credentials/acme-1 --json")]
pub struct Options {
    /// The add-on's id: what follows the prefix in the secret's name. Or the secret's name or ARN.
    pub addon: String,
    /// Wait until the rotation is complete.
    #[arg(long)]
    pub wait: bool,
    /// How long to wait for it.
    #[arg(long, value_name = "TIME", default_value = time::PATIENCE, value_parser = time::parse)]
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
    let Started { version, .. } = start(stack, output, &instance, SETTLING).await?;
    if options.wait {
        follow(stack, output, &instance, &version, options.patience, WORKS).await?;
    }
    Ok(Outcome::Fine)
}

/// The current version, between whose rotations something else may be done.
///
/// # Errors
/// If that would come between a rotation's steps, or nothing is current.
pub(crate) fn at_rest(instance: &Instance, secret: &Secret) -> Result<VersionId, String> {
    let (id, current) = (&instance.id, current(instance, secret)?);
    match secret.rotation() {
        Rotation::None => Ok(current),
        Rotation::Completing(version) => Err(format!(
            "a rotation of {id} has just made {version} current, and is not complete yet. → Repeat in a minute"
        )),
        Rotation::UnderWay(version) => Err(format!(
            "a rotation of {id} to {version} is under way. → Wait until status shows that it is complete. If it \
             cannot succeed, take its label off: aws secretsmanager update-secret-version-stage --secret-id {arn} --version-stage AWSPENDING \
             --remove-from-version-id {version}",
            arn = instance.arn
        )),
    }
}

/// The current version.
///
/// # Errors
/// If there is none, or the secret is marked for deletion.
pub(crate) fn current(instance: &Instance, secret: &Secret) -> Result<VersionId, String> {
    not_deleted(instance, secret)?;
    secret.current().ok_or_else(|| {
        format!(
            "no version of {} is AWSCURRENT. → Put the label on the version that Heroku shows (UpdateSecretVersionStage)",
            instance.id
        )
    })
}

/// # Errors
/// If the secret is marked for deletion.
pub(crate) fn not_deleted(instance: &Instance, secret: &Secret) -> Result<(), String> {
    if !secret.deleted {
        return Ok(());
    }
    // As deprovision-addon leaves it.
    if !secret.is_deleted_alive() {
        return Err(format!(
            "{} is deprovisioned: no credential of it is alive, and there is nothing to do",
            instance.id
        ));
    }
    Err(format!(
        "{} is marked for deletion. → Restore its secret: aws secretsmanager restore-secret --secret-id {}",
        instance.id, instance.arn
    ))
}

/// A rotation that is under way.
pub(crate) struct Started {
    pub(crate) version: VersionId,
    /// It had begun before: of whatever was current then.
    pub(crate) is_taken_up: bool,
}

/// Starts a rotation, or takes up the one that is not complete. For so long it asks again while
/// Secrets Manager refuses and no look shows why.
pub(crate) async fn start(
    stack: &Stack,
    output: &Output,
    instance: &Instance,
    settling: Duration,
) -> Result<Started, OperatorError> {
    let end = tokio::time::Instant::now() + settling;
    loop {
        let error = match stack.secrets.rotate(&instance.arn, soon()).await {
            Ok(version) => {
                let version = version.ok_or_else(|| OperatorError::no_version(&instance.id))?;
                output.step("rotate", Mark::Done, &format!("version {version} started"));
                return Ok(Started {
                    version,
                    is_taken_up: false,
                });
            }
            // Secrets Manager says so of a rotation that is not complete, and tries it again now.
            Err(error) if error.is("InvalidRequestException") => error,
            Err(error) => return Err(error.into()),
        };
        let secret = stack.again(instance).await?;
        if let Rotation::UnderWay(version) = secret.rotation() {
            let message =
                format!("version {version} was already under way: Secrets Manager tries it again");
            output.step("rotate", Mark::Note, &message);
            return Ok(Started {
                version,
                is_taken_up: true,
            });
        }
        let is_for_ever = secret.deleted || secret.rotation_function.is_none();
        if is_for_ever || tokio::time::Instant::now() >= end {
            return Err(error.into());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What holds of the current credential until a rotation has replaced it.
pub(crate) const WORKS: &str = "Nobody is locked out: the old credential is current and works";

/// Waits until the version is current. `current` says how things stand until then.
pub(crate) async fn follow(
    stack: &Stack,
    output: &Output,
    instance: &Instance,
    version: &VersionId,
    patience: Duration,
    current: &str,
) -> Result<(), OperatorError> {
    let end = tokio::time::Instant::now() + patience;
    let spinner = output.spinner(format!("version {version} is AWSPENDING"));
    let unfinished = |what: &str| {
        OperatorError::Unfinished(format!(
            "The rotation of {} to version {version} {what}. {current}. → 1. See why: {} 2. Repeat: `{}`",
            instance.id,
            stack.log_of("rotate"),
            stack.command(&["rotate", &instance.id, "--wait"], Some(patience))
        ))
    };
    let (mut seen, mut absences) = (false, 0);
    loop {
        let secret = match stack.again(instance).await {
            Ok(secret) => secret,
            Err(error) => return Err(unfinished(&format!("cannot be followed: {error}"))),
        };
        if secret.carries(version, &Label::Current) {
            spinner.finish_and_clear();
            output.step(
                "rotate",
                Mark::Done,
                &format!("version {version} is current"),
            );
            return Ok(());
        }
        if secret.carries(version, &Label::Pending) {
            (seen, absences) = (true, 0);
        } else if seen {
            absences += 1;
        }
        if absences >= ABSENCES {
            return Err(unfinished("was cancelled: it is no longer AWSPENDING"));
        }
        if tokio::time::Instant::now() >= end {
            let state = if seen {
                "is still AWSPENDING"
            } else {
                "is not shown by AWS"
            };
            let patience = time::words(patience);
            return Err(unfinished(&format!("{state} after {patience}")));
        }
        tokio::time::sleep(LOOK).await;
    }
}
