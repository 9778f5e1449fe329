//! The partner's service that a run's credentials are for: what it accepts, by its own word.

mod http;
mod mysql;
mod postgres;
mod redis;
mod servers;

use std::sync::Arc;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stand_in::events::EventLog;

use crate::Problem;
use crate::proxy::Passage;

pub use http::HttpService;
pub use mysql::MysqlService;
pub use postgres::PostgresService;
pub use redis::RedisService;
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
    Postgres(PostgresService),
    Mysql(MysqlService),
    Redis(RedisService),
}

impl Service {
    /// A service with one credential that was there before any rotation.
    pub async fn start(
        engine: Engine,
        servers: Arc<Servers>,
        events: EventLog,
        passage: Passage,
    ) -> Result<(Self, Imported), Problem> {
        Ok(match engine {
            Engine::Http => {
                let (service, imported) = HttpService::start(events, passage).await?;
                (Self::Http(service), imported)
            }
            Engine::Postgres => {
                let (service, imported) = PostgresService::start(servers, passage).await?;
                (Self::Postgres(service), imported)
            }
            Engine::Mysql => {
                let (service, imported) = MysqlService::start(servers, passage).await?;
                (Self::Mysql(service), imported)
            }
            Engine::Redis => {
                let (service, imported) = RedisService::start(servers, passage).await?;
                (Self::Redis(service), imported)
            }
        })
    }

    /// The names of the credentials that are accepted, by the service's own word.
    pub async fn live(&self) -> Result<Vec<String>, Problem> {
        match self {
            Self::Http(service) => Ok(service.live()),
            Self::Postgres(service) => service.live().await,
            Self::Mysql(service) => service.live().await,
            Self::Redis(service) => service.live().await,
        }
    }

    /// Whether a customer gets in with a document's credential: a login.
    pub async fn accepts(&self, document: &Value) -> Result<bool, Problem> {
        match self {
            Self::Http(service) => service.accepts(document).await,
            Self::Postgres(service) => service.accepts(document).await,
            Self::Mysql(service) => service.accepts(document).await,
            Self::Redis(service) => service.accepts(document).await,
        }
    }

    /// Removes what the run leaves at a server that others share: with thousands of users it is slow.
    pub async fn clear(&self) -> Result<(), Problem> {
        match self {
            // It ends with its run.
            Self::Http(_) => Ok(()),
            Self::Postgres(service) => service.clear().await,
            Self::Mysql(service) => service.clear().await,
            Self::Redis(service) => service.clear().await,
        }
    }

    /// What [`Self::live`] calls a document's credential.
    pub fn credential<'a>(&self, document: &'a Value) -> &'a str {
        match self {
            Self::Http(_) => field(document, "credential_id"),
            _ => field(document, "username"),
        }
    }
}

fn field<'a>(document: &'a Value, name: &str) -> &'a str {
    document[name].as_str().unwrap_or_default()
}
