//! The stack that the tool works with, and its instances.

use std::time::Duration;

use addon_rotation::claims::Names;
use addon_rotation::deadline::{Deadline, retry};
use addon_rotation::event::{
    FinishEvent, RevokeEvent, RotationEvent, SecretArn, Step, StepEvent, VersionId,
};
use addon_rotation::invoke::{Functions, InvokeError, Refused, Settings};
use addon_rotation::message;
use addon_rotation::schedule::ScheduleGroup;
use addon_rotation::secrets::{Label, Secret, Secrets};
use addon_rotation::start::Start;
use addon_rotation::steps::{Revocation, Scheduled};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::OperatorError;
use crate::output::{Mark, Output};
use crate::{arguments, time};

/// The longest that a function of Lambda's may take, and a little.
const INVOCATION: Duration = Duration::from_mins(16);

/// How long a request to AWS is repeated while it fails for a time.
const REQUEST: Duration = Duration::from_mins(1);

/// A deployed stack, reached with an operator's credentials.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// What the names of its rotating secrets begin with.
    pub prefix: String,
    /// Its secrets.
    pub secrets: Secrets,
    /// Its functions.
    pub functions: Functions,
    /// Its schedules.
    pub group: ScheduleGroup,
}

/// An add-on instance: its secret without any value.
#[derive(Debug, Clone)]
pub struct Instance {
    /// What it is called in commands.
    pub id: String,
    /// Its secret.
    pub arn: SecretArn,
    /// Versions, labels, tags.
    pub secret: Secret,
}

/// The end of a request's repetitions.
pub(crate) fn soon() -> Deadline {
    Deadline::after(REQUEST)
}

impl Stack {
    /// Region, credentials and endpoint from the environment.
    ///
    /// # Errors
    /// If they are not there.
    pub fn from_environment(name: String, prefix: String) -> Result<Self, OperatorError> {
        let start = Start::of_process();
        let mut start = start.map_err(|error| OperatorError::Client(error.to_string()))?;
        let aws = start.aws.clone();
        let functions = Functions::start(&mut start);
        start.finish(Some(()))?;
        Ok(Self {
            secrets: Secrets::new(&aws),
            functions,
            group: ScheduleGroup::new(&aws, name.clone()),
            name,
            prefix,
        })
    }

    /// An instance by what follows the prefix in its secret's name, by the whole name, or by the ARN.
    ///
    /// # Errors
    /// If there is none, or the stack does not rotate it.
    pub async fn instance(&self, id: &str) -> Result<Instance, OperatorError> {
        let is_whole = id.starts_with(&self.prefix) || id.parse::<SecretArn>().is_ok();
        let name = if is_whole {
            id.to_owned()
        } else {
            format!("{}{id}", self.prefix)
        };
        let deadline = soon();
        let found = retry(deadline, || self.secrets.find(&name, deadline)).await?;
        let (arn, secret) = found.ok_or_else(|| OperatorError::Unknown {
            name: name.clone(),
            stack: self.name.clone(),
        })?;
        if !secret.is_of_stack(&self.name) {
            return Err(OperatorError::NotManaged {
                name: secret.name,
                stack: self.name.clone(),
            });
        }
        Ok(Instance {
            id: self.id_of(&secret.name).to_owned(),
            arn,
            secret,
        })
    }

    /// What a secret's instance is called in commands.
    #[must_use]
    pub fn id_of<'a>(&self, name: &'a str) -> &'a str {
        name.strip_prefix(&self.prefix).unwrap_or(name)
    }

    /// The secret as it is now.
    pub(crate) async fn again(&self, instance: &Instance) -> Result<Secret, OperatorError> {
        let deadline = soon();
        let described = retry(deadline, || self.secrets.describe(&instance.arn, deadline));
        Ok(described.await?)
    }

    /// The name of one of its functions.
    pub(crate) fn function(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// A command of this tool on this stack, as a shell takes it, with its `--patience` if it has one.
    pub(crate) fn command(&self, words: &[&str], patience: Option<Duration>) -> String {
        let patience = patience.filter(|it| time::parse(time::PATIENCE) != Ok(*it));
        let patience = patience.map(|it| format!("{}s", it.as_secs()));
        let option = patience.iter().flat_map(|it| ["--patience", it]);
        let words: Vec<_> = words.iter().copied().chain(option).collect();
        arguments::line(&self.name, &self.prefix, &words)
    }

    /// The command that shows what one of them said lately.
    pub(crate) fn log_of(&self, function: &str) -> String {
        format!(
            "aws logs tail /aws/lambda/{} --since 1h",
            self.function(function)
        )
    }

    pub(crate) async fn settings(&self, function: &str) -> Result<Settings, OperatorError> {
        let name = self.function(function);
        Ok(self.functions.settings(&name, soon()).await?)
    }

    /// What its secrets' names begin with, as its functions have it.
    pub(crate) async fn names(&self) -> Result<Names, OperatorError> {
        let function = "revoke-secret";
        let settings = self.settings(function).await?;
        Names::of(&settings.variables).map_err(|problems| {
            let problems = message::numbered(&problems);
            let function = self.function(function);
            OperatorError::Refused(format!("the variables of {function}: {problems}"))
        })
    }

    /// Has the stack try a version as at an enrolment: its credential logs in, and the administrator can rotate it.
    pub(crate) async fn rehearse(
        &self,
        instance: &Instance,
        version: &VersionId,
    ) -> Result<(), OperatorError> {
        let event = RotationEvent {
            step: Step::Rehearse,
            secret: instance.arn.clone(),
            version: version.clone(),
            rotation_token: None,
        };
        let (name, deadline) = (self.function("rotate"), Deadline::after(INVOCATION));
        let refused: Option<Refused> = self.functions.ask(&name, &event, deadline).await?;
        refused.map_or(Ok(()), |refused| Err(InvokeError::from(refused).into()))
    }

    /// A finished rotation may have left `AWSPENDING` on the version that it made. On one that is not current Secrets
    /// Manager would take it for a rotation to that version, and go on with it. Asked for whether a look shows the
    /// label or not, since that may be late.
    pub(crate) async fn take_off_pending(
        &self,
        output: &Output,
        instance: &Instance,
        version: &VersionId,
    ) -> Result<(), OperatorError> {
        let pending = Label::Pending;
        let detached = self
            .secrets
            .detach(&instance.arn, &pending, version, soon())
            .await;
        match detached {
            Ok(()) => {
                // What was not there is taken off to no effect, and AWS does not say so.
                if instance.secret.carries(version, &pending) {
                    let message = format!("AWSPENDING is taken off {version}");
                    output.step("pending", Mark::Note, &message);
                }
                Ok(())
            }
            // It is not there.
            Err(error) if error.is("InvalidParameterException") => Ok(()),
            Err(error) if self.again(instance).await?.carries(version, &pending) => {
                Err(error.into())
            }
            Err(_) => Ok(()),
        }
    }

    /// Invokes one of the functions that answer something, and waits.
    pub(crate) async fn ask<E: Serialize + Sync>(
        &self,
        function: &str,
        event: &E,
    ) -> Result<Value, OperatorError> {
        let (name, deadline) = (self.function(function), Deadline::after(INVOCATION));
        let answer: Map<_, _> = self.functions.ask(&name, event, deadline).await?;
        Ok(Value::Object(answer))
    }

    /// Has a version's credential revoked now, and waits.
    pub(crate) async fn revoke(&self, event: &RevokeEvent) -> Result<Revocation, OperatorError> {
        let (name, deadline) = (self.function("revoke-secret"), Deadline::after(INVOCATION));
        let answer: Option<Revocation> = self.functions.ask(&name, event, deadline).await?;
        // A stack of the version before answers nothing: its labels are looked at.
        Ok(answer.unwrap_or(Revocation::Postponed))
    }

    /// Has a step done with a version, and returns what the function answers.
    pub(crate) async fn step<A: DeserializeOwned>(
        &self,
        function: &str,
        step: Step,
        instance: &Instance,
        version: &VersionId,
    ) -> Result<A, OperatorError> {
        let event = StepEvent {
            step,
            secret: instance.arn.clone(),
            version: version.clone(),
            vouched: None,
        };
        let (name, deadline) = (self.function(function), Deadline::after(INVOCATION));
        Ok(self.functions.ask(&name, &event, deadline).await?)
    }

    /// Has a version revoked after so many seconds; by default after the secret's own grace period, else the
    /// stack's. A schedule that is there already is moved. `was_in_use` is as in [`FinishEvent`].
    pub(crate) async fn revoke_after(
        &self,
        instance: &Instance,
        version: &VersionId,
        seconds: Option<u32>,
        was_in_use: Option<bool>,
    ) -> Result<(), OperatorError> {
        let event = FinishEvent {
            was_in_use,
            even_if_in_use: seconds.is_some(),
            ..finish(instance, version, seconds)
        };
        self.schedule(&event).await
    }

    /// Puts off the revocation of a version that is to be current again. Should it not become so, it has a
    /// whole grace period from the moment on in which that is found.
    pub(crate) async fn put_off(
        &self,
        instance: &Instance,
        version: &VersionId,
    ) -> Result<(), OperatorError> {
        let event = FinishEvent {
            was_in_use: Some(true),
            ..finish(instance, version, None)
        };
        self.schedule(&event).await
    }

    async fn schedule(&self, event: &FinishEvent) -> Result<(), OperatorError> {
        let (name, deadline) = (self.function("finish-secret"), Deadline::after(INVOCATION));
        let scheduled: Option<Scheduled> = self.functions.ask(&name, event, deadline).await?;
        drop(scheduled);
        Ok(())
    }
}

fn finish(instance: &Instance, version: &VersionId, seconds: Option<u32>) -> FinishEvent {
    let own = instance.secret.grace_period_seconds();
    FinishEvent {
        secret: instance.arn.clone(),
        version: version.clone(),
        revoke_after_seconds: seconds.or(own.ok().flatten()),
        only_if_unscheduled: false,
        was_in_use: None,
        even_if_in_use: false,
    }
}
