//! What a server's policies and plugins make of passwords.

use addon_rotation::deadline::Passing as _;
use addon_rotation::service::{ServiceError, Verdict};
use mysql_async::prelude::Queryable as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use super::stand::{Stand, administrator};
use crate::support::{Log, document, next_document, random, serving, soon, version_id, within};

fn assert_rejected(error: &ServiceError, words: &[&str]) {
    let text = error.to_string();
    assert!(matches!(error, ServiceError::Rejected { .. }), "{text}");
    assert!(!error.is_passing());
    for word in words {
        assert!(text.contains(word), "{text:?} does not name {word:?}");
    }
}

#[tokio::test]
#[ignore = "needs MariaDB: cargo xtask test"]
async fn a_server_that_checks_passwords_is_told_of_before_anything_is_done() {
    let stand = Stand::start().await;
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

#[tokio::test]
#[ignore = "needs MariaDB: cargo xtask test"]
async fn a_password_that_expires_is_warned_of_and_no_refusal_when_it_has() {
    let stand = Stand::start().await;
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
        stand
            .execute(&[&setting, "ALTER USER shop@'%' PASSWORD EXPIRE"])
            .await;
        let verified = stand
            .services
            .verify(&document(&stand.imported), soon())
            .await;
        let code = if disconnects == "ON" { "1862" } else { "1820" };
        assert_rejected(&verified.unwrap_err(), &[code, "PASSWORD EXPIRE NEVER"]);
    }
    let mut wrong = stand.imported.clone();
    wrong["password"] = random().into();
    assert_eq!(stand.verdict(&wrong).await, Verdict::Refused);
    stand.revoke(&document(&stand.imported)).await;
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Refused);
}

/// The driver panics at it.
#[tokio::test]
#[ignore = "needs MariaDB: cargo xtask test"]
async fn ed25519_is_a_lasting_error_for_administrators_and_customers() {
    let stand = Stand::start().await;
    let by = |password: &str| format!("IDENTIFIED VIA ed25519 USING PASSWORD('{password}')");
    let password = stand.imported["password"].as_str().unwrap();
    stand
        .execute(&[
            "INSTALL SONAME 'auth_ed25519'",
            &format!("ALTER USER shop@'%' {}", by(password)),
        ])
        .await;
    let imported = document(&stand.imported);
    let words = ["ed25519", "mysql_native_password"];
    let verified = within(stand.services.verify(&imported, soon())).await;
    assert_rejected(&verified.unwrap_err(), &words);
    let next = document(&next_document(&stand.imported, &version_id()));
    let administrator = serving(&stand.administrator, &next);
    let issued = within(stand.services.issue(&next, &administrator, soon())).await;
    assert_rejected(&issued.unwrap_err(), &words);

    let change = format!(
        "ALTER USER operator@'127.0.0.1' {}",
        by(&stand.administrator_password)
    );
    stand.execute(&[&change]).await;
    let issued = within(stand.services.issue(&next, &administrator, soon())).await;
    assert_rejected(&issued.unwrap_err(), &words);
    let revoked = stand.services.revoke(&imported, &administrator, soon());
    assert_rejected(&within(revoked).await.unwrap_err(), &words);
}

/// A server that asks for a login by a plugin that the driver panics at.
#[tokio::test]
async fn a_plugin_that_the_driver_panics_at_is_an_error_like_others() {
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let _serving = AbortOnDropHandle::new(tokio::spawn(async move {
        while let Ok((mut line, _)) = listener.accept().await {
            let _ = ask_for_parsec(&mut line).await;
        }
    }));
    let value = json!({
        "engine": "mariadb", "host": "127.0.0.1", "port": port,
        "username": "shop", "password": random(),
        "masterarn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:acme/db-AbCdEf",
        "heroku": {
            "api": "v1", "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
            "config": { "ACME_URL": "mysql://{{ username }}:{{ password | urlencode }}@{{ host }}:{{ port }}" }
        }
    });
    let services =
        addon_rotation::service::Services::new(addon_rotation::net::http_client().unwrap())
            .speaking(addon_rotation::net::PlainText::OnLoopback);
    let document = document(&value);
    let verified = within(services.verify(&document, soon())).await;
    assert_rejected(&verified.unwrap_err(), &["parsec", "mysql_native_password"]);
    let fields = administrator("operator", &random());
    let administrator = serving(&fields, &document);
    let issued = services.issue(&document, &administrator, soon());
    assert_rejected(&within(issued).await.unwrap_err(), &["parsec"]);
}

async fn ask_for_parsec(line: &mut TcpStream) -> std::io::Result<()> {
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
    say(line, 0, &greeting.concat()).await?;
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
