//! A role of a PostgreSQL server's.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use database_servers::postgres::{ADMINISTRATOR, Postgres, quote};
use serde_json::{Value, json};
use tokio_postgres::{Client, Config, NoTls};

use super::servers::{DATABASE, Servers, not_started};
use super::{Imported, field};
use crate::proxy::database::{Protocol, serve};
use crate::proxy::{Bound, Passage, Proxy};
use crate::{Problem, random};

pub struct PostgresService {
    port: u16,
    owner: String,
    superuser: Client,
    _servers: Arc<Servers>,
    _proxy: Proxy,
}

impl PostgresService {
    pub(super) async fn start(
        servers: Arc<Servers>,
        passage: Passage,
    ) -> Result<(Self, Imported), Problem> {
        let server: &Postgres = servers.postgres.as_ref().ok_or_else(not_started)?;
        let (owner, password) = (format!("u_{}", random()), random());
        server.create_role(&owner, &password).await?;
        let superuser = server.connect(DATABASE).await?;
        let schema = format!("CREATE SCHEMA {0} AUTHORIZATION {0}", quote(&owner));
        superuser.batch_execute(&schema).await?;
        let bound = Bound::bind().await?;
        let imported = Imported {
            fields: json!({
                "engine": "postgres",
                "host": "127.0.0.1", "port": bound.address.port(), "dbname": DATABASE,
                "username": owner, "password": password,
            }),
            template: "postgres://{{username}}:{{password}}@{{host}}:{{port}}/{{dbname}}"
                .to_owned(),
            administrator: json!({
                "username": ADMINISTRATOR, "password": server.administrator_password(),
            }),
        };
        let port = server.port();
        let service = Self {
            port,
            owner,
            superuser,
            _proxy: serve(bound, Protocol::Postgres, port, passage),
            _servers: Arc::clone(&servers),
        };
        Ok((service, imported))
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

    pub(super) async fn clear(&self) -> Result<(), Problem> {
        let owner = quote(&self.owner);
        let mut statements = format!("DROP OWNED BY {owner} CASCADE; ");
        let roles = self.live().await?.into_iter().chain([self.owner.clone()]);
        let roles: BTreeSet<String> = roles.collect();
        for role in roles {
            let _ = write!(statements, "DROP ROLE {}; ", quote(&role));
        }
        Ok(self.superuser.batch_execute(&statements).await?)
    }

    pub(super) async fn accepts(&self, document: &Value) -> Result<bool, Problem> {
        let login = Config::new()
            .host("127.0.0.1")
            .port(self.port)
            .user(field(document, "username"))
            .password(field(document, "password"))
            .dbname(DATABASE)
            .connect(NoTls)
            .await;
        match login {
            Ok((client, connection)) => {
                drop(client);
                connection.await?;
                Ok(true)
            }
            Err(error) if error.as_db_error().is_some() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
