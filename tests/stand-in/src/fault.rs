//! What goes wrong with a request, where a test asks for it.

use std::time::Duration;

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The service answers this error in its own form, and nothing takes effect.
    Status {
        /// The HTTP status, 400 to 599; anything else is sent as 500.
        status: u16,
        /// The `Retry-After` header, in whole seconds.
        retry_after: Option<Duration>,
    },
    /// The request takes effect, then the connection is dropped without an answer.
    LoseAnswer,
    /// The connection is dropped before the request takes effect.
    LoseRequest,
    /// A proxy in between answers an HTML page with this status, 200 too, and nothing takes effect. As a
    /// proxy's page, it has none of the service's headers.
    Garbage(u16),
    /// The request takes effect at once; the answer comes this much later.
    Slow(Duration),
}

impl Fault {
    /// This error in the service's own form, without `Retry-After`.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self::Status {
            status,
            retry_after: None,
        }
    }
}
