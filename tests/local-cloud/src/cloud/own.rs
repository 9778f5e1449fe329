//! Database servers of an instance's own, which tests may stop and start again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use database_servers::mysqld::{self, Mysqld};
use database_servers::postgres::{self, Postgres, PostgresOptions};

use super::Partner;
use super::partner::{login, silent};

/// A server that tests may stop and start again.
pub type Own<S> = Arc<tokio::sync::Mutex<S>>;

/// A server and the ARN of its administrator's secret.
pub(super) struct Owned<S> {
    pub(super) server: Own<S>,
    pub(super) administrator: String,
}

impl<S> Clone for Owned<S> {
    fn clone(&self) -> Self {
        Self {
            server: Arc::clone(&self.server),
            administrator: self.administrator.clone(),
        }
    }
}

/// The servers, by the names of their instances.
pub(super) struct OwnServers<S>(Mutex<BTreeMap<String, Owned<S>>>);

impl<S> Default for OwnServers<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<S> OwnServers<S> {
    pub(super) fn get(&self, name: &str) -> Option<Owned<S>> {
        let servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.get(name).cloned()
    }

    pub(super) fn add(&self, name: &str, server: S, administrator: String) -> Own<S> {
        let server = Arc::new(tokio::sync::Mutex::new(server));
        let owned = Owned {
            server: Arc::clone(&server),
            administrator,
        };
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.insert(name.to_owned(), owned);
        server
    }
}

impl Partner {
    /// Starts a PostgreSQL server for the instance that will have this name.
    pub async fn postgres_of_its_own(&self, name: &str) -> anyhow::Result<Own<Postgres>> {
        let programs = tools::ensure_postgres(self.target(), silent()).await?;
        // It is stopped as by a crash, and must have kept by then what it has answered.
        let durable = ["synchronous_commit=on", "full_page_writes=on"];
        let options = PostgresOptions {
            settings: durable.map(ToOwned::to_owned).to_vec(),
            ..PostgresOptions::default()
        };
        let server = Postgres::start_with(&programs, &self.logs().join(name), options).await?;
        let password = server.administrator_password();
        let login = login("postgres", postgres::ADMINISTRATOR, password, server.port());
        self.own(&self.own_postgres, name, server, login).await
    }

    /// Starts a MariaDB server for the instance that will have this name.
    pub async fn mariadb_of_its_own(&self, name: &str) -> anyhow::Result<Own<Mysqld>> {
        let programs = tools::ensure_mariadb(self.target(), silent()).await?;
        // As above.
        let durable = ["--innodb-flush-log-at-trx-commit=2"];
        let server = Mysqld::start(&programs, &self.logs().join(name), &durable).await?;
        let password = server.superuser_password();
        let login = login("mysql", mysqld::SUPERUSER, password, server.port());
        self.own(&self.own_mariadb, name, server, login).await
    }
}
