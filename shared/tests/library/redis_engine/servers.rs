//! Servers of other kinds and versions than the machine's: each line of the local cloud's table.

use std::sync::Arc;

use database_servers::redis::{RedisOptions, Users};
use tools::{LATER_REDIS, target_directory};

use super::rotation::{rotate, without_default};
use super::sessions::sessions;
use super::support::{Stand, user};

/// Rules of every kind that all of them know.
const RULES: &str =
    "~shop:* %R~stock:* resetchannels &news:* -@all +@read +set +config|get (~cart:* +@write)";

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn every_server_of_the_table_is_rotated_as_the_machines_own() {
    let target = target_directory(&tools::workspace());
    for server in &LATER_REDIS {
        let progress = Arc::new(|line: &str| println!("{line}"));
        let programs = server.ensure_redis(&target, progress).await.unwrap();
        println!("{server:?}");

        for users in [Users::AclFile, Users::ConfigurationFile] {
            let (default, password) = user("default", "~* &* +@all");
            let (line, bobs) = user("bob", RULES);
            let lines = [default, line];
            let mut stand = Stand::on(&programs, without_default(users), &lines).await;
            let nameless = stand.imported("", &password);
            let first = stand.imported("bob", &bobs);
            let rules = stand.rules("bob").await;
            let connection = stand.customer(&first).await;
            assert_eq!(sessions(&stand, &first).await.0, 1);
            drop(connection);
            let second = rotate(&mut stand, &first).await;
            assert_eq!(stand.rules(second.user()).await, rules);
            let third = rotate(&mut stand, &second).await;
            assert_eq!(stand.rules(third.user()).await, rules);
            rotate(&mut stand, &nameless).await;
            stand.expect(&[&third], &[&nameless]).await;
        }

        let (line, password) = user("bob", RULES);
        let options = RedisOptions::new(Users::IncludedFile);
        let mut stand = Stand::on(&programs, options, &[line]).await;
        let first = stand.imported("bob", &password);
        let second = first.next();
        let error = stand.issue(&second).await.unwrap_err().to_string();
        assert!(error.contains("persist_users"), "{error}");
        stand.redis.restart().await.unwrap();
        stand.expect(&[&first], &[&second]).await;
    }
}
