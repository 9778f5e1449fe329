//! The partner: its add-on service at Heroku, the services whose credentials are rotated, its AWS account.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use credential_service::{CredentialService, CredentialServiceOptions};
use database_servers::mysqld::Mysqld;
use database_servers::postgres::Postgres;
use database_servers::redis::Redis;
use serde_json::{Value, json};
use stand_in::events::EventLog;
use strict_aws::gateway::{BoundGateway, Gateway, GatewayOptions};
use strict_aws::ministack;
use strict_heroku::{Heroku, Manifest};
use tools::process::OnLine;

use super::account::Account;
use super::instance::random_text;
use super::own::Servers;
use super::{SERVICE, STACK};

/// The config vars that the add-on may show.
const CONFIG_VARS: [&str; 4] = [
    "ACME_URL",
    "ACME_KEY",
    "ACME_DATABASE_URL",
    "ACME_REDIS_URL",
];

/// What every local cloud has, whoever runs the functions. Everything in it is stopped on drop.
pub struct Partner {
    pub events: EventLog,
    pub heroku: Arc<Heroku>,
    /// The add-on service, as Heroku knows it. It holds secrets.
    pub manifest: Manifest,
    /// The partner's own service, for the `http` engine.
    pub credential_service: Arc<CredentialService>,
    /// What the AWS CLI, the SDKs and the functions talk to.
    pub gateway: Gateway,
    /// A client of the gateway with the account's root credentials.
    pub root: ministack::Client,
    pub(super) account: Account,
    administrator_token: String,
    target: PathBuf,
    logs: PathBuf,
    pub(super) postgres: Servers<Postgres>,
    pub(super) mariadb: Servers<Mysqld>,
    pub(super) redis: Servers<Redis>,
}

impl Partner {
    /// Starts Heroku and the partner's service, and has the gateway answer. The account is empty.
    pub(super) async fn start(
        target: &Path,
        logs: &Path,
        gateway: BoundGateway,
        options: GatewayOptions,
    ) -> anyhow::Result<Self> {
        let events = EventLog::default();
        let heroku = Heroku::start(events.clone()).await?;
        let manifest = Manifest {
            id: SERVICE.to_owned(),
            api_password: random_text(32),
            client_secret: random_text(32),
            config_vars: CONFIG_VARS.map(ToOwned::to_owned).to_vec(),
        };
        heroku.add_service(manifest.clone())?;
        let administrator_token = random_text(32);
        let service = CredentialServiceOptions {
            name: format!("{SERVICE}-api"),
            administrator_token: administrator_token.clone(),
        };
        let root = ministack::Client::new(gateway.endpoint().clone())?;
        Ok(Self {
            heroku: Arc::new(heroku),
            manifest,
            credential_service: Arc::new(CredentialService::start(service, events.clone()).await?),
            gateway: gateway.serve(GatewayOptions {
                events: events.clone(),
                ..options
            }),
            events,
            root,
            account: Account::default(),
            administrator_token,
            target: target.to_owned(),
            logs: logs.to_owned(),
            postgres: Servers::default(),
            mariadb: Servers::default(),
            redis: Servers::default(),
        })
    }

    /// Stores the secrets that exist once: the add-on service's, and the service's administrator's.
    pub(super) async fn store_secrets(&mut self) -> anyhow::Result<()> {
        let manifest = &self.manifest;
        let partner = json!({
            "id": manifest.id, "password": manifest.api_password, "client_secret": manifest.client_secret,
        });
        let arn = self.create_secret("addon/partner", &partner, &[]).await?;
        self.account.parameters.push(("PartnerSecretArn", arn));
        let url = self.credential_service.url();
        let token = json!({ "token": self.administrator_token, "url": url.as_str() });
        let arn = self
            .create_secret("addon/masters/acme-api", &token, &[])
            .await?;
        self.account.administrator = Some(arn);
        Ok(())
    }

    pub(super) async fn create_secret(
        &self,
        name: &str,
        value: &Value,
        tags: &[(String, String)],
    ) -> anyhow::Result<String> {
        self.account
            .create_secret(&self.root, name, value, tags)
            .await
    }

    /// The template's parameters that every test stand sets.
    pub(super) fn parameters(&self, grace_period: Duration) -> Vec<(&'static str, String)> {
        let mut parameters = vec![
            ("GracePeriodSeconds", grace_period.as_secs().to_string()),
            ("HerokuApiUrl", self.heroku.api_url().to_string()),
            ("HerokuOAuthUrl", self.heroku.oauth_url().to_string()),
        ];
        parameters.extend(self.account.parameters.iter().cloned());
        parameters
    }

    pub fn function_arn(&self, name: &str) -> String {
        crate::lambda::arn(&format!("{STACK}-{name}"))
    }

    pub fn target(&self) -> &Path {
        &self.target
    }

    pub fn logs(&self) -> &Path {
        &self.logs
    }
}

pub(super) fn login(engine: &str, username: &str, password: &str, port: u16) -> Value {
    json!({
        "engine": engine, "host": "127.0.0.1", "port": port,
        "username": username, "password": password,
    })
}

pub(super) fn silent() -> OnLine {
    Arc::new(|_: &str| ())
}
