//! Add-on instances in the local cloud: provisioned at Heroku, with their credentials at the
//! partner's services, their secrets at AWS, and rotation switched on.

use anyhow::Context as _;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use strict_heroku::{AppSpec, Provision};

use rand::distr::{Alphanumeric, SampleString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::account::not_json;
use super::{Partner, SERVICE, STACK};
use crate::customers::{CustomerSpec, Login};

/// Which of Heroku's partner APIs an instance uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    V1,
    V3,
}

/// Which of the partner's services an instance's credential is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Http,
    Postgres,
    Mysql,
    /// A Redis server of the instance's own.
    Redis,
}

impl Engine {
    pub const ALL: [Self; 4] = [Self::Http, Self::Postgres, Self::Mysql, Self::Redis];

    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Redis => "redis",
        }
    }
}

#[derive(Clone, Debug)]
pub struct InstanceSpec {
    /// Its name, unique: lower-case letters, digits and `-`.
    pub name: String,
    pub api: Api,
    pub engine: Engine,
    /// The apps that it is attached to; the first owns it.
    pub apps: Vec<AppSpec>,
    pub tags: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct Instance {
    pub name: String,
    pub api: Api,
    pub engine: Engine,
    pub secret_name: String,
    pub secret_arn: String,
    pub addon: String,
    /// The names of its apps; the first owns it.
    pub apps: Vec<String>,
    pub config_var: String,
}

/// An add-on instance that Heroku and the partner's service know, and AWS does not.
pub struct AddOn {
    /// What it is once it is enrolled: its secret is named after the add-on's UUID, and the name stands for
    /// the ARN, which Secrets Manager takes as well.
    pub instance: Instance,
    /// The document to enrol it with. It holds its credential.
    pub document: Value,
    /// `oauth_grant.code`: good once, within five minutes. A secret.
    pub grant_code: String,
}

impl std::fmt::Debug for AddOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddOn")
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}

impl Instance {
    /// One of its apps as a customer that logs in with what its dynos have.
    pub fn customer(&self, cloud: &Partner, app: &str, every: Duration) -> CustomerSpec {
        CustomerSpec {
            heroku: Arc::clone(&cloud.heroku),
            app: app.to_owned(),
            config_var: self.config_var.clone(),
            login: match self.engine {
                Engine::Http => Login::Http,
                Engine::Postgres => Login::Postgres,
                Engine::Mysql => Login::Mysql,
                Engine::Redis => Login::Redis,
            },
            every,
        }
    }
}

pub(super) fn random_text(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}

/// A credential that the partner handed out before rotation was thought of.
pub(super) struct Imported {
    /// The document's fields that belong to the engine.
    pub(super) fields: Value,
    pub(super) config_var: &'static str,
    pub(super) value: String,
    pub(super) template: String,
}

impl Partner {
    /// Provisions an add-on instance as a partner does and switches rotation on, without rotating it now.
    pub async fn enrol(&self, spec: InstanceSpec) -> anyhow::Result<Instance> {
        let instance = self.provision(spec).await?;
        self.switch_rotation_on(&instance).await?;
        Ok(instance)
    }

    /// Provisions an add-on instance and stores its secrets, but does not switch rotation on.
    pub async fn provision(&self, spec: InstanceSpec) -> anyhow::Result<Instance> {
        let AddOn {
            instance, document, ..
        } = self.provision_add_on(spec.clone()).await?;
        if spec.api == Api::V3 {
            self.store_token(&instance.addon).await?;
        }
        let mut tags = vec![("rotation:stack".to_owned(), STACK.to_owned())];
        tags.extend(spec.tags);
        let secret_arn = self
            .create_secret(&instance.secret_name, &document, &tags)
            .await?;
        Ok(Instance {
            secret_arn,
            ..instance
        })
    }

    /// Has the stack keep the refresh token that Heroku gave for an add-on.
    pub async fn store_token(&self, addon: &str) -> anyhow::Result<()> {
        let token = self.heroku.refresh_token(addon)?;
        let update = json!({
            "UpdateExpression": "SET refresh_tokens = :now",
            "ExpressionAttributeValues": { ":now": { "L": [{ "S": token }] } },
        });
        self.of_tokens("UpdateItem", addon, update).await?;
        Ok(())
    }

    /// The refresh tokens that the stack keeps for an add-on, the newest first.
    pub async fn tokens(&self, addon: &str) -> anyhow::Result<Vec<String>> {
        let found = self.of_tokens("GetItem", addon, json!({})).await?;
        let tokens = found["Item"]["refresh_tokens"]["L"].as_array();
        let tokens = tokens.into_iter().flatten();
        let tokens = tokens.filter_map(|it| it["S"].as_str());
        Ok(tokens.map(ToOwned::to_owned).collect())
    }

    /// Has an instance's refresh token where a version before 0.2 kept it: in a secret, which its document names. The
    /// secret's name.
    pub async fn keep_token_in_a_secret(&self, instance: &Instance) -> anyhow::Result<String> {
        let addon = instance.addon.as_str();
        let token = json!({ "refresh_token": self.heroku.refresh_token(addon)? });
        let name = format!("addon/oauth/{addon}");
        let tags = [("rotation:oauth-of".to_owned(), STACK.to_owned())];
        let held = self.create_secret(&name, &token, &tags).await?;
        let secrets = self.gateway.secrets_manager();
        let secret = secrets.secret(&instance.secret_name);
        let current = secret.as_ref().and_then(|it| it.labelled("AWSCURRENT"));
        let value = current.and_then(|id| secrets.value(&instance.secret_name, id));
        let mut document: Value = serde_json::from_str(&value.unwrap_or_default())?;
        document["heroku"]["oauth"] = held.into();
        let stored = json!({
            "SecretId": instance.secret_name,
            "ClientRequestToken": Uuid::new_v4().to_string(),
            "SecretString": document.to_string(),
        });
        let target = "secretsmanager.PutSecretValue";
        self.root
            .json_call("secretsmanager", target, &stored)
            .await?;
        self.of_tokens("DeleteItem", addon, json!({})).await?;
        Ok(name)
    }

    async fn of_tokens(
        &self,
        operation: &str,
        addon: &str,
        mut request: Value,
    ) -> anyhow::Result<Value> {
        request["TableName"] = format!("{STACK}-refresh-tokens").into();
        request["Key"] = json!({ "addon": { "S": addon } });
        let target = format!("DynamoDB_20120810.{operation}");
        self.root.json_call("dynamodb", &target, &request).await
    }

    /// Provisions an add-on instance at Heroku and at the partner's service. AWS hears nothing of it.
    pub async fn provision_add_on(&self, spec: InstanceSpec) -> anyhow::Result<AddOn> {
        let owner = spec
            .apps
            .first()
            .with_context(|| {
                let name = &spec.name;
                format!(
                    "the add-on instance `{name}` has no app: name at least the one that owns it"
                )
            })?
            .name
            .clone();
        for app in &spec.apps {
            self.heroku.create_app(app.clone())?;
        }
        let imported = match spec.engine {
            Engine::Http => self.import_api_key(&spec.name)?,
            Engine::Postgres => self.import_database(&spec.name).await?,
            Engine::Mysql => self.import_mysql(&spec.name).await?,
            Engine::Redis => self.import_redis(&spec.name).await?,
        };
        let addon = self.heroku.provision(Provision {
            service: SERVICE.to_owned(),
            name: format!("acme-{}", spec.name),
            owner_app: owner,
            config: BTreeMap::from([(imported.config_var.to_owned(), imported.value)]),
        })?;
        for app in spec.apps.iter().skip(1) {
            self.heroku.attach(&addon.id, &app.name, "ACME")?;
        }
        let api = match spec.api {
            Api::V1 => "v1",
            Api::V3 => "v3",
        };
        let mut document = imported.fields;
        document["heroku"] = json!({
            "api": api,
            "addon_id": addon.id,
            "config": { imported.config_var: imported.template },
        });
        let secret_name = format!("addon/credentials/{}", addon.id);
        Ok(AddOn {
            document,
            grant_code: addon.grant_code,
            instance: Instance {
                name: spec.name,
                api: spec.api,
                engine: spec.engine,
                secret_arn: secret_name.clone(),
                secret_name,
                addon: addon.id,
                apps: spec.apps.into_iter().map(|app| app.name).collect(),
                config_var: imported.config_var.to_owned(),
            },
        })
    }

    /// Switches rotation on: every 90 days, not now. Secrets Manager asks the function whether it
    /// can.
    async fn switch_rotation_on(&self, instance: &Instance) -> anyhow::Result<()> {
        let request = json!({
            "SecretId": instance.secret_name,
            "ClientRequestToken": Uuid::new_v4().to_string(),
            "RotationLambdaARN": self.function_arn("rotate"),
            "RotationRules": { "ScheduleExpression": "rate(90 days)" },
            "RotateImmediately": false,
        });
        self.rotate_secret(&request).await.map(drop)
    }

    /// Rotates now; the new version's id.
    pub async fn rotate_now(&self, instance: &Instance) -> anyhow::Result<String> {
        let token = Uuid::new_v4().to_string();
        let request = json!({ "SecretId": instance.secret_name, "ClientRequestToken": token });
        let answer = self.rotate_secret(&request).await?;
        let version = answer["VersionId"].as_str().map(ToOwned::to_owned);
        version.with_context(|| not_json("RotateSecret"))
    }

    async fn rotate_secret(&self, request: &Value) -> anyhow::Result<Value> {
        let target = "secretsmanager.RotateSecret";
        self.root.json_call("secretsmanager", target, request).await
    }

    /// Makes the next occurrence of the instance's rotation schedule happen now.
    pub fn rotate_by_schedule(&self, instance: &Instance) -> anyhow::Result<()> {
        Ok(self
            .gateway
            .secrets_manager()
            .bring_forward(&instance.secret_name)?)
    }

    /// The instance's credentials that the service itself says are alive: at the partner's own service the ids of the
    /// versions that they are of, or what the imported one is called there; login roles at PostgreSQL, users at MariaDB and Redis.
    pub async fn live_credentials(&self, instance: &Instance) -> anyhow::Result<Vec<String>> {
        match instance.engine {
            Engine::Http => {
                // The partner's service does not know add-ons: a credential belongs to the instance
                // if it is the imported one, or its name begins with the id of one of the secret's versions.
                let secret = self.gateway.secrets_manager().secret(&instance.secret_name);
                let versions = secret.map(|secret| secret.versions).unwrap_or_default();
                let imported = imported_id(&instance.name);
                let of_version = |id: String| {
                    if id == imported {
                        return Some(id);
                    }
                    let mut versions = versions.iter();
                    let version = versions.find(|version| id.starts_with(&version.id))?;
                    Some(version.id.clone())
                };
                let live = self.credential_service.live().into_iter();
                Ok(live.filter_map(of_version).collect())
            }
            Engine::Postgres => self.live_roles(&instance.name).await,
            Engine::Mysql => self.live_mysql_users(&instance.name).await,
            Engine::Redis => self.live_users(&instance.name).await,
        }
    }

    fn import_api_key(&self, name: &str) -> anyhow::Result<Imported> {
        let id = imported_id(name);
        let key = format!("acme_live_{}", random_text(40));
        self.credential_service.register(&id, &key)?;
        let url = self.credential_service.url().to_string();
        let with_key = |key: &str| url.replacen("http://", &format!("http://key:{key}@"), 1);
        let value = with_key(&key);
        Ok(Imported {
            template: with_key("{{ api_key }}"),
            fields: json!({
                "engine": "http",
                "url": self.credential_service.url().as_str(),
                "credential_id": id,
                "api_key": key,
                "authorization": "Bearer {{ api_key }}",
                "generate": { "api_key": { "prefix": "acme_live_", "length": 40 } },
                "masterarn": self.account.administrator()?,
            }),
            config_var: "ACME_URL",
            value,
        })
    }
}

fn imported_id(name: &str) -> String {
    format!("imported-{name}")
}
