//! A service's refusal.

#[derive(Debug, thiserror::Error)]
#[error("{operation} failed with {code} (HTTP {status}): {message}")]
pub(super) struct Refused {
    /// The operation, as in `lambda:Invoke`.
    pub(super) operation: String,
    pub(super) status: u16,
    /// AWS's error type, without a namespace.
    pub(super) code: String,
    pub(super) message: String,
}

/// AWS's error type, if a service refused the call.
pub(crate) fn code(error: &anyhow::Error) -> Option<&str> {
    let refused = error.downcast_ref::<Refused>()?;
    Some(&refused.code)
}
