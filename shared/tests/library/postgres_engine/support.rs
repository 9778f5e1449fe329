//! A partner's database server and its administrator.

use std::path::PathBuf;
use std::sync::Arc;

use addon_rotation::deadline::{Deadline, Transient as _};
use addon_rotation::document::{Document, Fields};
use addon_rotation::service::{ServiceError, Services, Verdict};
use database_servers::postgres::{ADMINISTRATOR, Postgres, PostgresOptions, SUPERUSER, quote};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use tools::{LATER_POSTGRES, ensure_postgres, target_directory};

use crate::support::{
    document, next_document, random, services, serving, soon, version_id, within,
};

/// Which server: by the first number of its version. 15 is Debian 12's.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Version(pub(crate) u32);

/// A server, the role of an add-on instance that was there before rotation, and its database.
pub(crate) struct Stand {
    pub(crate) server: Postgres,
    pub(crate) services: Services,
    pub(crate) imported: Value,
    pub(crate) administrator: Fields,
    programs: PathBuf,
    passwords: Vec<String>,
    _logs: TempDir,
}

async fn programs(version: Version) -> PathBuf {
    let workspace = tools::workspace();
    let target = target_directory(&workspace);
    let progress = Arc::new(|line: &str| println!("{line}"));
    match LATER_POSTGRES.iter().find(|it| it.major == version.0) {
        Some(server) => server.ensure(&target, progress).await.unwrap(),
        None => ensure_postgres(&target, progress).await.unwrap(),
    }
}

impl Stand {
    pub(crate) async fn start(version: Version, settings: &[&str]) -> Self {
        let options = PostgresOptions {
            settings: settings.iter().map(ToString::to_string).collect(),
            ..PostgresOptions::default()
        };
        Self::start_with(version, options, "customer").await
    }

    pub(crate) async fn start_with(
        version: Version,
        options: PostgresOptions,
        customer: &str,
    ) -> Self {
        let logs = tempfile::tempdir().unwrap();
        let programs = programs(version).await;
        let server = Postgres::start_with(&programs, logs.path(), options)
            .await
            .unwrap();
        let password = random();
        server.create_role(customer, &password).await.unwrap();
        for database in ["shop", "archive"] {
            server.create_database(database, customer).await.unwrap();
        }
        let imported = json!({
            "engine": "postgres",
            "host": "127.0.0.1", "port": server.port(), "dbname": "shop",
            "username": customer, "password": password,
            "masterarn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:acme/db-AbCdEf",
            "heroku": {
                "api": "v1", "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
                "config": { "ACME_URL": "postgres://{{ username }}:{{ password }}@{{ host }}/" },
            },
        });
        Self {
            administrator: administrator(ADMINISTRATOR, server.administrator_password()),
            passwords: vec![
                password,
                server.administrator_password().to_owned(),
                server.superuser_password().to_owned(),
            ],
            server,
            services: services(),
            programs,
            imported,
            _logs: logs,
        }
    }

    /// The imported document, reached at another host name or address.
    pub(crate) fn at(&self, host: &str) -> Document {
        let mut value = self.imported.clone();
        value["host"] = host.into();
        document(&value)
    }

    /// The document that follows another, not yet issued.
    pub(crate) fn next(&mut self, value: &Value) -> Value {
        let next = next_document(value, &version_id());
        self.passwords
            .push(next["password"].as_str().unwrap().to_owned());
        next
    }

    /// The document that follows another, issued.
    pub(crate) async fn issued(&mut self, value: &Value) -> Value {
        let next = self.next(value);
        self.issue(&next, soon()).await.unwrap();
        let verdict = self.services.verify(&document(&next), soon()).await;
        assert_eq!(verdict, Ok(Verdict::Accepted));
        next
    }

    pub(crate) async fn issue(
        &self,
        value: &Value,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let document = document(value);
        let administrator = serving(&self.administrator, &document);
        let issue = self.services.issue(&document, &administrator, deadline);
        within(issue).await
    }

    pub(crate) async fn rehearse(
        &self,
        value: &Value,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let document = document(value);
        let administrator = serving(&self.administrator, &document);
        let rehearse = self.services.rehearse(&document, &administrator, deadline);
        within(rehearse).await
    }

    pub(crate) async fn shows_possession(&self, value: &Value) -> Result<bool, ServiceError> {
        let document = document(value);
        let administrator = serving(&self.administrator, &document);
        let shown = self
            .services
            .shows_possession(&document, &administrator, soon());
        within(shown).await
    }

    pub(crate) async fn revoke(
        &self,
        value: &Value,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let document = document(value);
        let administrator = serving(&self.administrator, &document);
        let revoke = self.services.revoke(&document, &administrator, deadline);
        within(revoke).await
    }

    /// Revokes, and shows that the credential is refused.
    pub(crate) async fn revoked(&self, value: &Value) {
        self.revoke(value, soon()).await.unwrap();
        assert_eq!(self.verdict(value).await, Verdict::Refused);
    }

    pub(crate) async fn verdict(&self, value: &Value) -> Verdict {
        let document = document(value);
        self.services.verify(&document, soon()).await.unwrap()
    }

    /// A customer's session.
    pub(crate) async fn log_in(&self, value: &Value, database: &str) -> Client {
        let config = self.config(value, database);
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// How a customer logs in.
    pub(crate) fn config(&self, value: &Value, database: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(self.server.port())
            .user(username(value))
            .password(value["password"].as_str().unwrap())
            .dbname(database);
        config
    }

    /// Whether a session of the customer's is let in that streams the log.
    pub(crate) async fn is_sender(&self, value: &Value, replication: &str) -> bool {
        let to = format!(
            "host=127.0.0.1 port={} user={} dbname={} replication={replication}",
            self.server.port(),
            username(value),
            value["dbname"].as_str().unwrap()
        );
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["--no-psqlrc", "--command", "IDENTIFY_SYSTEM", &to])
            .env("PGPASSWORD", value["password"].as_str().unwrap());
        psql.output().await.unwrap().status.success()
    }

    /// An administrator who may give every attribute and set every parameter of the tests, or none.
    pub(crate) async fn administrator_who(&self, version: Version, is_able: bool) -> Fields {
        let admin = quote(ADMINISTRATOR);
        let (not, verb, to) = if is_able {
            ("", "GRANT", "TO")
        } else {
            ("NO", "REVOKE", "FROM")
        };
        let given = format!(
            "ALTER ROLE {admin} {not}CREATEDB {not}REPLICATION {not}BYPASSRLS; \
             {verb} SET ON PARAMETER log_min_duration_statement, session_preload_libraries, \
                 lc_messages, app.tenant {to} {admin}"
        );
        self.server.execute(SUPERUSER, &given).await.unwrap();
        // Before 16 only a superuser gives the latter two.
        if is_able && version < Version(16) {
            return administrator(SUPERUSER, self.server.superuser_password());
        }
        administrator(ADMINISTRATOR, self.server.administrator_password())
    }

    /// The superuser's answer to a query of one value.
    pub(crate) async fn ask(&self, database: &str, query: &str) -> String {
        let client = self.server.connect(database).await.unwrap();
        answer(&client, query).await
    }

    /// Fails if anything that the server or an error said holds a password.
    pub(crate) fn assert_no_password_in(&self, text: &str) {
        for password in &self.passwords {
            assert!(!text.contains(password), "a password is in: {text}");
        }
    }

    pub(crate) fn assert_no_password_is_logged(&self) {
        for password in &self.passwords {
            assert!(!self.server.log().contains(password));
        }
    }

    /// Checks what every error is like: its kind, its words, and that they hold no password.
    pub(crate) fn assert_says(&self, error: &ServiceError, transient: bool, parts: &[&str]) {
        let text = error.to_string();
        assert_eq!(error.is_transient(), transient, "{text}");
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in: {text}");
        }
        self.assert_no_password_in(&format!("{text} {error:?}"));
    }
}

/// The first value that a query answers, as text; empty if there is none.
pub(crate) async fn answer(client: &Client, query: &str) -> String {
    let messages = client.simple_query(query).await.unwrap();
    messages
        .iter()
        .find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
            _ => None,
        })
        .unwrap_or_default()
}

pub(crate) async fn execute(client: &Client, statements: &str) {
    let result = client.batch_execute(statements).await;
    result.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
}

pub(crate) fn administrator(username: &str, password: &str) -> Fields {
    Fields::parse(&json!({ "username": username, "password": password }).to_string()).unwrap()
}

pub(crate) fn username(value: &Value) -> &str {
    value["username"].as_str().unwrap()
}
