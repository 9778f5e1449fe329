//! Every change of labels.

use super::{CONSISTENCY, Label, Secrets};
use crate::aws::{AwsError, call};
use crate::deadline::{Deadline, Transient, retry};
use crate::ids::{SecretArn, VersionId};

impl Secrets {
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
