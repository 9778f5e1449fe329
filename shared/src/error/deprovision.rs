//! Why an instance is not deprovisioned.

use crate::deadline::Transient;
use crate::ids::SecretArn;
use crate::message;

/// An instance that cannot be deprovisioned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeprovisionError {
    /// The secret belongs to somebody else. Nothing was changed.
    #[error(
        "{secret} is not deprovisioned: it does not have the tag rotation:stack={stack}. Nothing was changed. → If it is this stack's, tag it."
    )]
    Foreign {
        /// The secret.
        secret: SecretArn,
        /// The stack.
        stack: String,
    },
    /// Somebody deleted the secret, whose credentials may be alive.
    #[error(
        "{0} was marked for deletion before its credentials were revoked, and its values cannot be read. → Restore it (aws secretsmanager restore-secret --secret-id {0}), and repeat. Or end the credentials at the service by hand."
    )]
    Deleted(SecretArn),
    /// No look shows yet what this call has changed.
    #[error(
        "Rotation of {0} was switched off, and AWS shows it as on, or another one that has begun. → Repeat in a minute."
    )]
    Late(SecretArn),
    /// Some credentials could not be ended.
    #[error(
        "Add-on {addon} is not deprovisioned: {}",
        message::because(&message::numbered(problems), "", "Repeat it: what is left is done")
    )]
    Alive {
        /// The add-on's id.
        addon: String,
        /// What failed, by version.
        problems: Vec<String>,
        /// Whether all of it may pass.
        transient: bool,
    },
    /// A day of tries is over.
    #[error(
        "Add-on {addon} was not deprovisioned within a day. The last attempt failed: {}",
        message::because(cause, "", "Invoke deprovision-addon again with this AddonId")
    )]
    GaveUp {
        /// The add-on's id.
        addon: String,
        /// Why the last try failed.
        cause: String,
    },
}

impl Transient for DeprovisionError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Alive { transient, .. } => *transient,
            Self::Late(_) => true,
            Self::Foreign { .. } | Self::Deleted(_) | Self::GaveUp { .. } => false,
        }
    }
}
