//! A partner with add-on instances: what the functions are measured with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail, ensure};
use credential_service::{CredentialService, CredentialServiceOptions};
use local_cloud::cloud::Api;
use local_cloud::lambda::Function;
use serde_json::{Value, json};
use stand_in::events::{EventKind, EventLog};
use strict_aws::gateway::{Gateway, GatewayOptions};
use strict_aws::secrets_manager::Caller;
use strict_heroku::{AppSpec, Heroku, Manifest, Provision, RestartSpeed};

use super::front::{Door, Host, acceptor};
use super::lambda::{Lambda, arn};
use super::{FLOOR, PYTHON, Round};

pub(super) const STACK: &str = "addon-rotation";
const CREDENTIALS: &str = "addon/credentials/";
const ADMINISTRATORS: &str = "addon/masters/";
const TOKENS: &str = "addon-rotation-refresh-tokens";

const VAR: &str = "ACME_URL";
const PASSWORD: &str = "a password of the manifest";
const CLIENT_SECRET: &str = "a client secret";
const ADMINISTRATOR: &str = "an administrator's token";
/// How long a rotation may take, functions that are emulated included.
const PATIENCE: Duration = Duration::from_mins(10);

pub struct World {
    pub lambda: Lambda,
    events: EventLog,
    heroku: Heroku,
    service: CredentialService,
    gateway: Gateway,
    doors: [Door; 4],
}

impl World {
    /// Starts it. Every address of a function is HTTPS and its certificate checked.
    pub async fn start(
        executables: &Path,
        directory: &Path,
        python: Option<[PathBuf; 2]>,
    ) -> Result<Self> {
        // Already installed is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let events = EventLog::default();
        let heroku = Heroku::start(events.clone()).await?;
        heroku.add_service(Manifest {
            id: "acme".to_owned(),
            api_password: PASSWORD.to_owned(),
            client_secret: CLIENT_SECRET.to_owned(),
            config_vars: vec![VAR.to_owned()],
        })?;
        let options = CredentialServiceOptions {
            name: "acme".to_owned(),
            administrator_token: ADMINISTRATOR.to_owned(),
        };
        let service = CredentialService::start(options, events.clone()).await?;
        let gateway = Gateway::bind().await?;
        let bundle = directory.join("ca-bundle.pem");
        let tls = acceptor(&bundle)?;
        let lambda = Lambda::new(executables, directory, python);
        let open = async |host, upstream| Door::open(host, upstream, &tls, &lambda).await;
        let doors = [
            open(Host::Aws, gateway.endpoint().clone()).await?,
            open(Host::Heroku, heroku.api_url()).await?,
            open(Host::Heroku, heroku.oauth_url()).await?,
            open(Host::Service, service.url()).await?,
        ];
        let gateway = gateway.serve(GatewayOptions {
            events: events.clone(),
            functions: Some(Arc::new(lambda.clone())),
            target: Some(Arc::new(lambda.clone())),
            ..GatewayOptions::default()
        });
        let world = Self {
            lambda,
            events,
            heroku,
            service,
            gateway,
            doors,
        };
        world.set_up(&bundle).await?;
        Ok(world)
    }

    async fn set_up(&self, bundle: &Path) -> Result<()> {
        let partner = json!({ "id": "acme", "password": PASSWORD, "client_secret": CLIENT_SECRET });
        let partner = self.create_secret("addon/partner", &partner).await?;
        let [aws, api, id, _] = &self.doors;
        let parameters = BTreeMap::from([
            ("HerokuApiUrl", api.url.to_string()),
            ("HerokuOAuthUrl", id.url.join("oauth/token")?.to_string()),
            ("PartnerSecretArn", partner),
        ]);
        let mut functions = local_cloud::lambda::functions(STACK, &parameters)?;
        functions.extend(python(&functions));
        for function in &mut functions {
            let mut set = |name: &str, value: String| {
                function.environment.insert(name.to_owned(), value);
            };
            set("AWS_ENDPOINT_URL", aws.url.to_string());
            set("ALLOW_PLAIN_TEXT_ON_LOOPBACK", "true".to_owned());
            set("CA_BUNDLE_FILE", bundle.display().to_string());
            set("AWS_CA_BUNDLE", bundle.display().to_string());
            set("SSL_CERT_FILE", bundle.display().to_string());
        }
        self.lambda.deploy(functions);
        Ok(())
    }

    /// An instance that has rotated once: the first rotation also labels the imported version.
    pub async fn enrol(&self, api: Api) -> Result<String> {
        let secret = self.enrolled_for("rotate", name(api), api).await?;
        self.rotate(&secret).await?;
        self.revoke().await?;
        Ok(secret)
    }

    /// What each function costs: in the life of an instance, by the functions that begin and end it, then in a
    /// rotation of another one and its revocation.
    pub async fn round(&self, api: Api, secret: &str) -> Result<Round> {
        self.ask(FLOOR, json!({})).await?;
        self.live_and_end(api).await?;
        self.rotate(secret).await?;
        self.ask("sweep", json!({})).await?;
        self.revoke().await?;
        Ok(self.lambda.take())
    }

    /// What the steps of a rotation cost, and the same steps in Python.
    pub async fn rotations(&self, secret: &str, python: &str) -> Result<Round> {
        self.rotate(secret).await?;
        self.revoke().await?;
        self.rotate(python).await?;
        Ok(self.lambda.take())
    }

    async fn ask(&self, function: &str, event: Value) -> Result<Value> {
        let answer = self.lambda.invoke(function, event).await?;
        answer.map_err(|error| anyhow!("{function}: {error}"))
    }

    async fn live_and_end(&self, api: Api) -> Result<()> {
        let (addon, document) = self.provision(&format!("life-{}", token())).await?;
        let mut enrolment = json!({ "Document": document });
        enrolment["Document"]["heroku"]["api"] = name(api).into();
        if api == Api::V3 {
            enrolment["RefreshToken"] = self.heroku.refresh_token(&addon)?.into();
        }
        self.ask("enroll-addon", enrolment).await?;
        let addon = json!({ "AddonId": addon });
        let starting = async {
            loop {
                let started = self.ask("start-rotation", addon.clone()).await?;
                // Where functions are slow, the enrolment's test outlasts the enrolment.
                if started["Outcome"] != "under-way" {
                    return Ok::<_, anyhow::Error>(started);
                }
            }
        };
        let started = tokio::time::timeout(PATIENCE, starting).await;
        let started = started.map_err(|_| anyhow!("the enrolment's test does not end"))??;
        self.rotated(started["VersionId"].as_str().unwrap_or_default())
            .await?;
        self.ask("deprovision-addon", addon).await?;
        Ok(())
    }

    pub async fn enrolled_for(&self, function: &str, app: &str, api: Api) -> Result<String> {
        let app = format!("app-{app}");
        let (addon, mut document) = self.provision(&app).await?;
        let heroku = &mut document["heroku"];
        heroku["api"] = name(api).into();
        if api == Api::V3 {
            let token = json!({ "S": self.heroku.refresh_token(&addon)? });
            let item = json!({ "addon": { "S": addon }, "refresh_tokens": { "L": [token] } });
            let item = item.as_object().cloned().unwrap_or_default();
            self.gateway.put_item(TOKENS, "addon", item);
        }
        let name = format!("{CREDENTIALS}{addon}");
        let secret = self.create_secret(&name, &document).await?;
        let enrolment = json!({
            "SecretId": secret,
            "ClientRequestToken": token(),
            "RotationLambdaARN": arn(function),
            "RotationRules": { "AutomaticallyAfterDays": 90 },
            "RotateImmediately": false,
        });
        self.call("RotateSecret", enrolment).await?;
        Ok(secret)
    }

    /// An add-on that is not enrolled, with the document of its imported credential.
    async fn provision(&self, app: &str) -> Result<(String, Value)> {
        self.heroku.create_app(AppSpec {
            name: app.to_owned(),
            dynos: 1,
            restart: RestartSpeed {
                first: Duration::from_millis(1),
                stagger: Duration::ZERO,
            },
        })?;
        let (id, key) = (format!("imported-{app}"), format!("the key of {app}"));
        self.service.register(&id, &key)?;
        let shown = |key: &str| format!("https://key:{key}@api.acme.example/v1");
        let addon = self.heroku.provision(Provision {
            service: "acme".to_owned(),
            name: format!("acme-{app}"),
            owner_app: app.to_owned(),
            config: BTreeMap::from([(VAR.to_owned(), shown(&key))]),
        })?;
        let url = self.doors[3].url.join("v1")?;
        let administrator = json!({ "token": ADMINISTRATOR, "url": url.as_str() });
        let name = format!("{ADMINISTRATORS}{app}");
        let document = json!({
            "engine": "http",
            "url": url.as_str(),
            "credential_id": id,
            "api_key": key,
            "authorization": "Bearer {{ api_key }}",
            "generate": { "api_key": { "prefix": "acme_live_", "length": 40 } },
            "masterarn": self.create_secret(&name, &administrator).await?,
            "heroku": { "addon_id": addon.id, "config": { VAR: shown("{{ api_key }}") } },
        });
        Ok((addon.id, document))
    }

    async fn rotate(&self, secret: &str) -> Result<()> {
        let version = token();
        let parameters = json!({ "SecretId": secret, "ClientRequestToken": version });
        self.call("RotateSecret", parameters).await?;
        self.rotated(&version).await
    }

    async fn rotated(&self, version: &str) -> Result<()> {
        let ended = self.events.wait_for(|events| {
            events.iter().find_map(|event| match &event.kind {
                EventKind::RotationSucceeded { version: it, .. } if it == version => Some(Ok(())),
                EventKind::RotationFailed {
                    version: it,
                    message,
                    ..
                } if it == version => Some(Err(anyhow!("the rotation fails: {message}"))),
                _ => None,
            })
        });
        let ended = tokio::time::timeout(PATIENCE, ended).await;
        ended.unwrap_or_else(|_| Err(anyhow!("the rotation does not end")))
    }

    async fn revoke(&self) -> Result<()> {
        let scheduler = self.gateway.scheduler();
        let waiting = scheduler.schedules();
        let [schedule] = waiting.as_slice() else {
            bail!("{} schedules, not one", waiting.len());
        };
        let live = self.service.live().len();
        // It is there: nothing else takes schedules away.
        let _ = scheduler.bring_forward(&schedule.name);
        let fired = self.events.wait_for(|events| {
            let mut fired = events
                .iter()
                .rev()
                .take_while(|event| !matches!(event.kind, EventKind::RotationSucceeded { .. }));
            fired.find_map(|event| match &event.kind {
                EventKind::ScheduleFired { name, .. } if *name == schedule.name => Some(()),
                _ => None,
            })
        });
        let fired = tokio::time::timeout(PATIENCE, fired).await;
        fired.map_err(|_| anyhow!("the revocation does not end"))?;
        ensure!(self.service.live().len() < live, "nothing was revoked");
        Ok(())
    }

    async fn create_secret(&self, name: &str, value: &Value) -> Result<String> {
        let parameters = json!({
            "Name": name,
            "Tags": [{ "Key": "rotation:stack", "Value": STACK }],
            "SecretString": value.to_string(),
            "ClientRequestToken": token(),
        });
        let created = self.call("CreateSecret", parameters).await?;
        Ok(created["ARN"].as_str().unwrap_or_default().to_owned())
    }

    async fn call(&self, operation: &str, parameters: Value) -> Result<Value> {
        let secrets = self.gateway.secrets_manager();
        let operator = Caller("operator".to_owned());
        let answer = secrets.handle(&operator, operation, parameters).await;
        answer.map_err(|error| anyhow!("{operation}: {}", error.message))
    }
}

/// The function in Python, with the variables of the one that publishes and the memory that AWS's templates give it.
fn python(functions: &[Function]) -> Option<Function> {
    let publishing = functions.iter().find(|it| it.binary == "publish-to-heroku");
    publishing.map(|publishing| Function {
        name: format!("{STACK}-{PYTHON}"),
        binary: PYTHON.to_owned(),
        ..publishing.clone()
    })
}

fn name(api: Api) -> &'static str {
    match api {
        Api::V1 => "v1",
        Api::V3 => "v3",
    }
}

fn token() -> String {
    uuid::Uuid::new_v4().to_string()
}
