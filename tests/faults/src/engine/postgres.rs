//! Roles of a PostgreSQL server's.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use database_servers::postgres::{ADMINISTRATOR, Postgres, quote};
use tokio_postgres::{Client, Config, NoTls};

use super::servers::DATABASE;
use crate::Problem;

pub struct PostgresRoles {
    owner: String,
    superuser: Client,
}

impl PostgresRoles {
    /// One, and a schema of its name.
    pub(super) async fn create(
        server: &Postgres,
        name: &str,
        password: &str,
    ) -> Result<Self, Problem> {
        server.create_role(name, password).await?;
        let superuser = server.connect(DATABASE).await?;
        let schema = format!("CREATE SCHEMA {0} AUTHORIZATION {0}", quote(name));
        superuser.batch_execute(&schema).await?;
        Ok(Self {
            owner: name.to_owned(),
            superuser,
        })
    }

    /// The owner's members and the owner itself, if they may log in with a password.
    pub(super) async fn live(&self) -> Result<Vec<String>, Problem> {
        let query = "SELECT rolname FROM pg_authid WHERE rolcanlogin AND rolpassword IS NOT NULL \
                     AND (rolname = $1 OR oid IN (SELECT member FROM pg_auth_members WHERE roleid = \
                     (SELECT oid FROM pg_roles WHERE rolname = $1))) AND rolname <> $2 \
                     ORDER BY rolname";
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&self.owner, &ADMINISTRATOR];
        let rows = self.superuser.query(query, &parameters).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    pub(super) async fn clear(&self, live: Vec<String>) -> Result<(), Problem> {
        let owner = quote(&self.owner);
        let mut statements = format!("DROP OWNED BY {owner} CASCADE; ");
        let roles: BTreeSet<String> = live.into_iter().chain([self.owner.clone()]).collect();
        for role in roles {
            let _ = write!(statements, "DROP ROLE {}; ", quote(&role));
        }
        Ok(self.superuser.batch_execute(&statements).await?)
    }
}

pub(super) async fn accepts(
    server: &Postgres,
    user: &str,
    password: &str,
) -> Result<bool, Problem> {
    let mut login = Config::new();
    login.host("127.0.0.1").port(server.port()).dbname(DATABASE);
    match login.user(user).password(password).connect(NoTls).await {
        Ok((client, connection)) => {
            drop(client);
            connection.await?;
            Ok(true)
        }
        Err(error) if error.as_db_error().is_some() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
