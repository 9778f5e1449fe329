//! How an instance's secrets come, are rotated, and go.

use std::time::Duration;

use aws_sdk_secretsmanager::config;
use aws_sdk_secretsmanager::types::{RotationRulesType, Tag};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use secrecy::{ExposeSecret, SecretString};

use super::Secrets;
use super::tags::{SHOWN_TAG, STACK_TAG};
use crate::aws::{AwsError, call};
use crate::deadline::Deadline;
use crate::ids::{Note, SecretArn, VersionId};
use crate::rotation_schedule;

/// A secret to be made.
#[derive(Debug)]
pub struct NewSecret<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its first version's id. The same id and value again are a success that changes nothing.
    pub version: &'a VersionId,
    /// Its value.
    pub value: &'a SecretString,
    /// The customer-managed KMS key, if it is not AWS's own.
    pub key: Option<&'a str>,
    /// That its credential was seen to log in.
    pub shown: Option<&'a Note>,
    stack: &'a str,
}

impl<'a> NewSecret<'a> {
    /// A secret that the stack rotates.
    #[must_use]
    pub fn rotating(
        stack: &'a str,
        name: &'a str,
        version: &'a VersionId,
        value: &'a SecretString,
        key: Option<&'a str>,
    ) -> Self {
        Self {
            name,
            version,
            value,
            key,
            shown: None,
            stack,
        }
    }
}

/// How a secret goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It can be restored for so many days, 7 to 30.
    Recoverable(u8),
    /// At once, and for good.
    Forced,
}

impl Secrets {
    /// Makes a secret; its ARN.
    ///
    /// # Errors
    /// If AWS refuses or does not answer, or there is another of this name.
    pub async fn create(
        &self,
        secret: &NewSecret<'_>,
        deadline: Deadline,
    ) -> Result<SecretArn, AwsError> {
        const OPERATION: &str = "secretsmanager:CreateSecret";
        let tag = Tag::builder().key(STACK_TAG).value(secret.stack).build();
        let request = self
            .client
            .create_secret()
            .name(secret.name)
            .description("A Heroku add-on instance's credential; see its tag rotation:stack.")
            .client_request_token(secret.version.as_str())
            .secret_string(secret.value.expose_secret())
            .set_kms_key_id(secret.key.map(ToOwned::to_owned))
            .tags(tag);
        let shown = |note: &Note| Tag::builder().key(SHOWN_TAG).value(note.as_str()).build();
        let request = match secret.shown.map(shown) {
            Some(tag) => request.tags(tag),
            None => request,
        };
        let answer = call(OPERATION, &secret.name, deadline, Box::pin(request.send())).await?;
        arn(OPERATION, secret.name, answer.arn.as_deref())
    }

    /// Switches rotation on without rotating: Secrets Manager has the function try testSecret first. It is
    /// asked once, with the time that the function may take; whether it took effect when no answer comes is
    /// the caller's to look.
    ///
    /// # Errors
    /// If AWS refuses or does not answer, or the function fails.
    pub async fn switch_rotation_on(
        &self,
        secret: &SecretArn,
        function: &str,
        schedule: &str,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let rules = RotationRulesType::builder()
            .schedule_expression(schedule)
            .duration(rotation_schedule::WINDOW)
            .build();
        let timeout = TimeoutConfig::builder()
            .operation_attempt_timeout(deadline.left().max(Duration::from_millis(1)))
            .build();
        let once = config::Builder::new()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeout);
        let request = self
            .client
            .rotate_secret()
            .secret_id(secret.as_str())
            .rotation_lambda_arn(function)
            .rotation_rules(rules)
            .rotate_immediately(false)
            .customize()
            .config_override(once);
        call(
            "secretsmanager:RotateSecret",
            secret,
            deadline,
            Box::pin(request.send()),
        )
        .await
        .map(drop)
    }

    /// Switches rotation off. A step that is under way goes on; no other begins. The version whose rotation was
    /// under way: AWS's answer knows it before any look does.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn switch_rotation_off(
        &self,
        secret: &SecretArn,
        deadline: Deadline,
    ) -> Result<Option<VersionId>, AwsError> {
        let request = self
            .client
            .cancel_rotate_secret()
            .secret_id(secret.as_str());
        let answer = call(
            "secretsmanager:CancelRotateSecret",
            secret,
            deadline,
            Box::pin(request.send()),
        )
        .await?;
        Ok(answer.version_id.and_then(|version| version.parse().ok()))
    }

    /// Deletes a secret.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn delete(
        &self,
        secret: &SecretArn,
        deletion: Deletion,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let request = self.client.delete_secret().secret_id(secret.as_str());
        let request = match deletion {
            Deletion::Recoverable(days) => request.recovery_window_in_days(days.into()),
            Deletion::Forced => request.force_delete_without_recovery(true),
        };
        let answer = call(
            "secretsmanager:DeleteSecret",
            secret,
            deadline,
            Box::pin(request.send()),
        );
        match answer.await {
            // It is marked already: the answer to an earlier try was lost.
            Err(error) if error.is("InvalidRequestException") => {
                if self.describe(secret, deadline).await?.deleted {
                    Ok(())
                } else {
                    Err(error)
                }
            }
            answer => answer.map(drop),
        }
    }
}

fn arn(operation: &'static str, name: &str, arn: Option<&str>) -> Result<SecretArn, AwsError> {
    arn.and_then(|arn| arn.parse().ok()).ok_or_else(|| {
        let message = "the answer has no ARN";
        AwsError::new(operation, name, "UnexpectedAnswer", message, true)
    })
}
