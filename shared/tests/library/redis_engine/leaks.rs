//! No password where others may read it.

use database_servers::redis::{ADMINISTRATOR, RedisOptions, Users, hash};
use tools::process::Process;

use super::support::{Stand, user};
use crate::support::PATIENCE;

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
