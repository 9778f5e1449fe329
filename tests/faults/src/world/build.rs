//! Sets a world up: Heroku, AWS, the service, the functions, and the proxies between them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use addon_rotation::heroku::HerokuConfiguration;
use addon_rotation::net;
use addon_rotation::schedule::ScheduleGroup;
use addon_rotation::secrets::Secrets;
use addon_rotation_operator::stack::Stack;
use clap::ValueEnum;
use lambda_in_process::{Environment, STACK, names};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stand_in::events::EventLog;
use strict_aws::gateway::{Gateway, GatewayOptions};
use strict_aws::scheduler::{self, Past};
use strict_aws::secrets_manager::{self, Caller, Probe, RotationOptions, SecretsManager};
use strict_heroku::{
    AppSpec, Heroku, Manifest, Pool, Provision, RateLimit, Renewal, RestartSpeed, ShownNames,
    Untidiness,
};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::operator::OPERATOR;
use super::{Handed, OTHER_VAR, VAR, World, rendered};
use crate::clock::Clock;
use crate::engine::{Engine, Imported, Servers, Service};
use crate::functions::{Lambda, TIMEOUT};
use crate::proxy::http::{Upstream, serve};
use crate::proxy::{Bound, Passage, Proxy};
use crate::running::Running;
use crate::{Problem, random};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// The App Info API.
    V1,
    /// The Platform API for Partners.
    V3,
}

impl Api {
    /// As in a document.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// How tidy AWS and Heroku are, where neither document nor recording settles it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Manners {
    /// As tidy as can be.
    #[default]
    Tidy,
    /// `AWSPENDING` stays, reads are late, changes of schedules are refused at first, names are in lower case, one
    /// pool of requests is for all tokens.
    Untidy,
    /// The same, but what is past fires late, the probe has a value, Heroku shows names of v1's form, and renews a
    /// refresh token whenever it is used. The one before ends when the new one is used: one that ended at once would be
    /// lost with an answer.
    UntidyLate,
    /// The same, but names are the attachment's.
    UntidyAttached,
}

const LATE: u32 = 2;

impl Manners {
    /// What was done before is known to everybody from now on, however untidy Secrets Manager is.
    pub(super) fn let_be_known(self, secrets: &SecretsManager) {
        if self == Self::Tidy {
            return;
        }
        secrets.be(secrets_manager::Untidy {
            pending_stays: true,
            late_reads: LATE,
            late_lists: LATE,
            late_for: None,
            probe: match self {
                Self::UntidyLate => Probe::CurrentValue,
                Self::Tidy | Self::Untidy | Self::UntidyAttached => Probe::NoValue,
            },
            probe_comes_later: true,
            lingering: LATE,
            cancelling_forgets_the_function: true,
        });
    }

    fn are_those_of(self, gateway: &Gateway, heroku: &Heroku) {
        let (past, names, renewal) = match self {
            Self::Tidy => return,
            Self::Untidy => (
                Past::Never,
                ShownNames::LowerCaseWithoutPrefix,
                Renewal::Never,
            ),
            Self::UntidyLate => (
                Past::After(Duration::from_secs(1)),
                ShownNames::WithoutPrefixAndAttachment,
                Renewal::EndsOldOnceUsed,
            ),
            Self::UntidyAttached => (Past::Never, ShownNames::Attachment, Renewal::Never),
        };
        self.let_be_known(gateway.secrets_manager());
        gateway.scheduler().be(scheduler::Untidy { past, busy: 1 });
        heroku.set_untidiness(Untidiness {
            names,
            strips_blanks: true,
            without_uuid: true,
            keeps_nulls: true,
        });
        heroku.set_renewal(renewal);
        heroku.set_rate_limit(RateLimit {
            pool: Pool::Service,
            ..RateLimit::default()
        });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Setup {
    pub engine: Engine,
    pub api: Api,
    #[serde(default)]
    pub manners: Manners,
}

/// A world, and what only its driver has.
pub struct Built {
    pub world: Arc<World>,
    pub scheduled: Handed,
    pub errors: mpsc::UnboundedReceiver<String>,
    _proxies: Vec<Proxy>,
}

/// Builds a world whose instance is provisioned and not yet enrolled. Within a [`tokio::task::LocalSet`].
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
        config_vars: [VAR, OTHER_VAR].map(ToOwned::to_owned).into(),
    })?;
    let (service, imported) =
        Service::start(setup.engine, servers, events.clone(), passage.clone()).await?;

    let gateway = Gateway::bind().await?;
    // What functions talk to stands behind these.
    let (aws, functions) = (Bound::bind().await?, Bound::bind().await?);
    let (api, oauth) = (Bound::bind().await?, Bound::bind().await?);
    let http = net::http_client()?;
    let environment = Environment {
        aws: aws.instead_of(gateway.endpoint())?,
        lambda: functions.instead_of(gateway.endpoint())?,
        heroku: HerokuConfiguration {
            api: api.instead_of(&heroku.api_url())?,
            oauth: oauth.instead_of(&heroku.oauth_url())?,
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
    let stack = operators(&environment);
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
    let Bound { listener, address } = Bound::bind().await?;
    let router = lambda.router();
    tokio::task::spawn_local(async move {
        let _ = axum::serve(listener, router).await;
    });
    let authority = |url: &url::Url| url.authority().to_owned();
    let front = |bound, upstream, authority| serve(bound, upstream, authority, passage.clone());
    let proxies = vec![
        front(aws, Upstream::Aws, authority(gateway.endpoint())),
        front(functions, Upstream::Lambda, address.to_string()),
        front(api, Upstream::Heroku, authority(&heroku.api_url())),
        front(oauth, Upstream::Heroku, authority(&heroku.oauth_url())),
    ];
    let partner = json!({ "id": "acme", "password": password, "client_secret": client_secret });
    create_secret(&gateway, "acme/partner", &partner).await?;
    setup.manners.are_those_of(&gateway, &heroku);
    let (addon, enrolment) = provision(setup.api, &gateway, &heroku, &imported).await?;
    let own = ["password", "token"].map(|field| imported.administrator[field].as_str());
    let administrator = own.into_iter().flatten().collect();
    // The administrator's secret is older than any instance.
    setup.manners.let_be_known(gateway.secrets_manager());

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
        manners: setup.manners,
        stack,
        secret: names().secret_of(&addon),
        addon,
        enrolment,
        administrator,
        book: Mutex::default(),
    });
    // Nobody else has set it.
    let _ = passage.world.set(Arc::downgrade(&world));
    Ok(Built {
        world,
        scheduled,
        errors,
        _proxies: proxies,
    })
}

/// The customer's app.
pub(super) const APP: &str = "shop";

/// The stack as the operator's tool reaches it: through the proxies, as the functions do.
fn operators(environment: &Environment) -> Stack {
    let aws = environment.sdk_config(OPERATOR);
    Stack {
        name: STACK.to_owned(),
        prefix: names().credentials,
        secrets: Secrets::new(&aws),
        functions: environment.functions(OPERATOR),
        group: ScheduleGroup::new(&aws, STACK),
    }
}

/// Provisions the add-on: its id, and what its backend has it enrolled with.
async fn provision(
    api: Api,
    gateway: &Gateway,
    heroku: &Heroku,
    imported: &Imported,
) -> Result<(String, Value), Problem> {
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
    let administrator = create_secret(gateway, "acme/masters/shop", &administrator).await?;
    let template = imported.template.replace("{{", "{{ ").replace("}}", " }}");
    let mut document = imported.fields.clone();
    document["masterarn"] = administrator.into();
    document["heroku"] = json!({ "api": api.name(), "config": { VAR: template } });
    let addon = heroku.provision(Provision {
        service: "acme".to_owned(),
        name: "acme-shop".to_owned(),
        owner_app: APP.to_owned(),
        config: BTreeMap::from([rendered(&document)]),
    })?;
    document["heroku"]["addon_id"] = addon.id.clone().into();
    let mut enrolment = json!({ "Document": document });
    if api == Api::V3 {
        enrolment["RefreshToken"] = heroku.refresh_token(&addon.id)?.into();
    }
    Ok((addon.id, enrolment))
}

async fn create_secret(gateway: &Gateway, name: &str, value: &Value) -> Result<String, Problem> {
    let parameters = json!({
        "Name": name,
        "SecretString": value.to_string(),
        "ClientRequestToken": Uuid::new_v4().to_string(),
    });
    let operator = Caller(OPERATOR.to_owned());
    let secrets = gateway.secrets_manager();
    let answer = secrets
        .handle(&operator, "CreateSecret", parameters)
        .await?;
    Ok(answer["ARN"].as_str().unwrap_or_default().to_owned())
}
