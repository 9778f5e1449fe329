//! The partner's service that a run's credentials are for: what it accepts, by its own word.

mod http;
mod mysql;
mod postgres;
mod redis;
mod servers;

use std::sync::Arc;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stand_in::events::EventLog;

use self::http::HttpService;
use self::mysql::MysqlUsers;
use self::postgres::PostgresRoles;
use self::redis::RedisUsers;
use crate::proxy::database::{Protocol, serve};
use crate::proxy::{Bound, Passage, Proxy};
use crate::{Problem, random};

pub use servers::Servers;

/// Which service, as in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// The partner's own.
    Http,
    Postgres,
    /// A MariaDB server.
    Mysql,
    Redis,
}

impl Engine {
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// An instance's imported credential, and how its later ones are written.
pub struct Imported {
    /// The document's fields without `heroku` and `masterarn`.
    pub fields: Value,
    /// The config var's template: the names of fields in double braces, and no filter.
    pub template: String,
    pub administrator: Value,
}

pub enum Service {
    Http(HttpService),
    /// An instance's users at a server that other instances share.
    Database {
        users: Users,
        servers: Arc<Servers>,
        _proxy: Proxy,
    },
}

pub enum Users {
    Postgres(PostgresRoles),
    Mysql(MysqlUsers),
    Redis(RedisUsers),
}

impl Service {
    /// A service with one credential that was there before any rotation.
    pub async fn start(
        engine: Engine,
        servers: Arc<Servers>,
        events: EventLog,
        passage: Passage,
    ) -> Result<(Self, Imported), Problem> {
        let bound = Bound::bind().await?;
        let (user, password) = (format!("u_{}", &random()[..24]), random());
        let (users, protocol, administrator, database) = match engine {
            Engine::Http => {
                let (service, imported) = HttpService::start(bound, events, passage).await?;
                return Ok((Self::Http(service), imported));
            }
            Engine::Postgres => {
                let server = servers.postgres()?;
                let roles = PostgresRoles::create(server, &user, &password).await?;
                let administrator = (
                    database_servers::postgres::ADMINISTRATOR,
                    server.administrator_password(),
                );
                let protocol = (Protocol::Postgres, server.port());
                let users = Users::Postgres(roles);
                (users, protocol, administrator, Some(servers::DATABASE))
            }
            Engine::Mysql => {
                let server = servers.mysql()?;
                let users = MysqlUsers::create(server, &user, &password).await?;
                let administrator = (
                    database_servers::mysqld::SUPERUSER,
                    server.superuser_password(),
                );
                let protocol = (Protocol::Mysql, server.port());
                let users = Users::Mysql(users);
                (users, protocol, administrator, Some(user.as_str()))
            }
            Engine::Redis => {
                let server = servers.redis()?;
                let users = RedisUsers::create(server, &user, &password).await?;
                let administrator = (
                    database_servers::redis::ADMINISTRATOR,
                    server.administrator_password(),
                );
                let protocol = (Protocol::Redis, server.port());
                (Users::Redis(users), protocol, administrator, None)
            }
        };
        let name = engine.name();
        let mut template =
            format!("{name}://{{{{username}}}}:{{{{password}}}}@{{{{host}}}}:{{{{port}}}}");
        let mut fields = json!({
            "engine": name,
            "host": "127.0.0.1", "port": bound.address.port(),
            "username": user, "password": password,
        });
        if let Some(database) = database {
            fields["dbname"] = database.into();
            template.push_str("/{{dbname}}");
        }
        let imported = Imported {
            fields,
            template,
            administrator: json!({ "username": administrator.0, "password": administrator.1 }),
        };
        let (protocol, port) = protocol;
        let service = Self::Database {
            users,
            servers,
            _proxy: serve(bound, protocol, port, passage),
        };
        Ok((service, imported))
    }

    /// The names of the credentials that are accepted, by the service's own word.
    pub async fn live(&self) -> Result<Vec<String>, Problem> {
        match self {
            Self::Http(service) => Ok(service.live()),
            Self::Database { users, .. } => users.live().await,
        }
    }

    /// Whether a customer gets in with a document's credential: a login.
    pub async fn accepts(&self, document: &Value) -> Result<bool, Problem> {
        let (user, password) = (field(document, "username"), field(document, "password"));
        match self {
            Self::Http(service) => service.accepts(document).await,
            Self::Database { users, servers, .. } => match users {
                Users::Postgres(_) => postgres::accepts(servers.postgres()?, user, password).await,
                Users::Mysql(_) => mysql::accepts(servers.mysql()?, user, password).await,
                Users::Redis(_) => redis::accepts(servers.redis()?, user, password).await,
            },
        }
    }

    /// Removes what the run leaves at a server that others share: with thousands of users it is slow.
    pub async fn clear(&self) -> Result<(), Problem> {
        let Self::Database { users, .. } = self else {
            // It ends with its run.
            return Ok(());
        };
        let live = users.live().await?;
        match users {
            Users::Postgres(roles) => roles.clear(live).await,
            Users::Mysql(users) => users.clear(live).await,
            Users::Redis(users) => users.clear(live).await,
        }
    }

    /// What [`Self::live`] calls a document's credential.
    pub fn credential<'a>(&self, document: &'a Value) -> &'a str {
        match self {
            Self::Http(_) => field(document, "credential_id"),
            Self::Database { .. } => field(document, "username"),
        }
    }
}

impl Users {
    async fn live(&self) -> Result<Vec<String>, Problem> {
        match self {
            Self::Postgres(roles) => roles.live().await,
            Self::Mysql(users) => users.live().await,
            Self::Redis(users) => users.live().await,
        }
    }
}

fn field<'a>(document: &'a Value, name: &str) -> &'a str {
    document[name].as_str().unwrap_or_default()
}
