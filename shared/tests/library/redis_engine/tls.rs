//! TLS: the certificate's authority and name are checked.

use addon_rotation::deadline::Transient as _;
use addon_rotation::service::{ServiceError, Services};
use database_servers::certificates::Authority;
use database_servers::redis::{RedisOptions, Users};

use super::faults::said;
use super::support::{Stand, Version, imported, user};
use crate::support::{HERE, random, services, soon, trusting, within};

/// A server with a certificate for these names, and a document that reaches it by TLS.
async fn start(authority: &Authority, names: &[&str]) -> (Stand, Version) {
    let (line, password) = user("bob", "~* &* +@all");
    let options = RedisOptions {
        certificate: Some(authority.certify(names).unwrap()),
        ..RedisOptions::new(Users::AclFile)
    };
    let stand = Stand::start(options, &[line]).await;
    let port = stand.redis.tls_port();
    let first = stand.imported("bob", &password).with("host", HERE);
    (stand, first.with("port", port))
}

async fn refused(services: &Services, version: &Version) -> ServiceError {
    let error = within(services.verify(&version.document, soon()))
        .await
        .unwrap_err();
    assert!(!error.is_transient(), "{error}");
    assert!(error.to_string().contains(HERE), "{error}");
    error
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_server_is_trusted_if_its_authority_is_in_the_bundle_and_its_name_in_the_certificate() {
    let authority = Authority::new().unwrap();
    let (mut stand, first) = start(&authority, &[HERE]).await;
    let unknown = refused(&stand.services, &first).await.to_string();
    assert!(unknown.contains("CaBundleLayer"), "{unknown}");
    let another = trusting(&stand.services, &Authority::new().unwrap());
    let unknown = refused(&another, &first).await.to_string();
    assert!(unknown.contains("CaBundleLayer"), "{unknown}");

    stand.services = trusting(&stand.services, &authority);
    let second = first.next();
    stand.issue(&second).await.unwrap();
    stand.expect(&[&first, &second], &[]).await;
    stand.revoke(&first).await.unwrap();
    stand.expect(&[&second], &[&first]).await;
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::new().unwrap();
    let (stand, first) = start(&authority, &["cache1.acme.example", "127.0.0.1"]).await;
    let trusted = trusting(&stand.services, &authority);
    let error = refused(&trusted, &first).await.to_string();
    assert!(error.contains("for another host name"), "{error}");
}

#[tokio::test]
async fn a_server_that_answers_a_handshake_in_plain_text_offers_no_tls() {
    let server = said(vec![Some("-ERR Protocol error\r\n".to_owned())]).await;
    let plain = imported(HERE, server.port(), "bob", &random());
    let error = refused(&services(), &plain).await.to_string();
    assert!(error.contains("offers no TLS"), "{error}");
}
