//! What was asked of the gateway.

use jiff::Timestamp;

/// A request that Secrets Manager or EventBridge Scheduler received. It holds no body: those carry secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// When it came.
    pub at: Timestamp,
    /// Who signed it, if anybody did.
    pub access_key_id: Option<String>,
    /// `secretsmanager:` and the operation, or `scheduler:` and the method.
    pub operation: String,
}
