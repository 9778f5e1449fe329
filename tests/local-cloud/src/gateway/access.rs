//! What IAM makes of a request to Secrets Manager, where MiniStack does not know the request's
//! context: the condition keys of the secret, and the rights to its KMS key.
//!
//! Rules: the Service Authorization Reference ("Actions, resources, and condition keys for AWS Secrets
//! Manager") and the Secrets Manager User Guide ("Secret encryption and decryption").

use serde_json::Value;

use crate::ministack::{ACCOUNT_ID, Client, MiniStackError, Principal, REGION};
use crate::secrets_manager::{SecretSnapshot, ServiceError};

/// The function that asks, and what it asks for.
pub(super) struct Request<'a> {
    role_arn: &'a str,
    operation: &'a str,
    parameters: &'a Value,
    secret: &'a SecretSnapshot,
}

impl<'a> Request<'a> {
    /// `None` if it is no function that asks, or about no secret.
    pub(super) fn of(
        principal: &'a Principal,
        operation: &'a str,
        parameters: &'a Value,
        secret: Option<&'a SecretSnapshot>,
    ) -> Option<Self> {
        match (principal, secret) {
            (Principal::Role { role_arn, .. }, Some(secret)) => Some(Self {
                role_arn,
                operation,
                parameters,
                secret,
            }),
            (Principal::Role { .. } | Principal::Root | Principal::Unknown, _) => None,
        }
    }

    /// Whether the role's policies allow the request, with the conditions that they set on the
    /// secret's tags, its rotation function and the request's staging label.
    pub(super) async fn is_allowed(&self, iam: &Client) -> Result<bool, MiniStackError> {
        let context = context_of(Some(self.secret), self.parameters);
        let context: Vec<(&str, &str)> = context
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let action = format!("secretsmanager:{}", self.operation);
        iam.is_allowed_in(self.role_arn, &action, &self.secret.arn, &context)
            .await
    }

    /// Refuses a request that reads or stores a value under a customer-managed key which the role has
    /// no right to use through Secrets Manager for this secret.
    pub(super) async fn check_key(
        &self,
        iam: &Client,
    ) -> Result<Result<(), ServiceError>, MiniStackError> {
        let Some(key) = self.secret.kms_key_id.as_deref() else {
            return Ok(Ok(()));
        };
        let actions: &[&str] = match self.operation {
            "GetSecretValue" => &["kms:Decrypt"],
            "PutSecretValue" => &["kms:GenerateDataKey", "kms:Decrypt"],
            _ => &[],
        };
        has_key(iam, self.role_arn, key, actions, &self.secret.arn).await
    }
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
        }
    }
    for (parameter, key) in [
        ("Name", "Name"),
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

/// What makes, rotates or ends a secret: MiniStack must not have done it before it is known whether the
/// function may.
const LIFECYCLE: [&str; 7] = [
    "CancelRotateSecret",
    "CreateSecret",
    "DeleteSecret",
    "RestoreSecret",
    "RotateSecret",
    "TagResource",
    "UntagResource",
];

/// Refuses a function what it has no right to of these.
pub(super) async fn check_lifecycle(
    iam: &Client,
    principal: &Principal,
    operation: &str,
    parameters: &Value,
    secret: Option<&SecretSnapshot>,
) -> Result<Result<(), ServiceError>, MiniStackError> {
    let Principal::Role { role_arn, .. } = principal else {
        return Ok(Ok(()));
    };
    if !LIFECYCLE.contains(&operation) {
        return Ok(Ok(()));
    }
    let id = ["SecretId", "Name"].map(|name| parameters[name].as_str());
    let id = id[0].or(id[1]).unwrap_or_default();
    let arn = match secret {
        Some(secret) => secret.arn.clone(),
        None if id.starts_with("arn:") => id.to_owned(),
        None => format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:{id}-AbCdEf"),
    };
    let mut context = context_of(secret, parameters);
    let mut function = None;
    if operation == "RotateSecret" {
        let named = parameters["RotationLambdaARN"].as_str().map(str::to_owned);
        function = named.or_else(|| secret?.rotation_lambda_arn.clone());
        let rules = !parameters["RotationRules"].is_null();
        let mut add = |key: &str, value: bool| {
            context.push((format!("secretsmanager:{key}"), value.to_string()));
        };
        add("ModifyRotationRules", rules);
        if parameters["RotateImmediately"].is_null() {
            add("RotateImmediately", true);
        }
    }
    let mut needed = vec![(format!("secretsmanager:{operation}"), arn.clone())];
    // CreateSecret's and RotateSecret's pages in the API reference.
    if operation == "CreateSecret"
        && parameters["Tags"]
            .as_array()
            .is_some_and(|it| !it.is_empty())
    {
        needed.push(("secretsmanager:TagResource".to_owned(), arn.clone()));
    }
    if let Some(function) = function {
        needed.push(("lambda:InvokeFunction".to_owned(), function));
    }
    let borrowed: Vec<_> = context
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    for (action, resource) in &needed {
        if !iam
            .is_allowed_in(role_arn, action, resource, &borrowed)
            .await?
        {
            return Ok(Err(ServiceError::access_denied(format!(
                "{role_arn} is not authorized to perform: {action} on resource: {resource} because \
                 no identity-based policy allows the {action} action"
            ))));
        }
    }
    if operation == "CreateSecret"
        && let Some(key) = parameters["KmsKeyId"].as_str()
    {
        return has_key(
            iam,
            role_arn,
            key,
            &["kms:GenerateDataKey", "kms:Decrypt"],
            &arn,
        )
        .await;
    }
    Ok(Ok(()))
}

/// Whether the role may do this with the key, through Secrets Manager and for this secret.
async fn has_key(
    iam: &Client,
    role_arn: &str,
    key: &str,
    actions: &[&str],
    secret: &str,
) -> Result<Result<(), ServiceError>, MiniStackError> {
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
