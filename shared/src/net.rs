//! The one HTTP client and the one TLS configuration of a function: AWS, Heroku and the partner's
//! service are all reached through them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use crate::deadline::Passing;

/// A client that could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the HTTP client could not be built: {0}; this is a fault of the build, not of the configuration"
)]
pub struct NetError(String);

/// The longest that a connection may take to open.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest that one request to Heroku or to the partner's service may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest that a write to Heroku may take: its routers give up after 30 s, and a write that is
/// abandoned sooner could still take effect after the look that follows.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(31);

/// Lambda freezes a function between invocations; a connection older than this may be dead.
const IDLE_CONNECTION: Duration = Duration::from_secs(20);

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// The TLS configuration: ring, Mozilla's roots compiled in, TLS 1.2 and 1.3.
///
/// # Errors
/// If the provider offers no protocol version, which is a fault of the build.
pub fn tls() -> Result<ClientConfig, NetError> {
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    Ok(
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| NetError(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

/// The HTTP client. It follows no redirect: none of the APIs sends one, and one could carry a
/// credential elsewhere.
///
/// # Errors
/// If the TLS configuration is refused, which is a fault of the build.
pub fn http_client() -> Result<reqwest::Client, NetError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls()?)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_CONNECTION)
        .user_agent(concat!("heroku-addon-rotation/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| NetError(error.to_string()))
}

/// Whether credentials may be sent to `url`: HTTPS, or HTTP that does not leave this machine.
#[must_use]
pub fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => url.host().is_some_and(|host| match host {
            Host::Domain(name) => is_loopback(name),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }),
        _ => false,
    }
}

/// Whether `host`, a name or an address, is this machine.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: reqwest::StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Sends a request and reads the answer, at most [`LARGEST_ANSWER`] bytes of it.
///
/// # Errors
/// With what went wrong in words that hold neither the address's query nor any credential.
pub(crate) async fn send(
    request: reqwest::RequestBuilder,
    timeout: Duration,
) -> Result<Answer, Unreachable> {
    let mut response = request
        .timeout(timeout)
        .send()
        .await
        .map_err(|error| Unreachable::from(&error))?;
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| Unreachable::from(&error))?
    {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Unreachable::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body,
    })
}

/// Why no answer came. The request may have taken effect all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Nothing came before the time-out.
    #[error("no answer in time")]
    Timeout,
    /// No connection could be opened.
    #[error("no connection (address, network, firewall or certificate)")]
    Connection,
    /// The connection ended too early.
    #[error("the connection broke before the whole answer had come")]
    Broken,
    /// The other side does not speak the protocol that is expected.
    #[error("the connection failed (address, network, certificate or protocol)")]
    Protocol,
    /// A value cannot be sent: a token with a line end, for one.
    #[error(
        "the request cannot be made: a secret's value in it is not allowed in a header or URL (a line end?)"
    )]
    Request,
    /// The answer is larger than any that is expected.
    #[error("its answer is larger than 1 MiB")]
    TooLarge,
}

impl Passing for Unreachable {
    fn is_passing(&self) -> bool {
        match self {
            Self::Timeout | Self::Connection | Self::Broken | Self::Protocol => true,
            Self::Request | Self::TooLarge => false,
        }
    }
}

impl From<&reqwest::Error> for Unreachable {
    fn from(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::Timeout
        } else if error.is_connect() {
            Self::Connection
        } else if error.is_builder() {
            Self::Request
        } else {
            Self::Broken
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_machine_over_https_only() {
        for (url, safe) in [
            ("https://api.acme.example/v1", true),
            ("http://api.acme.example/v1", false),
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]:8080/", true),
            ("http://localhost/", true),
            ("http://localhost.acme.example/", false),
            ("http://10.0.0.1/", false),
            ("ftp://127.0.0.1/", false),
        ] {
            assert_eq!(is_safe(&Url::parse(url).unwrap()), safe, "{url}");
        }
    }

    #[test]
    fn the_client_can_be_built() {
        assert!(http_client().is_ok());
    }
}
