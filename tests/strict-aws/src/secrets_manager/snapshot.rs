//! A secret at one moment, for tests and the live view.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::secret::Secret;

/// A secret at one moment. It holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSnapshot {
    /// The secret's ARN.
    pub arn: String,
    /// The secret's name.
    pub name: String,
    /// The customer-managed key that encrypts it, as it was named.
    pub kms_key_id: Option<String>,
    /// Its versions, oldest first, unlabelled ones included.
    pub versions: Vec<VersionSnapshot>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether rotation is on.
    pub rotation_enabled: bool,
    /// The function that rotates it.
    pub rotation_lambda_arn: Option<String>,
    /// Whether attempts at a rotation are being made.
    pub rotation_runs: bool,
    /// When a rotation last succeeded.
    pub last_rotated: Option<Timestamp>,
    /// When the schedule rotates it next.
    pub next_rotation: Option<Timestamp>,
    /// When it is deleted for good, if it is marked for deletion.
    pub deletion: Option<Timestamp>,
}

/// A version of a secret at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionSnapshot {
    /// The version's id.
    pub id: String,
    /// Its staging labels.
    pub labels: BTreeSet<String>,
    /// Whether it has a value yet.
    pub has_value: bool,
    /// When it was made.
    pub created: Timestamp,
}

impl SecretSnapshot {
    pub(super) fn of(secret: &Secret) -> Self {
        Self {
            arn: secret.arn.clone(),
            name: secret.name.clone(),
            kms_key_id: secret.kms_key_id.clone(),
            versions: secret
                .versions
                .iter()
                .map(|version| VersionSnapshot {
                    id: version.id.clone(),
                    labels: version.labels.clone(),
                    has_value: version.value.is_some(),
                    created: version.created,
                })
                .collect(),
            tags: secret
                .tags
                .iter()
                .map(|tag| (tag.key.clone(), tag.value.clone()))
                .collect(),
            rotation_enabled: secret.rotation.enabled,
            rotation_lambda_arn: secret.rotation.lambda_arn.clone(),
            rotation_runs: secret
                .rotation
                .pending
                .as_ref()
                .is_some_and(|it| it.running),
            last_rotated: secret.rotation.last,
            next_rotation: secret.rotation.next,
            deletion: secret.deleted,
        }
    }

    /// The id of the version that has this label.
    #[must_use]
    pub fn labelled(&self, label: &str) -> Option<&str> {
        self.versions
            .iter()
            .find(|version| version.labels.contains(label))
            .map(|version| version.id.as_str())
    }
}
