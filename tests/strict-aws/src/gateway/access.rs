//! What IAM makes of a request to Secrets Manager, where MiniStack does not know the request's
//! context: the condition keys of the secret, and the rights to its KMS key.
//!
//! Rules: the Service Authorization Reference ("Actions, resources, and condition keys for AWS Secrets
//! Manager") and the Secrets Manager User Guide ("Secret encryption and decryption").

use serde_json::Value;

use crate::ministack::{ACCOUNT_ID, Client, Principal, REGION};
use crate::secrets_manager::{SecretSnapshot, ServiceError};

/// What IAM asks of whoever makes a request: the right to an action on a resource, in the request's context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    pub action: String,
    pub resource: String,
    pub context: Vec<(String, String)>,
}

impl Needed {
    /// The context as [`Client::is_allowed_in`] takes it.
    pub fn context(&self) -> Vec<(&str, &str)> {
        let pairs = self.context.iter();
        pairs
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }
}

/// What a request to Secrets Manager needs. `secret` is the one that it is about, if that exists.
pub fn needed(operation: &str, parameters: &Value, secret: Option<&SecretSnapshot>) -> Vec<Needed> {
    let id = ["SecretId", "Name"].map(|name| parameters[name].as_str());
    let id = id[0].or(id[1]).unwrap_or_default();
    let arn = match secret {
        Some(secret) => secret.arn.clone(),
        None if id.is_empty() => "*".to_owned(),
        None if id.starts_with("arn:") => id.to_owned(),
        None => format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:{id}-AbCdEf"),
    };
    let mut context = context_of(secret, parameters);
    let mut others = Vec::new();
    if operation == "RotateSecret" {
        let named = parameters["RotationLambdaARN"].as_str().map(str::to_owned);
        let function = named.or_else(|| secret?.rotation_lambda_arn.clone());
        others.extend(function.map(|function| ("lambda:InvokeFunction", function)));
        let rules = !parameters["RotationRules"].is_null();
        let mut add = |key: &str, value: bool| {
            context.push((format!("secretsmanager:{key}"), value.to_string()));
        };
        add("ModifyRotationRules", rules);
        if parameters["RotateImmediately"].is_null() {
            add("RotateImmediately", true);
        }
    }
    // CreateSecret's and RotateSecret's pages in the API reference.
    let tags = parameters["Tags"].as_array();
    if operation == "CreateSecret" && tags.is_some_and(|it| !it.is_empty()) {
        others.push(("secretsmanager:TagResource", arn.clone()));
    }
    let own = (format!("secretsmanager:{operation}"), arn);
    let others = others
        .into_iter()
        .map(|(action, resource)| (action.to_owned(), resource));
    [own]
        .into_iter()
        .chain(others)
        .map(|(action, resource)| Needed {
            action,
            resource,
            context: context.clone(),
        })
        .collect()
}

/// The keys of a request to Secrets Manager that policies have conditions on.
fn context_of(secret: Option<&SecretSnapshot>, parameters: &Value) -> Vec<(String, String)> {
    let mut context = Vec::new();
    let mut add = |key: &str, value: String| context.push((key.to_owned(), value));
    for (key, value) in secret.iter().flat_map(|secret| &secret.tags) {
        add(&format!("aws:ResourceTag/{key}"), value.clone());
        add(&format!("secretsmanager:ResourceTag/{key}"), value.clone());
    }
    if let Some(function) = secret.and_then(|secret| secret.rotation_lambda_arn.clone()) {
        add("secretsmanager:resource/AllowRotationLambdaArn", function);
    }
    for tag in parameters["Tags"].as_array().into_iter().flatten() {
        if let (Some(key), Some(value)) = (tag["Key"].as_str(), tag["Value"].as_str()) {
            add(&format!("aws:RequestTag/{key}"), value.to_owned());
            add("aws:TagKeys", key.to_owned());
        }
    }
    let untagged = parameters["TagKeys"].as_array().into_iter().flatten();
    for key in untagged.filter_map(Value::as_str) {
        add("aws:TagKeys", key.to_owned());
    }
    for (parameter, key) in [
        ("Name", "Name"),
        ("SecretId", "SecretId"),
        ("VersionStage", "VersionStage"),
        ("RotationLambdaARN", "RotationLambdaARN"),
        ("RecoveryWindowInDays", "RecoveryWindowInDays"),
        ("ForceDeleteWithoutRecovery", "ForceDeleteWithoutRecovery"),
        ("RotateImmediately", "RotateImmediately"),
    ] {
        let value = match &parameters[parameter] {
            Value::String(text) => text.clone(),
            Value::Null => continue,
            value => value.to_string(),
        };
        add(&format!("secretsmanager:{key}"), value);
    }
    context
}

/// Refuses what somebody has no right to, and to make, read or store a value under a customer-managed key that they
/// have no right to use through Secrets Manager for this secret.
pub(super) async fn check(
    iam: &Client,
    principal: &Principal,
    operation: &str,
    parameters: &Value,
    secret: Option<&SecretSnapshot>,
) -> Result<(), ServiceError> {
    let needed = needed(operation, parameters, secret);
    for needed in &needed {
        let (action, resource, context) = (&needed.action, &needed.resource, needed.context());
        let denial = iam.denial(principal, action, resource, &context).await;
        if let Some(denial) = denial.map_err(|error| unknown(&error))? {
            return Err(ServiceError::access_denied(denial));
        }
    }
    let key = match secret {
        Some(secret) => secret.kms_key_id.as_deref(),
        None => parameters["KmsKeyId"].as_str(),
    };
    let Some(key) = key else {
        return Ok(());
    };
    let actions: &[&str] = match operation {
        "GetSecretValue" => &["kms:Decrypt"],
        "CreateSecret" | "PutSecretValue" => &["kms:GenerateDataKey", "kms:Decrypt"],
        _ => &[],
    };
    let service = format!("secretsmanager.{REGION}.amazonaws.com");
    let context = [
        ("kms:ViaService", service.as_str()),
        ("kms:CallerAccount", ACCOUNT_ID),
        ("kms:EncryptionContext:SecretARN", &needed[0].resource),
    ];
    for action in actions {
        let denial = iam.denial(principal, action, key, &context).await;
        if denial.map_err(|error| unknown(&error))?.is_some() {
            return Err(ServiceError::access_to_kms_is_not_allowed());
        }
    }
    Ok(())
}

/// MiniStack did not say what it was asked.
pub(super) fn unknown(error: &anyhow::Error) -> ServiceError {
    tracing::warn!(%error, "MiniStack failed");
    ServiceError::internal(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(operation: &str, parameters: &Value) -> Vec<String> {
        let needed = needed(operation, parameters, None);
        let keys = needed[0].context.iter().map(|(key, _)| key.clone());
        keys.filter(|key| key != "secretsmanager:SecretId")
            .collect()
    }

    /// Service Authorization Reference: `VersionStage` is a key of `UpdateSecretVersionStage` and not of
    /// `PutSecretValue`; `RotateSecret` has three of its own.
    #[test]
    fn conditions_are_those_of_the_operation() {
        let put = json!({ "SecretId": "s", "VersionStages": ["AWSPENDING"] });
        assert_eq!(keys("PutSecretValue", &put), [""; 0]);
        let update = json!({ "SecretId": "s", "VersionStage": "AWSPENDING" });
        let expected = ["secretsmanager:VersionStage"];
        assert_eq!(keys("UpdateSecretVersionStage", &update), expected);
        let rotate = json!({ "SecretId": "s", "RotationLambdaARN": "arn" });
        let mut rotate = keys("RotateSecret", &rotate);
        rotate.sort_unstable();
        let expected = [
            "ModifyRotationRules",
            "RotateImmediately",
            "RotationLambdaARN",
        ];
        assert_eq!(rotate, expected.map(|key| format!("secretsmanager:{key}")));
    }
}
