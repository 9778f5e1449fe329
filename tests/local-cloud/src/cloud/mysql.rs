//! The instances' databases at MariaDB.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::instance::{Imported, random_text};
use super::{Cloud, CloudError, create_secret};
use crate::mariadb::{Mariadb, SUPERUSER, native_password};
use crate::ministack;
use crate::process::OnLine;

/// The partner's database server, and what may do everything there.
pub struct MariadbOfPartner {
    /// The server.
    pub server: Mariadb,
    /// The administrator's secret.
    administrator: String,
}

impl MariadbOfPartner {
    pub(super) async fn start(
        target: &Path,
        logs: &Path,
        progress: &OnLine,
        root: &ministack::Client,
    ) -> Result<Self, CloudError> {
        let programs = crate::tools::ensure_mariadb(target, Arc::clone(progress)).await?;
        let server = Mariadb::start(&programs, logs, &[]).await?;
        let administrator = json!({
            "engine": "mysql", "username": SUPERUSER, "password": server.superuser_password(),
        });
        let name = "addon/masters/acme-mysql";
        Ok(Self {
            administrator: create_secret(root, name, &administrator, &[]).await?,
            server,
        })
    }
}

impl Cloud {
    /// The users with privileges in the instance's database whom the server lets in.
    pub(super) async fn live_mysql_users(&self, name: &str) -> Result<Vec<String>, CloudError> {
        let query = format!(
            "SELECT DISTINCT g.User FROM mysql.db d \
             JOIN mysql.global_priv g ON g.User = d.User AND g.Host = d.Host \
             WHERE d.Db = '{name}' AND NOT COALESCE(JSON_VALUE(g.Priv, '$.account_locked'), FALSE)"
        );
        Ok(self.mariadb.server.column(&query).await?)
    }

    /// A database with one user, who may do everything in it.
    pub(super) async fn import_mysql(&self, name: &str) -> Result<Imported, CloudError> {
        let (password, port) = (random_text(32), self.mariadb.server.port());
        let stored = native_password(&password);
        self.mariadb
            .server
            .execute(&[
                &format!("CREATE DATABASE `{name}`"),
                &format!(
                    "CREATE USER '{name}'@'%' IDENTIFIED VIA mysql_native_password USING '{stored}'"
                ),
                &format!("GRANT ALL PRIVILEGES ON `{name}`.* TO '{name}'@'%'"),
            ])
            .await?;
        Ok(Imported {
            fields: json!({
                "engine": "mysql",
                "host": "127.0.0.1", "port": port, "dbname": name,
                "username": name, "password": password,
                "masterarn": self.mariadb.administrator,
            }),
            config_var: "ACME_DATABASE_URL",
            value: format!("mysql://{name}:{password}@127.0.0.1:{port}/{name}"),
            template: "mysql://{{ username }}:{{ password | urlencode }}@{{ host }}:{{ port }}/{{ dbname }}".to_owned(),
        })
    }
}
