//! Why a step does not go on.

use crate::deadline::Transient;
use crate::engine::RandomError;
use crate::ids::{SecretArn, VersionId};
use crate::message;
use crate::secrets::MOST_LABELS;

/// A rotation in a state in which the step must not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// Rotation is not switched on.
    #[error(
        "Rotation is off for {0}. → Switch it on: `aws secretsmanager rotate-secret --secret-id {0}`."
    )]
    RotationDisabled(SecretArn),
    /// There is no such instance.
    #[error(
        "There is no secret {0} whose rotation is on. → Enrol the instance first (enroll-addon)."
    )]
    NotEnrolled(String),
    /// The token is not one of the secret's versions.
    #[error(
        "{version} is not a version of {secret}. → Start rotations through Secrets Manager: `aws secretsmanager rotate-secret --secret-id {secret}`."
    )]
    UnknownVersion {
        /// The secret.
        secret: SecretArn,
        /// The event's `ClientRequestToken`.
        version: VersionId,
    },
    /// The version is not the pending one.
    #[error(
        "Version {version} of {secret} is not AWSPENDING. → Start a rotation: `aws secretsmanager rotate-secret --secret-id {secret}`."
    )]
    NotPending {
        /// The secret.
        secret: SecretArn,
        /// The event's `ClientRequestToken`.
        version: VersionId,
    },
    /// The secret has no current version to rotate from.
    #[error(
        "No version of {0} is AWSCURRENT. → Put the label back on the version that Heroku shows (UpdateSecretVersionStage)."
    )]
    NoCurrentVersion(SecretArn),
    /// The rotation would need more labels than a secret can have.
    #[error(
        "{secret} has {has} of at most {MOST_LABELS} labels, and this rotation needs {needed} more; {waiting} versions wait for their revocation. → Find out why they are not revoked (addon-rotation-operator status), or take labels of your own off."
    )]
    Labels {
        /// The secret.
        secret: SecretArn,
        /// How many labels it has.
        has: usize,
        /// How many the rotation will put on.
        needed: usize,
        /// How many versions wait for their revocation.
        waiting: usize,
    },
    /// A tag of the secret's is not usable.
    #[error("A tag of {secret} is not valid: {problem}. → Correct or remove the tag.")]
    Tag {
        /// The secret.
        secret: SecretArn,
        /// What is wrong.
        problem: String,
    },
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Heroku shows something else than the version's document renders.
    #[error(
        "Heroku shows other values for {vars} of add-on {addon} than version {version} of {secret} renders. → Correct the templates in heroku.config, or publish what they render."
    )]
    NotShown {
        /// The secret.
        secret: SecretArn,
        /// The version.
        version: VersionId,
        /// The add-on's id.
        addon: String,
        /// The config vars' names.
        vars: String,
    },
    /// The version is current again, or still.
    #[error(
        "Version {version} of {secret} is not revoked: it is AWSCURRENT. → Rotate, if it is to be revoked."
    )]
    Current {
        /// The secret.
        secret: SecretArn,
        /// The version.
        version: VersionId,
    },
    /// The credential is in use again, or still.
    #[error("Version {version} of {secret} is not revoked: {reason}.")]
    InUse {
        /// The secret.
        secret: SecretArn,
        /// The version.
        version: VersionId,
        /// Where it is in use.
        reason: String,
    },
    /// Heroku shows neither the old credential nor the current one.
    #[error(
        "Version {version} of {secret} is not revoked: Heroku shows neither its credential nor the current one for add-on {addon} (config vars: {shown}). → Publish the current version: addon-rotation-operator rotate or rollback."
    )]
    NothingSeen {
        /// The secret.
        secret: SecretArn,
        /// The version.
        version: VersionId,
        /// The add-on's id.
        addon: String,
        /// The names of the config vars that Heroku shows.
        shown: String,
    },
    /// The secret was deleted before the credential could be ended.
    #[error(
        "Version {version} of {secret} is not revoked: the secret is marked for deletion, and the service may still accept the credential. → Restore the secret (aws secretsmanager restore-secret --secret-id {secret}): a later try ends the credential. Or end it at the service by hand."
    )]
    Deleted {
        /// The secret.
        secret: SecretArn,
        /// The version.
        version: VersionId,
    },
    /// Nobody can log in to end it.
    #[error(
        "Version {version} of {secret} is not revoked, as its administrator's secret cannot be read: {}",
        message::because(
            cause,
            "",
            &format!("If it is deleted, restore it (aws secretsmanager restore-secret). If it is gone, end the login {credential:?} at {address} by hand, if your own records have it as this instance's, and take the label LIVE-{version} off (aws secretsmanager update-secret-version-stage)")
        )
    )]
    NoAdministrator {
        /// The secret.
        secret: SecretArn,
        /// The version.
        version: VersionId,
        /// What its credential is called.
        credential: String,
        /// Where that is.
        address: String,
        /// AWS's words.
        cause: String,
    },
    /// A day of tries is over.
    #[error(
        "Version {version} of {secret} was not revoked within a day. The last attempt failed: {}",
        message::because(
            cause,
            "",
            "Invoke revoke-secret again with this SecretId and VersionId, and \"WasInUse\": true: the grace period begins then"
        )
    )]
    GaveUp {
        /// The secret.
        secret: SecretArn,
        /// The version.
        version: VersionId,
        /// Why the last try failed.
        cause: String,
    },
}

impl Transient for StepError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Random(_)
            | Self::Current { .. }
            | Self::InUse { .. }
            | Self::NothingSeen { .. } => true,
            Self::RotationDisabled(_)
            | Self::NotEnrolled(_)
            | Self::UnknownVersion { .. }
            | Self::NotPending { .. }
            | Self::NoCurrentVersion(_)
            | Self::Labels { .. }
            | Self::Tag { .. }
            | Self::NotShown { .. }
            | Self::Deleted { .. }
            | Self::NoAdministrator { .. }
            | Self::GaveUp { .. } => false,
        }
    }
}
