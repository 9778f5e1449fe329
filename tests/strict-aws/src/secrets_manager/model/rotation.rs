//! What a rotation does to a secret, step by step. The steps themselves are run elsewhere.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::describe::{created, named};
use super::{Model, Sensitive};
use crate::secrets_manager::error::ServiceError;
use crate::secrets_manager::request::RotateSecret;
use crate::secrets_manager::rules::RotationRules;
use crate::secrets_manager::secret::{
    CURRENT, PENDING, PendingRotation, Rotation, RotationToken, Secret,
};
use crate::secrets_manager::untidy::Probe;

#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) version_id: String,
    number: u64,
}

/// What `RotateSecret` led to.
pub(crate) enum Rotate {
    /// A rotation began; its run is to be carried out. The value is the answer.
    Begun(Run, Value),
    /// The token's version exists already: the same request was carried out before.
    Repeated(Value),
    /// A previous rotation isn't complete. The run, if any, reattempts it.
    Incomplete(Option<Run>),
}

impl Model {
    /// The function that would rotate the secret, if the request is one to carry out.
    pub(crate) fn rotation_function(
        &self,
        request: &RotateSecret,
    ) -> Result<(String, String), ServiceError> {
        request.token()?;
        if let Some(rules) = &request.rotation_rules {
            rules.check()?;
        }
        let secret = self.find(&request.secret_id)?;
        secret.check_not_deleted()?;
        let function = request
            .rotation_lambda_arn
            .clone()
            .or_else(|| secret.rotation.lambda_arn.clone())
            .ok_or_else(ServiceError::no_rotation_function)?;
        Ok((secret.arn.clone(), function))
    }

    /// Turns rotation on as the request says, and begins one.
    pub(crate) fn rotate(
        &mut self,
        request: &RotateSecret,
        now: Timestamp,
    ) -> Result<Rotate, ServiceError> {
        let token = request.token()?.to_owned();
        let secret = self.find_live_mut(&request.secret_id)?;
        if is_incomplete(secret) {
            return Ok(Rotate::Incomplete(self.reattempt(&request.secret_id)));
        }
        if secret.version(&token).is_some() {
            return Ok(Rotate::Repeated(created(secret, Some(&token))));
        }
        configure(&mut secret.rotation, request, now);
        let answer = created(secret, Some(&token));
        Ok(Rotate::Begun(
            self.begin(&request.secret_id, token, now)?,
            answer,
        ))
    }

    /// Begins the rotation that the schedule says is due, or reattempts an incomplete one; `None`
    /// if there is nothing to do.
    pub(crate) fn rotate_by_schedule(
        &mut self,
        arn: &str,
        version_id: String,
        now: Timestamp,
    ) -> Option<Run> {
        let secret = self.find_live_mut(arn).ok()?;
        let rotation = &mut secret.rotation;
        rotation.next = rotation.rules.as_ref().and_then(|rules| rules.next(now));
        if !rotation.enabled {
            return None;
        }
        if is_incomplete(secret) {
            return self.reattempt(arn);
        }
        self.begin(arn, version_id, now).ok()
    }

    /// Turns rotation on as the request says, and adds the version that testSecret is tried with.
    /// Gives the configuration from before.
    pub(crate) fn begin_test(
        &mut self,
        request: &RotateSecret,
        version_id: String,
        now: Timestamp,
    ) -> Result<(Run, Rotation), ServiceError> {
        let secret = self.find_live_mut(&request.secret_id)?;
        if is_incomplete(secret) {
            return Err(ServiceError::previous_rotation());
        }
        let before = secret.rotation.clone();
        configure(&mut secret.rotation, request, now);
        let current = secret.labelled(CURRENT);
        let value = current.and_then(|version| version.value.clone());
        let run = self.begin(&request.secret_id, version_id, now)?;
        if self.untidy.probe == Probe::CurrentValue {
            let secret = self.find_live_mut(&run.arn)?;
            if let Some(version) = secret.version_mut(&run.version_id) {
                version.value = value;
            }
        }
        Ok((run, before))
    }

    /// Removes the version that testSecret was tried with; puts the configuration back if the
    /// test failed.
    pub(crate) fn end_test(&mut self, run: &Run, before: Option<Rotation>) {
        let Ok(secret) = self.find_mut(&run.arn) else {
            return;
        };
        let ours = is_of(run, secret);
        secret
            .versions
            .retain(|version| version.id != run.version_id);
        if ours {
            secret.rotation.pending = None;
            if let Some(before) = before {
                secret.rotation = before;
            }
        }
    }

    /// Starts one more attempt with a token of its own. The function to call; `None` if the
    /// rotation was cancelled, or its version lost AWSPENDING.
    pub(crate) fn attempt(&mut self, run: &Run, token: &str) -> Option<String> {
        if !self.is_under_way(run) {
            return None;
        }
        let secret = self.find_mut(&run.arn).ok()?;
        let function = secret.rotation.lambda_arn.clone()?;
        secret.rotation.pending.as_mut()?.token = Some(RotationToken(token.to_owned()));
        self.sensitive.push(Sensitive(token.to_owned()));
        Some(function)
    }

    /// Whether the run is still the secret's, and its version still to be rotated in or just so.
    pub(crate) fn is_under_way(&self, run: &Run) -> bool {
        self.find(&run.arn).is_ok_and(|secret| {
            secret.deleted.is_none()
                && secret.rotation.enabled
                && is_of(run, secret)
                && [PENDING, CURRENT]
                    .iter()
                    .any(|label| secret.has_label(&run.version_id, label))
        })
    }

    /// Ends a rotation whose version is AWSCURRENT, and takes AWSPENDING off it, or leaves it there. False if the
    /// version is not, and so the rotation not complete.
    pub(crate) fn complete(&mut self, run: &Run, now: Timestamp) -> bool {
        let pending_stays = self.untidy.pending_stays;
        let Ok(secret) = self.find_mut(&run.arn) else {
            return false;
        };
        if !is_of(run, secret) || !secret.has_label(&run.version_id, CURRENT) {
            return false;
        }
        if !pending_stays && secret.has_label(&run.version_id, PENDING) {
            secret.detach(PENDING);
        }
        let rotation = &mut secret.rotation;
        rotation.pending = None;
        rotation.last = Some(now);
        rotation.next = rotation.rules.as_ref().and_then(|rules| rules.next(now));
        true
    }

    /// Makes no more attempts until the rotation is asked for again.
    pub(crate) fn give_up(&mut self, run: &Run) {
        if let Ok(secret) = self.find_mut(&run.arn)
            && is_of(run, secret)
            && let Some(pending) = &mut secret.rotation.pending
        {
            pending.running = false;
            pending.token = None;
        }
    }

    /// Turns rotation off. A version that was being made keeps AWSPENDING.
    pub(crate) fn cancel(&mut self, id: &str) -> Result<Value, ServiceError> {
        let forgets_the_function = self.untidy.cancelling_forgets_the_function;
        let secret = self.find_live_mut(id)?;
        if secret.rotation.lambda_arn.is_none() {
            return Err(ServiceError::no_rotation_function());
        }
        if forgets_the_function {
            secret.rotation.lambda_arn = None;
        }
        secret.rotation.enabled = false;
        secret.rotation.next = None;
        let pending = secret.rotation.pending.take();
        let answer = named(secret);
        Ok(match pending {
            Some(pending) => created(secret, Some(&pending.version_id)),
            None => answer,
        })
    }

    /// Says that the schedule's next occurrence is now.
    pub(crate) fn bring_forward(&mut self, id: &str, now: Timestamp) -> Result<(), ServiceError> {
        let secret = self.find_live_mut(id)?;
        if !secret.rotation.enabled {
            return Err(ServiceError::invalid_request(format!(
                "Rotation of {} is off: turn it on with RotateSecret first.",
                secret.name
            )));
        }
        secret.rotation.next = Some(now);
        Ok(())
    }

    pub(crate) fn rotated_by(&mut self, id: &str, function_arn: &str, now: Timestamp) {
        if let Ok(secret) = self.find_mut(id) {
            let rules = RotationRules {
                automatically_after_days: Some(90),
                ..RotationRules::default()
            };
            secret.rotation = Rotation {
                enabled: true,
                lambda_arn: Some(function_arn.to_owned()),
                next: rules.next(now),
                rules: Some(rules),
                ..Rotation::default()
            };
        }
    }

    /// Says that every secret was changed, and every rotation ended, so much earlier.
    pub(crate) fn grow_older(&mut self, time: SignedDuration) {
        for secret in self.secrets.values_mut() {
            secret.last_changed -= time;
            secret.rotation.last = secret.rotation.last.map(|last| last - time);
        }
    }

    pub(crate) fn due(&self) -> impl Iterator<Item = (Timestamp, String)> {
        self.secrets
            .values()
            .filter(|secret| secret.rotation.enabled && secret.deleted.is_none())
            .filter_map(|secret| Some((secret.rotation.next?, secret.arn.clone())))
    }

    fn begin(&mut self, id: &str, version_id: String, now: Timestamp) -> Result<Run, ServiceError> {
        let secret = self.find_live_mut(id)?;
        secret.add_placeholder(&version_id, now);
        let arn = secret.arn.clone();
        self.run(&arn, version_id)
            .ok_or_else(ServiceError::secret_not_found)
    }

    /// A new run for the version of an incomplete rotation; `None` if attempts are being made
    /// already, or rotation is off.
    fn reattempt(&mut self, id: &str) -> Option<Run> {
        let secret = self.find(id).ok()?;
        let rotation = &secret.rotation;
        if !rotation.enabled
            || rotation
                .pending
                .as_ref()
                .is_some_and(|pending| pending.running)
        {
            return None;
        }
        let (arn, version_id) = (secret.arn.clone(), secret.incomplete()?.id.clone());
        self.run(&arn, version_id)
    }

    fn run(&mut self, arn: &str, version_id: String) -> Option<Run> {
        self.runs += 1;
        let number = self.runs;
        let secret = self.find_mut(arn).ok()?;
        secret.rotation.pending = Some(PendingRotation {
            version_id: version_id.clone(),
            run: number,
            token: None,
            running: true,
        });
        Some(Run {
            arn: secret.arn.clone(),
            name: secret.name.clone(),
            version_id,
            number,
        })
    }
}

fn configure(rotation: &mut Rotation, request: &RotateSecret, now: Timestamp) {
    if let Some(function) = &request.rotation_lambda_arn {
        rotation.lambda_arn = Some(function.clone());
    }
    if let Some(rules) = &request.rotation_rules {
        rotation.rules = Some(rules.clone());
    }
    rotation.enabled = true;
    rotation.next = rotation.rules.as_ref().and_then(|rules| rules.next(now));
}

/// Whether a rotation has begun and not ended: attempts are being made, or AWSPENDING is on a
/// version that is not the current one.
fn is_incomplete(secret: &Secret) -> bool {
    let running = secret
        .rotation
        .pending
        .as_ref()
        .is_some_and(|pending| pending.running);
    running || secret.incomplete().is_some()
}

fn is_of(run: &Run, secret: &Secret) -> bool {
    secret
        .rotation
        .pending
        .as_ref()
        .is_some_and(|pending| pending.run == run.number)
}
