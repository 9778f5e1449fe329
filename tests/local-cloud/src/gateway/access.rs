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
        let mut context = Vec::new();
        for (key, value) in &self.secret.tags {
            context.push((format!("aws:ResourceTag/{key}"), value.as_str()));
            context.push((format!("secretsmanager:ResourceTag/{key}"), value.as_str()));
        }
        if let Some(function) = &self.secret.rotation_lambda_arn {
            let key = "secretsmanager:resource/AllowRotationLambdaArn";
            context.push((key.to_owned(), function.as_str()));
        }
        if let Some(label) = self.parameters.get("VersionStage").and_then(Value::as_str) {
            context.push(("secretsmanager:VersionStage".to_owned(), label));
        }
        let context: Vec<(&str, &str)> = context
            .iter()
            .map(|(key, value)| (key.as_str(), *value))
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
        let service = format!("secretsmanager.{REGION}.amazonaws.com");
        let context = [
            ("kms:ViaService", service.as_str()),
            ("kms:CallerAccount", ACCOUNT_ID),
            ("kms:EncryptionContext:SecretARN", &self.secret.arn),
        ];
        for action in actions {
            if !iam
                .is_allowed_in(self.role_arn, action, key, &context)
                .await?
            {
                return Ok(Err(ServiceError::access_to_kms_is_not_allowed()));
            }
        }
        Ok(Ok(()))
    }
}
