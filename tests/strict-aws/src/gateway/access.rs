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
    /// As policies name it.
    pub action: String,
    /// An ARN.
    pub resource: String,
    /// The condition keys and their values.
    pub context: Vec<(String, String)>,
}

impl Needed {
    /// The context as [`Client::is_allowed_in`] takes it.
    #[must_use]
    pub fn context(&self) -> Vec<(&str, &str)> {
        let pairs = self.context.iter();
        pairs
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }
}

/// What a request to Secrets Manager needs. `secret` is the one that it is about, if that exists.
#[must_use]
pub fn needed(operation: &str, parameters: &Value, secret: Option<&SecretSnapshot>) -> Vec<Needed> {
    let id = ["SecretId", "Name"].map(|name| parameters[name].as_str());
    let id = id[0].or(id[1]).unwrap_or_default();
    let arn = match secret {
        Some(secret) => secret.arn.clone(),
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

/// Refuses a function, or somebody who has assumed a role, what it has no right to. MiniStack takes some
/// conditions that it does not know for met, and must not have made or ended a secret before this is known.
pub(super) async fn check(
    iam: &Client,
    principal: &Principal,
    operation: &str,
    parameters: &Value,
    secret: Option<&SecretSnapshot>,
) -> anyhow::Result<Result<(), ServiceError>> {
    let role_arn = match principal {
        Principal::Root => return Ok(Ok(())),
        // Nobody's key: its policies cannot be judged, and MiniStack alone is no judge of conditions.
        Principal::Unknown => return Ok(Err(ServiceError::unrecognized_client())),
        Principal::Role { role_arn, .. } => role_arn,
    };
    if parameters["SecretId"].is_null() && parameters["Name"].is_null() {
        return Ok(Ok(()));
    }
    for needed in needed(operation, parameters, secret) {
        let (action, resource) = (&needed.action, &needed.resource);
        let context = needed.context();
        if !iam
            .is_allowed_in(role_arn, action, resource, &context)
            .await?
        {
            return Ok(Err(ServiceError::access_denied(format!(
                "{role_arn} is not authorized to perform: {action} on resource: {resource} because \
                 no identity-based policy allows the {action} action"
            ))));
        }
    }
    Ok(Ok(()))
}

/// Refuses a request that makes, reads or stores a value under a customer-managed key which the role has
/// no right to use through Secrets Manager for this secret.
pub(super) async fn check_key(
    iam: &Client,
    principal: &Principal,
    operation: &str,
    parameters: &Value,
    secret: Option<&SecretSnapshot>,
) -> anyhow::Result<Result<(), ServiceError>> {
    let Principal::Role { role_arn, .. } = principal else {
        return Ok(Ok(()));
    };
    let actions: &[&str] = match operation {
        "GetSecretValue" => &["kms:Decrypt"],
        "CreateSecret" | "PutSecretValue" => &["kms:GenerateDataKey", "kms:Decrypt"],
        _ => return Ok(Ok(())),
    };
    let key = match secret {
        Some(secret) => secret.kms_key_id.as_deref(),
        None => parameters["KmsKeyId"].as_str(),
    };
    let Some(key) = key else {
        return Ok(Ok(()));
    };
    let of = needed(operation, parameters, secret);
    let of = of.first().map_or("", |needed| needed.resource.as_str());
    has_key(iam, role_arn, key, actions, of).await
}

/// Whether the role may do this with the key, through Secrets Manager and for this secret.
async fn has_key(
    iam: &Client,
    role_arn: &str,
    key: &str,
    actions: &[&str],
    secret: &str,
) -> anyhow::Result<Result<(), ServiceError>> {
    let service = format!("secretsmanager.{REGION}.amazonaws.com");
    let context = [
        ("kms:ViaService", service.as_str()),
        ("kms:CallerAccount", ACCOUNT_ID),
        ("kms:EncryptionContext:SecretARN", secret),
    ];
    for action in actions {
        if !iam.is_allowed_in(role_arn, action, key, &context).await? {
            return Ok(Err(ServiceError::access_to_kms_is_not_allowed()));
        }
    }
    Ok(Ok(()))
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

    #[tokio::test]
    async fn whose_session_is_not_known_is_refused_without_asking_anybody() {
        let nobody_there = Client::new("http://127.0.0.1:1".parse().unwrap()).unwrap();
        let parameters = json!({ "SecretId": "s" });
        let asked = |principal| {
            let (client, parameters) = (nobody_there.clone(), parameters.clone());
            async move { check(&client, &principal, "GetSecretValue", &parameters, None).await }
        };
        let refused = asked(Principal::Unknown).await.unwrap().unwrap_err();
        assert_eq!(refused.code, "UnrecognizedClientException");
        assert!(asked(Principal::Root).await.unwrap().is_ok());
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
