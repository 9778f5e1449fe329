//! Where the `http` engine goes, and whom it trusts there.

use addon_rotation::deadline::Transient as _;
use addon_rotation::document::Document;
use addon_rotation::net::{Addresses, Unreachable};
use addon_rotation::service::{Cause, ServiceError, Services, Verdict};
use database_servers::certificates::Authority;
use serde_json::Value;

use crate::authority::server::{Ask, Hostile};
use crate::support::{HERE, document, document_at, services, soon, trusting, within};

fn at(url: &str) -> Document {
    document(&value(url))
}

fn value(url: &str) -> Value {
    let mut value = document_at("http", HERE, 443);
    value["url"] = url.into();
    value
}

async fn verify(services: &Services, url: &str) -> Result<Verdict, ServiceError> {
    let document = at(url);
    within(services.verify(&document, soon())).await
}

/// Accepts every credential, with a certificate for this name; its address.
async fn serve(authority: &Authority, name: &str) -> (String, Hostile) {
    let certificate = authority.certify(&[name]).unwrap();
    let accepts = Ask::Http(200, String::new());
    let server = Hostile::start("127.0.0.1", accepts, Some(&certificate)).await;
    (format!("https://{HERE}:{}/", server.port()), server)
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
    let trusted = trusting(&services, &authority);

    let (right, _serving) = serve(&authority, HERE).await;
    assert_eq!(verify(&trusted, &right).await, Ok(Verdict::Accepted));
    let error = unreachable(verify(&services, &right).await);
    assert_eq!(error, Unreachable::UnknownIssuer);

    let (other, _serving) = serve(&authority, "api.acme.example").await;
    let error = unreachable(verify(&trusted, &other).await);
    assert_eq!(error, Unreachable::OtherName);
}

#[tokio::test]
async fn a_private_address_is_asked_only_if_that_is_allowed() {
    let (authority, services) = (Authority::new().unwrap(), services());
    let public = services.clone().keeping_to(Addresses::Public).unwrap();
    let (here, _serving) = serve(&authority, HERE).await;
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
