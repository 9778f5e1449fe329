//! Apps of a MariaDB database, on a private server.

use tempfile::TempDir;

use super::*;
use crate::mariadb::Mariadb;
use crate::tools::{ensure_mariadb, target_directory};

/// The database `shop`; each credential is a user that may do everything there.
struct Database {
    server: Mariadb,
    _logs: TempDir,
}

impl Database {
    async fn new() -> Self {
        let workspace = crate::tools::workspace();
        let target = target_directory(&workspace);
        let programs = ensure_mariadb(&target, Arc::new(|_: &str| ()))
            .await
            .unwrap();
        let logs = tempfile::tempdir().unwrap();
        let server = Mariadb::start(&programs, logs.path(), &[]).await.unwrap();
        server.execute(&["CREATE DATABASE shop"]).await.unwrap();
        Self {
            server,
            _logs: logs,
        }
    }

    /// Issues a user; answers the URL that logs in as it.
    async fn issue(&self, user: &str) -> String {
        self.run(&[
            &format!("CREATE USER {user}@'%' IDENTIFIED BY 'password-of-{user}'"),
            &format!("GRANT ALL PRIVILEGES ON shop.* TO {user}@'%'"),
        ])
        .await;
        let port = self.server.port();
        format!("mysql://{user}:password-of-{user}@127.0.0.1:{port}/shop")
    }

    /// What is defined by the user must go on working: it is locked and not dropped.
    async fn revoke(&self, user: &str) {
        self.run(&[&format!("ALTER USER {user}@'%' ACCOUNT LOCK")])
            .await;
        self.end_sessions(user).await;
    }

    async fn end_sessions(&self, user: &str) {
        self.run(&[&format!("KILL CONNECTION USER {user}")]).await;
    }

    async fn run(&self, statements: &[&str]) {
        self.server.execute(statements).await.unwrap();
    }
}

async fn settled(heroku: &Heroku) {
    eventually(|| {
        let dynos = heroku.dynos("shop").unwrap();
        dynos.iter().all(|dyno| !dyno.restarting)
    })
    .await;
}

const LOGINS: [Login; 3] = [Login::Mysql, Login::MysqlSession, Login::MariadbClient];

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_careful_rotation_refuses_no_login() {
    for login in LOGINS {
        let database = Database::new().await;
        let first = database.issue("first").await;
        let (heroku, addon) = heroku_with(EventLog::default(), &first).await;
        let customer = start(&heroku, login);
        eventually(|| customer.tally().accepted > 10).await;
        let vars = BTreeMap::from([("ACME_URL".to_owned(), database.issue("second").await)]);
        heroku.set_config(&addon, &vars).unwrap();
        settled(&heroku).await;
        // Anew, so that no session of the first is left.
        each_logs_in(&customer).await;
        database.revoke("first").await;
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
        let database = Database::new().await;
        let first = database.issue("first").await;
        let (heroku, _) = heroku_with(EventLog::default(), &first).await;
        let customer = start(&heroku, login);
        eventually(|| customer.tally().accepted > 10).await;
        database.revoke("first").await;
        eventually(|| customer.tally().refused > 1).await;
        let text = customer.stop().await.first_refusal.unwrap();
        assert!(text.contains("error 4151"), "{text}");
        assert!(!text.contains("password-of"), "{text}");
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_view_whose_definer_is_dropped_is_seen_to_be_refused() {
    let database = Database::new().await;
    let first = database.issue("first").await;
    let (heroku, addon) = heroku_with(EventLog::default(), &first).await;
    let customer = start(&heroku, Login::Mysql);
    eventually(|| customer.tally().accepted > 10).await;
    let vars = BTreeMap::from([("ACME_URL".to_owned(), database.issue("second").await)]);
    heroku.set_config(&addon, &vars).unwrap();
    settled(&heroku).await;
    database.run(&["DROP USER first@'%'"]).await;
    eventually(|| customer.tally().refused > 0).await;
    let text = customer.stop().await.first_refusal.unwrap();
    // Who may not know that the definer is missing is told that access is denied.
    assert!(
        text.contains("v3: the database answered error 1045"),
        "{text}"
    );
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_kept_session_that_is_cut_while_the_user_is_accepted_is_an_error() {
    for login in [Login::MysqlSession, Login::MariadbClient] {
        let database = Database::new().await;
        let first = database.issue("first").await;
        let (heroku, _) = heroku_with(EventLog::default(), &first).await;
        let customer = start(&heroku, login);
        eventually(|| customer.tally().accepted > 10).await;
        database.end_sessions("first").await;
        eventually(|| customer.tally().errors > 0).await;
        let before = customer.tally().accepted;
        eventually(|| customer.tally().accepted > before).await;
        let tally = customer.stop().await;
        assert_eq!(tally.refused, 0);
        let text = tally.first_error.unwrap();
        assert!(text.contains("ended the session"), "{text}");
    }
}
