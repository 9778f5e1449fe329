//! A secret at one moment, for tests and the live view.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::secret::Secret;

/// A secret at one moment. It holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSnapshot {
    pub arn: String,
    pub name: String,
    /// The customer-managed key that encrypts it, as it was named.
    pub kms_key_id: Option<String>,
    /// Its versions, oldest first, unlabelled ones included.
    pub versions: Vec<VersionSnapshot>,
    pub tags: BTreeMap<String, String>,
    pub rotation_enabled: bool,
    pub rotation_lambda_arn: Option<String>,
    /// Whether attempts at a rotation are being made.
    pub rotation_runs: bool,
    pub last_rotated: Option<Timestamp>,
    pub next_rotation: Option<Timestamp>,
    /// When it is deleted for good, if it is marked for deletion.
    pub deletion: Option<Timestamp>,
}

/// A version of a secret at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionSnapshot {
    pub id: String,
    pub labels: BTreeSet<String>,
    pub has_value: bool,
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
    pub fn labelled(&self, label: &str) -> Option<&str> {
        self.versions
            .iter()
            .find(|version| version.labels.contains(label))
            .map(|version| version.id.as_str())
    }
}
