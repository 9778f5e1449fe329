//! Apps of a cache, on a private Redis server.

use tempfile::TempDir;

use super::*;
use crate::redis::{Redis, RedisOptions, Users};
use crate::tools::{ensure_redis, target_directory};

struct Cache {
    server: Redis,
    _logs: TempDir,
}

impl Cache {
    async fn new() -> Self {
        let workspace = crate::tools::workspace();
        let target = target_directory(&workspace);
        let programs = ensure_redis(&target, Arc::new(|_: &str| ())).await.unwrap();
        let logs = tempfile::tempdir().unwrap();
        let options = RedisOptions::new(Users::AclFile);
        let log = logs.path().join("redis.log");
        Self {
            server: Redis::start(&programs, &log, options).await.unwrap(),
            _logs: logs,
        }
    }

    /// Issues a user; answers the URL that logs in as it.
    async fn issue(&self, user: &str) -> String {
        let password = format!("password-of-{user}");
        let rule = format!(">{password}");
        let command = ["ACL", "SETUSER", user, "on", &rule, "~*", "+@all"];
        self.server.command(&command).await.unwrap();
        format!("redis://{user}:{password}@127.0.0.1:{}", self.server.port())
    }

    async fn revoke(&self, user: &str) {
        self.server
            .command(&["ACL", "DELUSER", user])
            .await
            .unwrap();
    }
}

const LOGINS: [Login; 2] = [Login::Redis, Login::RedisSession];

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_careful_rotation_refuses_no_login() {
    for login in LOGINS {
        let cache = Cache::new().await;
        let first = cache.issue("first").await;
        let (heroku, addon) = heroku_with(EventLog::default(), &first).await;
        let customer = start(&heroku, login);
        eventually(|| customer.tally().accepted > 10).await;
        let vars = BTreeMap::from([("ACME_URL".to_owned(), cache.issue("second").await)]);
        heroku.set_config(&addon, &vars).unwrap();
        eventually(|| {
            let dynos = heroku.dynos("shop").unwrap();
            dynos.iter().all(|dyno| !dyno.restarting)
        })
        .await;
        // Anew, so that no connection of the first is left.
        each_logs_in(&customer).await;
        cache.revoke("first").await;
        each_logs_in(&customer).await;
        let tally = customer.stop().await;
        assert_eq!((tally.refused, tally.errors), (0, 0), "{tally:?}");
        assert_eq!(tally.generations.len(), 2);
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_user_that_ends_too_early_is_seen_to_be_refused() {
    for login in LOGINS {
        let cache = Cache::new().await;
        let first = cache.issue("first").await;
        let (heroku, _) = heroku_with(EventLog::default(), &first).await;
        let customer = start(&heroku, login);
        eventually(|| customer.tally().accepted > 10).await;
        cache.revoke("first").await;
        eventually(|| customer.tally().refused > 1).await;
        let text = customer.stop().await.first_refusal.unwrap();
        assert!(text.contains("WRONGPASS"), "{text}");
        assert!(!text.contains("password-of"), "{text}");
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_connection_that_is_cut_while_the_user_is_accepted_is_an_error() {
    let cache = Cache::new().await;
    let first = cache.issue("first").await;
    let (heroku, _) = heroku_with(EventLog::default(), &first).await;
    let customer = start(&heroku, Login::RedisSession);
    eventually(|| customer.tally().accepted > 10).await;
    let cut = ["CLIENT", "KILL", "USER", "first"];
    cache.server.command(&cut).await.unwrap();
    eventually(|| customer.tally().errors > 0).await;
    let before = customer.tally().accepted;
    eventually(|| customer.tally().accepted > before).await;
    let tally = customer.stop().await;
    assert_eq!(tally.refused, 0);
    let text = tally.first_error.unwrap();
    assert!(text.contains("ended the session"), "{text}");
}
