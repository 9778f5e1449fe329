//! What a server's policies and plugins make of passwords.

use addon_rotation::deadline::Transient as _;
use addon_rotation::service::{Kind, ServiceError, Verdict};
use mysql_async::prelude::Queryable as _;

use super::stand::{Server, Stand, administrator};
use crate::authority::server::{Ask, Hostile};
use crate::support::{
    Log, document, document_at, issue, next_document, random, services, serving, soon, version_id,
    within,
};

on_each!(
    a_dropped_user_is_refused_by_whatever_plugin_the_server_asks_for,
    a_password_that_expires_is_warned_of_and_no_refusal_when_it_has,
);
on_mariadb!(
    a_server_that_checks_passwords_is_told_of_before_anything_is_done,
    an_administrator_may_log_in_by_ed25519_and_a_customer_is_told_that_it_is_no_model,
);

fn assert_rejected(error: &ServiceError, words: &[&str]) {
    let text = error.to_string();
    assert!(error.kind() == Some(Kind::Rejected), "{text}");
    assert!(!error.is_transient());
    for word in words {
        assert!(text.contains(word), "{text:?} does not name {word:?}");
    }
}

async fn a_server_that_checks_passwords_is_told_of_before_anything_is_done(server: Server) {
    let stand = Stand::start(server).await;
    stand
        .execute(&["INSTALL SONAME 'simple_password_check'"])
        .await;
    let next = next_document(&stand.imported, &version_id());
    let new = document(&next);
    let administrator = serving(&stand.administrator, &new);
    let issued = stand.services.issue(&new, &administrator, soon()).await;
    let remedy = "SET GLOBAL strict_password_validation = OFF";
    assert_rejected(&issued.unwrap_err(), &["1290", remedy]);
    assert!(!stand.has_user(&next).await);
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);

    stand.execute(&[remedy]).await;
    stand.issue(&new).await;
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);

    // What was switched on meanwhile keeps no credential alive, be it needed as a definer or not.
    stand
        .execute(&["SET GLOBAL strict_password_validation = ON"])
        .await;
    let mut session = stand.session(&stand.imported).await;
    session
        .query_drop("CREATE VIEW shop.cheap AS SELECT id FROM shop.goods")
        .await
        .unwrap();
    for defines in [true, false] {
        stand.revoke(&document(&stand.imported)).await;
        assert_eq!(stand.verdict(&stand.imported).await, Verdict::Refused);
        assert_eq!(stand.has_user(&stand.imported).await, defines);
        assert!(session.query_drop("SELECT 1").await.is_err());
        if defines {
            stand.execute(&["DROP VIEW shop.cheap"]).await;
        }
    }
}

pub(super) async fn a_password_that_expires_is_warned_of_and_no_refusal_when_it_has(
    server: Server,
) {
    let stand = Stand::start(server).await;
    for (clause, default, days) in [
        ("INTERVAL 30 DAY", 7, Some(30)),
        ("DEFAULT", 7, Some(7)),
        ("NEVER", 7, None),
        ("DEFAULT", 0, None),
    ] {
        let default = format!("SET GLOBAL default_password_lifetime = {default}");
        let clause = format!("ALTER USER shop@'%' PASSWORD EXPIRE {clause}");
        stand.execute(&[&default, &clause]).await;
        let log = Log::new();
        stand.rotate(&stand.imported).await;
        match days {
            Some(days) => {
                let due = format!("expires {days} days after");
                assert!(log.text().contains(&due), "{clause}: {}", log.text());
            }
            None => assert!(!log.text().contains("expires"), "{clause}: {}", log.text()),
        }
    }
    // With the one, the login succeeds and nothing after it; with the other, it fails.
    for disconnects in ["OFF", "ON"] {
        let setting = format!("SET GLOBAL disconnect_on_expired_password = {disconnects}");
        match server {
            Server::MariaDb | Server::LaterMariaDb(_) => stand.execute(&[&setting]).await,
            // It cannot be changed there.
            Server::MySql if disconnects == "OFF" => continue,
            Server::MySql => {}
        }
        stand
            .execute(&["ALTER USER shop@'%' PASSWORD EXPIRE"])
            .await;
        let verified = stand
            .services
            .verify(&document(&stand.imported), soon())
            .await;
        let code = if disconnects == "ON" { "1862" } else { "1820" };
        assert_rejected(&verified.unwrap_err(), &[code, "PASSWORD EXPIRE NEVER"]);
        assert_eq!(stand.shows_possession(&stand.imported).await, Ok(true));
    }
    let mut wrong = stand.imported.clone();
    wrong["password"] = random().into();
    assert_eq!(stand.verdict(&wrong).await, Verdict::Refused);
    assert_eq!(stand.shows_possession(&wrong).await, Ok(false));
    stand.revoke(&document(&stand.imported)).await;
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Refused);
}

async fn an_administrator_may_log_in_by_ed25519_and_a_customer_is_told_that_it_is_no_model(
    server: Server,
) {
    let stand = Stand::start(server).await;
    let password = &stand.administrator_password;
    let by = |password: &str| format!("IDENTIFIED VIA ed25519 USING PASSWORD('{password}')");
    stand
        .execute(&[
            "INSTALL SONAME 'auth_ed25519'",
            &format!("ALTER USER operator@'127.0.0.1' {}", by(password)),
        ])
        .await;
    let next = stand.rotate(&stand.imported).await;
    stand.revoke(&document(&stand.imported)).await;
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Refused);
    let wrong = administrator("operator", "an old one");
    let third = document(&next_document(&next, &version_id()));
    let refused = issue(&stand.services, &wrong, &third).await;
    let error = refused.unwrap_err();
    assert!(error.kind() == Some(Kind::Administrator), "{error}");

    let name = next["username"].as_str().unwrap();
    let password = next["password"].as_str().unwrap();
    let change = format!("ALTER USER '{name}'@'%' {}", by(password));
    stand.execute(&[&change]).await;
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
    let administrator = serving(&stand.administrator, &third);
    let issued = stand.services.issue(&third, &administrator, soon()).await;
    assert_rejected(&issued.unwrap_err(), &["ed25519", "mysql_native_password"]);
    stand.revoke(&document(&next)).await;
    assert_eq!(stand.verdict(&next).await, Verdict::Refused);
}

/// Whom it does not know MariaDB asks as one of those whom it knows: by ed25519, if some of them log in so. MySQL asks
/// half of them by `sha256_password`.
async fn a_dropped_user_is_refused_by_whatever_plugin_the_server_asks_for(server: Server) {
    let stand = Stand::start(server).await;
    let by = "IDENTIFIED VIA ed25519 USING PASSWORD('a password')";
    if server == Server::MariaDb {
        let create = [
            "INSTALL SONAME 'auth_ed25519'",
            &format!("CREATE USER one@'%' {by}"),
            &format!("CREATE USER two@'%' {by}"),
        ];
        stand.execute(&create).await;
    }
    for _ in 0..40 {
        let unknown = next_document(&stand.imported, &version_id());
        assert_eq!(stand.verdict(&unknown).await, Verdict::Refused);
    }
}

/// One refusal may be the driver's fault.
#[tokio::test]
async fn a_refusal_that_the_server_does_not_repeat_is_none() {
    for (codes, refused) in [
        ([1045, 1129], false),
        ([1129, 1045], false),
        ([1045, 1045], true),
    ] {
        let server = Hostile::start("127.0.0.1", Ask::MysqlRefuse(codes), None).await;
        let document = document(&document_at("mariadb", "127.0.0.1", server.port()));
        let verified = within(services().verify(&document, soon())).await;
        if refused {
            assert_eq!(verified, Ok(Verdict::Refused));
        } else {
            assert_rejected(&verified.unwrap_err(), &["1129"]);
        }
    }
}

/// A server that asks for a login by a plugin that the driver panics at.
#[tokio::test]
async fn a_plugin_that_the_driver_panics_at_is_an_error_like_others() {
    let server = Hostile::start("127.0.0.1", Ask::MysqlParsec, None).await;
    let document = document(&document_at("mariadb", "127.0.0.1", server.port()));
    let services = services();
    let verified = within(services.verify(&document, soon())).await;
    assert_rejected(&verified.unwrap_err(), &["parsec", "mysql_native_password"]);
    let fields = administrator("operator", &random());
    let administrator = serving(&fields, &document);
    let issued = services.issue(&document, &administrator, soon());
    assert_rejected(&within(issued).await.unwrap_err(), &["parsec"]);
}
