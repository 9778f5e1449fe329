//! The instances' databases at MariaDB.

use database_servers::mysqld::native_password;
use serde_json::json;

use super::Partner;
use super::instance::{Imported, random_text};

impl Partner {
    /// The users with privileges in the instance's database whom the server lets in.
    pub(super) async fn live_mysql_users(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let query = format!(
            "SELECT DISTINCT g.User FROM mysql.db d \
             JOIN mysql.global_priv g ON g.User = d.User AND g.Host = d.Host \
             WHERE d.Db = '{name}' AND NOT COALESCE(JSON_VALUE(g.Priv, '$.account_locked'), FALSE)"
        );
        let (server, _) = self.mariadb_of(name).await?;
        let live = server.lock().await.column(&query).await?;
        Ok(live)
    }

    /// A database with one user, who may do everything in it.
    pub(super) async fn import_mysql(&self, name: &str) -> anyhow::Result<Imported> {
        let (server, administrator) = self.mariadb_of(name).await?;
        let server = server.lock().await;
        let (password, port) = (random_text(32), server.port());
        let stored = native_password(&password);
        server
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
            "masterarn": administrator,
        }),
        config_var: "ACME_DATABASE_URL",
        value: format!("mysql://{name}:{password}@127.0.0.1:{port}/{name}"),
        template:
            "mysql://{{ username }}:{{ password | urlencode }}@{{ host }}:{{ port }}/{{ dbname }}"
                .to_owned(),
    })
    }
}
