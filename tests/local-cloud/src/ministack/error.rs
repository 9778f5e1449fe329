//! What can go wrong in speaking to MiniStack.

use crate::process::ProcessError;

/// An error in speaking to MiniStack, or in starting it.
#[derive(Debug, thiserror::Error)]
pub enum MiniStackError {
    /// The request never got an answer.
    #[error("no answer from MiniStack at {endpoint} to {request}: {reason}; see its log")]
    NoAnswer {
        /// MiniStack's address.
        endpoint: String,
        /// The request's method and path.
        request: String,
        /// What the connection reported.
        reason: String,
    },
    /// The request could not be made or signed.
    #[error("cannot make a request to {service}: {reason}")]
    Request {
        /// The service's signing name.
        service: String,
        /// Why not.
        reason: String,
    },
    /// The service refused the call.
    #[error("{operation} failed with {code} (HTTP {status}): {message}")]
    Service {
        /// The operation, as in `lambda:Invoke`.
        operation: String,
        /// The HTTP status.
        status: u16,
        /// AWS's error type, without a namespace.
        code: String,
        /// AWS's message.
        message: String,
    },
    /// The service answered what it should not.
    #[error("{operation} was answered unexpectedly: {reason}")]
    Answer {
        /// The operation, as in `lambda:Invoke`.
        operation: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// An ARN that does not name what the call is about.
    #[error("{arn:?} is not the ARN of a {kind}")]
    Arn {
        /// The ARN as given.
        arn: String,
        /// What it should name.
        kind: &'static str,
    },
    /// MiniStack's process did not start.
    #[error("MiniStack did not start: {0}")]
    Start(#[from] ProcessError),
    /// A directory or port of its own could not be had.
    #[error("MiniStack did not start: {what}: {source}")]
    Surroundings {
        /// What could not be had.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
}

impl MiniStackError {
    /// AWS's error type, if a service refused the call.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Service { code, .. } => Some(code),
            _ => None,
        }
    }
}
