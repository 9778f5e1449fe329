//! A user of a MariaDB server's.

use std::sync::Arc;

use database_servers::mysqld::{Mysqld, SUPERUSER, native_password};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::servers::{Servers, not_started};
use super::{Imported, field};
use crate::proxy::database::{Protocol, serve};
use crate::proxy::{Bound, Passage, Proxy};
use crate::{Problem, random};

pub struct MysqlService {
    database: String,
    superuser: Mutex<Conn>,
    servers: Arc<Servers>,
    _proxy: Proxy,
}

impl MysqlService {
    pub(super) async fn start(
        servers: Arc<Servers>,
        passage: Passage,
    ) -> Result<(Self, Imported), Problem> {
        let server: &Mysqld = servers.mysql.as_ref().ok_or_else(not_started)?;
        let database = format!("u_{}", &random()[..24]);
        let password = random();
        let stored = native_password(&password);
        let mut superuser = server.connect().await?;
        for statement in [
            format!("CREATE DATABASE {database}"),
            format!(
                "CREATE USER {database}@'%' IDENTIFIED VIA mysql_native_password USING '{stored}'"
            ),
            format!("GRANT ALL PRIVILEGES ON {database}.* TO {database}@'%'"),
        ] {
            superuser.query_drop(statement).await?;
        }
        let bound = Bound::bind().await?;
        let imported = Imported {
            fields: json!({
                "engine": "mysql",
                "host": "127.0.0.1", "port": bound.address.port(), "dbname": database,
                "username": database, "password": password,
            }),
            template: "mysql://{{username}}:{{password}}@{{host}}:{{port}}/{{dbname}}".to_owned(),
            administrator: json!({ "username": SUPERUSER, "password": server.superuser_password() }),
        };
        let proxy = serve(bound, Protocol::Mysql, server.port(), passage);
        let service = Self {
            database,
            superuser: Mutex::new(superuser),
            servers,
            _proxy: proxy,
        };
        Ok((service, imported))
    }

    /// The users with privileges in the instance's database whom the server lets in.
    pub(super) async fn live(&self) -> Result<Vec<String>, Problem> {
        let query = format!(
            "SELECT DISTINCT g.User FROM mysql.db d \
             JOIN mysql.global_priv g ON g.User = d.User AND g.Host = d.Host \
             WHERE d.Db = '{}' AND NOT COALESCE(JSON_VALUE(g.Priv, '$.account_locked'), FALSE) \
             ORDER BY g.User",
            self.database
        );
        Ok(self.superuser.lock().await.query(query).await?)
    }

    pub(super) async fn clear(&self) -> Result<(), Problem> {
        let users = self.live().await?;
        let mut superuser = self.superuser.lock().await;
        for user in users {
            superuser
                .query_drop(format!("DROP USER '{user}'@'%'"))
                .await?;
        }
        let database = format!("DROP DATABASE {}", self.database);
        Ok(superuser.query_drop(database).await?)
    }

    pub(super) async fn accepts(&self, document: &Value) -> Result<bool, Problem> {
        let server = self.servers.mysql.as_ref().ok_or_else(not_started)?;
        let (user, password) = (field(document, "username"), field(document, "password"));
        match server.connect_as(user, password).await {
            Ok(session) => {
                session.disconnect().await?;
                Ok(true)
            }
            Err(mysql_async::Error::Server(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
