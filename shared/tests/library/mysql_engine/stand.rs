//! A database server with an instance's imported user, and an administrator that may do what
//! infra/engines.md says that it must.

use std::sync::Arc;

use addon_rotation::document::{Document, Fields};
use addon_rotation::service::{ServiceError, Services, Verdict};
use database_servers::mysqld::Mysqld;
use serde_json::{Value, json};
use tempfile::TempDir;
use tools::{LATER_MARIADB, ensure_mariadb, ensure_mysql, target_directory};

use crate::support::{
    document, next_document, random, services, serving, soon, version_id, within,
};

/// The instance's database and imported user.
pub(super) const IMPORTED: &str = "shop";

/// The administrator's name.
pub(super) const ADMINISTRATOR: &str = "operator";

/// What an administrator may do, as the page for operators says it.
pub(super) const PAGE: &str = include_str!("../../../../infra/engines.md");

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// Debian's: 10.11 on Debian 12.
    MariaDb,
    /// Of a later Debian, by its line in the local cloud's table: 11.8.
    LaterMariaDb(usize),
    /// That of Debian's `sid`: 9.7.
    MySql,
}

impl Server {
    /// One of the two, by the server.
    pub(super) fn either<T>(self, mariadb: T, mysql: T) -> T {
        match self {
            Self::MariaDb | Self::LaterMariaDb(_) => mariadb,
            Self::MySql => mysql,
        }
    }

    /// The statements for its administrator on the page, with the names and the password of a test.
    pub(super) fn administrators(self, password: &str) -> Vec<String> {
        let heading = self.either("-- MariaDB", "-- MySQL");
        let blocks = PAGE.split("```sql\n").skip(1);
        let mut blocks = blocks.filter_map(|block| block.split("```").next());
        let block = blocks.find(|block| block.starts_with(heading)).unwrap();
        let lines = block.lines().filter(|line| !line.starts_with("--"));
        lines
            .map(|line| line.trim_end_matches(';'))
            .map(|line| line.replace("acme_admin@'10.%'", &format!("{ADMINISTRATOR}@'127.0.0.1'")))
            .map(|line| line.replace("'...'", &format!("'{password}'")))
            .collect()
    }

    /// The privilege to end other users' sessions.
    pub(super) fn connection_admin(self) -> &'static str {
        self.either("CONNECTION ADMIN", "CONNECTION_ADMIN")
    }

    pub(super) fn set_default_role(self, role: &str, account: &str) -> String {
        let to = self.either("FOR", "TO");
        format!("SET DEFAULT ROLE {role} {to} {account}")
    }
}

pub(super) struct Stand {
    pub(super) server: Mysqld,
    pub(super) services: Services,
    /// The administrator's secret.
    pub(super) administrator: Fields,
    pub(super) administrator_password: String,
    /// The instance's document before any rotation.
    pub(super) imported: Value,
    pub(super) _logs: TempDir,
}

impl Stand {
    pub(super) async fn start(server: Server) -> Self {
        Self::with(server, &[]).await
    }

    pub(super) async fn with(server: Server, options: &[&str]) -> Self {
        let workspace = tools::workspace();
        let progress = Arc::new(|line: &str| println!("{line}"));
        let target = target_directory(&workspace);
        let programs = match server {
            Server::MariaDb => ensure_mariadb(&target, progress).await.unwrap(),
            Server::LaterMariaDb(line) => {
                let packages = &LATER_MARIADB[line];
                packages.ensure_mariadb(&target, progress).await.unwrap()
            }
            Server::MySql => ensure_mysql(&target, progress).await.unwrap(),
        };
        let logs = tempfile::tempdir().unwrap();
        let kind = server;
        let server = Mysqld::start(&programs, logs.path(), options)
            .await
            .unwrap();
        let (password, administrator_password) = (random(), random());
        server
            .execute(&[
                "CREATE DATABASE shop",
                "CREATE TABLE shop.goods (id INT PRIMARY KEY, price INT)",
                &format!("CREATE USER shop@'%' IDENTIFIED BY '{password}'"),
                "GRANT ALL PRIVILEGES ON shop.* TO shop@'%'",
            ])
            .await
            .unwrap();
        let statements = kind.administrators(&administrator_password);
        let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
        server.execute(&statements).await.unwrap();
        let imported = json!({
            "engine": "mariadb",
            "host": "127.0.0.1",
            "port": server.port(),
            "dbname": "shop",
            "username": IMPORTED,
            "password": password,
            "masterarn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:acme/db-AbCdEf",
            "heroku": {
                "api": "v1",
                "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
                "config": {
                    "ACME_URL": "mysql://{{ username }}:{{ password | urlencode }}@{{ host }}:{{ port }}/{{ dbname }}"
                }
            }
        });
        Self {
            services: services(),
            administrator: administrator(ADMINISTRATOR, &administrator_password),
            administrator_password,
            server,
            imported,
            _logs: logs,
        }
    }

    /// Runs statements as the superuser.
    pub(super) async fn execute(&self, statements: &[&str]) {
        self.server.execute(statements).await.unwrap();
    }

    /// The document of the version after this one's, with its user made.
    pub(super) async fn rotate(&self, value: &Value) -> Value {
        let next = next_document(value, &version_id());
        self.issue(&document(&next)).await;
        next
    }

    pub(super) async fn issue(&self, document: &Document) {
        self.services
            .issue(document, &serving(&self.administrator, document), soon())
            .await
            .unwrap();
    }

    pub(super) async fn revoke(&self, document: &Document) {
        self.services
            .revoke(document, &serving(&self.administrator, document), soon())
            .await
            .unwrap();
    }

    pub(super) async fn shows_possession(&self, value: &Value) -> Result<bool, ServiceError> {
        let document = document(value);
        let administrator = serving(&self.administrator, &document);
        let shown = self
            .services
            .shows_possession(&document, &administrator, soon());
        within(shown).await
    }

    pub(super) async fn verdict(&self, value: &Value) -> Verdict {
        self.services
            .verify(&document(value), soon())
            .await
            .unwrap()
    }

    /// Whether there is a user of the document's name.
    pub(super) async fn has_user(&self, value: &Value) -> bool {
        let query = format!(
            "SELECT User FROM mysql.user WHERE User = '{}'",
            username(value)
        );
        !self.server.column(&query).await.unwrap().is_empty()
    }

    /// A customer's session.
    pub(super) async fn session(&self, value: &Value) -> mysql_async::Conn {
        let password = value["password"].as_str().unwrap();
        self.server
            .connect_as(username(value), password)
            .await
            .unwrap()
    }

    /// Fails if `text` holds a password.
    pub(super) fn assert_holds_no_secret(&self, text: &str, values: &[&Value]) {
        let passwords = values
            .iter()
            .map(|value| value["password"].as_str().unwrap());
        for password in passwords.chain([self.administrator_password.as_str()]) {
            assert!(!text.contains(password), "a password is in: {text}");
        }
    }
}

pub(super) fn username(value: &Value) -> &str {
    value["username"].as_str().unwrap()
}

pub(super) fn administrator(user: &str, password: &str) -> Fields {
    let secret = json!({ "username": user, "password": password });
    Fields::parse(&secret.to_string()).unwrap()
}
