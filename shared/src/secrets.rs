//! Secrets Manager: a secret's versions and their
//! [staging labels](https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version).
//!
//! A version carries `LIVE-<version id>` as long as the service may accept its credential. The
//! label also keeps Secrets Manager from deleting a version that is still to be revoked.

mod labels;
mod lifecycle;
mod listing;
mod moves;
mod tags;
mod values;

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};
use aws_types::SdkConfig;

pub(crate) use labels::MOST_LABELS;
pub use labels::{Label, Rotation, Secret};
pub use lifecycle::{Deletion, NewSecret};
pub use listing::{Listing, Order};
use tags::{SHOWN_TAG, STACK_TAG};
pub use values::SecretError;
pub(crate) use values::own_document;

use crate::authority::AuthorityError;
use crate::aws::{AwsError, call};
use crate::deadline::{Deadline, retry};
use crate::document::Document;
use crate::ids::{Note, SecretArn, VersionId};

/// Reads are eventually consistent: a version just written may not be found for a moment.
const CONSISTENCY: Duration = Duration::from_secs(5);

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
}
