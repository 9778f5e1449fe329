//! No password where others may read it.

use std::time::Duration;

use addon_rotation::deadline::Deadline;
use addon_rotation::service::Kind;
use database_servers::redis::{ADMINISTRATOR, RedisOptions, Users, hash};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tools::process::Process;

use super::support::{Stand, imported, services, user};
use crate::support::{PATIENCE, random, within};

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn whoever_watches_the_server_sees_no_password() {
    let (line, password) = user("default", "~* &* +@all");
    let options = RedisOptions {
        user_lines: vec![line],
        settings: vec![
            "slowlog-log-slower-than 0".to_owned(),
            "slowlog-max-len 10000".to_owned(),
            "loglevel debug".to_owned(),
        ],
        ..RedisOptions::new(Users::AclFile)
    };
    let stand = Stand::start(options, &[]).await;
    let logs = tempfile::tempdir().unwrap();
    let administrator = stand.redis.administrator_password().to_owned();
    let mut command = stand.redis.client(ADMINISTRATOR, &administrator);
    command.arg("MONITOR");
    let mut monitor = Process::spawn("redis-cli", command, &logs.path().join("monitor.log"))
        .await
        .unwrap();
    monitor
        .wait_until(PATIENCE, async |output| output.contains("OK"))
        .await
        .unwrap();

    let first = stand.imported("default", &password);
    let second = first.next();
    stand.issue(&second).await.unwrap();
    stand.expect(&[&first, &second], &[]).await;
    stand
        .expect(&[], &[&second.with("password", "a wrong one")])
        .await;
    stand.revoke(&first).await.unwrap();
    stand.redis.command(&["PING", "the last"]).await.unwrap();
    monitor
        .wait_until(PATIENCE, async |output| output.contains("the last"))
        .await
        .unwrap();

    let mut seen = monitor.output().lines().join("\n");
    for command in [&["SLOWLOG", "GET", "-1"], &["ACL", "LOG", "1000"]] {
        let answer = stand.redis.command(command).await.unwrap();
        seen = format!("{seen}\n{answer:?}");
    }
    // They do see the commands.
    for word in ["SETUSER", "SAVE", second.user(), "the last"] {
        assert!(seen.contains(word), "{word}: {seen}");
    }
    let log = stand.redis.log().unwrap().lines().join("\n");
    let saved = stand.saved();
    let hash = hash(second.password());
    assert!(saved.contains(&hash) && log.contains("Ready to accept"));
    for secret in [&password, second.password(), &administrator] {
        for text in [&seen, &log, &saved] {
            assert!(!text.contains(secret));
        }
    }
    assert!(!seen.contains(hash.trim_start_matches('#')));
}

/// Connections to this address stay on this machine, but it is no loopback address.
const NOT_LOOPBACK: &str = "0.0.0.0";

#[tokio::test]
async fn no_login_leaves_this_machine_in_plain_text() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = vec![0; 4096];
        let length = stream.read(&mut heard).await.unwrap();
        heard.truncate(length);
        heard
    });
    let version = imported(NOT_LOOPBACK, port, "bob", &random());
    let (services, deadline) = (services(), Deadline::after(Duration::from_millis(300)));
    let error = within(services.verify(&version.document, deadline))
        .await
        .unwrap_err();
    assert!(error.kind() == Some(Kind::Unreachable), "{error}");
    // The first record of a TLS handshake.
    assert_eq!(heard.await.unwrap()[..2], [0x16, 0x03]);
}
