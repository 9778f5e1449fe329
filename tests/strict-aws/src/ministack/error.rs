//! A service's refusal.

/// A service refused a call.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed with {code} (HTTP {status}): {message}")]
pub(super) struct Refused {
    /// The operation, as in `lambda:Invoke`.
    pub(super) operation: String,
    /// The HTTP status.
    pub(super) status: u16,
    /// AWS's error type, without a namespace.
    pub(super) code: String,
    /// AWS's message.
    pub(super) message: String,
}

/// AWS's error type, if a service refused the call.
pub(crate) fn code(error: &anyhow::Error) -> Option<&str> {
    let refused = error.downcast_ref::<Refused>()?;
    Some(&refused.code)
}
