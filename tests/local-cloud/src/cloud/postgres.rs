//! The instances' databases at PostgreSQL.

use database_servers::postgres::{SUPERUSER, told};
use serde_json::json;

use super::Partner;
use super::instance::{Imported, random_text};

impl Partner {
    /// The roles that may log in: those of the group that owns the instance's objects, and the
    /// owner itself.
    pub(super) async fn live_roles(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let owner = role(name);
        let query = format!(
            "SELECT rolname FROM pg_roles WHERE rolcanlogin AND (rolname = '{owner}' OR oid IN (SELECT member FROM \
             pg_auth_members WHERE roleid = (SELECT oid FROM pg_roles WHERE rolname = '{owner}')))"
        );
        let (server, _) = self.postgres_of(name).await?;
        let session = server.lock().await.connect(SUPERUSER).await?;
        let rows = session.query(&query, &[]).await;
        let rows = rows.map_err(told(SUPERUSER))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// A database and its owner, who logs in.
    pub(super) async fn import_database(&self, name: &str) -> anyhow::Result<Imported> {
        let (server, administrator) = self.postgres_of(name).await?;
        let server = server.lock().await;
        let (role, password, port) = (role(name), random_text(32), server.port());
        server.create_role(&role, &password).await?;
        server.create_database(&role, &role).await?;
        Ok(Imported {
        fields: json!({
            "engine": "postgres",
            "host": "127.0.0.1", "port": port, "dbname": role,
            "username": role, "password": password,
            "masterarn": administrator,
        }),
        config_var: "ACME_DATABASE_URL",
        value: format!("postgres://{role}:{password}@127.0.0.1:{port}/{role}"),
        template: "postgres://{{ username }}:{{ password | urlencode }}@{{ host }}:{{ port }}/{{ dbname }}".to_owned(),
    })
    }
}

fn role(name: &str) -> String {
    name.replace('-', "_")
}
