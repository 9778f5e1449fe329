//! TLS: the certificate's authority and name are checked.

use addon_rotation::deadline::Transient as _;
use addon_rotation::service::{Kind, Services, Verdict};
use database_servers::certificates::Authority;
use serde_json::Value;

use super::stand::{Server, Stand};
use crate::support::{HERE, document, next_document, serving, soon, trusting, version_id, within};

on_each!(
    a_server_is_trusted_if_its_authority_is_in_the_bundle_and_its_name_in_the_certificate,
    a_certificate_for_another_host_is_refused,
);

async fn start(server: Server, authority: &Authority, names: &[&str]) -> Stand {
    let certificate = authority.certify(names).unwrap();
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let certificate = [
        format!(
            "--ssl-cert={}",
            file("server.crt", &certificate.certificate)
        ),
        format!("--ssl-key={}", file("server.key", &certificate.key)),
    ];
    // Readable by the user that the server becomes.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(files.path(), open).unwrap();
    Stand::with(server, &certificate.each_ref().map(String::as_str)).await
}

fn at(value: &Value, host: &str) -> Value {
    let mut value = value.clone();
    value["host"] = host.into();
    value
}

async fn refused(stand: &Stand, services: &Services) -> String {
    let document = document(&at(&stand.imported, HERE));
    let verify = within(services.verify(&document, soon())).await.map(drop);
    let administrator = serving(&stand.administrator, &document);
    let issue = services.issue(&document, &administrator, soon());
    let mut texts = Vec::new();
    for error in [verify.unwrap_err(), within(issue).await.unwrap_err()] {
        assert!(error.kind() == Some(Kind::Unreachable), "{error}");
        assert!(!error.is_transient(), "{error}");
        texts.push(error.to_string());
    }
    assert!(texts.iter().all(|it| it.contains(HERE)), "{texts:?}");
    texts.remove(0)
}

pub(super) async fn a_server_is_trusted_if_its_authority_is_in_the_bundle_and_its_name_in_the_certificate(
    server: Server,
) {
    let authority = Authority::new().unwrap();
    let mut stand = start(server, &authority, &[HERE]).await;
    let error = refused(&stand, &stand.services).await;
    assert!(error.contains("CaBundleLayer"), "{error}");
    let another = trusting(&stand.services, &Authority::new().unwrap());
    let error = refused(&stand, &another).await;
    assert!(error.contains("CaBundleLayer"), "{error}");

    stand.services = trusting(&stand.services, &authority);
    // The server sees to it that TLS is what it is used with.
    stand.execute(&["ALTER USER shop@'%' REQUIRE SSL"]).await;
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Refused);
    let here = at(&stand.imported, HERE);
    assert_eq!(stand.verdict(&here).await, Verdict::Accepted);
    let next = next_document(&here, &version_id());
    stand.issue(&document(&next)).await;
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
    assert_eq!(
        stand.verdict(&at(&next, "127.0.0.1")).await,
        Verdict::Refused
    );
    stand.revoke(&document(&here)).await;
    assert_eq!(stand.verdict(&here).await, Verdict::Refused);
    // In whichever way the server asks for a password of whom it does not know.
    for _ in 0..20 {
        let unknown = next_document(&here, &version_id());
        assert_eq!(stand.verdict(&unknown).await, Verdict::Refused);
    }
}

async fn a_certificate_for_another_host_is_refused(server: Server) {
    let authority = Authority::new().unwrap();
    let stand = start(server, &authority, &["db7.acme.example", "127.0.0.1"]).await;
    let trusted = trusting(&stand.services, &authority);
    let error = refused(&stand, &trusted).await;
    assert!(error.contains("for another host name"), "{error}");
}
