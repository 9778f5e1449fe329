//! Database servers of an instance's own, which tests may stop and start again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::{Cloud, CloudError};
use crate::mariadb::{self, Mariadb};
use crate::postgres::{self, Postgres, PostgresOptions};

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

    fn add(&self, name: &str, server: S, administrator: String) -> Own<S> {
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

impl Cloud {
    /// Starts a PostgreSQL server for the instance that will have this name.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn postgres_of_its_own(&self, name: &str) -> Result<Own<Postgres>, CloudError> {
        let target = self.tools.target();
        let programs = crate::tools::ensure_postgres(target, Arc::new(|_: &str| ())).await?;
        // It is stopped as by a crash, and must have kept by then what it has answered.
        let durable = ["synchronous_commit=on", "full_page_writes=on"];
        let options = PostgresOptions {
            settings: durable.map(ToOwned::to_owned).to_vec(),
            ..PostgresOptions::default()
        };
        let server = Postgres::start_with(&programs, &self.logs().join(name), options).await?;
        let login = (
            postgres::ADMINISTRATOR,
            server.administrator_password(),
            server.port(),
        );
        let administrator = self.own_administrator(name, "postgres", login).await?;
        Ok(self.own_postgres.add(name, server, administrator))
    }

    /// Starts a MariaDB server for the instance that will have this name.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn mariadb_of_its_own(&self, name: &str) -> Result<Own<Mariadb>, CloudError> {
        let target = self.tools.target();
        let programs = crate::tools::ensure_mariadb(target, Arc::new(|_: &str| ())).await?;
        // As above.
        let durable = ["--innodb-flush-log-at-trx-commit=2"];
        let server = Mariadb::start(&programs, &self.logs().join(name), &durable).await?;
        let login = (
            mariadb::SUPERUSER,
            server.superuser_password(),
            server.port(),
        );
        let administrator = self.own_administrator(name, "mysql", login).await?;
        Ok(self.own_mariadb.add(name, server, administrator))
    }

    async fn own_administrator(
        &self,
        name: &str,
        engine: &str,
        (username, password, port): (&str, &str, u16),
    ) -> Result<String, CloudError> {
        let login = json!({
            "engine": engine, "host": "127.0.0.1", "port": port,
            "username": username, "password": password,
        });
        let secret = format!("addon/masters/{engine}-{name}");
        self.account
            .create_secret(&self.root, &secret, &login, &[])
            .await
    }
}
