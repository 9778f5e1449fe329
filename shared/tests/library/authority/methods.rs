//! The server of the administrator's own secret, or what has taken its place, asks for more than is due.

use std::time::Duration;

use addon_rotation::deadline::{Deadline, Transient as _};
use addon_rotation::document::Fields;
use addon_rotation::service::{ServiceError, Services};
use database_servers::certificates::{Authority, ServerCertificate};
use serde_json::{Value, json};

use super::server::{Ask, Hostile, SALT};
use super::traces;
use crate::support::{document, document_at, random, strict, trusting, within};

/// Enough for many attempts, were the fault taken for a transient one.
const TIME: Duration = Duration::from_secs(10);

/// A partner's certificate authority, and what trusts it.
struct Trust {
    certificate: ServerCertificate,
    services: Services,
}

impl Trust {
    fn new() -> Self {
        let authority = Authority::new().unwrap();
        Self {
            certificate: authority.certify(&["127.0.0.1"]).unwrap(),
            services: trusting(&strict(), &authority),
        }
    }
}

/// A document of a version that follows another.
fn instance(engine: &str, port: u16) -> Value {
    let mut value = document_at(engine, "127.0.0.1", port);
    for field in ["owner", "previous_username", "rules_from"] {
        value[field] = "customer".into();
    }
    value["username"] = "u_new".into();
    value
}

fn administrator(server: &Hostile, password: &str, more: &Value) -> Fields {
    let mut fields = json!({
        "username": "operator", "password": password,
        "host": "127.0.0.1", "port": server.port(),
    });
    fields
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    Fields::parse(&fields.to_string()).unwrap()
}

/// The errors of a call of each kind that needs the administrator.
async fn errors(
    trust: &Trust,
    engine: &str,
    server: &Hostile,
    administrator: &Fields,
) -> [ServiceError; 2] {
    let document = document(&instance(engine, server.port()));
    let deadline = || Deadline::after(TIME);
    let issued = trust.services.issue(&document, administrator, deadline());
    let issued = within(issued).await.unwrap_err();
    let revoked = trust.services.revoke(&document, administrator, deadline());
    [issued, within(revoked).await.unwrap_err()]
}

const SCRAM: u32 = 10;

#[tokio::test]
async fn an_administrator_gives_no_server_its_password_in_a_form_that_is_worth_anything() {
    let trust = Trust::new();
    let none = json!({});
    let pooler = json!({ "channel_binding": "prefer" });
    let postgres = |code, body| ("postgres", Ask::Postgres(code, body));
    let mysql = |plugin| ("mysql", Ask::MysqlSwitch(plugin));
    for ((engine, ask), more, words) in [
        (postgres(3, b""), &none, "in clear"),
        (postgres(3, b""), &pooler, "in clear"),
        (postgres(5, &SALT), &none, "MD5"),
        (postgres(5, &SALT), &pooler, "MD5"),
        (postgres(0, b""), &none, "without a password"),
        (postgres(0, b""), &pooler, "without a password"),
        (postgres(7, b""), &none, "GSSAPI"),
        (postgres(9, b""), &none, "SSPI"),
        (postgres(99, b""), &pooler, "not supported"),
        (
            postgres(SCRAM, b"SCRAM-SHA-256\0\0"),
            &none,
            "channel_binding",
        ),
        (postgres(SCRAM, b"OAUTHBEARER\0\0"), &none, "SCRAM-SHA-256"),
        (postgres(SCRAM, b"PLAIN\0\0"), &pooler, "SCRAM-SHA-256"),
        (
            mysql("mysql_clear_password"),
            &none,
            "gives its password away",
        ),
        (
            mysql("mysql_old_password"),
            &none,
            "gives its password away",
        ),
        (
            ("mysql", Ask::MysqlOldSwitch),
            &none,
            "gives its password away",
        ),
        (mysql("dialog"), &none, "dialog"),
        (mysql("sha256_password"), &none, "sha256_password"),
        (
            mysql("authentication_kerberos_client"),
            &none,
            "authentication_kerberos_client",
        ),
        (("mariadb", Ask::MysqlFile), &none, "file"),
    ] {
        let case = format!("{ask:?} {more}");
        let server = Hostile::start("127.0.0.1", ask, Some(&trust.certificate)).await;
        let password = random();
        let fields = administrator(&server, &password, more);
        for error in errors(&trust, engine, &server, &fields).await {
            assert!(!error.is_transient(), "{case}: {error}");
            assert!(error.to_string().contains(words), "{case}: {error}");
            assert!(!error.to_string().contains(&password), "{case}: {error}");
        }
        assert_eq!(server.connections(), 2, "{case}: a call is not repeated");
        let bytes = server.bytes();
        assert!(
            traces::holds(&bytes, b"operator"),
            "{case}: it was spoken with"
        );
        traces::assert_none(&case, &bytes, "operator", &password);
        // Of the instance's own credential nothing is told before the administrator is in.
        assert!(!traces::holds(&bytes, b"PATH=/"), "{case}");
    }
}

#[tokio::test]
async fn a_word_that_is_unknown_in_the_administrators_secret_opens_nothing() {
    let trust = Trust::new();
    for wrong in [
        json!("disable"),
        json!("Prefer"),
        json!(""),
        json!(null),
        json!(true),
    ] {
        let server =
            Hostile::start("127.0.0.1", Ask::Postgres(3, b""), Some(&trust.certificate)).await;
        let more = json!({ "channel_binding": wrong });
        let fields = administrator(&server, &random(), &more);
        for error in errors(&trust, "postgres", &server, &fields).await {
            assert!(error.to_string().contains("channel_binding"), "{error}");
            assert!(!error.is_transient(), "{error}");
        }
        assert_eq!(server.connections(), 0, "{wrong}");
    }
}

#[tokio::test]
async fn what_a_document_says_of_channel_binding_counts_for_nothing() {
    let trust = Trust::new();
    let ask = Ask::Postgres(SCRAM, b"SCRAM-SHA-256\0\0");
    let server = Hostile::start("127.0.0.1", ask, Some(&trust.certificate)).await;
    let mut value = instance("postgres", server.port());
    value["channel_binding"] = "prefer".into();
    let fields = administrator(&server, &random(), &json!({}));
    let document = document(&value);
    let issue = trust
        .services
        .issue(&document, &fields, Deadline::after(TIME));
    let error = within(issue).await.unwrap_err();
    assert!(error.to_string().contains("channel_binding"), "{error}");
    assert!(
        !traces::holds(&server.bytes(), b"n,,n="),
        "SCRAM has not begun"
    );
}

/// Nothing is sent to where a server sends its client on.
#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let trust = Trust::new();
    for engine in ["redis", "http"] {
        let start = |ask| Hostile::start("127.0.0.1", ask, Some(&trust.certificate));
        let elsewhere = start(Ask::redis("+OK\r\n")).await;
        let to = elsewhere.address;
        let asks = if engine == "redis" {
            vec![
                Ask::redis(&format!("-MOVED 1 {to}\r\n")),
                Ask::redis(&format!("-ASK 1 {to}\r\n")),
                Ask::redis(&format!("-REDIRECT {to}\r\n")),
            ]
        } else {
            [301, 302, 303, 307, 308, 401, 407, 511]
                .map(|status| Ask::Http(status, format!("https://{to}/")))
                .into()
        };
        for ask in asks {
            let case = format!("{ask:?}");
            let server = start(ask).await;
            let (token, password) = (random(), random());
            let more = json!({ "token": token, "url": format!("https://{}/", server.address) });
            let fields = administrator(&server, &password, &more);
            let value = instance(engine, server.port());
            let document = document(&value);
            // Redis's own words for a cluster in motion may pass.
            let deadline = Deadline::after(Duration::from_millis(100));
            let services = &trust.services;
            assert!(
                services.issue(&document, &fields, deadline).await.is_err(),
                "{case}"
            );
            assert!(
                services.revoke(&document, &fields, deadline).await.is_err(),
                "{case}"
            );
            assert!(
                services.verify(&document, deadline).await.is_err() || case.contains("401"),
                "{case}"
            );
            assert!(server.connections() > 0, "{case}");
            assert_eq!(elsewhere.connections(), 0, "{case}");
        }
    }
}
