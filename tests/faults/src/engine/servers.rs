//! The database servers, shared by all runs of a process.

use std::sync::Arc;

use database_servers::mysqld::Mysqld;
use database_servers::postgres::{Postgres, PostgresOptions};
use database_servers::redis::{Redis, RedisOptions, Users};
use tempfile::TempDir;
use tools::{ensure_mariadb, ensure_postgres, ensure_redis, target_directory};

use super::Engine;
use crate::Problem;

/// The servers that are needed. They end with this.
pub struct Servers {
    postgres: Option<Postgres>,
    mysql: Option<Mysqld>,
    redis: Option<Redis>,
    _logs: TempDir,
}

/// The database in which all PostgreSQL instances have their objects: a revocation visits every
/// database of the server.
pub(super) const DATABASE: &str = "shop";

impl Servers {
    /// Starts the servers for these engines, and sets up what of their programs is missing.
    pub async fn start(engines: &[Engine]) -> Result<Self, Problem> {
        let workspace = tools::workspace();
        let target = target_directory(&workspace);
        let progress: tools::process::OnLine = Arc::new(|_: &str| ());
        let logs = tempfile::tempdir()?;
        let needs = |engine| engines.contains(&engine);
        let postgres = if needs(Engine::Postgres) {
            let programs = ensure_postgres(&target, Arc::clone(&progress)).await?;
            let options = PostgresOptions {
                settings: vec!["max_connections=400".to_owned()],
                ..PostgresOptions::default()
            };
            let server = Postgres::start_with(&programs, logs.path(), options).await?;
            let made = format!("CREATE DATABASE {DATABASE}");
            server
                .execute(database_servers::postgres::SUPERUSER, &made)
                .await?;
            Some(server)
        } else {
            None
        };
        let mysql = if needs(Engine::Mysql) {
            let programs = ensure_mariadb(&target, Arc::clone(&progress)).await?;
            let options = ["--max-connections=400"];
            Some(Mysqld::start(&programs, logs.path(), &options).await?)
        } else {
            None
        };
        let redis = if needs(Engine::Redis) {
            let programs = ensure_redis(&target, progress).await?;
            let options = RedisOptions::new(Users::AclFile);
            let log = logs.path().join("redis.log");
            Some(Redis::start(&programs, &log, options).await?)
        } else {
            None
        };
        Ok(Self {
            postgres,
            mysql,
            redis,
            _logs: logs,
        })
    }

    pub(super) fn postgres(&self) -> Result<&Postgres, Problem> {
        self.postgres.as_ref().ok_or_else(not_started)
    }

    pub(super) fn mysql(&self) -> Result<&Mysqld, Problem> {
        self.mysql.as_ref().ok_or_else(not_started)
    }

    pub(super) fn redis(&self) -> Result<&Redis, Problem> {
        self.redis.as_ref().ok_or_else(not_started)
    }
}

fn not_started() -> Problem {
    "the server of this engine is not started".into()
}
