//! A partner's database server and its administrator.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use addon_rotation::document::{Document, Fields};
use addon_rotation::net;
use addon_rotation::service::Services;
use local_cloud::postgres::{Postgres, PostgresOptions, SUPERUSER};
use local_cloud::tools::{ensure_postgres, target_directory};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{document, random};

/// A server, the role of an add-on instance that was there before rotation, and its database.
pub(crate) struct Stand {
    pub(crate) server: Postgres,
    pub(crate) services: Services,
    pub(crate) imported: Value,
    #[expect(dead_code)]
    pub(crate) administrator: Fields,
    _logs: TempDir,
}

async fn programs() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = target_directory(&workspace);
    let progress = Arc::new(|line: &str| println!("{line}"));
    ensure_postgres(&target, progress).await.unwrap()
}

impl Stand {
    pub(crate) async fn start(options: PostgresOptions) -> Self {
        // Already installed is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let logs = tempfile::tempdir().unwrap();
        let server = Postgres::start_with(&programs().await, logs.path(), options)
            .await
            .unwrap();
        let password = random();
        let verifier = postgres_protocol::password::scram_sha_256(password.as_bytes());
        server
            .execute(
                SUPERUSER,
                &format!("CREATE ROLE customer LOGIN PASSWORD '{verifier}'"),
            )
            .await
            .unwrap();
        server.create_database("shop", "customer").await.unwrap();
        let imported = json!({
            "engine": "postgres",
            "host": "127.0.0.1", "port": server.port(), "dbname": "shop",
            "username": "customer", "password": password,
            "masterarn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:acme/db-AbCdEf",
            "heroku": {
                "api": "v1", "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
                "config": { "ACME_URL": "postgres://{{ username }}:{{ password }}@{{ host }}/" },
            },
        });
        let administrator = administrator(SUPERUSER, server.superuser_password());
        Self {
            server,
            services: Services::new(net::http_client().unwrap()),
            imported,
            administrator,
            _logs: logs,
        }
    }

    /// The imported document, reached at another host name or address.
    pub(crate) fn at(&self, host: &str) -> Document {
        let mut value = self.imported.clone();
        value["host"] = host.into();
        document(&value)
    }
}

pub(crate) fn administrator(username: &str, password: &str) -> Fields {
    Fields::parse(&json!({ "username": username, "password": password }).to_string()).unwrap()
}
