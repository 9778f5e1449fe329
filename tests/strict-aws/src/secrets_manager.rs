//! Secrets Manager, strictly by AWS's rules: labels, versions, and the rotation that plays them.
//!
//! `model` holds the rules, without I/O; [`SecretsManager`] shares one model among callers and
//! carries out rotations. Error messages are AWS's where they are known.

mod error;
mod functions;
mod model;
mod request;
mod rotation;
mod rules;
mod secret;
mod service;
mod snapshot;
#[cfg(test)]
mod tests;
mod untidy;

pub use error::ServiceError;
pub(crate) use functions::NoFunctions;
pub use functions::{Answer, RotationFunctions};
pub use rotation::RotationOptions;
pub use rules::RotationRules;
pub use secret::Tag;
pub use service::{Caller, SecretsManager};
pub use snapshot::{SecretSnapshot, VersionSnapshot};
pub use untidy::{Probe, Untidy};
