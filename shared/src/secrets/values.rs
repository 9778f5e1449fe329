//! The values of a secret's versions, and those of the secrets beside it.

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use secrecy::{ExposeSecret, SecretString};

use super::{CONSISTENCY, Label, Secrets};
use crate::authority::AuthorityError;
use crate::aws::{AwsError, call};
use crate::claims::Names;
use crate::deadline::{Deadline, Transient, retry};
use crate::document::{Document, DocumentError};
use crate::fields::Fields;
use crate::ids::{SecretArn, VersionId};

/// A secret whose value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The version has no text.
    #[error("Version {version} of {secret} has no SecretString. → Store the document as text.")]
    NoText {
        /// The secret.
        secret: SecretArn,
        /// The version.
        version: VersionId,
    },
    /// A secret that is read by its ARN alone is no JSON object.
    #[error("The value of {0} is not a JSON object. → Store one.")]
    NotAnObject(SecretArn),
    /// The version has no value yet.
    #[error(
        "Version {version} of {secret} has no value, or not yet. → If this persists, rotate again."
    )]
    NoValue {
        /// The secret.
        secret: SecretArn,
        /// The version.
        version: VersionId,
    },
    /// AWS refused or failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The value is no document that can be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The document claims what is not its own.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

impl Transient for SecretError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Aws(error) => error.is_transient(),
            Self::NoValue { .. } => true,
            _ => false,
        }
    }
}

/// The document that the secret of this name holds: read, checked, and shown to be that secret's own.
///
/// # Errors
/// If it is not usable, or names what is not the instance's.
pub(crate) fn own_document(
    names: &Names,
    secret: &SecretArn,
    name: &str,
    value: &SecretString,
) -> Result<Document, SecretError> {
    let document = Document::parse(value).map_err(|error| error.of(secret))?;
    names.bind(secret, name, &document)?;
    Ok(document)
}

impl Secrets {
    /// A version's value, by its id: labels may point elsewhere a moment later. `None` if there is
    /// no such version, or it has no value yet.
    ///
    /// # Errors
    /// If AWS refuses or does not answer, or the value is no text.
    pub async fn value(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<Option<SecretString>, SecretError> {
        let named = self.named_value(secret, version, deadline).await?;
        Ok(named.map(|(_, value)| value))
    }

    /// The secret's name as well, which a caller's ARN does not tell for sure.
    async fn named_value(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<Option<(String, SecretString)>, SecretError> {
        let request = self
            .client
            .get_secret_value()
            .secret_id(secret.as_str())
            .version_id(version.as_str());
        match call(
            "secretsmanager:GetSecretValue",
            secret,
            deadline,
            Box::pin(request.send()),
        )
        .await
        {
            Ok(answer) => match answer.secret_string {
                Some(text) => Ok(Some((answer.name.unwrap_or_default(), text.into()))),
                None => Err(SecretError::NoText {
                    secret: secret.clone(),
                    version: version.clone(),
                }),
            },
            Err(error) if error.is("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A version's document: checked, and shown to be the instance's own. The version is known to have been
    /// stored: it is looked for during some seconds.
    ///
    /// # Errors
    /// If AWS refuses or does not answer, the version has no value, or the document is not usable.
    pub async fn document(
        &self,
        names: &Names,
        secret: &SecretArn,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<Document, SecretError> {
        let stored = retry(deadline.at_most(CONSISTENCY), || async {
            let stored = self.named_value(secret, version, deadline).await?;
            stored.ok_or_else(|| SecretError::NoValue {
                secret: secret.clone(),
                version: version.clone(),
            })
        });
        let (name, value) = stored.await?;
        own_document(names, secret, &name, &value).map_err(|error| match error {
            SecretError::Document(error) => error.of_version(version).into(),
            error => error,
        })
    }

    /// The current version's document: checked, and shown to be the instance's own.
    ///
    /// # Errors
    /// If AWS refuses or does not answer, or the document is not usable.
    pub(crate) async fn current_document(
        &self,
        names: &Names,
        secret: &SecretArn,
        deadline: Deadline,
    ) -> Result<(VersionId, Document), SecretError> {
        let answer = self.current_value(secret, deadline).await?;
        let value = answer.secret_string.map(SecretString::from);
        let version = answer.version_id.and_then(|version| version.parse().ok());
        let (Some(value), Some(version)) = (value, version) else {
            return Err(SecretError::NotAnObject(secret.clone()));
        };
        let name = answer.name.unwrap_or_default();
        Ok((version, own_document(names, secret, &name, &value)?))
    }

    /// The fields of a secret that does not rotate here: the administrator's, the partner's, an
    /// OAuth secret.
    ///
    /// # Errors
    /// If AWS refuses or does not answer, or the value is no JSON object.
    pub async fn fields(
        &self,
        secret: &SecretArn,
        deadline: Deadline,
    ) -> Result<Fields, SecretError> {
        let value = self.current(secret, deadline).await?;
        let fields = value.and_then(|value| Fields::parse(value.expose_secret()));
        fields.ok_or_else(|| SecretError::NotAnObject(secret.clone()))
    }

    async fn current(
        &self,
        secret: &SecretArn,
        deadline: Deadline,
    ) -> Result<Option<SecretString>, AwsError> {
        let answer = self.current_value(secret, deadline).await?;
        Ok(answer.secret_string.map(SecretString::from))
    }

    async fn current_value(
        &self,
        secret: &SecretArn,
        deadline: Deadline,
    ) -> Result<GetSecretValueOutput, AwsError> {
        let request = self.client.get_secret_value().secret_id(secret.as_str());
        call(
            "secretsmanager:GetSecretValue",
            secret,
            deadline,
            Box::pin(request.send()),
        )
        .await
    }

    /// Stores the pending version's value, and in the same call the label that says that its
    /// credential may be alive. `token` is the event's, if it has one. A value that the version has
    /// already stays, and the answer is `false`.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn put_pending(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        token: Option<&SecretString>,
        value: &SecretString,
        deadline: Deadline,
    ) -> Result<bool, AwsError> {
        let request = self
            .client
            .put_secret_value()
            .secret_id(secret.as_str())
            .client_request_token(version.as_str())
            .secret_string(value.expose_secret())
            .set_rotation_token(token.map(|token| token.expose_secret().to_owned()))
            .version_stages(Label::Pending.to_string())
            .version_stages(Label::Live(version.clone()).to_string());
        match call(
            "secretsmanager:PutSecretValue",
            secret,
            deadline,
            Box::pin(request.send()),
        )
        .await
        {
            Ok(_) => Ok(true),
            Err(error) if error.is("ResourceExistsException") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Stores a changed document beside the current one, which stays current.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn put_changed(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        value: &SecretString,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let request = self
            .client
            .put_secret_value()
            .secret_id(secret.as_str())
            .client_request_token(version.as_str())
            .secret_string(value.expose_secret())
            .version_stages(Label::Changed.to_string());
        call(
            "secretsmanager:PutSecretValue",
            secret,
            deadline,
            Box::pin(request.send()),
        )
        .await?;
        Ok(())
    }
}
