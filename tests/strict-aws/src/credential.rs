//! What a signature says about who signed.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The credential scope of a request's signature. It proves nothing by itself.
#[derive(Debug, PartialEq, Eq)]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(authorization: &str) -> Option<Credential> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        Credential::of(&headers)
    }

    #[test]
    fn reads_the_scope() {
        let found = of(
            "AWS4-HMAC-SHA256 Credential=AKIA1/20261123/us-east-1/scheduler/aws4_request, \
             SignedHeaders=host, Signature=00",
        );
        assert_eq!(
            found,
            Some(Credential {
                access_key_id: "AKIA1".to_owned(),
                service: "scheduler".to_owned(),
            })
        );
        assert_eq!(of("AWS4-HMAC-SHA256 SignedHeaders=host"), None);
        assert_eq!(
            of("AWS4-HMAC-SHA256 Credential=/20261123/us-east-1/s3/aws4_request"),
            None
        );
        assert_eq!(of("Bearer token"), None);
    }
}
