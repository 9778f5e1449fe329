//! Secrets that were made elsewhere, as CloudFormation makes them inside MiniStack.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::Model;
use crate::secrets_manager::rules::RotationRules;
use crate::secrets_manager::secret::{CURRENT, Rotation, Secret, SecretValue, Tag, Version};

impl Model {
    /// Takes over a secret from the answers to `DescribeSecret` and `GetSecretValue`, with its
    /// current version. Does nothing if the description is not one.
    pub(in crate::secrets_manager) fn import(
        &mut self,
        described: &Value,
        current: Option<&Value>,
        now: Timestamp,
    ) {
        let text = |answer: &Value, field: &str| {
            let text = answer.get(field)?.as_str()?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        let (Some(arn), Some(name)) = (text(described, "ARN"), text(described, "Name")) else {
            return;
        };
        let time = |field: &str| {
            let seconds = described.get(field)?.as_i64()?;
            Timestamp::from_second(seconds).ok()
        };
        let lambda_arn = text(described, "RotationLambdaARN");
        let rules: Option<RotationRules> = described
            .get("RotationRules")
            .and_then(|rules| serde_json::from_value(rules.clone()).ok());
        let enabled = described.get("RotationEnabled") == Some(&Value::Bool(true));
        let versions = current.and_then(|current| {
            let value = SecretValue(text(current, "SecretString")?);
            self.remember(&value);
            Some(vec![Version {
                id: text(current, "VersionId")?,
                value: Some(value),
                labels: BTreeSet::from([CURRENT.to_owned()]),
                created: now,
            }])
        });
        let secret = Secret {
            arn,
            name: name.clone(),
            kms_key_id: text(described, "KmsKeyId"),
            tags: described
                .get("Tags")
                .and_then(|tags| serde_json::from_value::<Vec<Tag>>(tags.clone()).ok())
                .unwrap_or_default(),
            created: time("CreatedDate").unwrap_or(now),
            last_changed: time("LastChangedDate").unwrap_or(now),
            last_accessed: None,
            deleted: time("DeletedDate"),
            lingers: None,
            rotation: Rotation {
                enabled: enabled && lambda_arn.is_some(),
                next: rules.as_ref().and_then(|rules| rules.next(now)),
                lambda_arn,
                rules,
                ..Rotation::default()
            },
            versions: versions.unwrap_or_default(),
        };
        self.secrets.insert(name, secret);
    }
}
