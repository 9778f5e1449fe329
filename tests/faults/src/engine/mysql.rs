//! Users of a MariaDB server's.

use database_servers::mysqld::{Mysqld, native_password};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use tokio::sync::Mutex;

use crate::Problem;

pub struct MysqlUsers {
    database: String,
    superuser: Mutex<Conn>,
}

impl MysqlUsers {
    /// One, and a database of its name.
    pub(super) async fn create(
        server: &Mysqld,
        name: &str,
        password: &str,
    ) -> Result<Self, Problem> {
        let stored = native_password(password);
        let mut superuser = server.connect().await?;
        for statement in [
            format!("CREATE DATABASE {name}"),
            format!("CREATE USER {name}@'%' IDENTIFIED VIA mysql_native_password USING '{stored}'"),
            format!("GRANT ALL PRIVILEGES ON {name}.* TO {name}@'%'"),
        ] {
            superuser.query_drop(statement).await?;
        }
        Ok(Self {
            database: name.to_owned(),
            superuser: Mutex::new(superuser),
        })
    }

    /// Those with privileges in the instance's database whom the server lets in.
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

    pub(super) async fn clear(&self, users: Vec<String>) -> Result<(), Problem> {
        let mut superuser = self.superuser.lock().await;
        for user in users {
            let user = format!("DROP USER '{user}'@'%'");
            superuser.query_drop(user).await?;
        }
        let database = format!("DROP DATABASE {}", self.database);
        Ok(superuser.query_drop(database).await?)
    }
}

pub(super) async fn accepts(server: &Mysqld, user: &str, password: &str) -> Result<bool, Problem> {
    match server.connect_as(user, password).await {
        Ok(session) => {
            session.disconnect().await?;
            Ok(true)
        }
        Err(mysql_async::Error::Server(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
