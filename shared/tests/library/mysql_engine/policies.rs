//! What a server's policies and plugins make of passwords.

use std::pin::Pin;

use addon_rotation::deadline::Transient as _;
use addon_rotation::document::Document;
use addon_rotation::net::{self, PlainText};
use addon_rotation::service::{Kind, ServiceError, Services, Verdict};
use mysql_async::prelude::Queryable as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use super::stand::{Server, Stand, administrator};
use crate::support::{
    Log, document, issue, next_document, random, serving, soon, version_id, within,
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
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    for (codes, refused) in [
        ([1045, 1129], false),
        ([1129, 1045], false),
        ([1045, 1045], true),
    ] {
        let (port, _serving) =
            serve(move |line, number| Box::pin(refuse(line, codes[number.min(1)]))).await;
        let verified = within(services().verify(&at(port), soon())).await;
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
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (port, _serving) = serve(|line, _| Box::pin(ask_for_parsec(line))).await;
    let (services, document) = (services(), at(port));
    let verified = within(services.verify(&document, soon())).await;
    assert_rejected(&verified.unwrap_err(), &["parsec", "mysql_native_password"]);
    let fields = administrator("operator", &random());
    let administrator = serving(&fields, &document);
    let issued = services.issue(&document, &administrator, soon());
    assert_rejected(&within(issued).await.unwrap_err(), &["parsec"]);
}

fn services() -> Services {
    Services::new(net::http_client().unwrap()).speaking(PlainText::OnLoopback)
}

fn at(port: u16) -> Document {
    document(&json!({
        "engine": "mariadb", "host": "127.0.0.1", "port": port,
        "username": "shop", "password": random(),
        "masterarn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:acme/db-AbCdEf",
        "heroku": {
            "api": "v1", "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
            "config": { "ACME_URL": "mysql://{{ username }}:{{ password | urlencode }}@{{ host }}:{{ port }}" }
        }
    }))
}

type Answering = Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>>;

/// Serves one connection after the other; each has its number.
async fn serve(
    answer: impl Fn(TcpStream, usize) -> Answering + Send + 'static,
) -> (u16, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        for number in 0.. {
            let (line, _) = listener.accept().await.unwrap();
            let _ = answer(line, number).await;
        }
    });
    (port, AbortOnDropHandle::new(serving))
}

async fn refuse(mut line: TcpStream, code: u16) -> std::io::Result<()> {
    let line = &mut line;
    greet(line).await?;
    let sequence = hear(line).await?;
    let error = [b"\xff".as_slice(), &code.to_le_bytes(), b"#28000It is so."].concat();
    say(line, sequence, &error).await
}

async fn ask_for_parsec(mut line: TcpStream) -> std::io::Result<()> {
    let line = &mut line;
    greet(line).await?;
    let sequence = hear(line).await?;
    say(
        line,
        sequence,
        &[b"\xfeparsec\0".as_slice(), &[7; 32]].concat(),
    )
    .await?;
    let sequence = hear(line).await?;
    say(line, sequence, &[b"\x01P\0".as_slice(), &[7; 18]].concat()).await?;
    hear(line).await.map(drop)
}

async fn greet(line: &mut TcpStream) -> std::io::Result<()> {
    // LONG_PASSWORD, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH.
    let [a, b, c, d] = (0x1u32 | 0x200 | 0x2000 | 0x8000 | 0x8_0000).to_le_bytes();
    let greeting = [
        &b"\x0a11.8.2-MariaDB\0\x01\0\0\0"[..],
        &[7; 8],
        &[0, a, b, 45, 2, 0, c, d, 21],
        &[0; 10],
        &[7; 12],
        b"\0mysql_native_password\0",
    ];
    say(line, 0, &greeting.concat()).await
}

/// The number of the answer to the next packet.
async fn hear(line: &mut TcpStream) -> std::io::Result<u8> {
    let mut header = [0; 4];
    line.read_exact(&mut header).await?;
    let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
    let mut body = vec![0; length as usize];
    line.read_exact(&mut body).await?;
    Ok(header[3].wrapping_add(1))
}

async fn say(line: &mut TcpStream, sequence: u8, body: &[u8]) -> std::io::Result<()> {
    let [a, b, c, _] = u32::try_from(body.len()).unwrap().to_le_bytes();
    line.write_all(&[&[a, b, c, sequence], body].concat()).await
}
