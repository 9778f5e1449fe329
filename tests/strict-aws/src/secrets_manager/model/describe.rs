//! What answers tell of a secret. None of it is a value.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, Unit};
use serde_json::{Map, Value, json};

use super::Model;
use crate::secrets_manager::error::ServiceError;
use crate::secrets_manager::secret::Secret;

impl Model {
    pub(crate) fn describe(&self, id: &str) -> Result<Value, ServiceError> {
        let secret = self.find(id)?;
        let mut described = description(secret);
        insert(
            &mut described,
            "VersionIdsToStages",
            labels_by_version(secret),
        );
        Ok(Value::Object(described))
    }
}

pub(super) fn named(secret: &Secret) -> Value {
    json!({ "ARN": secret.arn, "Name": secret.name })
}

pub(super) fn created(secret: &Secret, version_id: Option<&str>) -> Value {
    let mut answer = named(secret);
    if let Some(id) = version_id {
        answer["VersionId"] = json!(id);
    }
    answer
}

/// What `DescribeSecret` and `ListSecrets` have in common.
pub(super) fn description(secret: &Secret) -> Map<String, Value> {
    let rotation = &secret.rotation;
    let mut described = Map::new();
    insert(&mut described, "ARN", json!(secret.arn));
    insert(&mut described, "Name", json!(secret.name));
    insert(&mut described, "KmsKeyId", json!(secret.kms_key_id));
    // Null "if the secret has never been configured for rotation" (API reference of DescribeSecret).
    if rotation.lambda_arn.is_some() || rotation.rules.is_some() {
        insert(&mut described, "RotationEnabled", json!(rotation.enabled));
    }
    insert(
        &mut described,
        "RotationLambdaARN",
        json!(rotation.lambda_arn),
    );
    insert(&mut described, "RotationRules", json!(rotation.rules));
    // Null where rotation is off (API reference of DescribeSecret).
    let last = rotation.last.filter(|_| rotation.enabled);
    insert(&mut described, "LastRotatedDate", optional(last));
    insert(&mut described, "NextRotationDate", optional(rotation.next));
    insert(&mut described, "CreatedDate", seconds(secret.created));
    insert(
        &mut described,
        "LastChangedDate",
        seconds(secret.last_changed),
    );
    insert(
        &mut described,
        "LastAccessedDate",
        optional(secret.last_accessed),
    );
    insert(&mut described, "DeletedDate", optional(secret.deleted));
    if !secret.tags.is_empty() {
        insert(&mut described, "Tags", json!(secret.tags));
    }
    described
}

/// The labelled versions; null if there is none.
pub(super) fn labels_by_version(secret: &Secret) -> Value {
    let labelled: BTreeMap<&str, &BTreeSet<String>> = secret
        .versions
        .iter()
        .filter(|version| !version.labels.is_empty())
        .map(|version| (version.id.as_str(), &version.labels))
        .collect();
    if labelled.is_empty() {
        Value::Null
    } else {
        json!(labelled)
    }
}

/// Members that are null are left out of answers.
pub(super) fn insert(object: &mut Map<String, Value>, name: &str, value: Value) {
    if !value.is_null() {
        object.insert(name.to_owned(), value);
    }
}

pub(super) fn optional(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, seconds)
}

/// Seconds since the epoch, to the millisecond: [`epoch-seconds` of AWS's JSON
/// protocol](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html).
pub(super) fn seconds(time: Timestamp) -> Value {
    let rounded = time.round(Unit::Millisecond).unwrap_or(time);
    json!(rounded.as_duration().as_secs_f64())
}

/// Secrets Manager tells accesses by the day.
pub(super) fn start_of_day(time: Timestamp) -> Timestamp {
    time.to_zoned(jiff::tz::TimeZone::UTC)
        .start_of_day()
        .map_or(time, |day| day.timestamp())
}
