//! `rollback`: an older credential again, within its grace period.
//!
//! The order keeps what holds of every rotation: no moment without a credential that works, and none that
//! nothing revokes. Every step can be repeated.

mod plan;

use std::time::SystemTime;

use addon_rotation::error::NOT_ACCEPTED;
use addon_rotation::event::{Step, VersionId};
use addon_rotation::invoke::InvokeError;
use addon_rotation::message;
use addon_rotation::secrets::Label;
use addon_rotation::steps::LeftBehind;
use clap::Args;
use plan::{Plan, may_be_under_way};

use crate::confirm::confirm;
use crate::output::{Mark, Output};
use crate::stack::{Instance, Stack, soon};
use crate::{OperatorError, Outcome, time};

/// What to roll back.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  addon-rotation-operator rollback 01234567-89ab-cdef-0123-456789abcdef
  addon-rotation-operator rollback 01234567-89ab-cdef-0123-456789abcdef \\
    --to 0a1b2c3d-0000-4000-8000-000000000001 --yes")]
pub struct Options {
    /// The add-on's id: what follows the prefix in the secret's name. Or the secret's name or ARN.
    pub addon: String,
    /// The version to make current again; the previous one by default.
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub to: Option<VersionId>,
    /// Do not ask for confirmation.
    #[arg(long)]
    pub yes: bool,
}

fn version(text: &str) -> Result<VersionId, String> {
    text.parse::<VersionId>().map_err(str::to_owned)
}

/// The type of the error with which `test-secret` ends, if it does with one of its own.
fn error_type(error: &OperatorError) -> Option<&str> {
    match error {
        OperatorError::Invoke(InvokeError::Function { error_type, .. }) => Some(error_type),
        _ => None,
    }
}

/// Rolls back, step by step.
///
/// # Errors
/// If it must not be done, or a step fails: then the error says what holds, and how to go on.
pub async fn run(
    stack: &Stack,
    output: &Output,
    options: &Options,
) -> Result<Outcome, OperatorError> {
    let instance = stack.instance(&options.addon).await?;
    let plan = Plan::of(&instance, &instance.secret, options.to.as_ref())
        .map_err(OperatorError::Refused)?;
    let Plan { old, new } = &plan;
    let rollback = Rollback {
        stack,
        output,
        instance: &instance,
        plan: &plan,
    };
    if old == new {
        let message = format!("version {old} is AWSCURRENT already: it is only checked");
        output.step("look", Mark::Note, &message);
        rollback.prove().await?;
        return Ok(Outcome::Fine);
    }
    let consequences = format!(
        "{}: Version {old} will become current again in place of {new}.\n\
         Heroku will show the old credential. The dynos of all apps with this add-on will restart.\n\
         The new credential will be revoked after its grace period.",
        instance.id
    );
    confirm(output, options.yes, &consequences)?;
    rollback.put_off().await?;
    rollback.show_that_it_works().await?;
    rollback.publish().await?;
    // Before anything rests on it: v1 does not say what it shows when it confirms a write.
    let left_behind = rollback.prove().await?;
    rollback.begin_grace_period(left_behind.is_some()).await?;
    rollback.make_current().await?;
    Ok(Outcome::Fine)
}

struct Rollback<'a> {
    stack: &'a Stack,
    output: &'a Output,
    instance: &'a Instance,
    plan: &'a Plan,
}

impl Rollback<'_> {
    /// From here on a revocation that begins leaves the credential alone; one that had looked before is
    /// waited for.
    async fn put_off(&self) -> Result<(), OperatorError> {
        let Self {
            stack,
            output,
            instance,
            ..
        } = self;
        let old = &self.plan.old;
        let timeout = stack.settings("revoke-secret").await?.timeout;
        let first = stack.group.planned(&instance.arn, old, 0, soon()).await?;
        let wait = may_be_under_way(first, timeout, SystemTime::now());
        self.then("postpone", "Nothing was changed", async {
            stack.put_off(instance, old).await
        })
        .await?;
        let message = format!("the revocation of {old} is postponed by its grace period");
        output.step("postpone", Mark::Done, &message);
        if wait {
            let what = "a revocation that began before may still be under way";
            let message = format!("{what}: {} until it has ended", time::words(timeout));
            output.step("wait", Mark::Note, &message);
            output.count_down(timeout, what).await;
        }
        Ok(())
    }

    /// The label alone does not show it: it goes off last, and a revocation that died on the way has ended
    /// the credential. So the stack logs in with it.
    async fn show_that_it_works(&self) -> Result<(), OperatorError> {
        let state = "The revocation is postponed, and nothing else was changed. If the service refuses the \
                     credential, it is revoked already: rotate instead";
        let old = &self.plan.old;
        self.then("log-in", state, async {
            let secret = self.stack.again(self.instance).await?;
            let plan =
                Plan::of(self.instance, &secret, Some(old)).map_err(OperatorError::Overtaken)?;
            if plan != *self.plan {
                let message = format!(
                    "version {} became current in the meantime. → Repeat",
                    plan.new
                );
                return Err(OperatorError::Overtaken(message));
            }
            self.stack
                .step::<()>("test-secret", Step::CreateSecret, self.instance, old)
                .await
        })
        .await?;
        let message = format!("the service accepts the credential of {old}");
        self.output.step("log-in", Mark::Done, &message);
        Ok(())
    }

    async fn publish(&self) -> Result<(), OperatorError> {
        let state = format!("{}, and Heroku shows either of them", self.what_works());
        let old = &self.plan.old;
        self.then("publish", &state, async {
            self.stack
                .step::<()>("publish-to-heroku", Step::SetSecret, self.instance, old)
                .await
        })
        .await?;
        let message = format!("the credential of {old} is written to Heroku");
        self.output.step("publish", Mark::Done, &message);
        Ok(())
    }

    /// Before it is no longer current: a crash in between leaves a schedule that finds its version current
    /// and waits, never a credential that nothing revokes.
    /// Heroku may go on showing its credential.
    async fn begin_grace_period(&self, is_left_behind: bool) -> Result<(), OperatorError> {
        let state = format!("{}, and Heroku shows the old one", self.what_works());
        let new = &self.plan.new;
        let step = "grace-period";
        let never_tried = self.then(step, &state, async {
            let live = Label::Live(new.clone());
            if !self.instance.secret.is_live(new) {
                // Nothing is revoked that was not seen to log in.
                let function = "test-secret";
                let tried = self
                    .stack
                    .step::<()>(function, Step::CreateSecret, self.instance, new);
                if let Err(error) = tried.await {
                    return match error_type(&error) {
                        Some(NOT_ACCEPTED) => Ok(Some("was never seen to log in")),
                        Some("DocumentError" | "AuthorityError" | "SecretError") => {
                            Ok(Some("has no valid document"))
                        }
                        Some("ServiceError") => Err(self.by_hand(&error)),
                        _ => Err(error),
                    };
                }
                let attached = self
                    .stack
                    .secrets
                    .attach(&self.instance.arn, &live, new, soon());
                attached.await?;
            }
            let was_in_use = is_left_behind.then_some(true);
            self.stack
                .revoke_after(self.instance, new, None, was_in_use)
                .await?;
            Ok(None)
        });
        let (mark, message) = match never_tried.await? {
            None => (Mark::Done, format!("the grace period of {new} has begun")),
            Some(why) => {
                let message =
                    format!("version {new} {why}: it is not revoked. → End it at the service");
                (Mark::Note, message)
            }
        };
        self.output.step(step, mark, &message);
        Ok(())
    }

    /// Its service may be gone for good, and everything but a label is done.
    fn by_hand(&self, error: &OperatorError) -> OperatorError {
        let (Plan { old, new }, arn) = (self.plan, &self.instance.arn);
        let error = error.to_string();
        OperatorError::Unfinished(format!(
            "{} If the service of version {new} never answers again, end its credential there by hand, and complete the \
             rollback: aws secretsmanager update-secret-version-stage --secret-id {arn} --version-stage AWSCURRENT \
             --move-to-version-id {old} --remove-from-version-id {new}",
            message::without_retry(&error)
        ))
    }

    async fn make_current(&self) -> Result<(), OperatorError> {
        let state = format!(
            "{}, and Heroku shows the old one. The new one is not revoked while it is AWSCURRENT",
            self.what_works()
        );
        let Plan { old, new } = self.plan;
        self.then("current", &state, async {
            let Self {
                stack,
                output,
                instance,
                ..
            } = self;
            stack.take_off_pending(output, instance, new).await?;
            let promoted = stack.secrets.promote(&instance.arn, old, new, soon());
            let Err(error) = promoted.await else {
                return Ok(());
            };
            // Its answer may have been lost.
            if stack.again(instance).await?.carries(old, &Label::Current) {
                return Ok(());
            }
            Err(error.into())
        })
        .await?;
        let message = format!("version {old} is AWSCURRENT");
        self.output.step("current", Mark::Done, &message);
        Ok(())
    }

    /// As at enrolment: the service accepts the credential, and Heroku shows it.
    async fn prove(&self) -> Result<Option<LeftBehind>, OperatorError> {
        let state = format!("{}, and Heroku shows either of them", self.what_works());
        let old = &self.plan.old;
        let left_behind: Option<LeftBehind> = self
            .then("prove", &state, async {
                self.stack
                    .step("test-secret", Step::TestSecret, self.instance, old)
                    .await
            })
            .await?;
        let message = "the service accepts the credential, and Heroku shows it";
        if let Some(LeftBehind { config_vars, .. }) = &left_behind {
            let new = &self.plan.new;
            let message = if config_vars.is_empty() {
                format!("whether Heroku goes on showing the credential of {new} is not known")
            } else {
                let vars = config_vars.join(", ");
                format!(
                    "Heroku goes on showing the credential of {new} in {vars}. → Remove them: until then it lives"
                )
            };
            self.output.step("prove", Mark::Note, &message);
        }
        self.output.step("prove", Mark::Done, message);
        Ok(left_behind)
    }

    /// One without its label was never seen to log in.
    fn what_works(&self) -> &'static str {
        if self.instance.secret.is_live(&self.plan.new) {
            "Both credentials work"
        } else {
            "The old credential works"
        }
    }

    /// Does a step; its error says what holds, and how to go on.
    async fn then<A>(
        &self,
        step: &'static str,
        state: &str,
        work: impl Future<Output = Result<A, OperatorError>>,
    ) -> Result<A, OperatorError> {
        work.await.map_err(|error| {
            self.output.step(step, Mark::Failed, "see the error");
            let old = self.plan.old.as_str();
            let words = ["rollback", &self.instance.id, "--to", old];
            OperatorError::Step {
                step,
                source: Box::new(error),
                state: state.to_owned(),
                again: self.stack.command(&words, None),
            }
        })
    }
}
