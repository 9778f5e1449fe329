//! Secrets Manager's secrets, and what each operation does to them: pure, without I/O or clock.

mod deletion;
mod describe;
mod listing;
mod rotation;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::ServiceError;
use super::request::{
    CreateSecret, GetSecretValue, PutSecretValue, TagResource, UntagResource,
    UpdateSecretVersionStage,
};
use super::secret::{CURRENT, Rotation, Secret, SecretValue, Version};
use super::untidy::{Untidy, Views};

use describe::{created, named, seconds, start_of_day};

pub(super) use rotation::{Rotate, Run};

const MOST_TAGS: usize = 50;
/// A hyphen and six characters end every secret's ARN.
const ARN_SUFFIX: usize = 7;

/// All secrets of one account and region.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// By name.
    secrets: BTreeMap<String, Secret>,
    /// Every value that any version ever had, and every rotation token.
    sensitive: Vec<Sensitive>,
    runs: u64,
    /// What it does and need not.
    pub(super) untidy: Untidy,
    pub(super) views: Views,
}

/// What must appear in no log.
struct Sensitive(String);

impl std::fmt::Debug for Sensitive {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[sensitive]")
    }
}

impl Model {
    /// These secrets alone, to be read.
    pub(super) fn of(secrets: impl IntoIterator<Item = (String, Secret)>) -> Self {
        Self {
            secrets: secrets.into_iter().collect(),
            ..Self::default()
        }
    }

    /// All secrets by name, as they are now.
    pub(super) fn all(&self) -> BTreeMap<String, Secret> {
        self.secrets.clone()
    }

    /// The secret of this name, ARN, or ARN without its suffix.
    pub(super) fn find(&self, id: &str) -> Result<&Secret, ServiceError> {
        let found = if id.starts_with("arn:") {
            self.secrets
                .values()
                .find(|secret| is_arn_of(id, &secret.arn))
        } else {
            self.secrets.get(id)
        };
        found.ok_or_else(ServiceError::secret_not_found)
    }

    fn find_mut(&mut self, id: &str) -> Result<&mut Secret, ServiceError> {
        let name = self.find(id)?.name.clone();
        self.secrets
            .get_mut(&name)
            .ok_or_else(ServiceError::secret_not_found)
    }

    fn find_live_mut(&mut self, id: &str) -> Result<&mut Secret, ServiceError> {
        let secret = self.find_mut(id)?;
        secret.check_not_deleted()?;
        Ok(secret)
    }

    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.secrets.values()
    }

    /// Takes a secret away, without trace.
    pub(super) fn forget(&mut self, name: &str) {
        self.secrets.remove(name);
    }

    /// Everything that must appear in no log: values and rotation tokens, past and present.
    pub(super) fn sensitive(&self) -> Vec<String> {
        self.sensitive.iter().map(|text| text.0.clone()).collect()
    }

    fn remember(&mut self, value: &SecretValue) {
        self.sensitive.push(Sensitive(value.0.clone()));
    }

    pub(super) fn create(
        &mut self,
        request: &CreateSecret,
        arn: String,
        now: Timestamp,
    ) -> Result<Value, ServiceError> {
        request.check()?;
        let value = request.value()?;
        let token = match &value {
            Some(_) => Some(request.token()?.to_owned()),
            None => None,
        };
        if let Some(existing) = self.secrets.get(&request.name) {
            return created_before(existing, token.as_deref(), value.as_ref());
        }
        check_tag_count(request.tags.len())?;
        let mut secret = Secret {
            arn,
            name: request.name.clone(),
            kms_key_id: request.kms_key_id.clone(),
            tags: request.tags.clone(),
            created: now,
            last_changed: now,
            last_accessed: None,
            deleted: None,
            lingers: None,
            rotation: Rotation::default(),
            versions: Vec::new(),
        };
        if let (Some(value), Some(token)) = (value, &token) {
            self.remember(&value);
            secret.put(token, value, &[CURRENT.to_owned()], now)?;
        }
        let answer = created(&secret, token.as_deref());
        self.secrets.insert(secret.name.clone(), secret);
        Ok(answer)
    }

    pub(super) fn get_value(
        &mut self,
        request: &GetSecretValue,
        now: Timestamp,
    ) -> Result<Value, ServiceError> {
        let secret = self.find_live_mut(&request.secret_id)?;
        let label = request.version_stage.as_deref();
        let by_label = || {
            let label = label.unwrap_or(CURRENT);
            (
                secret.labelled(label).map(|version| version.id.clone()),
                ServiceError::no_value_for_label(label),
            )
        };
        let (id, missing) = match &request.version_id {
            Some(id) => (
                secret.version(id).map(|version| version.id.clone()),
                ServiceError::no_value_for_version(id),
            ),
            None => by_label(),
        };
        let (arn, name) = (secret.arn.clone(), secret.name.clone());
        let id = id.ok_or_else(|| missing.clone())?;
        if let Some(label) = label
            && !secret.has_label(&id, label)
        {
            return Err(ServiceError::invalid_request(
                "You provided a VersionStage that is not associated to the provided VersionId.",
            ));
        }
        let version = secret.version(&id).ok_or_else(|| missing.clone())?;
        let value = version.value.clone().ok_or(missing)?;
        let answer = json!({
            "ARN": arn,
            "Name": name,
            "VersionId": version.id,
            "VersionStages": version.labels,
            "CreatedDate": seconds(version.created),
            "SecretString": value.0,
        });
        secret.last_accessed = Some(start_of_day(now));
        Ok(answer)
    }

    pub(super) fn put_value(
        &mut self,
        request: &PutSecretValue,
        now: Timestamp,
    ) -> Result<Value, ServiceError> {
        let (token, value, labels) = (request.token()?, request.value()?, request.labels()?);
        self.store(&request.secret_id, token, &value, &labels, now)?;
        let secret = self.find(&request.secret_id)?;
        Ok(json!({
            "ARN": secret.arn,
            "Name": secret.name,
            "VersionId": token,
            "VersionStages": secret.version(token).map(|version| &version.labels),
        }))
    }

    fn store(
        &mut self,
        id: &str,
        token: &str,
        value: &SecretValue,
        labels: &[String],
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let secret = self.find_live_mut(id)?;
        secret.put(token, value.clone(), labels, now)?;
        let rotation = &mut secret.rotation;
        if labels.iter().any(|label| label == CURRENT)
            && rotation.enabled
            && rotation.pending.is_none()
            && let Some(rules) = &rotation.rules
            && rules.counts_from_any_change()
        {
            rotation.next = rules.next(now);
        }
        self.remember(value);
        Ok(())
    }

    pub(super) fn update_version_stage(
        &mut self,
        request: &UpdateSecretVersionStage,
        now: Timestamp,
    ) -> Result<Value, ServiceError> {
        super::request::check_label(&request.version_stage)?;
        let secret = self.find_live_mut(&request.secret_id)?;
        secret.move_label(
            &request.version_stage,
            request.remove_from_version_id.as_deref(),
            request.move_to_version_id.as_deref(),
            now,
        )?;
        Ok(named(secret))
    }

    pub(super) fn tag(&mut self, request: &TagResource) -> Result<Value, ServiceError> {
        request.check()?;
        let secret = self.find_live_mut(&request.secret_id)?;
        let mut tags = secret.tags.clone();
        for tag in &request.tags {
            match tags.iter_mut().find(|existing| existing.key == tag.key) {
                Some(existing) => existing.value.clone_from(&tag.value),
                None => tags.push(tag.clone()),
            }
        }
        check_tag_count(tags.len())?;
        secret.tags = tags;
        Ok(json!({}))
    }

    pub(super) fn untag(&mut self, request: &UntagResource) -> Result<Value, ServiceError> {
        let secret = self.find_live_mut(&request.secret_id)?;
        secret
            .tags
            .retain(|tag| !request.tag_keys.contains(&tag.key));
        Ok(json!({}))
    }
}

/// Whether an id names the secret of this ARN. An id that ends as ARNs do is taken for a whole one.
fn is_arn_of(id: &str, arn: &str) -> bool {
    let whole = id
        .len()
        .checked_sub(ARN_SUFFIX)
        .and_then(|start| id.get(start..))
        .and_then(|suffix| suffix.strip_prefix('-'))
        .is_some_and(|suffix| suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if whole {
        return id == arn;
    }
    arn.len() == id.len() + ARN_SUFFIX && arn.starts_with(id)
}

fn created_before(
    existing: &Secret,
    token: Option<&str>,
    value: Option<&SecretValue>,
) -> Result<Value, ServiceError> {
    if existing.deleted.is_some() {
        return Err(ServiceError::invalid_request(
            "You can't create this secret because a secret with this name is already scheduled \
             for deletion.",
        ));
    }
    let version: Option<&Version> = token.and_then(|token| existing.version(token));
    match version {
        Some(version) if version.value.as_ref() == value => Ok(created(existing, token)),
        Some(version) => Err(ServiceError::token_in_use(&version.id, &existing.arn)),
        None => Err(ServiceError::exists(format!(
            "The operation failed because the secret {} already exists.",
            existing.name
        ))),
    }
}

fn check_tag_count(count: usize) -> Result<(), ServiceError> {
    if count > MOST_TAGS {
        return Err(ServiceError::limit_exceeded(format!(
            "A secret can have no more than {MOST_TAGS} tags."
        )));
    }
    Ok(())
}
