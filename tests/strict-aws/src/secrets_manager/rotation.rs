//! Secrets Manager's part in a rotation: the four calls, the attempts, the schedule.
//!
//! See "Rotation by Lambda function" in the Secrets Manager User Guide.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use stand_in::events::EventKind;
use uuid::Uuid;

use super::error::ServiceError;
use super::model::{Rotate, Run};
use super::request::{self, RotateSecret, SecretOnly};
use super::service::SecretsManager;

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// How often the schedule is looked at, even if nothing says that it changed: the system's clock
/// may have been set.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// How Secrets Manager goes about a rotation.
#[derive(Clone, Debug)]
pub struct RotationOptions {
    /// From the failure of one attempt to the next.
    pub retry_interval: Duration,
    /// Attempts until the rotation is left as it is: until `RotateSecret` or the schedule.
    pub attempts: u32,
}

impl Default for RotationOptions {
    fn default() -> Self {
        Self {
            retry_interval: Duration::from_secs(2),
            attempts: 5,
        }
    }
}

enum Failure {
    /// The function failed, or did not do what it should.
    Function(String),
    /// Somebody cancelled the rotation, deleted the secret or moved AWSPENDING.
    Withdrawn,
}

impl SecretsManager {
    pub(super) async fn rotate_secret(&self, body: &Value) -> Result<Value, ServiceError> {
        let request: RotateSecret = request::parse(body)?;
        let (arn, function) = self.read(|model| model.rotation_function(&request))?;
        let is_let_in = self.functions().lets_in(&function, &arn).await;
        if !is_let_in.map_err(ServiceError::internal)? {
            return Err(ServiceError::cannot_invoke());
        }
        if !request.rotate_immediately {
            return self.test_rotation(&request).await;
        }
        let begun = self.change(&arn, |model, now| model.rotate(&request, now))?;
        match begun {
            Rotate::Begun(run, answer) => {
                self.carry_out(run, "RotateSecret");
                Ok(answer)
            }
            Rotate::Repeated(answer) => Ok(answer),
            Rotate::Incomplete(run) => {
                if let Some(run) = run {
                    self.carry_out(run, "retry");
                }
                Err(ServiceError::previous_rotation())
            }
        }
    }

    pub(super) fn cancel_rotate_secret(&self, body: &Value) -> Result<Value, ServiceError> {
        let request: SecretOnly = request::parse(body)?;
        self.change(&request.secret_id, |model, _| {
            model.cancel(&request.secret_id)
        })
    }

    /// Makes the schedule's next occurrence now: what the schedule would do some day, it does at
    /// once. Fails unless the secret has rotation on.
    pub fn bring_forward(&self, secret_id: &str) -> Result<(), ServiceError> {
        let now = Timestamp::now();
        self.change(secret_id, |model, _| model.bring_forward(secret_id, now))
    }

    /// `RotateImmediately=false`: only testSecret, on a version that is removed again. A function that fails is
    /// not enrolled.
    async fn test_rotation(&self, request: &RotateSecret) -> Result<Value, ServiceError> {
        let id = &request.secret_id;
        let version = Uuid::new_v4().to_string();
        let (run, before) =
            self.change(id, |model, now| model.begin_test(request, version, now))?;
        // Whoever asked may hang up; the version must go all the same.
        let service = self.clone();
        let test = tokio::spawn(async move {
            let token = Uuid::new_v4().to_string();
            let tested = match service.attempt(&run, &token) {
                Ok(function) => service.step(&run, &function, "testSecret", &token).await,
                Err(failure) => Err(failure),
            };
            service.change_run(&run, |model| {
                model.end_test(&run, tested.is_err().then_some(before));
            });
            tested
        });
        if self.peek(|model| model.untidy.probe_comes_later) {
            return self.read(|model| {
                let secret = model.find(id)?;
                Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
            });
        }
        match test.await {
            Ok(Ok(())) => self.read(|model| {
                let secret = model.find(id)?;
                Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
            }),
            Ok(Err(Failure::Function(message))) => Err(ServiceError::invalid_request(format!(
                "Rotation was not turned on: the rotation function failed in the testSecret step: \
                 {message}"
            ))),
            Ok(Err(Failure::Withdrawn)) => Err(ServiceError::invalid_request(
                "Rotation was not turned on: it was cancelled during the testSecret step.",
            )),
            Err(error) => Err(ServiceError::internal(format!("testSecret: {error}"))),
        }
    }

    fn carry_out(&self, run: Run, cause: &'static str) {
        let service = self.clone();
        self.spawn(async move { service.attempt_until_done(&run, cause).await });
    }

    async fn attempt_until_done(&self, run: &Run, mut cause: &'static str) {
        let options = self.rotation_options();
        for attempt in 1..=options.attempts {
            self.events().record(EventKind::RotationStarted {
                secret: run.name.clone(),
                version: run.version_id.clone(),
                cause: cause.to_owned(),
            });
            let (message, withdrawn) = match self.attempt_once(run).await {
                Ok(()) => {
                    self.events().record(EventKind::RotationSucceeded {
                        secret: run.name.clone(),
                        version: run.version_id.clone(),
                    });
                    return;
                }
                Err(Failure::Function(message)) => (message, false),
                Err(Failure::Withdrawn) => ("the rotation was cancelled".to_owned(), true),
            };
            let last = withdrawn || attempt == options.attempts;
            if last {
                // Before the event: whoever waits for it may ask for the rotation again at once.
                self.change_run(run, |model| model.give_up(run));
            }
            tracing::warn!(
                secret = run.name,
                version = run.version_id,
                message,
                "rotation failed"
            );
            self.events().record(EventKind::RotationFailed {
                secret: run.name.clone(),
                version: run.version_id.clone(),
                message,
            });
            if last {
                return;
            }
            tokio::time::sleep(options.retry_interval).await;
            cause = "retry";
        }
    }

    async fn attempt_once(&self, run: &Run) -> Result<(), Failure> {
        let token = Uuid::new_v4().to_string();
        let function = self.attempt(run, &token)?;
        for step in STEPS {
            if !self.peek(|model| model.is_under_way(run)) {
                return Err(Failure::Withdrawn);
            }
            self.step(run, &function, step, &token).await?;
        }
        let now = Timestamp::now();
        if self.change_run(run, |model| model.complete(run, now)) {
            Ok(())
        } else if self.peek(|model| model.is_under_way(run)) {
            Err(Failure::Function(format!(
                "finishSecret succeeded, but AWSCURRENT is not on version {}",
                run.version_id
            )))
        } else {
            Err(Failure::Withdrawn)
        }
    }

    fn attempt(&self, run: &Run, token: &str) -> Result<String, Failure> {
        self.change_run(run, |model| model.attempt(run, token))
            .ok_or(Failure::Withdrawn)
    }

    async fn step(
        &self,
        run: &Run,
        function: &str,
        step: &str,
        token: &str,
    ) -> Result<(), Failure> {
        let (secret, version) = (run.name.clone(), run.version_id.clone());
        let step_name = step.to_owned();
        self.events().record(EventKind::StepStarted {
            secret: secret.clone(),
            version: version.clone(),
            step: step_name.clone(),
        });
        let event = json!({
            "Step": step,
            "SecretId": run.arn,
            "ClientRequestToken": run.version_id,
            "RotationToken": token,
        });
        let message = match self.functions().invoke(function, &event).await {
            Ok(invocation) if invocation.function_error.is_none() => {
                self.events().record(EventKind::StepSucceeded {
                    secret,
                    version,
                    step: step_name,
                });
                return Ok(());
            }
            Ok(invocation) => error_message(&invocation.payload),
            Err(reason) => reason,
        };
        self.events().record(EventKind::StepFailed {
            secret,
            version,
            step: step_name,
            message: message.clone(),
        });
        Err(Failure::Function(format!("{step}: {message}")))
    }

    /// Rotates what is due, for ever.
    pub(super) async fn follow_schedule(&self) {
        loop {
            let changed = self.schedule_change();
            let now = Timestamp::now();
            let due: Vec<(Timestamp, String)> = self.peek(|model| model.due().collect());
            for (_, arn) in due.iter().filter(|(at, _)| *at <= now) {
                let version = Uuid::new_v4().to_string();
                let run = self.change(arn, |model, now| {
                    model.rotate_by_schedule(arn, version, now)
                });
                if let Some(run) = run {
                    self.carry_out(run, "schedule");
                }
            }
            let next = self.peek(|model| model.due().map(|(at, _)| at).min());
            let wait = next.map_or(LONGEST_WAIT, |next| {
                let until = next.duration_since(Timestamp::now());
                Duration::try_from(until)
                    .unwrap_or_default()
                    .min(LONGEST_WAIT)
            });
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = changed => {}
            }
        }
    }
}

fn error_message(payload: &Value) -> String {
    let text = |field: &str| payload.get(field).and_then(Value::as_str);
    match (text("errorType"), text("errorMessage")) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (None, Some(message)) => message.to_owned(),
        _ => "the function failed without a message".to_owned(),
    }
}
