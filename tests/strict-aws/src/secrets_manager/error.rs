//! Secrets Manager's errors, with AWS's types and wording.

/// An error as Secrets Manager answers it: HTTP 400, a type and a message. No message holds a
/// secret value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServiceError {
    /// AWS's error type, as in `ResourceNotFoundException`.
    pub code: &'static str,
    pub message: String,
}

impl ServiceError {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn access_denied(message: impl Into<String>) -> Self {
        Self::new("AccessDeniedException", message)
    }

    pub(crate) fn access_to_kms_is_not_allowed() -> Self {
        Self::access_denied("Access to KMS is not allowed")
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new("InternalServiceError", message)
    }

    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new("InvalidRequestException", message)
    }

    pub(crate) fn limit_exceeded(message: impl Into<String>) -> Self {
        Self::new("LimitExceededException", message)
    }

    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self::new("ResourceExistsException", message)
    }

    fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", message)
    }

    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        )
    }

    pub(crate) fn unknown_operation() -> Self {
        Self::new("UnknownOperationException", "")
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    pub(crate) fn invalid_next_token() -> Self {
        Self::new("InvalidNextTokenException", "Invalid NextToken")
    }

    pub(crate) fn secret_not_found() -> Self {
        Self::not_found("Secrets Manager can't find the specified secret.")
    }

    pub(crate) fn no_value_for_label(label: &str) -> Self {
        Self::not_found(format!(
            "Secrets Manager can't find the specified secret value for staging label: {label}"
        ))
    }

    pub(crate) fn no_value_for_version(version_id: &str) -> Self {
        Self::not_found(format!(
            "Secrets Manager can't find the specified secret value for VersionId: {version_id}"
        ))
    }

    pub(crate) fn marked_for_deletion() -> Self {
        Self::invalid_request(
            "You can't perform this operation on the secret because it was marked for deletion.",
        )
    }

    pub(crate) fn token_in_use(token: &str, arn: &str) -> Self {
        Self::exists(format!(
            "You can't use ClientRequestToken {token} because that value is already in use for a \
             version of secret {arn}."
        ))
    }

    pub(crate) fn previous_rotation() -> Self {
        Self::invalid_request(
            "A previous rotation isn't complete. That rotation will be reattempted.",
        )
    }

    pub(crate) fn no_rotation_function() -> Self {
        Self::invalid_request("No Lambda rotation function ARN is associated with this secret.")
    }

    pub(crate) fn cannot_invoke() -> Self {
        Self::access_denied(
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the \
             function policy grants access to the principal secretsmanager.amazonaws.com.",
        )
    }
}
