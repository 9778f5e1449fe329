//! What a step can fail with, as one type, and how Lambda and Secrets Manager show it.

mod deprovision;
mod enroll;
mod step;

use lambda_runtime::Diagnostic;

pub use deprovision::DeprovisionError;
pub use enroll::EnrollError;
pub(crate) use enroll::{NO_GRANT, Problem};
pub use step::StepError;

use crate::authority::AuthorityError;
use crate::aws::AwsError;
use crate::deadline::Transient;
use crate::document::DocumentError;
use crate::engine::ServiceError;
use crate::event::EventError;
use crate::heroku::HerokuError;
use crate::invoke::InvokeError;
use crate::last_will::Panicked;
use crate::message;
use crate::secrets::SecretError;

/// The error type of a credential that the service refuses as such.
pub const NOT_ACCEPTED: &str = "NotAccepted";

/// Any failure of a step. Its message says what failed, on which resource, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The event is not one that the function knows.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A secret's document is not usable.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A document claims what is not its own.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// A secret holds no usable value.
    #[error(transparent)]
    Secret(SecretError),
    /// AWS refused or failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Heroku refused or failed.
    #[error(transparent)]
    Heroku(#[from] HerokuError),
    /// The partner's service refused or failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A function that `rotate` called failed.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
    /// The rotation is in a state in which the step must not go on.
    #[error(transparent)]
    Step(#[from] StepError),
    /// An instance cannot be enrolled.
    #[error(transparent)]
    Enroll(#[from] EnrollError),
    /// An instance cannot be deprovisioned.
    #[error(transparent)]
    Deprovision(#[from] DeprovisionError),
    /// The function's own code failed.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

impl Error {
    /// The error type that Lambda reports.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => "EventError",
            Self::Document(_) => "DocumentError",
            Self::Authority(_) => "AuthorityError",
            Self::Secret(_) => "SecretError",
            Self::Aws(_) => "AwsError",
            Self::Heroku(_) => "HerokuError",
            Self::Service(ServiceError::NotAccepted(_)) => NOT_ACCEPTED,
            Self::Service(_) => "ServiceError",
            Self::Invoke(_) => "InvokeError",
            Self::Step(_) => "StepError",
            Self::Enroll(_) => "EnrollError",
            Self::Deprovision(_) => "DeprovisionError",
            Self::Panicked(_) => "Panicked",
        }
    }
}

impl From<SecretError> for Error {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Aws(error) => error.into(),
            SecretError::Document(error) => error.into(),
            SecretError::Authority(error) => error.into(),
            error => Self::Secret(error),
        }
    }
}

impl Transient for Error {
    fn is_transient(&self) -> bool {
        match self {
            Self::Aws(error) => error.is_transient(),
            Self::Heroku(error) => error.is_transient(),
            Self::Service(error) => error.is_transient(),
            Self::Invoke(error) => error.is_transient(),
            Self::Step(error) => error.is_transient(),
            Self::Secret(error) => error.is_transient(),
            Self::Enroll(error) => error.is_transient(),
            Self::Deprovision(error) => error.is_transient(),
            Self::Authority(error) => error.is_transient(),
            Self::Event(_) | Self::Document(_) | Self::Panicked(_) => false,
        }
    }
}

impl From<Error> for Diagnostic {
    /// What the caller of the function sees. `rotate` passes the words of the function that it
    /// called on as they are.
    fn from(error: Error) -> Self {
        if let Error::Invoke(InvokeError::Function {
            error_type,
            error_message,
            ..
        }) = error
        {
            return Self {
                error_type,
                error_message,
            };
        }
        Self {
            error_type: error.kind().to_owned(),
            error_message: message::with_retry(&error),
        }
    }
}
