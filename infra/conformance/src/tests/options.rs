//! The command line, the report's forms, and HTTPS.

use std::path::PathBuf;
use std::sync::Arc;

use database_servers::certificates::Authority;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::service::{Service as TestService, Wrong};
use super::*;

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let token = token_file("");
    let problems = |arguments: &Options| match Settings::read(arguments) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems,
    };
    let mut all = arguments("http://credentials.acme.example/v1", &token);
    all.fields = vec!["api_key=acme_:1".to_owned(), "9".to_owned()];
    all.authorization = Some("Bearer {{ other }}".to_owned());
    all.ca_bundle = Some(PathBuf::from("missing.pem"));
    let told = problems(&all);
    for due in [
        "--token-file",
        "--ca-bundle",
        "--url must be an https:// URL",
        "--authorization uses an unknown field: other",
        "--field \"9\"",
        "--field api_key.length",
    ] {
        assert!(
            told.iter().any(|it| it.starts_with(due)),
            "{due}: {told:#?}"
        );
    }
    assert_eq!(told.len(), 6, "{told:#?}");

    let mut missing = arguments("https://credentials.acme.example/v1", &token);
    missing.token_file = PathBuf::from("missing");
    assert_eq!(
        problems(&missing),
        ["--token-file missing cannot be read (entity not found)"]
    );
    let good = token_file("token");
    for (url, is_good) in [
        ("https://credentials.acme.example/v1", true),
        ("http://127.0.0.1:1/v1/", true),
        ("http://[::1]:1", true),
        ("http://10.0.0.1/v1", false),
        ("https://user:secret@credentials.acme.example", false),
        ("https://credentials.acme.example/?key=secret", false),
        ("credentials.acme.example", false),
        ("ftp://127.0.0.1/", false),
    ] {
        let told = problems(&arguments(url, &good));
        assert_eq!(told.is_empty(), is_good, "{url}: {told:?}");
        assert!(!told.concat().contains("secret"), "{told:?}");
    }
    for token in ["two words", "tab\tin it", "umläut"] {
        let told = problems(&arguments("http://127.0.0.1:1", &token_file(token)));
        assert_eq!(told.len(), 1, "{token}");
        assert!(!told.concat().contains(token), "{told:?}");
    }
}

#[tokio::test]
async fn fields_look_and_log_in_as_the_options_say() {
    use secrecy::ExposeSecret as _;
    let token = token_file(TOKEN);
    let mut several = arguments("http://127.0.0.1:1", &token);
    several.fields = vec!["name=u_:24".to_owned(), "key".to_owned()];
    several.authorization = Some("Basic {{ name }}-{{ key }}".to_owned());
    let settings = Settings::read(&several).unwrap();
    let values = settings.credentials.next().unwrap();
    let [(name, first), (key, second)] = &values.fields[..] else {
        panic!("{} fields", values.fields.len());
    };
    assert_eq!((name.as_str(), key.as_str()), ("name", "key"));
    let (first, second) = (first.expose_secret(), second.expose_secret());
    assert!(first.starts_with("u_") && first.len() == 26);
    assert_eq!(second.len(), 40);
    let header = values.authorization.expose_secret();
    assert_eq!(header, format!("Basic {first}-{second}"));
    let next = settings.credentials.next().unwrap();
    assert_ne!(next.fields[1].1.expose_secret(), second);
    several.authorization = None;
    let settings = Settings::read(&several).unwrap();
    let values = settings.credentials.next().unwrap();
    let header = values.authorization.expose_secret();
    assert_eq!(
        header,
        format!("Bearer {}", values.fields[0].1.expose_secret())
    );
}

#[tokio::test]
async fn a_report_says_what_to_change_and_where_the_contract_says_so() {
    let service = TestService::start(Wrong::DeleteIs200).await;
    let report = report(service.url.as_str(), PATIENCE).await;
    let json = report.json();
    let rules = json["rules"].as_array().unwrap();
    assert_eq!(rules.len(), RULES.len());
    let of = |name: &str| rules.iter().find(|it| it["rule"] == name).unwrap();
    let delete = of("delete");
    assert_eq!(delete["verdict"], "failed");
    assert_eq!(delete["at"], "paths./credentials/{id}.delete.responses.204");
    assert_eq!(delete["seen"], "PUT 201, DELETE 200: 204 is due");
    assert!(delete["change"].as_str().unwrap().contains("answer 204"));
    let again = of("delete-again");
    assert_eq!(again["verdict"], "skipped");
    assert_eq!(again["reason"], "it builds upon delete, which failed");
    assert_eq!(json["passed"], false);
    let text = report.text(false);
    assert!(
        text.contains("1 failed, 5 skipped; all that was registered is revoked"),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 110),
        "{text}"
    );
}

/// The page shows what the command really says.
#[tokio::test]
async fn the_page_shows_a_real_report() {
    let service = TestService::start(Wrong::DeleteIs200).await;
    let report = report(service.url.as_str(), PATIENCE).await;
    let text = report.text(false);
    let page = std::fs::read_to_string(tools::workspace().join("infra/backend.md")).unwrap();
    let (shown, _) = page
        .split_once("    ╭")
        .unwrap()
        .1
        .split_once("\n\n")
        .unwrap();
    let shown =
        format!("    ╭{shown}").replace("https://api.acme.example/v1", service.url.as_str());
    assert!(shown.lines().count() > 10);
    for line in shown.lines() {
        let line = line.strip_prefix("    ").unwrap();
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_is_no_failed_rule() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let result = examine(settings(&url), PATIENCE, &Signals::default(), |_| {}).await;
    let error = result.err().unwrap();
    assert!(matches!(error, ServiceError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_wrong_token_is_told_as_such() {
    let service = TestService::start(Wrong::Nothing).await;
    let token = token_file("another-token");
    let arguments = arguments(service.url.as_str(), &token);
    let settings = Settings::read(&arguments).unwrap();
    let report = examine(settings, PATIENCE, &Signals::default(), |_| {}).await;
    let report = report.unwrap();
    assert_eq!(failed(&report)[0], "put-new");
    assert!(report.text(false).contains("--token-file"));
    assert_eq!(service.known(), 0);
}

/// Plain HTTP beside HTTPS, at one port: TLS begins with the byte 22.
async fn beside(plain: bool) -> (u16, AbortOnDropHandle<()>, NamedTempFile) {
    let authority = Authority::new().unwrap();
    let certificate = authority.certify(&["127.0.0.1"]).unwrap();
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
    let mut bundle = NamedTempFile::new().unwrap();
    bundle.write_all(authority.pem().as_bytes()).unwrap();
    let service = TestService::start(Wrong::Nothing).await;
    let behind = service.url.socket_addrs(|| None).unwrap()[0];
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let _service = service;
        loop {
            let (mut front, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut back = TcpStream::connect(behind).await.unwrap();
                let mut first = [0];
                front.peek(&mut first).await.unwrap();
                if first == [22] {
                    let Ok(mut front) = acceptor.accept(front).await else {
                        return;
                    };
                    let _ = copy_bidirectional(&mut front, &mut back).await;
                } else if plain {
                    let _ = copy_bidirectional(&mut front, &mut back).await;
                }
            });
        }
    });
    (port, AbortOnDropHandle::new(serving), bundle)
}

#[tokio::test]
async fn plain_http_beside_https_is_a_failure() {
    for (plain, due) in [(false, &[][..]), (true, &["https"][..])] {
        let (port, _serving, bundle) = beside(plain).await;
        let url = format!("https://127.0.0.1:{port}/v1");
        let token = token_file(TOKEN);
        let mut arguments = arguments(&url, &token);
        arguments.ca_bundle = Some(bundle.path().to_owned());
        let settings = Settings::read(&arguments).unwrap();
        let report = examine(settings, PATIENCE, &Signals::default(), |_| {}).await;
        let report = report.unwrap();
        assert_eq!(failed(&report), due, "{}", report.text(false));
        // Without the bundle it is not trusted, and nothing is sent.
        arguments.ca_bundle = None;
        let settings = Settings::read(&arguments).unwrap();
        let result = examine(settings, PATIENCE, &Signals::default(), |_| {}).await;
        let error = result.err().unwrap();
        assert!(error.to_string().contains("authority"), "{error}");
    }
}
