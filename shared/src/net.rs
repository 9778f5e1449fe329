//! The one HTTP client and the one TLS configuration of a function: AWS, Heroku and the partner's
//! service are all reached through them. A client of its own has only a service whose certificate
//! authority is not a public one: what is trusted there is trusted nowhere else.

mod addresses;
mod unreachable;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use url::{Host, Url};

pub use addresses::Addresses;
pub use unreachable::Unreachable;

use crate::deadline::Deadline;

/// A client that could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "The HTTP client cannot be built: {0}. → Report it: this is a fault of the build, not of the configuration."
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
pub const LARGEST_ANSWER: usize = 1024 * 1024;

/// The certificate authorities that are trusted: Mozilla's, and those of a bundle if there is one.
#[derive(Debug, Clone)]
pub struct Roots {
    store: Arc<RootCertStore>,
    /// The bundle's certificates, for a driver that makes its own store.
    bundle: Vec<CertificateDer<'static>>,
}

impl Roots {
    /// Mozilla's, compiled in.
    #[must_use]
    pub fn mozilla() -> Self {
        Self {
            store: Arc::new(RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            }),
            bundle: Vec::new(),
        }
    }

    /// Mozilla's and those of a PEM file.
    ///
    /// # Errors
    /// If the file cannot be read, or holds anything but certificates that can be trusted.
    pub fn with_bundle(file: &Path) -> Result<Self, BundleError> {
        let text = std::fs::read(file).map_err(|error| BundleError::Read(error.kind()))?;
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        let mut bundle = Vec::new();
        for (index, certificate) in CertificateDer::pem_slice_iter(&text).enumerate() {
            let malformed = BundleError::Certificate(index + 1);
            let certificate = certificate.map_err(|_| malformed)?;
            roots.add(certificate.clone()).map_err(|_| malformed)?;
            bundle.push(certificate);
        }
        if bundle.is_empty() {
            return Err(BundleError::Empty);
        }
        Ok(Self {
            store: Arc::new(roots),
            bundle,
        })
    }

    /// The bundle's certificates, without Mozilla's.
    pub(crate) fn bundle(&self) -> &[CertificateDer<'static>] {
        &self.bundle
    }
}

/// A file that is no bundle of root certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The file is not there or not readable.
    #[error("the file cannot be read ({0})")]
    Read(std::io::ErrorKind),
    /// There is no certificate in it.
    #[error("the file holds no certificate")]
    Empty,
    /// One of its certificates, counted from 1, is malformed.
    #[error("certificate {0} in the file is malformed")]
    Certificate(usize),
}

/// The TLS configuration: ring, TLS 1.2 and 1.3, the server's certificate and host name checked
/// against these roots.
///
/// # Errors
/// If the provider offers no protocol version, which is a fault of the build.
pub fn tls(roots: &Roots) -> Result<ClientConfig, NetError> {
    Ok(
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| NetError(error.to_string()))?
            .with_root_certificates(Arc::clone(&roots.store))
            .with_no_client_auth(),
    )
}

/// The HTTP client for AWS, Heroku and services with a public certificate.
///
/// # Errors
/// If the TLS configuration is refused, which is a fault of the build.
pub fn http_client() -> Result<reqwest::Client, NetError> {
    http_client_trusting(&Roots::mozilla())
}

/// The HTTP client, trusting other certificate authorities than Mozilla's alone.
///
/// # Errors
/// If the TLS configuration is refused, which is a fault of the build.
pub fn http_client_trusting(roots: &Roots) -> Result<reqwest::Client, NetError> {
    service_client(roots, Addresses::Any)
}

/// An HTTP client for services alone, with what may be trusted and reached of them.
///
/// # Errors
/// If the TLS configuration is refused, which is a fault of the build.
pub fn service_client(roots: &Roots, addresses: Addresses) -> Result<reqwest::Client, NetError> {
    client(roots)?
        .dns_resolver(Arc::new(addresses))
        .build()
        .map_err(|error| NetError(error.to_string()))
}

/// It follows no redirect: none of the APIs sends one, and one could carry a credential elsewhere.
fn client(roots: &Roots) -> Result<reqwest::ClientBuilder, NetError> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls(roots)?)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_CONNECTION)
        .user_agent(concat!("heroku-addon-rotation/", env!("CARGO_PKG_VERSION"))))
}

/// Where a service may be spoken with in plain text. A document names the service's address, and what
/// listens on loopback in a function is not the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainText {
    /// Nowhere: with TLS alone.
    Never,
    /// On loopback, where test stands are.
    OnLoopback,
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
        || without_brackets(host)
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// An address in brackets is as in a URL.
pub(crate) fn without_brackets(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// The addresses of a host.
pub(crate) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Unreachable> {
    let found = tokio::net::lookup_host((host, port)).await;
    Ok(found.map_err(|_| Unreachable::Name)?.collect())
}

/// Opens a connection.
pub(crate) async fn connect(
    host: &str,
    port: u16,
    deadline: Deadline,
) -> Result<TcpStream, Unreachable> {
    let connecting = async {
        let addresses = resolve(host, port).await?;
        let connected = TcpStream::connect(&addresses[..]).await;
        connected.map_err(|error| {
            Unreachable::by_connection(error.kind()).unwrap_or(Unreachable::Connection)
        })
    };
    let connected = tokio::time::timeout(deadline.attempt(CONNECT_TIMEOUT), connecting).await;
    let stream = connected.unwrap_or(Err(Unreachable::Timeout))?;
    // What waits for more bytes waits for the other side's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// An answer, read whole.
pub struct Answer {
    /// Its status.
    pub status: reqwest::StatusCode,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// Sends a request and reads the answer, at most [`LARGEST_ANSWER`] bytes of it.
///
/// # Errors
/// With what went wrong in words that hold neither the address's query nor any credential.
pub async fn send(
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
            ("https://xn--bcher-kva.example/", true),
            ("ftp://127.0.0.1/", false),
        ] {
            assert_eq!(is_safe(&Url::parse(url).unwrap()), safe, "{url}");
        }
    }
}
