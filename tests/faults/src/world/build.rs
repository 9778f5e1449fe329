//! Sets a world up: Heroku, AWS, the service, the functions, and the proxies between them.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use addon_rotation::heroku::HerokuConfiguration;
use addon_rotation::net;
use lambda_in_process::{Environment, STACK, arn, names};
use local_cloud::events::EventLog;
use local_cloud::gateway::{Gateway, GatewayOptions};
use local_cloud::heroku::{AppSpec, Heroku, Manifest, Provision, RestartSpeed};
use local_cloud::secrets_manager::{Caller, RotationOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{VAR, World, rendered};
use crate::clock::Clock;
use crate::engine::{Engine, Imported, Servers, Service};
use crate::functions::{Lambda, Scheduled, TIMEOUT};
use crate::proxy::http::{Bound, Proxy, Upstream};
use crate::proxy::{Passage, Watcher};
use crate::running::Running;
use crate::{Problem, random};

/// One of Heroku's partner APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// The App Info API.
    V1,
    /// The Platform API for Partners.
    V3,
}

impl Api {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V1, Self::V3];

    /// As in a document.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V3 => "v3",
        }
    }
}

/// What a world is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Setup {
    /// The service's kind.
    pub engine: Engine,
    /// Heroku's API.
    pub api: Api,
}

/// A world, and what only its driver has.
pub struct Built {
    /// The world.
    pub world: Arc<World>,
    /// What Scheduler handed to Lambda.
    pub scheduled: Scheduled,
    /// The functions' errors.
    pub errors: mpsc::UnboundedReceiver<String>,
    _proxies: Vec<Proxy>,
}

/// Builds a world whose instance is enrolled and not yet rotated. Within a
/// [`tokio::task::LocalSet`].
///
/// # Errors
/// If something of it cannot be set up.
pub async fn build(setup: Setup, servers: Arc<Servers>) -> Result<Built, Problem> {
    let events = EventLog::default();
    let running = Running::default();
    let passage = Passage::new(running.clone());
    let heroku = Arc::new(Heroku::start(events.clone()).await?);
    let (password, client_secret) = (random(), random());
    heroku.add_service(Manifest {
        id: "acme".to_owned(),
        api_password: password.clone(),
        client_secret: client_secret.clone(),
        config_vars: vec![VAR.to_owned()],
    })?;
    let (service, imported) =
        Service::start(setup.engine, servers, events.clone(), passage.clone()).await?;

    let gateway = Gateway::bind().await?;
    let fronts = Fronts::bind().await?;
    let http = net::http_client()?;
    let environment = Environment {
        aws: fronts.aws.instead_of(gateway.endpoint())?,
        lambda: fronts.lambda.instead_of(gateway.endpoint())?,
        heroku: HerokuConfiguration {
            api: fronts.heroku.instead_of(&heroku.api_url())?,
            oauth: fronts.oauth.instead_of(&heroku.oauth_url())?,
            // Secrets Manager takes an ARN without its last six characters as well; the whole one is
            // not known before the secret is there.
            partner: "arn:aws:secretsmanager:us-east-1:000000000000:secret:acme/partner"
                .parse()
                .map_err(|problem: &str| Problem::from(problem))?,
        },
        http: http.clone(),
        timeout: TIMEOUT,
        reports: true,
    };
    let (errors_in, errors) = mpsc::unbounded_channel();
    let (lambda, scheduled) = Lambda::start(environment, running, errors_in);
    let gateway = gateway.serve(GatewayOptions {
        events: events.clone(),
        rotation: RotationOptions {
            retry_interval: Duration::from_millis(10),
            ..RotationOptions::default()
        },
        functions: Some(Arc::new(lambda.clone())),
        target: Some(Arc::new(lambda.clone())),
        ..GatewayOptions::default()
    });
    let proxies = fronts.serve(&gateway, &heroku, &lambda, &passage).await?;
    let partner = json!({ "id": "acme", "password": password, "client_secret": client_secret });
    create_secret(&gateway, "acme/partner", &partner, false).await?;
    let stored = store(setup.api, &gateway, &heroku, &imported).await?;

    let world = Arc::new(World {
        events,
        heroku,
        service,
        lambda,
        passage: passage.clone(),
        clock: Clock::default(),
        secrets: gateway.secrets_manager().clone(),
        gateway,
        http,
        secret: stored.secret,
        addon: stored.addon,
        app: APP.to_owned(),
        template: imported.template,
        book: std::sync::Mutex::default(),
    });
    let watcher: Arc<dyn Watcher> = world.clone();
    let watcher: Weak<dyn Watcher> = Arc::downgrade(&watcher);
    passage.watch(watcher);
    world.switch_on().await?;
    world.look_now().await;
    Ok(Built {
        world,
        scheduled,
        errors,
        _proxies: proxies,
    })
}

/// The customer's app.
const APP: &str = "shop";

struct Fronts {
    aws: Bound,
    lambda: Bound,
    heroku: Bound,
    oauth: Bound,
}

impl Fronts {
    async fn bind() -> Result<Self, Problem> {
        Ok(Self {
            aws: Bound::bind().await?,
            lambda: Bound::bind().await?,
            heroku: Bound::bind().await?,
            oauth: Bound::bind().await?,
        })
    }

    async fn serve(
        self,
        gateway: &Gateway,
        heroku: &Heroku,
        lambda: &Lambda,
        passage: &Passage,
    ) -> Result<Vec<Proxy>, Problem> {
        let (listener, address) = crate::proxy::listen().await?;
        let router = lambda.router();
        tokio::task::spawn_local(async move {
            let _ = axum::serve(listener, router).await;
        });
        let authority = |url: &url::Url| url.authority().to_owned();
        let serve =
            |front: Bound, upstream, authority| front.serve(upstream, authority, passage.clone());
        Ok(vec![
            serve(self.aws, Upstream::Aws, authority(gateway.endpoint())),
            serve(self.lambda, Upstream::Lambda, address.to_string()),
            serve(self.heroku, Upstream::Heroku, authority(&heroku.api_url())),
            serve(self.oauth, Upstream::Heroku, authority(&heroku.oauth_url())),
        ])
    }
}

struct Stored {
    secret: String,
    addon: String,
}

/// Provisions the add-on and stores its secrets.
async fn store(
    api: Api,
    gateway: &Gateway,
    heroku: &Heroku,
    imported: &Imported,
) -> Result<Stored, Problem> {
    heroku.create_app(AppSpec {
        name: APP.to_owned(),
        dynos: 1,
        restart: RestartSpeed {
            first: Duration::from_millis(1),
            stagger: Duration::ZERO,
        },
    })?;
    let mut administrator = imported.administrator.clone();
    for field in ["host", "port", "url"] {
        administrator[field] = imported.fields[field].clone();
    }
    let administrator = create_secret(gateway, "acme/masters/shop", &administrator, false).await?;
    let addon = heroku.provision(Provision {
        service: "acme".to_owned(),
        name: "acme-shop".to_owned(),
        plan: "acme:gold".to_owned(),
        region: "amazon-web-services::us-east-1".to_owned(),
        owner_app: APP.to_owned(),
        config: BTreeMap::from([(
            VAR.to_owned(),
            rendered(&imported.template, &imported.fields),
        )]),
    })?;
    let template = imported.template.replace("{{", "{{ ").replace("}}", " }}");
    let mut block = json!({
        "api": api.name(),
        "addon_id": addon.id,
        "config": { VAR: template },
    });
    if api == Api::V3 {
        let tokens = json!({ "refresh_token": heroku.refresh_token(&addon.id)? });
        block["oauth"] = create_secret(gateway, &names().oauth_of(&addon.id), &tokens, false)
            .await?
            .into();
    }
    let mut document = imported.fields.clone();
    document["masterarn"] = administrator.into();
    document["heroku"] = block;
    Ok(Stored {
        secret: create_secret(gateway, &names().secret_of(&addon.id), &document, true).await?,
        addon: addon.id,
    })
}

async fn create_secret(
    gateway: &Gateway,
    name: &str,
    value: &Value,
    managed: bool,
) -> Result<String, Problem> {
    let tags = if managed {
        json!([{ "Key": "rotation:stack", "Value": STACK }])
    } else {
        json!([])
    };
    let parameters = json!({
        "Name": name,
        "Tags": tags,
        "SecretString": value.to_string(),
        "ClientRequestToken": Uuid::new_v4().to_string(),
    });
    let operator = Caller("operator".to_owned());
    let secrets = gateway.secrets_manager();
    let answer = secrets
        .handle(&operator, "CreateSecret", parameters)
        .await?;
    Ok(answer["ARN"].as_str().unwrap_or_default().to_owned())
}

impl World {
    async fn switch_on(&self) -> Result<(), Problem> {
        self.call(
            "RotateSecret",
            json!({
                "SecretId": self.secret,
                "ClientRequestToken": Uuid::new_v4().to_string(),
                "RotationLambdaARN": arn("rotate"),
                "RotationRules": { "AutomaticallyAfterDays": 90 },
                "RotateImmediately": false,
            }),
        )
        .await?;
        Ok(())
    }
}
