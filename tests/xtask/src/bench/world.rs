//! A partner with one add-on instance: what a rotation and its revocation are recorded with.

mod environment;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use local_cloud::certificates::Authority;
use local_cloud::cloud::Api;
use local_cloud::credential_service::{CredentialService, CredentialServiceOptions};
use local_cloud::events::{EventKind, EventLog};
use local_cloud::gateway::{Gateway, GatewayOptions};
use local_cloud::heroku::{AppSpec, Heroku, Manifest, Provision, RestartSpeed};
use local_cloud::secrets_manager::{Caller, RotationOptions};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

use self::environment::{ADMINISTRATORS, CREDENTIALS, OAUTH, STACK, environment};
use super::BenchError;
use super::front::{Addresses, BoundFront, Desk, Front, Recording, Upstream};
use super::lambda::{Lambda, arn};
use super::processors::Starter;

/// The config var that shows the credential.
const VAR: &str = "ACME_URL";
const PASSWORD: &str = "a password of the manifest";
const CLIENT_SECRET: &str = "a client secret";
const ADMINISTRATOR: &str = "an administrator's token";
/// How long a rotation may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The stand-ins, and what is in front of them.
pub(crate) struct World {
    pub(crate) desk: Arc<Desk>,
    pub(crate) lambda: Lambda,
    events: EventLog,
    heroku: Heroku,
    service: CredentialService,
    gateway: Gateway,
    addresses: Addresses,
    _front: Front,
}

/// An add-on instance that is not enrolled.
struct Provisioned {
    addon: String,
    document: Value,
}

impl World {
    /// Starts it; with `is_tls`, every address of a function is HTTPS and its certificate checked.
    pub(crate) async fn start(
        is_tls: bool,
        starter: Starter,
        executables: &Path,
        directory: &Path,
    ) -> Result<Self, BenchError> {
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
        let tls = if is_tls {
            Some(acceptor(&bundle)?)
        } else {
            None
        };
        let front = BoundFront::bind(tls).await?;
        let addresses = front.addresses.clone();
        let lambda = Lambda::new(starter, executables, directory);
        let upstream = Upstream {
            aws: gateway.endpoint().clone(),
            heroku_api: heroku.api_url(),
            heroku_id: heroku.oauth_url(),
            service: service.url(),
        };
        let http = reqwest::Client::builder()
            .build()
            .map_err(|error| BenchError::Front(std::io::Error::other(error)))?;
        let desk = Desk::new(upstream, lambda.clone(), http);
        let front = front.serve(&desk);
        let gateway = gateway.serve(GatewayOptions {
            events: events.clone(),
            rotation: RotationOptions::default(),
            functions: Some(Arc::new(lambda.clone())),
            target: Some(Arc::new(lambda.clone())),
            ..GatewayOptions::default()
        });
        let mut world = Self {
            desk,
            lambda,
            events,
            heroku,
            service,
            gateway,
            addresses,
            _front: front,
        };
        world.set_up(is_tls.then_some(bundle.as_path())).await?;
        Ok(world)
    }

    async fn set_up(&mut self, bundle: Option<&Path>) -> Result<(), BenchError> {
        let partner = json!({ "id": "acme", "password": PASSWORD, "client_secret": CLIENT_SECRET });
        let partner = self.create_secret("addon/partner", &partner).await?;
        let environment = environment(&self.addresses, &partner, bundle);
        self.lambda.set_up(environment, &self.desk);
        Ok(())
    }

    /// The life of an instance by the functions that begin and end it; then rotates another one and revokes
    /// its old credential. The second time is recorded, as the first rotation also labels the imported version.
    pub(crate) async fn record(&self, api: Api) -> Result<BTreeMap<String, Recording>, BenchError> {
        self.live_and_end(api).await?;
        let mut recordings = self.desk.take_recordings();
        let secret = self.enrol(api).await?;
        self.rotate(&secret).await?;
        self.revoke().await?;
        self.desk.take_recordings();
        self.rotate(&secret).await?;
        self.ask("sweep", json!({})).await?;
        self.revoke().await?;
        recordings.extend(self.desk.take_recordings());
        Ok(recordings)
    }

    async fn ask(&self, function: &str, event: Value) -> Result<Value, BenchError> {
        let answer = self.lambda.invoke(function, event).await;
        let answer = answer.map_err(BenchError::Recording)?;
        answer.map_err(|error| BenchError::Recording(format!("{function}: {error}")))
    }

    async fn live_and_end(&self, api: Api) -> Result<(), BenchError> {
        let Provisioned { addon, document } =
            self.provision(&format!("life-{}", name(api))).await?;
        let mut enrolment = json!({ "Document": document });
        enrolment["Document"]["heroku"]["api"] = name(api).into();
        if api == Api::V3 {
            enrolment["RefreshToken"] = self.heroku.refresh_token(&addon)?.into();
        }
        self.ask("enroll-addon", enrolment).await?;
        let addon = json!({ "AddonId": addon });
        let started = self.ask("start-rotation", addon.clone()).await?;
        self.rotated(started["VersionId"].as_str().unwrap_or_default())
            .await?;
        self.ask("deprovision-addon", addon).await?;
        Ok(())
    }

    async fn enrol(&self, api: Api) -> Result<String, BenchError> {
        let app = format!("app-{}", name(api));
        let Provisioned {
            addon,
            mut document,
        } = self.provision(&app).await?;
        let heroku = &mut document["heroku"];
        heroku["api"] = name(api).into();
        if api == Api::V3 {
            let tokens = json!({ "refresh_token": self.heroku.refresh_token(&addon)? });
            let name = format!("{OAUTH}{addon}");
            heroku["oauth"] = self.create_secret(&name, &tokens).await?.into();
        }
        let name = format!("{CREDENTIALS}{addon}");
        let secret = self.create_secret(&name, &document).await?;
        let enrolment = json!({
            "SecretId": secret,
            "ClientRequestToken": token(),
            "RotationLambdaARN": arn("rotate"),
            "RotationRules": { "AutomaticallyAfterDays": 90 },
            "RotateImmediately": false,
        });
        self.call("RotateSecret", enrolment).await?;
        Ok(secret)
    }

    /// An add-on with the document of its imported credential.
    async fn provision(&self, app: &str) -> Result<Provisioned, BenchError> {
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
            plan: "acme:gold".to_owned(),
            region: "amazon-web-services::us-east-1".to_owned(),
            owner_app: app.to_owned(),
            config: BTreeMap::from([(VAR.to_owned(), shown(&key))]),
        })?;
        let administrator =
            json!({ "token": ADMINISTRATOR, "url": self.addresses.service.as_str() });
        let name = format!("{ADMINISTRATORS}{app}");
        let document = json!({
            "engine": "http",
            "url": self.addresses.service.as_str(),
            "credential_id": id,
            "api_key": key,
            "authorization": "Bearer {{ api_key }}",
            "generate": { "api_key": { "prefix": "acme_live_", "length": 40 } },
            "masterarn": self.create_secret(&name, &administrator).await?,
            "heroku": { "addon_id": addon.id, "config": { VAR: shown("{{ api_key }}") } },
        });
        Ok(Provisioned {
            addon: addon.id,
            document,
        })
    }

    async fn rotate(&self, secret: &str) -> Result<(), BenchError> {
        let version = token();
        let parameters = json!({ "SecretId": secret, "ClientRequestToken": version });
        self.call("RotateSecret", parameters).await?;
        self.rotated(&version).await
    }

    async fn rotated(&self, version: &str) -> Result<(), BenchError> {
        let ended = self.events.wait_for(|events| {
            events.iter().find_map(|event| match &event.kind {
                EventKind::RotationSucceeded { version: it, .. } if it == version => Some(Ok(())),
                EventKind::RotationFailed {
                    version: it,
                    message,
                    ..
                } if it == version => Some(Err(BenchError::Recording(message.clone()))),
                _ => None,
            })
        });
        let ended = tokio::time::timeout(PATIENCE, ended).await;
        ended.unwrap_or_else(|_| Err(BenchError::Recording("the rotation does not end".into())))
    }

    /// Has the one revocation that is scheduled take place now.
    async fn revoke(&self) -> Result<(), BenchError> {
        let scheduler = self.gateway.scheduler();
        let waiting = scheduler.schedules();
        let [schedule] = waiting.as_slice() else {
            let count = waiting.len();
            return Err(BenchError::Recording(format!("{count} schedules, not one")));
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
        fired.map_err(|_| BenchError::Recording("the revocation does not end".into()))?;
        if self.service.live().len() == live {
            return Err(BenchError::Recording("nothing was revoked".into()));
        }
        Ok(())
    }

    async fn create_secret(&self, name: &str, value: &Value) -> Result<String, BenchError> {
        let parameters = json!({
            "Name": name,
            "Tags": [{ "Key": "rotation:stack", "Value": STACK }],
            "SecretString": value.to_string(),
            "ClientRequestToken": token(),
        });
        let created = self.call("CreateSecret", parameters).await?;
        Ok(created["ARN"].as_str().unwrap_or_default().to_owned())
    }

    async fn call(&self, operation: &str, parameters: Value) -> Result<Value, BenchError> {
        let secrets = self.gateway.secrets_manager();
        let operator = Caller("operator".to_owned());
        let answer = secrets.handle(&operator, operation, parameters).await;
        answer.map_err(|error| BenchError::Recording(format!("{operation}: {}", error.message)))
    }
}

/// As documents name it.
fn name(api: Api) -> &'static str {
    match api {
        Api::V1 => "v1",
        Api::V3 => "v3",
    }
}

fn token() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// TLS by an authority that only `bundle` knows. Sessions are not resumed: each connection of a cold
/// start is a first one.
fn acceptor(bundle: &Path) -> Result<TlsAcceptor, BenchError> {
    let authority = Authority::new()?;
    std::fs::write(bundle, authority.pem()).map_err(BenchError::file(bundle))?;
    let certificate = authority.certify(&["localhost"])?;
    let malformed = |error| BenchError::Tls(format!("{error:?}"));
    let chain = CertificateDer::from_pem_slice(certificate.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).map_err(malformed)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| BenchError::Tls(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(vec![chain.map_err(malformed)?], key)
        .map_err(|error| BenchError::Tls(error.to_string()))?;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(TlsAcceptor::from(Arc::new(config)))
}
