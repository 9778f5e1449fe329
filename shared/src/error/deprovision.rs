//! Why an instance is not deprovisioned.

use crate::deadline::Passing;
use crate::ids::SecretArn;

/// An instance that cannot be deprovisioned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeprovisionError {
    /// The secret belongs to somebody else. Nothing was changed.
    #[error("{secret} is not deprovisioned, and nothing was changed: {problem}")]
    Foreign {
        /// The secret.
        secret: SecretArn,
        /// Why it is not this add-on's.
        problem: String,
    },
    /// Somebody deleted the secret, whose credentials may be alive.
    #[error(
        "{0} was marked for deletion before its credentials were ended, and its values cannot be read; restore it (RestoreSecret) and repeat, or end the credentials at the service by hand"
    )]
    Deleted(SecretArn),
    /// No look shows yet what this call has changed.
    #[error("rotation of {0} was switched off, and AWS still shows it as on. → Repeat in a minute")]
    Late(SecretArn),
    /// Some credentials could not be ended.
    #[error(
        "add-on {addon} is not deprovisioned: {}; correct that and repeat, which does what is left", problems.join("; ")
    )]
    Alive {
        /// The add-on's id.
        addon: String,
        /// What failed, by version.
        problems: Vec<String>,
        /// Whether all of it may pass.
        passing: bool,
    },
    /// A day of tries is over.
    #[error(
        "add-on {addon} could not be deprovisioned for a day; the last try failed because: {cause}; correct that and invoke deprovision-addon with this AddonId"
    )]
    GaveUp {
        /// The add-on's id.
        addon: String,
        /// Why the last try failed.
        cause: String,
    },
}

impl Passing for DeprovisionError {
    fn is_passing(&self) -> bool {
        match self {
            Self::Alive { passing, .. } => *passing,
            Self::Late(_) => true,
            Self::Foreign { .. } | Self::Deleted(_) | Self::GaveUp { .. } => false,
        }
    }
}
