//! What a signature says about who signed.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The credential scope of a request's signature. It proves nothing by itself.
pub(crate) struct Credential {
    pub(crate) access_key_id: String,
    pub(crate) service: String,
}

impl Credential {
    /// From `AWS4-HMAC-SHA256 Credential=<key id>/<date>/<region>/<service>/aws4_request, …`.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let authorization = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let parameters = authorization.strip_prefix("AWS4-HMAC-SHA256")?;
        let scope = parameters
            .split(',')
            .find_map(|parameter| parameter.trim().strip_prefix("Credential="))?;
        let mut parts = scope.split('/');
        let access_key_id = parts.next().filter(|id| !id.is_empty())?.to_owned();
        let service = parts.nth(2)?.to_owned();
        Some(Self {
            access_key_id,
            service,
        })
    }
}
