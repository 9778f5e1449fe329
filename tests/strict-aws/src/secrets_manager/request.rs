//! The operations' parameters, checked for what each says by itself.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ServiceError;
use super::rules::RotationRules;
use super::secret::{SecretValue, Tag};

/// The most bytes that a secret value may have.
pub(super) const MAX_VALUE_BYTES: usize = 65_536;
/// The most labels that one request may name, and that a secret may use.
pub(super) const MAX_LABELS: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateSecret {
    pub(super) name: String,
    pub(super) client_request_token: Option<String>,
    pub(super) kms_key_id: Option<String>,
    secret_string: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SecretOnly {
    pub(super) secret_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSecretValue {
    pub(super) secret_id: String,
    pub(super) version_id: Option<String>,
    pub(super) version_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutSecretValue {
    pub(super) secret_id: String,
    client_request_token: Option<String>,
    secret_string: Option<String>,
    version_stages: Option<Vec<String>>,
    pub(super) rotation_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateSecretVersionStage {
    pub(super) secret_id: String,
    pub(super) version_stage: String,
    pub(super) remove_from_version_id: Option<String>,
    pub(super) move_to_version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteSecret {
    pub(super) secret_id: String,
    pub(super) recovery_window_in_days: Option<i64>,
    #[serde(default)]
    pub(super) force_delete_without_recovery: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagResource {
    pub(super) secret_id: String,
    pub(super) tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagResource {
    pub(super) secret_id: String,
    pub(super) tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListSecrets {
    #[serde(default)]
    pub(super) include_planned_deletion: bool,
    pub(super) max_results: Option<usize>,
    pub(super) next_token: Option<String>,
    #[serde(default)]
    pub(super) filters: Vec<Filter>,
    pub(super) sort_order: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListSecretVersionIds {
    pub(super) secret_id: String,
    #[serde(default)]
    pub(super) include_deprecated: bool,
    pub(super) max_results: Option<usize>,
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Filter {
    pub(super) key: String,
    #[serde(default)]
    pub(super) values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RotateSecret {
    pub(super) secret_id: String,
    client_request_token: Option<String>,
    #[serde(rename = "RotationLambdaARN")]
    pub(super) rotation_lambda_arn: Option<String>,
    pub(super) rotation_rules: Option<RotationRules>,
    #[serde(default = "yes")]
    pub(super) rotate_immediately: bool,
}

fn yes() -> bool {
    true
}

/// Reads an operation's parameters. Members that are null count as absent; unknown ones are
/// ignored (open).
pub(super) fn parse<T: DeserializeOwned>(body: &serde_json::Value) -> Result<T, ServiceError> {
    // serde's message may quote a value of the wrong type, which may be a secret one.
    T::deserialize(body).map_err(|error| {
        let message = error.to_string();
        match message.strip_prefix("missing field ") {
            Some(field) => ServiceError::validation(format!(
                "1 validation error detected: {field} failed to satisfy constraint: Member must \
                 not be null"
            )),
            None => ServiceError::serialization("a parameter is of the wrong type"),
        }
    })
}

impl CreateSecret {
    pub(super) fn value(&self) -> Result<Option<SecretValue>, ServiceError> {
        optional_value(self.secret_string.as_deref())
    }

    pub(super) fn token(&self) -> Result<&str, ServiceError> {
        token(self.client_request_token.as_deref())
    }

    pub(super) fn check(&self) -> Result<(), ServiceError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-!".contains(&byte);
        if self.name.is_empty() || self.name.len() > 512 || !self.name.bytes().all(allowed) {
            return Err(ServiceError::validation(
                "Invalid name. Must be a valid name containing alphanumeric characters, or any \
                 of the following: -/_+=.@!",
            ));
        }
        check_tags(&self.tags)
    }
}

impl PutSecretValue {
    pub(super) fn value(&self) -> Result<SecretValue, ServiceError> {
        optional_value(self.secret_string.as_deref())?.ok_or_else(|| {
            ServiceError::invalid_request("You must provide either SecretString or SecretBinary.")
        })
    }

    pub(super) fn token(&self) -> Result<&str, ServiceError> {
        token(self.client_request_token.as_deref())
    }

    /// The labels to attach: those named, or AWSCURRENT.
    pub(super) fn labels(&self) -> Result<Vec<String>, ServiceError> {
        let Some(labels) = &self.version_stages else {
            return Ok(vec![super::secret::CURRENT.to_owned()]);
        };
        if labels.is_empty() || labels.len() > MAX_LABELS {
            return Err(ServiceError::validation(format!(
                "1 validation error detected: 'versionStages' failed to satisfy constraint: \
                 Member must have between 1 and {MAX_LABELS} items"
            )));
        }
        for label in labels {
            check_label(label)?;
        }
        Ok(labels.clone())
    }
}

impl RotateSecret {
    pub(super) fn token(&self) -> Result<&str, ServiceError> {
        token(self.client_request_token.as_deref())
    }
}

impl TagResource {
    pub(super) fn check(&self) -> Result<(), ServiceError> {
        check_tags(&self.tags)
    }
}

/// The page size: 1 to 100.
pub(super) fn page_size(max_results: Option<usize>) -> Result<usize, ServiceError> {
    match max_results {
        None => Ok(100),
        Some(size @ 1..=100) => Ok(size),
        Some(_) => Err(ServiceError::validation(
            "1 validation error detected: 'maxResults' failed to satisfy constraint: Member must \
             have value between 1 and 100",
        )),
    }
}

pub(super) fn check_label(label: &str) -> Result<(), ServiceError> {
    if label.is_empty() || label.len() > 256 {
        return Err(ServiceError::validation(
            "1 validation error detected: 'versionStage' failed to satisfy constraint: Member \
             must have length between 1 and 256",
        ));
    }
    Ok(())
}

fn check_tags(tags: &[Tag]) -> Result<(), ServiceError> {
    for Tag { key, value } in tags {
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(ServiceError::validation(format!(
                "1 validation error detected: tag {key:?} failed to satisfy constraint: a key has \
                 1 to 128 characters, a value at most 256"
            )));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(ServiceError::invalid_parameter(
                "Tag keys starting with 'aws:' are reserved for AWS use.",
            ));
        }
    }
    Ok(())
}

fn token(token: Option<&str>) -> Result<&str, ServiceError> {
    match token {
        None => Err(ServiceError::invalid_request(
            "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
        )),
        Some(token) if (32..=64).contains(&token.len()) => Ok(token),
        Some(_) => Err(ServiceError::invalid_parameter(
            "ClientRequestToken must be 32-64 characters long.",
        )),
    }
}

fn optional_value(text: Option<&str>) -> Result<Option<SecretValue>, ServiceError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let bytes = text.len();
    if bytes == 0 || bytes > MAX_VALUE_BYTES {
        return Err(ServiceError::validation(format!(
            "1 validation error detected: the secret value has {bytes} bytes and failed to \
             satisfy constraint: Member must have length between 1 and {MAX_VALUE_BYTES}"
        )));
    }
    Ok(Some(SecretValue(text.to_owned())))
}
