//! Where the `http` engine goes, and whom it trusts there.

use std::sync::Arc;

use addon_rotation::deadline::Transient as _;
use addon_rotation::document::Document;
use addon_rotation::net::{self, Addresses, PlainText, Roots, Unreachable};
use addon_rotation::service::{Cause, ServiceError, Services, Verdict};
use database_servers::certificates::{Authority, ServerCertificate};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use crate::support::{document, soon, within};

/// An address that leads to this machine and yet is none of its loopback addresses.
const HERE: &str = "0.0.0.0";

pub(crate) fn services() -> Services {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Services::new(net::http_client().unwrap()).speaking(PlainText::OnLoopback)
}

fn at(url: &str) -> Document {
    document(&value(url))
}

fn value(url: &str) -> Value {
    json!({
        "engine": "http",
        "url": url,
        "credential_id": "key-1",
        "api_key": "acme_live_x",
        "authorization": "Bearer {{ api_key }}",
        "generate": { "api_key": { "prefix": "acme_live_", "length": 40 } },
        "masterarn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:acme/api-AbCdEf",
        "heroku": {
            "api": "v1", "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
            "config": { "ACME_KEY": "{{ api_key }}" },
        },
    })
}

async fn verify(services: &Services, url: &str) -> Result<Verdict, ServiceError> {
    let document = at(url);
    within(services.verify(&document, soon())).await
}

/// Accepts every credential, over TLS; the port.
pub(crate) async fn serve(certificate: &ServerCertificate) -> (u16, AbortOnDropHandle<()>) {
    let chain = CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Whoever trusts it not takes leave before the first request.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => request.push(byte),
                    Err(_) => break,
                }
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\nconnection: close\r\n\r\n{\"accepted\":true}";
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    });
    (port, AbortOnDropHandle::new(serving))
}

fn unreachable(result: Result<Verdict, ServiceError>) -> Unreachable {
    let error = result.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    match &error {
        ServiceError::Call(call) => match call.cause {
            Cause::Unreachable(reason) => reason,
            _ => panic!("{error}"),
        },
        _ => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_service_is_trusted_if_its_authority_is_in_the_bundle_and_its_name_in_the_certificate() {
    let (authority, services) = (Authority::new().unwrap(), services());
    let bundle = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(bundle.path(), authority.pem()).unwrap();
    let roots = Roots::with_bundle(bundle.path()).unwrap();
    let trusting = services.clone().trusting(Some(roots)).unwrap();

    let (port, _right) = serve(&authority.certify(&[HERE]).unwrap()).await;
    let right = format!("https://{HERE}:{port}/");
    assert_eq!(verify(&trusting, &right).await, Ok(Verdict::Accepted));
    let error = unreachable(verify(&services, &right).await);
    assert_eq!(error, Unreachable::UnknownIssuer);

    let (port, _other) = serve(&authority.certify(&["api.acme.example"]).unwrap()).await;
    let other = format!("https://{HERE}:{port}/");
    let error = unreachable(verify(&trusting, &other).await);
    assert_eq!(error, Unreachable::OtherName);
}

#[tokio::test]
async fn a_private_address_is_asked_only_if_that_is_allowed() {
    let (authority, services) = (Authority::new().unwrap(), services());
    let public = services.clone().keeping_to(Addresses::Public).unwrap();
    let (port, _serving) = serve(&authority.certify(&[HERE]).unwrap()).await;
    let here = format!("https://{HERE}:{port}/");
    let error = verify(&public, &here).await.unwrap_err();
    assert!(
        error.to_string().contains("AllowPrivateAddresses"),
        "{error}"
    );
    assert_eq!(unreachable(Err(error)), Unreachable::Private);
    // Allowed, it is asked, and its certificate looked at.
    let error = unreachable(verify(&services, &here).await);
    assert_eq!(error, Unreachable::UnknownIssuer);
}

/// Addresses of a cloud's metadata, of private networks, and of nothing on the internet, in every
/// form that some client or other takes for them.
const INWARDS: [&str; 31] = [
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://0xA9FEA9FE/",
    "https://0xa9.0xfe.0xa9.0xfe/",
    "https://0251.0376.0251.0376/",
    "https://0251.254.0xA9.254/",
    "https://169.254.43518/",
    "https://169.16689662/",
    "https://169.254.169.254./",
    "https://%31%36%39.254.169.254/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[0:0:0:0:0:ffff:a9fe:a9fe]/",
    "https://[::169.254.169.254]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::a9fe:a9fe]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::a9fe:a9fe]/",
    "https://169.254.170.2/v2/credentials/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.0.1/",
    "https://100.64.0.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://[::]/",
    "https://255.255.255.255/",
    "https://[fc00::1]/",
    "https://[ff02::1]/",
    "https:169.254.169.254",
];

#[tokio::test]
async fn no_form_of_an_address_leads_inwards() {
    let public = services().keeping_to(Addresses::Public).unwrap();
    for url in INWARDS {
        let error = unreachable(verify(&public, url).await);
        assert_eq!(error, Unreachable::Private, "{url}");
    }
}

#[test]
fn a_document_names_no_address_but_https() {
    for url in [
        "file:///etc/passwd",
        "file://169.254.169.254/etc/passwd",
        "gopher://169.254.169.254:80/_GET",
        "ftp://127.0.0.1/",
        "dict://127.0.0.1:11211/",
        "data:text/plain,x",
        "javascript:alert(1)",
        "unix:/var/run/docker.sock",
        "http://169.254.169.254/",
        "http://2130706433.acme.example/",
        "http://127.0.0.1.acme.example/",
        "http://localhost@169.254.169.254/",
        "https://api.acme.example@169.254.169.254/",
        "https://api.acme.example/?next=http://169.254.169.254/",
        "//169.254.169.254/",
        // Some clients take other scripts' digits and dots for these.
        "https://１６９.２５４.１６９.２５４/",
        "https://169。254。169。254/",
        "https://",
        "https://[::ffff:169.254.169.254/",
        "",
    ] {
        let error = Document::parse(&value(url).to_string().into()).unwrap_err();
        assert!(
            error.problems[0].starts_with("url must be"),
            "{url}: {error}"
        );
    }
}
