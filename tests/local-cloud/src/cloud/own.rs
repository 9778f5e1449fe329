//! Database servers: one of a kind for all instances, started for the first of them, or an instance's own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use database_servers::mysqld::{self, Mysqld};
use database_servers::postgres::{self, Postgres, PostgresOptions};
use serde_json::Value;
use tokio::sync::Mutex;

use super::Partner;
use super::partner::{login, silent};

/// A server that tests may stop and start again.
pub type Own<S> = Arc<Mutex<S>>;

/// With the ARN of its administrator's secret.
pub type Owned<S> = (Own<S>, String);

/// By the names of their instances; that of all others has none.
pub(super) struct Servers<S>(Mutex<BTreeMap<String, Owned<S>>>);

impl<S> Default for Servers<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<S> Servers<S> {
    /// The instance's own, or the one of all others, which is started at need.
    pub(super) async fn of<A>(
        &self,
        name: &str,
        start: impl FnOnce() -> A,
    ) -> anyhow::Result<Owned<S>>
    where
        A: Future<Output = anyhow::Result<Owned<S>>>,
    {
        let mut servers = self.0.lock().await;
        if let Some(known) = servers.get(name).or_else(|| servers.get("")) {
            return Ok(known.clone());
        }
        let started = start().await?;
        servers.insert(String::new(), started.clone());
        Ok(started)
    }

    pub(super) async fn add(&self, name: &str, server: Owned<S>) -> Own<S> {
        let own = Arc::clone(&server.0);
        self.0.lock().await.insert(name.to_owned(), server);
        own
    }
}

impl Partner {
    pub async fn postgres_of(&self, instance: &str) -> anyhow::Result<Owned<Postgres>> {
        let start = || self.start_postgres("acme-db", self.logs(), &[]);
        self.postgres.of(instance, start).await
    }

    pub async fn mariadb_of(&self, instance: &str) -> anyhow::Result<Owned<Mysqld>> {
        let start = || self.start_mariadb("acme-mysql", self.logs(), &[]);
        self.mariadb.of(instance, start).await
    }

    /// Starts a PostgreSQL server for the instance that will have this name.
    pub async fn postgres_of_its_own(&self, name: &str) -> anyhow::Result<Own<Postgres>> {
        // It is stopped as by a crash, and must have kept by then what it has answered.
        let durable = ["synchronous_commit=on", "full_page_writes=on"];
        let (secret, logs) = (format!("postgres-{name}"), self.logs().join(name));
        let server = self.start_postgres(&secret, &logs, &durable).await?;
        Ok(self.postgres.add(name, server).await)
    }

    /// Starts a MariaDB server for the instance that will have this name.
    pub async fn mariadb_of_its_own(&self, name: &str) -> anyhow::Result<Own<Mysqld>> {
        // As above.
        let durable = ["--innodb-flush-log-at-trx-commit=2"];
        let (secret, logs) = (format!("mysql-{name}"), self.logs().join(name));
        let server = self.start_mariadb(&secret, &logs, &durable).await?;
        Ok(self.mariadb.add(name, server).await)
    }

    async fn start_postgres(
        &self,
        secret: &str,
        logs: &Path,
        settings: &[&str],
    ) -> anyhow::Result<Owned<Postgres>> {
        let programs = tools::ensure_postgres(self.target(), silent()).await?;
        let options = PostgresOptions {
            settings: settings.iter().map(ToString::to_string).collect(),
            ..PostgresOptions::default()
        };
        let server = Postgres::start_with(&programs, logs, options).await?;
        let password = server.administrator_password();
        let login = login("postgres", postgres::ADMINISTRATOR, password, server.port());
        self.owned(secret, server, &login).await
    }

    async fn start_mariadb(
        &self,
        secret: &str,
        logs: &Path,
        options: &[&str],
    ) -> anyhow::Result<Owned<Mysqld>> {
        let programs = tools::ensure_mariadb(self.target(), silent()).await?;
        let server = Mysqld::start(&programs, logs, options).await?;
        let password = server.superuser_password();
        let login = login("mysql", mysqld::SUPERUSER, password, server.port());
        self.owned(secret, server, &login).await
    }

    /// Stores the login of a server's administrator.
    pub(super) async fn owned<S>(
        &self,
        secret: &str,
        server: S,
        login: &Value,
    ) -> anyhow::Result<Owned<S>> {
        let secret = format!("addon/masters/{secret}");
        let administrator = self.create_secret(&secret, login, &[]).await?;
        Ok((Arc::new(Mutex::new(server)), administrator))
    }
}
