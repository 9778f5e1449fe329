//! Apps of databases and caches, on private servers.

use database_servers::mysqld::Mysqld;
use database_servers::postgres::Postgres;
use database_servers::redis::{Redis, RedisOptions, Users};
use tempfile::TempDir;
use tools::{ensure_mariadb, ensure_postgres, ensure_redis, target_directory, workspace};

use super::*;

/// How apps log in to servers, each with what the server answers to a credential that has ended.
const LOGINS: [(Login, &str); 5] = [
    (Login::Postgres, "SQLSTATE 28"),
    // It is refused before it knows codes, in words that depend on what is left of the role.
    (Login::Psql, "PostgreSQL answered: "),
    (Login::Mysql, "error 4151"),
    (Login::MariadbClient, "error 4151"),
    (Login::Redis, "WRONGPASS"),
];

enum Server {
    Postgres(Postgres),
    Mariadb(Mysqld),
    Redis(Redis),
}

/// A database that the users of all credentials may use in the same way.
struct Database {
    server: Server,
    _logs: TempDir,
}

impl Database {
    async fn new(login: Login) -> Self {
        let target = target_directory(&workspace());
        let quiet = Arc::new(|_: &str| ());
        let logs = tempfile::tempdir().unwrap();
        let server = match login {
            Login::Http => panic!("http has no server of its own"),
            Login::Postgres | Login::Psql => {
                let programs = ensure_postgres(&target, quiet).await.unwrap();
                let server = Postgres::start(&programs, logs.path()).await.unwrap();
                let created = server.execute("postgres", "CREATE ROLE owner").await;
                created.unwrap();
                server.create_database("shop", "owner").await.unwrap();
                Server::Postgres(server)
            }
            Login::Mysql | Login::MariadbClient => {
                let programs = ensure_mariadb(&target, quiet).await.unwrap();
                let server = Mysqld::start(&programs, logs.path(), &[]).await.unwrap();
                server.execute(&["CREATE DATABASE shop"]).await.unwrap();
                Server::Mariadb(server)
            }
            Login::Redis => {
                let programs = ensure_redis(&target, quiet).await.unwrap();
                let log = logs.path().join("redis.log");
                let options = RedisOptions::new(Users::AclFile);
                Server::Redis(Redis::start(&programs, &log, options).await.unwrap())
            }
        };
        Self {
            server,
            _logs: logs,
        }
    }

    /// Issues a user; answers the URL that logs in as it.
    async fn issue(&self, user: &str) -> String {
        let login = format!("{user}:password-of-{user}@127.0.0.1");
        match &self.server {
            Server::Postgres(server) => {
                self.run(&[
                    &format!(
                        "CREATE ROLE {user} LOGIN PASSWORD 'password-of-{user}' IN ROLE owner"
                    ),
                    &format!("ALTER ROLE {user} SET ROLE owner"),
                ])
                .await;
                format!("postgres://{login}:{}/shop", server.port())
            }
            Server::Mariadb(server) => {
                self.run(&[
                    &format!("CREATE USER {user}@'%' IDENTIFIED BY 'password-of-{user}'"),
                    &format!("GRANT ALL PRIVILEGES ON shop.* TO {user}@'%'"),
                ])
                .await;
                format!("mysql://{login}:{}/shop", server.port())
            }
            Server::Redis(server) => {
                let set = format!("ACL SETUSER {user} on >password-of-{user} ~* +@all");
                self.run(&[&set]).await;
                format!("redis://{login}:{}", server.port())
            }
        }
    }

    async fn revoke(&self, user: &str) {
        match &self.server {
            Server::Postgres(_) => {
                self.run(&[&format!("ALTER ROLE {user} NOLOGIN")]).await;
                self.end_sessions(user).await;
                self.run(&[
                    &format!("DROP OWNED BY {user}"),
                    &format!("DROP ROLE {user}"),
                ])
                .await;
            }
            // What is defined by the user must go on working: it is locked and not dropped.
            Server::Mariadb(_) => {
                self.run(&[&format!("ALTER USER {user}@'%' ACCOUNT LOCK")])
                    .await;
                self.end_sessions(user).await;
            }
            Server::Redis(_) => self.run(&[&format!("ACL DELUSER {user}")]).await,
        }
    }

    async fn end_sessions(&self, user: &str) {
        let ended = match &self.server {
            Server::Postgres(_) => format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{user}'"
            ),
            Server::Mariadb(_) => format!("KILL CONNECTION USER {user}"),
            Server::Redis(_) => format!("CLIENT KILL USER {user}"),
        };
        self.run(&[&ended]).await;
    }

    async fn run(&self, statements: &[&str]) {
        match &self.server {
            Server::Postgres(server) => {
                let ran = server.execute("shop", &statements.join(";")).await;
                ran.unwrap();
            }
            Server::Mariadb(server) => server.execute(statements).await.unwrap(),
            Server::Redis(server) => {
                for statement in statements {
                    let words: Vec<&str> = statement.split(' ').collect();
                    server.command(&words).await.unwrap();
                }
            }
        }
    }
}

/// An app that has logged in often with the credential `first`.
async fn begun(login: Login) -> (Database, Arc<Heroku>, String, Customer) {
    let database = Database::new(login).await;
    let first = database.issue("first").await;
    let (heroku, addon) = heroku_with(EventLog::default(), &first).await;
    let customer = start(&heroku, login);
    eventually(|| customer.tally().accepted > 10).await;
    (database, heroku, addon, customer)
}

async fn publish_second(database: &Database, heroku: &Heroku, addon: &str) {
    let vars = BTreeMap::from([("ACME_URL".to_owned(), database.issue("second").await)]);
    heroku.set_config(addon, &vars).unwrap();
    settled(heroku).await;
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_credential_that_ends_too_early_is_seen_to_be_refused() {
    for (login, refusal) in LOGINS {
        let (database, _, _, customer) = begun(login).await;
        database.revoke("first").await;
        eventually(|| customer.tally().refused > 1).await;
        let text = customer.stop().await.first_refusal.unwrap();
        assert!(text.contains(refusal), "{login:?}: {text}");
        assert!(!text.contains("password-of"), "{login:?}: {text}");
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_kept_session_that_is_cut_while_the_credential_is_accepted_is_an_error() {
    for login in [Login::Psql, Login::MariadbClient, Login::Redis] {
        let (database, _, _, customer) = begun(login).await;
        database.end_sessions("first").await;
        eventually(|| customer.tally().errors > 0).await;
        let before = customer.tally().accepted;
        eventually(|| customer.tally().accepted > before).await;
        let tally = customer.stop().await;
        assert_eq!(tally.refused, 0, "{login:?}");
        let text = tally.first_error.unwrap();
        assert!(text.contains("ended the session"), "{login:?}: {text}");
    }
}

/// The next credential cannot do what takes the owner of the app's table.
#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_role_that_lost_the_tables_ownership_is_seen_to_be_refused() {
    for login in [Login::Postgres, Login::Psql] {
        let (database, heroku, addon, customer) = begun(login).await;
        let second = database.issue("second").await;
        database
            .run(&[
                "ALTER ROLE second RESET ROLE",
                "REVOKE owner FROM second",
                "GRANT ALL ON SCHEMA public TO second",
                "GRANT ALL ON ALL TABLES IN SCHEMA public TO second",
            ])
            .await;
        let vars = BTreeMap::from([("ACME_URL".to_owned(), second)]);
        heroku.set_config(&addon, &vars).unwrap();
        eventually(|| customer.tally().refused > 0).await;
        let text = customer.stop().await.first_refusal.unwrap();
        assert!(text.contains("SQLSTATE 42501"), "{login:?}: {text}");
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_view_whose_definer_is_dropped_is_seen_to_be_refused() {
    let (database, heroku, addon, customer) = begun(Login::Mysql).await;
    publish_second(&database, &heroku, &addon).await;
    database.run(&["DROP USER first@'%'"]).await;
    eventually(|| customer.tally().refused > 0).await;
    let text = customer.stop().await.first_refusal.unwrap();
    // Who may not know that the definer is missing is told that access is denied.
    let told = "v3: the database answered error 1045";
    assert!(text.contains(told), "{text}");
}
