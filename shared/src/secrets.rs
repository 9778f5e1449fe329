//! Secrets Manager: a secret's versions and their
//! [staging labels](https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version).
//!
//! A version carries `LIVE-<version id>` as long as the service may accept its credential. The
//! label also keeps Secrets Manager from deleting a version that is still to be revoked.

mod labels;
mod lifecycle;
mod listing;

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};
use aws_types::SdkConfig;
use secrecy::{ExposeSecret, SecretString};

pub(crate) use labels::MOST_LABELS;
pub use labels::{Label, Rotation, Secret};
use labels::{SHOWN_TAG, STACK_TAG};
pub use lifecycle::{Deletion, NewSecret};
pub use listing::{Listing, Order};

use crate::authority::AuthorityError;
use crate::aws::{AwsError, call};
use crate::claims::Names;
use crate::deadline::{Deadline, Transient, retry};
use crate::document::{Document, DocumentError};
use crate::fields::Fields;
use crate::ids::{Note, SecretArn, VersionId};

/// Reads are eventually consistent: a version just written may not be found for a moment.
const CONSISTENCY: Duration = Duration::from_secs(5);

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

/// Shows that a version's credential is the instance's own, so that it may be ended: rotation made it, or it was
/// seen to log in. A `LIVE-` label does not show it: whoever may store a value may label it.
///
/// # Errors
/// If nothing shows it.
pub(crate) fn own(
    arn: &SecretArn,
    secret: &Secret,
    version: &VersionId,
    document: &Document,
) -> Result<(), AuthorityError> {
    if document.is_named_after(version) || secret.is_noted(&document.note(version)) {
        return Ok(());
    }
    Err(AuthorityError::NotOwn {
        secret: arn.clone(),
        version: version.clone(),
        credential: document.engine.credential().to_owned(),
    })
}

/// The managed secrets and those beside them.
#[derive(Debug, Clone)]
pub struct Secrets {
    client: Client,
}

impl Secrets {
    /// A client with the execution role's credentials.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: Client::new(config),
        }
    }

    /// Versions, labels and tags, without any value.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn describe(
        &self,
        secret: &SecretArn,
        deadline: Deadline,
    ) -> Result<Secret, AwsError> {
        Ok(self.described(secret.as_str(), deadline).await?.1)
    }

    /// As [`Secrets::describe`], of a secret of which no more than the name is known. `None` if there is none.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn find(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<(SecretArn, Secret)>, AwsError> {
        let (arn, secret) = match self.described(name, deadline).await {
            Ok(found) => found,
            Err(error) if error.is("ResourceNotFoundException") => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(arn.and_then(|arn| Some((arn.parse().ok()?, secret))))
    }

    async fn described(
        &self,
        secret: &str,
        deadline: Deadline,
    ) -> Result<(Option<String>, Secret), AwsError> {
        let request = self.client.describe_secret().secret_id(secret);
        let answer = call(
            "secretsmanager:DescribeSecret",
            &secret,
            deadline,
            Box::pin(request.send()),
        )
        .await?;
        Ok((answer.arn.clone(), Secret::from(answer)))
    }

    /// Starts a rotation now; the new version's id.
    ///
    /// # Errors
    /// If AWS refuses, as while a rotation is not complete (`InvalidRequestException`), or does not answer.
    pub async fn rotate(
        &self,
        secret: &SecretArn,
        deadline: Deadline,
    ) -> Result<Option<VersionId>, AwsError> {
        let request = self.client.rotate_secret().secret_id(secret.as_str());
        let answer = call(
            "secretsmanager:RotateSecret",
            secret,
            deadline,
            Box::pin(request.send()),
        )
        .await?;
        Ok(answer.version_id.and_then(|version| version.parse().ok()))
    }

    /// The secrets that the stack rotates, a page of at most 100 of them by age, and the token of the next
    /// page.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn managed(
        &self,
        listing: Listing<'_>,
        page: Option<String>,
        deadline: Deadline,
    ) -> Result<(Vec<(SecretArn, Secret)>, Option<String>), AwsError> {
        let filter = |key, value: &str| Filter::builder().key(key).values(value).build();
        let request = self
            .client
            .list_secrets()
            .max_results(100)
            .sort_order(listing.order.into())
            .filters(filter(FilterNameStringType::Name, listing.prefix))
            .filters(filter(FilterNameStringType::TagKey, STACK_TAG))
            .filters(filter(FilterNameStringType::TagValue, listing.stack))
            .set_include_planned_deletion(listing.with_deleted.then_some(true))
            .set_next_token(page);
        let answer = call(
            "secretsmanager:ListSecrets",
            &"*",
            deadline,
            Box::pin(request.send()),
        )
        .await?;
        let secrets = answer.secret_list.unwrap_or_default().into_iter();
        // The filters match beginnings of key and value, each in any tag.
        let managed = secrets
            .filter_map(|entry| Some((entry.arn.as_ref()?.parse().ok()?, Secret::from(entry))))
            .filter(|(arn, secret)| listing.has(arn, secret))
            .collect();
        Ok((managed, answer.next_token))
    }

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
        own_document(names, secret, &name, &value)
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

    /// Notes that a credential was seen to log in, by a tag that writers of values cannot set.
    /// `secret` is what the secret was a moment ago: versions that have no label any more are forgotten.
    ///
    /// # Errors
    /// If AWS refuses or does not answer, or more versions have been shown than a tag holds.
    pub async fn note_shown(
        &self,
        arn: &SecretArn,
        secret: &Secret,
        note: &Note,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        const OPERATION: &str = "secretsmanager:TagResource";
        let value = secret.noted_with(note).ok_or_else(|| {
            let message = format!("the tag {SHOWN_TAG} has no room for one credential more");
            AwsError::new(OPERATION, arn, "LimitExceeded", message, false)
                .with_remedy("Revoke the older versions first")
        })?;
        // An answer without a body may be anybody's: what was to be noted is looked for.
        let noted = retry(deadline.at_most(CONSISTENCY), || async {
            let tag = Tag::builder().key(SHOWN_TAG).value(&value).build();
            let request = self.client.tag_resource().secret_id(arn.as_str()).tags(tag);
            call(OPERATION, arn, deadline, Box::pin(request.send())).await?;
            if self.describe(arn, deadline).await?.is_noted(note) {
                return Ok(());
            }
            let message = format!("AWS confirmed the tag {SHOWN_TAG} and does not show it");
            Err(AwsError::new(OPERATION, arn, "NotShown", message, true))
        });
        noted.await
    }

    /// As [`Secrets::note_shown`], where another version may have been noted a moment ago.
    ///
    /// # Errors
    /// As [`Secrets::note_shown`].
    pub async fn note_now(
        &self,
        arn: &SecretArn,
        note: &Note,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let secret = self.describe(arn, deadline).await?;
        self.note_shown(arn, &secret, note, deadline).await
    }

    /// Puts a label on a version that no other version has.
    ///
    /// # Errors
    /// If AWS refuses or does not answer, and the version does not carry the label.
    pub async fn attach(
        &self,
        secret: &SecretArn,
        label: &Label,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        self.move_label(secret, label, None, Some(version), deadline)
            .await
    }

    /// Takes a label off a version.
    ///
    /// # Errors
    /// If AWS refuses or does not answer, and the version carries the label still.
    pub async fn detach(
        &self,
        secret: &SecretArn,
        label: &Label,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        self.move_label(secret, label, Some(version), None, deadline)
            .await
    }

    /// Makes `new` the current version in place of `old`. Secrets Manager itself puts
    /// `AWSPREVIOUS` on `old` and, once the rotation is complete, takes `AWSPENDING` off `new`.
    ///
    /// # Errors
    /// If AWS refuses or does not answer, and `new` is not the current version.
    pub async fn promote(
        &self,
        secret: &SecretArn,
        new: &VersionId,
        old: &VersionId,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        self.move_label(secret, &Label::Current, Some(old), Some(new), deadline)
            .await
    }

    /// Every change of labels. One that fails is judged by the state: it may be done, by an answer that was lost
    /// or by another delivery that was faster.
    async fn move_label(
        &self,
        secret: &SecretArn,
        label: &Label,
        from: Option<&VersionId>,
        to: Option<&VersionId>,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let request = self
            .client
            .update_secret_version_stage()
            .secret_id(secret.as_str())
            .version_stage(label.to_string())
            .set_remove_from_version_id(from.map(ToString::to_string))
            .set_move_to_version_id(to.map(ToString::to_string));
        let moved = call(
            "secretsmanager:UpdateSecretVersionStage",
            secret,
            deadline,
            Box::pin(request.send()),
        );
        let Err(error) = moved.await else {
            return Ok(());
        };
        if error.is("AccessDeniedException") {
            return Err(error);
        }
        // Such a look may be of a moment before.
        let looks = retry(deadline.at_most(CONSISTENCY), || async {
            let now = self.describe(secret, deadline).await.map_err(|_| Unmoved)?;
            let is_done = match to {
                Some(to) => now.carries(to, label),
                None => from.is_none_or(|from| !now.carries(from, label)),
            };
            is_done.then_some(()).ok_or(Unmoved)
        });
        match looks.await {
            Ok(()) => {
                tracing::info!(%error, %label, "the call failed, and the label is where it belongs");
                Ok(())
            }
            Err(Unmoved) => Err(error),
        }
    }
}

/// A label that is not seen where it is to be, yet.
struct Unmoved;

impl Transient for Unmoved {
    fn is_transient(&self) -> bool {
        true
    }
}
