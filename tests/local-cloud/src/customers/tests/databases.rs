//! Apps of a database, on a private PostgreSQL server.

use tempfile::TempDir;

use super::*;
use crate::postgres::Postgres;
use crate::tools::{ensure_postgres, target_directory};

/// A database that the role `owner` owns; credentials are roles that act as it.
struct Database {
    server: Postgres,
    _logs: TempDir,
}

impl Database {
    async fn new() -> Self {
        let workspace = crate::tools::workspace();
        let target = target_directory(&workspace);
        let programs = ensure_postgres(&target, Arc::new(|_: &str| ()))
            .await
            .unwrap();
        let logs = tempfile::tempdir().unwrap();
        let server = Postgres::start(&programs, logs.path()).await.unwrap();
        server
            .execute("postgres", "CREATE ROLE owner")
            .await
            .unwrap();
        server.create_database("shop", "owner").await.unwrap();
        Self {
            server,
            _logs: logs,
        }
    }

    /// Issues a role; answers the URL that logs in as it.
    async fn issue(&self, role: &str) -> String {
        self.run(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'password-of-{role}' IN ROLE owner; \
             ALTER ROLE {role} SET ROLE owner"
        ))
        .await;
        let port = self.server.port();
        format!("postgres://{role}:password-of-{role}@127.0.0.1:{port}/shop")
    }

    async fn revoke(&self, role: &str) {
        self.run(&format!("ALTER ROLE {role} NOLOGIN")).await;
        self.end_sessions(role).await;
        self.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
            .await;
    }

    async fn end_sessions(&self, role: &str) {
        self.run(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
        ))
        .await;
    }

    async fn run(&self, statements: &str) {
        self.server.execute("shop", statements).await.unwrap();
    }
}

fn settled(heroku: &Heroku) -> impl Fn() -> bool {
    || {
        let dynos = heroku.dynos("shop").unwrap();
        dynos.iter().all(|dyno| !dyno.restarting)
    }
}

const LOGINS: [Login; 3] = [Login::Postgres, Login::PostgresSession, Login::Psql];

async fn rotate_with_care(login: Login) -> Tally {
    let database = Database::new().await;
    let first = database.issue("first").await;
    let (heroku, addon) = heroku_with(EventLog::default(), &first).await;
    let customer = start(&heroku, login);
    each_logs_in(&customer).await;
    let second = database.issue("second").await;
    let vars = BTreeMap::from([("ACME_URL".to_owned(), second)]);
    heroku.set_config(&addon, &vars).unwrap();
    eventually(settled(&heroku)).await;
    // Anew, so that no session of the first is left.
    each_logs_in(&customer).await;
    database.revoke("first").await;
    each_logs_in(&customer).await;
    customer.stop().await
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_careful_rotation_refuses_no_login() {
    for login in LOGINS {
        let tally = rotate_with_care(login).await;
        assert_eq!((tally.refused, tally.errors), (0, 0), "{tally:?}");
        assert_eq!(tally.generations.len(), 2);
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_role_that_ends_too_early_is_seen_to_be_refused() {
    for login in LOGINS {
        let database = Database::new().await;
        let first = database.issue("first").await;
        let (heroku, _) = heroku_with(EventLog::default(), &first).await;
        let customer = start(&heroku, login);
        eventually(|| customer.tally().accepted > 10).await;
        database.revoke("first").await;
        eventually(|| customer.tally().refused > 1).await;
        let text = customer.stop().await.first_refusal.unwrap();
        let refusal = match login {
            // It is refused before it knows codes, in words that depend on what is left of the role.
            Login::Psql => "PostgreSQL answered: ",
            _ => "SQLSTATE 28",
        };
        assert!(text.contains(refusal), "{text}");
        assert!(!text.contains("password-of"), "{text}");
    }
}

/// The next credential cannot do what takes the owner of the app's table.
#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_role_that_lost_the_tables_ownership_is_seen_to_be_refused() {
    for login in [Login::Postgres, Login::Psql] {
        let database = Database::new().await;
        let first = database.issue("first").await;
        let (heroku, addon) = heroku_with(EventLog::default(), &first).await;
        let customer = start(&heroku, login);
        eventually(|| customer.tally().accepted > 10).await;
        let second = database.issue("second").await;
        database
            .run(
                "ALTER ROLE second RESET ROLE; REVOKE owner FROM second; \
             GRANT ALL ON SCHEMA public TO second; \
             GRANT ALL ON ALL TABLES IN SCHEMA public TO second",
            )
            .await;
        let vars = BTreeMap::from([("ACME_URL".to_owned(), second)]);
        heroku.set_config(&addon, &vars).unwrap();
        eventually(|| customer.tally().refused > 0).await;
        let text = customer.stop().await.first_refusal.unwrap();
        assert!(text.contains("SQLSTATE 42501"), "{text}");
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_kept_session_that_is_cut_while_the_role_is_accepted_is_an_error() {
    for login in [Login::PostgresSession, Login::Psql] {
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
