//! TLS: the certificate's authority and name are checked.

use addon_rotation::deadline::Transient as _;
use addon_rotation::net::{BundleError, Roots};
use addon_rotation::service::{ServiceError, Services, Verdict};
use database_servers::certificates::Authority;
use database_servers::postgres::PostgresOptions;

use super::support::{Stand, Version};
use crate::support::{HERE, document, next_document, serving, soon, trusting, version_id, within};

async fn start(authority: &Authority, names: &[&str]) -> Stand {
    let options = PostgresOptions {
        certificate: Some(authority.certify(names).unwrap()),
        ..PostgresOptions::default()
    };
    Stand::start_with(Version(15), options, "customer").await
}

async fn refused(stand: &Stand, services: &Services, host: &str) -> ServiceError {
    let document = stand.at(host);
    let verify = services.verify(&document, soon());
    let error = within(verify).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    assert!(error.to_string().contains(host), "{error}");
    error
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_server_is_trusted_if_its_authority_is_in_the_bundle_and_its_name_in_the_certificate() {
    let authority = Authority::new().unwrap();
    let stand = start(&authority, &[HERE]).await;
    let (here, trusted) = (stand.at(HERE), trusting(&stand.services, &authority));
    let verdict = trusted.verify(&here, soon()).await;
    assert_eq!(verdict, Ok(Verdict::Accepted));

    // The administrator's login is bound to the connection, as the server offers it.
    let mut value = stand.imported.clone();
    value["host"] = HERE.into();
    let next = document(&next_document(&value, &version_id()));
    let administrator = serving(&stand.administrator, &next);
    let issued = trusted.issue(&next, &administrator, soon()).await;
    assert_eq!(issued, Ok(()));
    let verdict = trusted.verify(&next, soon()).await;
    assert_eq!(verdict, Ok(Verdict::Accepted));

    let error = refused(&stand, &stand.services, HERE).await.to_string();
    assert!(error.contains("CaBundleLayer"), "{error}");
    let another = trusting(&stand.services, &Authority::new().unwrap());
    let error = refused(&stand, &another, HERE).await.to_string();
    assert!(error.contains("CaBundleLayer"), "{error}");
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::new().unwrap();
    let stand = start(&authority, &["db7.acme.example", "127.0.0.1"]).await;
    let trusted = trusting(&stand.services, &authority);
    let error = refused(&stand, &trusted, HERE).await.to_string();
    assert!(error.contains("for another host name"), "{error}");
}

#[test]
fn a_bundle_is_certificates_and_nothing_else() {
    let bundle = tempfile::NamedTempFile::new().unwrap();
    let pem = Authority::new().unwrap().pem();
    let broken = pem.replacen("MII", "MIJ", 1);
    for (text, expected) in [
        (String::new(), Some(BundleError::Empty)),
        ("no certificate".to_owned(), Some(BundleError::Empty)),
        (broken.clone(), Some(BundleError::Certificate(1))),
        (format!("{pem}{broken}"), Some(BundleError::Certificate(2))),
        (format!("# a comment\n{pem}{pem}"), None),
    ] {
        std::fs::write(bundle.path(), &text).unwrap();
        let error = Roots::with_bundle(bundle.path()).err();
        assert_eq!(error, expected, "{text}");
    }
    let missing = bundle.path().join("missing");
    let error = Roots::with_bundle(&missing).unwrap_err();
    assert!(matches!(error, BundleError::Read(_)), "{error}");
}
