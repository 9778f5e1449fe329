//! The service: operations by name, on one model shared by all callers.

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use stand_in::events::{EventKind, EventLog};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::ServiceError;
use super::functions::RotationFunctions;
use super::model::{Model, Run};
use super::request::{self, CreateSecret, PutSecretValue, SecretOnly};
use super::rotation::RotationOptions;
use super::snapshot::SecretSnapshot;
use super::untidy::{Untidy, Views};
use crate::ministack::{ACCOUNT_ID, REGION};

/// Secrets Manager. Clones share everything; its schedule and its rotations stop with the
/// [`DropGuard`] that came with it.
#[derive(Clone)]
pub struct SecretsManager {
    shared: Arc<Shared>,
}

struct Shared {
    model: Mutex<Model>,
    events: EventLog,
    functions: Arc<dyn RotationFunctions>,
    options: RotationOptions,
    schedule: Notify,
    stop: CancellationToken,
}

/// Who makes a request, by the name that [`RotationFunctions::principal`] would give a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub String);

impl SecretsManager {
    /// A Secrets Manager with no secrets, which rotates with these functions until the guard is
    /// dropped. Must be called within a tokio runtime.
    pub(crate) fn new(
        events: EventLog,
        functions: Arc<dyn RotationFunctions>,
        options: RotationOptions,
    ) -> (Self, DropGuard) {
        let stop = CancellationToken::new();
        let service = Self {
            shared: Arc::new(Shared {
                model: Mutex::default(),
                events,
                functions,
                options,
                schedule: Notify::new(),
                stop: stop.clone(),
            }),
        };
        let scheduled = service.clone();
        service.spawn(async move { scheduled.follow_schedule().await });
        (service, stop.drop_guard())
    }

    /// Carries out an operation, as in `GetSecretValue`, and gives its answer.
    ///
    /// Fails as Secrets Manager does; also with `UnknownOperationException` for what is not
    /// played here.
    pub async fn handle(
        &self,
        caller: &Caller,
        operation: &str,
        parameters: Value,
    ) -> Result<Value, ServiceError> {
        let body = without_nulls(parameters)?;
        if let Some(id) = body.get("SecretId").or_else(|| body.get("Name"))
            && let Some(id) = id.as_str()
        {
            self.lock().outlive(id);
        }
        match operation {
            "CreateSecret" => {
                let request: CreateSecret = request::parse(&body)?;
                let arn = new_arn(&request.name);
                self.change(&request.name, |model, now| model.create(&request, arn, now))
            }
            "RotateSecret" => self.rotate_secret(&body).await,
            "CancelRotateSecret" => self.cancel_rotate_secret(&body),
            "PutSecretValue" => self.put_secret_value(caller, &body).await,
            "UpdateSecretVersionStage" => {
                let request: request::UpdateSecretVersionStage = request::parse(&body)?;
                self.change(&request.secret_id, |model, now| {
                    model.update_version_stage(&request, now)
                })
            }
            "DeleteSecret" => {
                let request: request::DeleteSecret = request::parse(&body)?;
                self.change(&request.secret_id, |model, now| model.delete(&request, now))
            }
            "RestoreSecret" => {
                let request: SecretOnly = request::parse(&body)?;
                self.change(&request.secret_id, |model, _| {
                    model.restore(&request.secret_id)
                })
            }
            "TagResource" => {
                let request: request::TagResource = request::parse(&body)?;
                self.change(&request.secret_id, |model, _| model.tag(&request))
            }
            "UntagResource" => {
                let request: request::UntagResource = request::parse(&body)?;
                self.change(&request.secret_id, |model, _| model.untag(&request))
            }
            "DescribeSecret" => {
                let request: SecretOnly = request::parse(&body)?;
                self.see(caller, &request.secret_id, |model| {
                    model.describe(&request.secret_id)
                })
            }
            "GetSecretValue" => {
                let request: request::GetSecretValue = request::parse(&body)?;
                self.see(caller, &request.secret_id, |model| {
                    model.get_value(&request, Timestamp::now())
                })
            }
            "ListSecrets" => {
                let request: request::ListSecrets = request::parse(&body)?;
                let mut model = self.lock();
                match model.as_listed(&caller.0) {
                    Some(seen) => seen.list(&request),
                    None => model.list(&request),
                }
            }
            "ListSecretVersionIds" => {
                let request: request::ListSecretVersionIds = request::parse(&body)?;
                self.see(caller, &request.secret_id, |model| {
                    model.list_version_ids(&request)
                })
            }
            _ => Err(ServiceError::unknown_operation()),
        }
    }

    async fn put_secret_value(&self, caller: &Caller, body: &Value) -> Result<Value, ServiceError> {
        let request: PutSecretValue = request::parse(body)?;
        let id = &request.secret_id;
        let (version, proof) = (request.token()?, request.rotation_token.as_deref());
        self.check_may_store(caller, id, version, proof).await?;
        self.change(id, |model, now| model.put_value(&request, now))
    }

    /// Only the rotation function may store the value of the version that is being rotated: under
    /// its execution role, or with the rotation token.
    async fn check_may_store(
        &self,
        caller: &Caller,
        secret_id: &str,
        version_id: &str,
        proof: Option<&str>,
    ) -> Result<(), ServiceError> {
        let (arn, function, valid) = {
            let model = self.lock();
            let secret = model.find(secret_id)?;
            let pending = secret.rotation.pending.as_ref();
            let pending = pending.filter(|pending| pending.version_id == version_id);
            let Some((pending, function)) = pending.zip(secret.rotation.lambda_arn.clone()) else {
                return match proof {
                    None => Ok(()),
                    Some(_) => Err(ServiceError::access_denied(format!(
                        "The RotationToken isn't valid: version {version_id} of secret {} is not \
                         being rotated.",
                        secret.arn
                    ))),
                };
            };
            let token = pending.token.as_ref().map(|token| token.0.as_str());
            let valid = proof.map(|proof| token == Some(proof));
            (secret.arn.clone(), function, valid)
        };
        let allowed = if let Some(valid) = valid {
            valid
        } else {
            let principal = self.functions().principal(&function).await;
            principal.map_err(ServiceError::internal)?.as_ref() == Some(&caller.0)
        };
        if allowed {
            return Ok(());
        }
        Err(ServiceError::access_denied(format!(
            "{} can't store the value of version {version_id} of secret {arn}: the version is \
             being rotated. Only the rotation function {function} may, under its execution role \
             or with the RotationToken of this attempt.",
            caller.0
        )))
    }

    /// From now on it does what AWS may do and need not. What was changed before is known to everybody.
    pub fn be(&self, untidy: Untidy) {
        let mut model = self.lock();
        model.untidy = untidy;
        model.views = Views::default();
    }

    /// The last change and the last rotation of each secret are so much longer ago: for whoever skips time.
    pub fn grow_older(&self, time: SignedDuration) {
        self.lock().grow_older(time);
    }

    /// A read of one secret, which may tell what was before.
    fn see<T>(
        &self,
        caller: &Caller,
        secret_id: &str,
        read: impl FnOnce(&mut Model) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let mut model = self.lock();
        match model.as_seen(&caller.0, secret_id) {
            Some(mut seen) => read(&mut seen),
            None => read(&mut model),
        }
    }

    /// The secret as it is now, without values; `None` if there is none of this name or ARN.
    pub fn secret(&self, secret_id: &str) -> Option<SecretSnapshot> {
        self.lock().find(secret_id).ok().map(SecretSnapshot::of)
    }

    pub fn value(&self, secret_id: &str, version: &str) -> Option<String> {
        let model = self.lock();
        let version = model.find(secret_id).ok()?.version(version)?;
        version.value.as_ref().map(|value| value.0.clone())
    }

    /// All secrets as they are now, without values, in order of their names.
    pub fn secrets(&self) -> Vec<SecretSnapshot> {
        self.lock().secrets().map(SecretSnapshot::of).collect()
    }

    /// Everything that must appear in no log: each secret value that ever was, whole, and each
    /// rotation token.
    pub fn sensitive_texts(&self) -> Vec<String> {
        self.lock().sensitive()
    }

    /// Has rotation by this function on, as if it had been turned on long ago: it is not tried.
    pub fn rotated_by(&self, secret_id: &str, function_arn: &str) {
        let rotated = |model: &mut Model, now| model.rotated_by(secret_id, function_arn, now);
        self.change(secret_id, rotated);
    }

    pub(super) fn events(&self) -> &EventLog {
        &self.shared.events
    }

    pub(super) fn functions(&self) -> &dyn RotationFunctions {
        self.shared.functions.as_ref()
    }

    pub(super) fn rotation_options(&self) -> &RotationOptions {
        &self.shared.options
    }

    fn schedule_changed(&self) {
        self.shared.schedule.notify_one();
    }

    /// Resolves at the next change of the schedule, or at once if one was missed.
    pub(super) fn schedule_change(&self) -> impl Future<Output = ()> {
        self.shared.schedule.notified()
    }

    /// Runs something in the background until the service stops.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.shared.stop.clone();
        tokio::spawn(async move {
            stop.run_until_cancelled(work).await;
        });
    }

    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Model) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        read(&self.lock())
    }

    pub(super) fn peek<T>(&self, peek: impl FnOnce(&Model) -> T) -> T {
        peek(&self.lock())
    }

    pub(super) fn change_run<T>(&self, run: &Run, change: impl FnOnce(&mut Model) -> T) -> T {
        self.change(&run.arn, |model, _| change(model))
    }

    /// Changes the model and records what became of the secret's labels.
    pub(super) fn change<T>(
        &self,
        secret_id: &str,
        change: impl FnOnce(&mut Model, Timestamp) -> T,
    ) -> T {
        let mut model = self.lock();
        let labels = |model: &Model| {
            let secret = model.find(secret_id).ok();
            secret.map(|secret| (secret.name.clone(), secret.labels()))
        };
        let before = labels(&model);
        let untidy = model.untidy;
        let was = (untidy.late_reads > 0 || untidy.late_lists > 0)
            .then(|| model.find(secret_id).ok().cloned());
        let all = (untidy.late_lists > 0).then(|| model.all());
        let answer = change(&mut model, Timestamp::now());
        self.schedule_changed();
        if let Some(was) = was {
            let is = model.find(secret_id).ok();
            let looks_the_same = match (&was, is) {
                (Some(was), Some(is)) => was.looks_like(is),
                (was, is) => was.is_none() && is.is_none(),
            };
            let name = was.as_ref().or(is).map(|secret| secret.name.clone());
            if let Some(name) = name.filter(|_| !looks_the_same) {
                model.views.changed(name, was, all);
            }
        }
        // A secret that is gone takes its labels with it: nothing was moved.
        if let Some((name, after)) = labels(&model) {
            let before = before.map(|(_, labels)| labels).unwrap_or_default();
            for (label, version) in &before {
                if after.get(label) != Some(version) {
                    self.events().record(EventKind::LabelRemoved {
                        secret: name.clone(),
                        version: version.clone(),
                        label: label.clone(),
                    });
                }
            }
            for (label, version) in after {
                if before.get(&label) != Some(&version) {
                    self.events().record(EventKind::LabelAttached {
                        secret: name.clone(),
                        version,
                        label,
                    });
                }
            }
        }
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Model> {
        stand_in::lock(&self.shared.model)
    }
}

fn without_nulls(parameters: Value) -> Result<Value, ServiceError> {
    match parameters {
        Value::Object(mut object) => {
            object.retain(|_, value| !value.is_null());
            Ok(Value::Object(object))
        }
        _ => Err(ServiceError::serialization(
            "the parameters are not a JSON object",
        )),
    }
}

/// An ARN for a new secret: six random characters follow its name.
fn new_arn(name: &str) -> String {
    use rand::distr::{Alphanumeric, SampleString as _};
    let suffix = Alphanumeric.sample_string(&mut rand::rng(), 6);
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:{name}-{suffix}")
}
