//! The partner's side: the add-on service's manifest, and the services whose credentials are rotated.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::instance::random_text;
use super::{CloudError, SERVICE};
use crate::credential_service::{CredentialService, CredentialServiceOptions};
use crate::events::EventLog;
use crate::heroku::Manifest;
use crate::mariadb::{self, Mariadb};
use crate::postgres::{self, Postgres};
use crate::process::OnLine;

/// The config vars that the add-on may show.
const CONFIG_VARS: [&str; 3] = ["ACME_URL", "ACME_DATABASE_URL", "ACME_REDIS_URL"];

/// The add-on service, as Heroku knows it.
pub(super) fn manifest() -> Manifest {
    Manifest {
        id: SERVICE.to_owned(),
        api_password: random_text(32),
        client_secret: random_text(32),
        config_vars: CONFIG_VARS.map(ToOwned::to_owned).to_vec(),
    }
}

/// The services that all instances share.
pub(super) struct Services {
    pub(super) credential_service: CredentialService,
    pub(super) postgres: Postgres,
    pub(super) mariadb: Mariadb,
    /// The logins of their administrators.
    pub(super) administrators: [(&'static str, Value); 3],
}

impl Services {
    pub(super) async fn start(
        target: &Path,
        logs: &Path,
        events: &EventLog,
        progress: &OnLine,
    ) -> Result<Self, CloudError> {
        let programs = crate::tools::ensure_postgres(target, Arc::clone(progress)).await?;
        let postgres = Postgres::start(&programs, logs).await?;
        let programs = crate::tools::ensure_mariadb(target, Arc::clone(progress)).await?;
        let mariadb = Mariadb::start(&programs, logs, &[]).await?;
        let administrator_token = random_text(32);
        let options = CredentialServiceOptions {
            name: format!("{SERVICE}-api"),
            administrator_token: administrator_token.clone(),
        };
        let credential_service = CredentialService::start(options, events.clone()).await?;
        let login = |engine: &str, port: u16, username: &str, password: &str| {
            json!({
                "engine": engine, "host": "127.0.0.1", "port": port,
                "username": username, "password": password,
            })
        };
        Ok(Self {
            administrators: [
                (
                    "api",
                    json!({ "token": administrator_token, "url": credential_service.url().as_str() }),
                ),
                (
                    "db",
                    login(
                        "postgres",
                        postgres.port(),
                        postgres::ADMINISTRATOR,
                        postgres.administrator_password(),
                    ),
                ),
                (
                    "mysql",
                    login(
                        "mysql",
                        mariadb.port(),
                        mariadb::SUPERUSER,
                        mariadb.superuser_password(),
                    ),
                ),
            ],
            credential_service,
            postgres,
            mariadb,
        })
    }
}
