//! The partner's service that a run's credentials are for: what it accepts, by its own word.

mod http;
mod mysql;
mod postgres;
mod redis;
mod servers;

use std::sync::Arc;

use serde_json::Value;
use stand_in::events::EventLog;

use crate::Problem;
use crate::proxy::Passage;

pub use http::HttpService;
pub use mysql::MysqlService;
pub use postgres::PostgresService;
pub use redis::RedisService;
pub use servers::Servers;

/// Which service.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// The partner's own.
    Http,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB: a MariaDB server.
    Mysql,
    /// Redis and Valkey: a Redis server.
    Redis,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Http, Self::Postgres, Self::Mysql, Self::Redis];

    /// As in a document.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Redis => "redis",
        }
    }
}

/// An instance's imported credential, and how its later ones are written.
pub struct Imported {
    /// The document's fields without `heroku` and `masterarn`.
    pub fields: Value,
    /// The config var's template: the names of fields in double braces, and no filter.
    pub template: String,
    /// The administrator's secret.
    pub administrator: Value,
}

/// One instance's service.
#[derive(Clone)]
pub enum Service {
    /// The partner's own.
    Http(Arc<HttpService>),
    /// PostgreSQL.
    Postgres(Arc<PostgresService>),
    /// MySQL and MariaDB.
    Mysql(Arc<MysqlService>),
    /// Redis and Valkey.
    Redis(Arc<RedisService>),
}

impl Service {
    /// A service with one credential that was there before any rotation.
    ///
    /// # Errors
    /// If it cannot be set up.
    pub async fn start(
        engine: Engine,
        servers: Arc<Servers>,
        events: EventLog,
        passage: Passage,
    ) -> Result<(Self, Imported), Problem> {
        match engine {
            Engine::Http => {
                let (service, imported) = HttpService::start(events, passage).await?;
                Ok((Self::Http(Arc::new(service)), imported))
            }
            Engine::Postgres => {
                let (service, imported) = PostgresService::start(servers, passage).await?;
                Ok((Self::Postgres(Arc::new(service)), imported))
            }
            Engine::Mysql => {
                let (service, imported) = MysqlService::start(servers, passage).await?;
                Ok((Self::Mysql(Arc::new(service)), imported))
            }
            Engine::Redis => {
                let (service, imported) = RedisService::start(servers, passage).await?;
                Ok((Self::Redis(Arc::new(service)), imported))
            }
        }
    }

    /// The names of the credentials that are accepted.
    ///
    /// # Errors
    /// If the service does not say.
    pub async fn live(&self) -> Result<Vec<String>, Problem> {
        match self {
            Self::Http(service) => Ok(service.live()),
            Self::Postgres(service) => service.live().await,
            Self::Mysql(service) => service.live().await,
            Self::Redis(service) => service.live().await,
        }
    }

    /// Whether a customer gets in with a document's credential: a login.
    ///
    /// # Errors
    /// If the service does not say.
    pub async fn accepts(&self, document: &Value) -> Result<bool, Problem> {
        match self {
            Self::Http(service) => service.accepts(document).await,
            Self::Postgres(service) => service.accepts(document).await,
            Self::Mysql(service) => service.accepts(document).await,
            Self::Redis(service) => service.accepts(document).await,
        }
    }

    /// Removes what the run leaves at a server that others share: with thousands of users it is slow.
    ///
    /// # Errors
    /// If the server refuses.
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
    #[must_use]
    pub fn credential<'a>(&self, document: &'a Value) -> &'a str {
        match self {
            Self::Http(_) => field(document, "credential_id"),
            Self::Postgres(_) | Self::Mysql(_) | Self::Redis(_) => field(document, "username"),
        }
    }

    /// The values that nothing may show.
    #[must_use]
    pub fn secret_values(&self) -> Vec<String> {
        match self {
            Self::Http(service) => service.secret_values(),
            Self::Postgres(service) => service.secret_values(),
            Self::Mysql(service) => service.secret_values(),
            Self::Redis(service) => service.secret_values(),
        }
    }
}

fn field<'a>(document: &'a Value, name: &str) -> &'a str {
    document[name].as_str().unwrap_or_default()
}
