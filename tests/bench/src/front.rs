//! The addresses that the functions reach AWS, Heroku and the service at, by TLS: what is asked there is counted
//! and goes on to the stand-ins.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use database_servers::certificates::Authority;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{Request, Response, StatusCode};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::lambda::Lambda;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    Aws,
    Heroku,
    Service,
}

/// An address, served until dropped.
pub(crate) struct Door {
    pub(crate) url: Url,
    _serving: AbortOnDropHandle<()>,
}

impl Door {
    /// Has what is asked here asked at `upstream`. AWS's services share an address, and so a connection: in
    /// production each has its own.
    pub(crate) async fn open(
        host: Host,
        upstream: Url,
        tls: &TlsAcceptor,
        lambda: &Lambda,
    ) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        // By name, as in production: a name is looked up, and a certificate is for one.
        let url = format!("https://localhost:{}/", listener.local_addr()?.port());
        let client = reqwest::Client::new();
        let (lambda, connecting) = (lambda.clone(), lambda.clone());
        let app = Router::new().fallback(move |request: Request<Body>| {
            let (client, upstream, lambda) = (client.clone(), upstream.clone(), lambda.clone());
            async move {
                lambda.asked(host);
                let (parts, body) = request.into_parts();
                let Ok(body) = to_bytes(body, usize::MAX).await else {
                    return plain(StatusCode::BAD_REQUEST);
                };
                let request = Request::from_parts(parts, body);
                if host == Host::Aws
                    && let Some(answer) = lambda.answer(&request).await
                {
                    return answer;
                }
                let answer = forward(&client, upstream, request).await;
                answer.unwrap_or_else(|_| plain(StatusCode::BAD_GATEWAY))
            }
        });
        let tls = Tls {
            listener,
            acceptor: tls.clone(),
            lambda: connecting,
        };
        Ok(Self {
            url: Url::parse(&url)?,
            _serving: AbortOnDropHandle::new(tokio::spawn(async move {
                // It does not end by itself.
                let _ = axum::serve(tls, app).await;
            })),
        })
    }
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

async fn forward(
    client: &reqwest::Client,
    mut url: Url,
    request: Request<Bytes>,
) -> reqwest::Result<Response<Body>> {
    url.set_path(request.uri().path());
    url.set_query(request.uri().query());
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(HOST);
    let sent = client.request(parts.method, url).headers(parts.headers);
    let answer = sent.body(body).send().await?;
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    // Of the connection to the stand-in, not of the answer.
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    let mut response = Response::new(Body::from(answer.bytes().await?));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    lambda: Lambda,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
            let _ = stream.set_nodelay(true);
            // A function that is killed in the middle of it is no fault.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                self.lambda.connected();
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// TLS by an authority that only `bundle` knows. Sessions are not resumed: each connection of a cold
/// start is a first one.
pub(crate) fn acceptor(bundle: &Path) -> Result<TlsAcceptor> {
    let authority = Authority::new()?;
    std::fs::write(bundle, authority.pem())
        .with_context(|| format!("cannot write {}", bundle.display()))?;
    let certificate = authority.certify(&["localhost"])?;
    let chain = CertificateDer::from_pem_slice(certificate.certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)?;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(TlsAcceptor::from(Arc::new(config)))
}
