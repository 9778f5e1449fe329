//! A partner with its add-on service, its instances and its AWS account, in one process.

mod functions;
mod invariants;
mod log;
mod network;
mod patience;
pub(crate) mod probe;
mod publisher;
mod server;
mod snapshot;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use addon_rotation::document::{Document, Fields, credential_id};
use addon_rotation::event::{SecretArn, VersionId};
use addon_rotation::heroku::HerokuConfiguration;
use addon_rotation::heroku::{HerokuClient, Partner};
use addon_rotation::net::{self, PlainText};
use addon_rotation::secrets::Secrets;
use addon_rotation::service::{self, Services};
use addon_rotation::tokens::Tokens;
use credential_service::{CredentialService, CredentialServiceOptions};
use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use stand_in::events::{Event, EventKind, EventLog};
use stand_in::{Fault, FaultRule};
use strict_aws::gateway::{Gateway, GatewayFault, GatewayOptions};
use strict_aws::secrets_manager::{Caller, RotationOptions, SecretSnapshot, ServiceError};
use strict_heroku::{AppSpec, Heroku, Manifest, Provision, RestartSpeed};
use uuid::Uuid;

pub(crate) use functions::{Crash, Lambda, When, failure};
pub(crate) use invariants::Invariants;
pub(crate) use lambda_in_process::{FUNCTIONS, GRACE_PERIOD, TOKENS_TABLE};
pub(crate) use log::Log;
pub(crate) use network::{HERE, document_at, services, strict, trusting};
pub(crate) use patience::{in_time, once, soon, within};
pub(crate) use publisher::{Publisher, rendered};
pub(crate) use server::Server;
pub(crate) use snapshot::assert_snapshot;
pub(crate) use stand_in::patience::{Clock, PATIENCE, eventually};

/// The config var that shows an instance's credential.
pub(crate) const VAR: &str = "ACME_URL";

/// One of Heroku's partner APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    V1,
    V3,
}

impl Api {
    pub(crate) const BOTH: [Self; 2] = [Self::V1, Self::V3];
}

/// The key of an instance's refresh tokens.
fn key(addon: &str) -> Value {
    json!({ "addon": { "S": addon } })
}

/// What the service calls the credential of a version that rotation made.
pub(crate) fn credential(instance: &Instance, version: &VersionId) -> String {
    credential_id(&instance.addon, version)
}

pub(crate) struct Stand {
    pub(crate) events: EventLog,
    pub(crate) heroku: Arc<Heroku>,
    pub(crate) service: Arc<CredentialService>,
    pub(crate) gateway: Gateway,
    pub(crate) lambda: Lambda,
    administrator: SecretArn,
    http: reqwest::Client,
    _functions: Server,
}

/// An add-on instance whose secrets are stored. Its first credential is an imported one.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) secret: SecretArn,
    pub(crate) addon: String,
    pub(crate) heroku_id: String,
    pub(crate) app: String,
    /// What the imported credential is called at the service.
    pub(crate) imported: String,
    pub(crate) document: Value,
}

/// An add-on instance that is not enrolled.
#[derive(Clone, Debug)]
pub(crate) struct Provisioned {
    pub(crate) addon: String,
    pub(crate) heroku_id: String,
    pub(crate) grant_code: String,
    pub(crate) app: String,
    /// What its credential is called at the service.
    pub(crate) imported: String,
    pub(crate) document: Value,
}

impl Provisioned {
    /// The instance, whose secret `enroll-addon` has answered.
    pub(crate) fn enrolled(&self, answer: &Value) -> Instance {
        let secret = answer["SecretArn"].as_str().unwrap().parse().unwrap();
        self.clone().stored_in(secret)
    }

    fn stored_in(self, secret: SecretArn) -> Instance {
        Instance {
            secret,
            addon: self.addon,
            heroku_id: self.heroku_id,
            app: self.app,
            imported: self.imported,
            document: self.document,
        }
    }

    /// The name of its secret.
    pub(crate) fn name(&self) -> String {
        format!("acme/credentials/{}", self.addon)
    }
}

impl Stand {
    pub(crate) async fn start() -> Self {
        Self::with(RotationOptions {
            retry_interval: Duration::from_millis(10),
            ..RotationOptions::default()
        })
        .await
    }

    /// One whose Secrets Manager has not tried a failed rotation again when the test is over: until then the
    /// rotation stands still, under way.
    pub(crate) async fn start_without_retries() -> Self {
        Self::with(RotationOptions {
            retry_interval: Duration::MAX,
            ..RotationOptions::default()
        })
        .await
    }

    pub(crate) async fn with(rotation: RotationOptions) -> Self {
        // Already installed is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let events = EventLog::default();
        let heroku = Arc::new(Heroku::start(events.clone()).await.unwrap());
        let (password, client_secret) = (random(), random());
        heroku
            .add_service(Manifest {
                id: "acme".to_owned(),
                api_password: password.clone(),
                client_secret: client_secret.clone(),
                config_vars: vec![VAR.to_owned(), "ACME_KEY".to_owned()],
            })
            .unwrap();
        let administrator_token = random();
        let options = CredentialServiceOptions {
            name: "acme".to_owned(),
            administrator_token: administrator_token.clone(),
        };
        let service = CredentialService::start(options, events.clone());
        let service = Arc::new(service.await.unwrap());

        let gateway = Gateway::bind().await.unwrap();
        let http = net::http_client().unwrap();
        let configuration = HerokuConfiguration {
            api: heroku.api_url(),
            oauth: heroku.oauth_url(),
            // Secrets Manager takes an ARN without its last six characters as well; the whole one
            // is not known before the secret is there.
            partner: "arn:aws:secretsmanager:us-east-1:000000000000:secret:acme/partner"
                .parse()
                .unwrap(),
        };
        let (lambda, functions) = Lambda::start(&http, gateway.endpoint(), configuration).await;
        let gateway = gateway.serve(GatewayOptions {
            events: events.clone(),
            rotation,
            functions: Some(Arc::new(lambda.clone())),
            target: Some(Arc::new(lambda.clone())),
            ..GatewayOptions::default()
        });
        let partner = json!({ "id": "acme", "password": password, "client_secret": client_secret });
        create_secret(&gateway, "acme/partner", &partner, &json!([])).await;
        let administrator = json!({ "token": administrator_token, "url": service.url().as_str() });
        let administrator =
            create_secret(&gateway, "acme/masters/api", &administrator, &json!([])).await;
        Self {
            events,
            heroku,
            service,
            gateway,
            lambda,
            administrator,
            http,
            _functions: functions,
        }
    }

    /// Provisions an add-on instance. None of its secrets is stored yet.
    pub(crate) fn provisioned(&self, api: Api) -> Provisioned {
        let app = format!("app-{}", Uuid::new_v4().simple());
        self.heroku
            .create_app(AppSpec {
                name: app.clone(),
                dynos: 1,
                restart: RestartSpeed {
                    first: Duration::from_millis(1),
                    stagger: Duration::ZERO,
                },
            })
            .unwrap();
        let (imported, key) = (format!("imported-{app}"), random());
        self.service.register(&imported, &key).unwrap();
        let addon = self
            .heroku
            .provision(Provision {
                service: "acme".to_owned(),
                name: format!("acme-{app}"),
                owner_app: app.clone(),
                config: BTreeMap::from([(VAR.to_owned(), self.url_with(&key))]),
            })
            .unwrap();
        let template = self.url_with("{{ api_key }}");
        let api = match api {
            Api::V1 => "v1",
            Api::V3 => "v3",
        };
        let document = json!({
            "engine": "http",
            "url": self.service.url().as_str(),
            "credential_id": imported,
            "api_key": key,
            "authorization": "Bearer {{ api_key }}",
            "generate": { "api_key": { "prefix": "acme_live_", "length": 40 } },
            "masterarn": self.administrator.as_str(),
            "heroku": { "api": api, "addon_id": addon.id, "config": { VAR: template } },
            "note": "a field that no engine knows",
        });
        Provisioned {
            addon: addon.id,
            heroku_id: addon.heroku_id,
            grant_code: addon.grant_code,
            app,
            imported,
            document,
        }
    }

    /// Provisions an add-on instance and stores its secrets.
    pub(crate) async fn instance(&self, api: Api) -> Instance {
        let new = self.provisioned(api);
        if api == Api::V3 {
            let token = self.heroku.refresh_token(&new.addon).unwrap();
            self.store_tokens(&new.addon, &[&token]);
        }
        let name = new.name();
        let secret = create_secret(&self.gateway, &name, &new.document, &of_the_stack()).await;
        new.stored_in(secret)
    }

    /// Puts an instance's refresh tokens into the table.
    pub(crate) fn store_tokens(&self, addon: &str, tokens: &[&str]) {
        let tokens: Vec<_> = tokens.iter().map(|token| json!({ "S": token })).collect();
        let item = json!({ "addon": { "S": addon }, "refresh_tokens": { "L": tokens } });
        let item = item.as_object().unwrap().clone();
        self.gateway.put_item(TOKENS_TABLE, "addon", item);
    }

    /// An instance's refresh tokens, the newest first.
    pub(crate) fn tokens(&self, addon: &str) -> Vec<String> {
        let item = self
            .gateway
            .item(TOKENS_TABLE, &key(addon))
            .unwrap_or_default();
        let tokens = item["refresh_tokens"]["L"].as_array().cloned();
        let tokens = tokens.unwrap_or_default();
        tokens
            .iter()
            .map(|it| it["S"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Has an instance's refresh token where an earlier version of this project has kept it: in a secret that the
    /// document names, and not in the table. The instance, and that secret.
    pub(crate) async fn with_token_in_a_secret(&self, instance: Instance) -> (Instance, SecretArn) {
        let addon = &instance.addon;
        let token = json!({ "refresh_token": self.heroku.refresh_token(addon).unwrap() });
        let name = format!("acme/oauth/{addon}");
        let tags = json!([{ "Key": "rotation:oauth-of", "Value": "addon-rotation" }]);
        let held = create_secret(&self.gateway, &name, &token, &tags).await;
        let mut document = instance.document.clone();
        document["heroku"]["oauth"] = held.as_str().into();
        self.gateway.remove_item(TOKENS_TABLE, &key(addon));
        (
            Instance {
                document,
                ..instance
            },
            held,
        )
    }

    /// The stack's table of refresh tokens.
    pub(crate) fn token_store(&self) -> Tokens {
        Tokens::new(
            &self.http,
            &self.lambda.sdk_config("test"),
            TOKENS_TABLE.to_owned(),
        )
    }

    /// An instance with rotation switched on and not yet rotated.
    pub(crate) async fn enrolled(&self, api: Api) -> Instance {
        let instance = self.instance(api).await;
        self.switch_on(&instance).await.unwrap();
        instance
    }

    pub(crate) async fn switch_on(&self, instance: &Instance) -> Result<Value, ServiceError> {
        let parameters = json!({
            "SecretId": instance.secret.as_str(),
            "ClientRequestToken": Uuid::new_v4().to_string(),
            "RotationLambdaARN": lambda_in_process::arn("rotate"),
            "RotationRules": { "AutomaticallyAfterDays": 90 },
            "RotateImmediately": false,
        });
        self.call("RotateSecret", parameters).await
    }

    /// Starts a rotation; the new version's id.
    pub(crate) async fn start_rotation(&self, instance: &Instance) -> VersionId {
        let version = Uuid::new_v4().to_string();
        let parameters = json!({
            "SecretId": instance.secret.as_str(),
            "ClientRequestToken": version,
        });
        self.call("RotateSecret", parameters).await.unwrap();
        version.parse().unwrap()
    }

    /// Rotates; the new version's id. Attempts may fail on the way.
    pub(crate) async fn rotate(&self, instance: &Instance) -> VersionId {
        let version = self.start_rotation(instance).await;
        self.succeeded(&version).await;
        version
    }

    /// Waits until the rotation to this version has succeeded. Attempts may fail on the way.
    pub(crate) async fn succeeded(&self, version: &VersionId) {
        self.wait_for("the rotation's success", |event| {
            matches!(event, EventKind::RotationSucceeded { version: done, .. }
                if done == version.as_str())
            .then_some(())
        })
        .await;
    }

    /// Waits until a step has failed; the first one's error.
    pub(crate) async fn step_failed(&self) -> String {
        self.wait_for("a failed step", |event| match event {
            EventKind::StepFailed { message, .. } => Some(message.clone()),
            _ => None,
        })
        .await
    }

    /// Waits until an attempt of a rotation has failed.
    pub(crate) async fn rotation_failed(&self) {
        self.wait_for("a rotation's failure", |event| {
            matches!(event, EventKind::RotationFailed { .. }).then_some(())
        })
        .await;
    }

    /// Waits until an attempt of the rotation to this version has failed; its error.
    pub(crate) async fn failure_of(&self, rotation: &VersionId) -> String {
        self.wait_for("the rotation's failure", |event| match event {
            EventKind::RotationFailed {
                version, message, ..
            } if version == rotation.as_str() => Some(message.clone()),
            _ => None,
        })
        .await
    }

    /// A stand with an instance that has rotated once, and its first version.
    pub(crate) async fn rotated(api: Api) -> (Self, Instance, VersionId) {
        let stand = Self::start().await;
        let instance = stand.enrolled(api).await;
        let first = stand.current(&instance);
        stand.rotate(&instance).await;
        (stand, instance, first)
    }

    /// Stores a value by hand, as the current version.
    pub(crate) async fn store(&self, secret: &SecretArn, value: impl Display) -> VersionId {
        let labels = json!(["AWSCURRENT"]);
        self.store_as(secret, value, version_id().as_str(), labels)
            .await
    }

    /// Stores a value by hand, as the version of this id, with these labels.
    pub(crate) async fn store_as(
        &self,
        secret: &SecretArn,
        value: impl Display,
        version: &str,
        labels: Value,
    ) -> VersionId {
        let parameters = json!({
            "SecretId": secret.as_str(),
            "ClientRequestToken": version,
            "SecretString": value.to_string(),
            "VersionStages": labels,
        });
        self.call("PutSecretValue", parameters).await.unwrap();
        version.parse().unwrap()
    }

    /// Moves a label as an operator does, or takes it off.
    pub(crate) async fn move_label(
        &self,
        instance: &Instance,
        label: &str,
        from: Option<&VersionId>,
        to: Option<&VersionId>,
    ) {
        let parameters = json!({
            "SecretId": instance.secret.as_str(),
            "VersionStage": label,
            "RemoveFromVersionId": from.map(VersionId::as_str),
            "MoveToVersionId": to.map(VersionId::as_str),
        });
        let moved = self.call("UpdateSecretVersionStage", parameters).await;
        moved.unwrap();
    }

    /// Has Heroku show a version's credential, as an operator does.
    pub(crate) async fn show(&self, instance: &Instance, version: &VersionId) {
        let value = self.value(&instance.secret, Some(version)).await;
        let url = self.url_with(value["api_key"].as_str().unwrap());
        let config = [(VAR.to_owned(), url)].into();
        self.heroku.set_config(&instance.addon, &config).unwrap();
    }

    /// The service refuses the next request by this method for a credential.
    pub(crate) fn refuse(&self, method: Method, status: u16) {
        let next = FaultRule::next(Fault::status(status)).by(method);
        self.service.fail_next(next.at("/v1/credentials/"));
    }

    /// The next request to AWS for this operation goes wrong, if it holds this.
    pub(crate) fn aws_fails(&self, operation: &str, about: &str, fault: Fault) {
        let fault = GatewayFault::new(operation, about, fault);
        self.gateway.fail_next(fault);
    }

    /// Calls Secrets Manager as its operator.
    pub(crate) async fn call(
        &self,
        operation: &str,
        parameters: Value,
    ) -> Result<Value, ServiceError> {
        call(&self.gateway, "operator", operation, parameters).await
    }

    /// The answer of `found` for the first event that it answers for.
    pub(crate) async fn wait_for<T>(
        &self,
        what: &str,
        found: impl Fn(&EventKind) -> Option<T>,
    ) -> T {
        let found = |events: &[Event]| events.iter().find_map(|event| found(&event.kind));
        tokio::time::timeout(PATIENCE, self.events.wait_for(found))
            .await
            .unwrap_or_else(|_| panic!("{what} never came"))
    }

    pub(crate) fn snapshot(&self, instance: &Instance) -> SecretSnapshot {
        let secrets = self.gateway.secrets_manager();
        secrets.secret(instance.secret.as_str()).unwrap()
    }

    pub(crate) fn current(&self, instance: &Instance) -> VersionId {
        let secret = self.snapshot(instance);
        secret.labelled("AWSCURRENT").unwrap().parse().unwrap()
    }

    /// Whether the version's label says that its credential may be alive.
    pub(crate) fn is_labelled_live(&self, instance: &Instance, version: &VersionId) -> bool {
        let label = format!("LIVE-{version}");
        self.snapshot(instance).labelled(&label) == Some(version.as_str())
    }

    /// The value of one version of a secret, or of the current one.
    pub(crate) async fn value(&self, secret: &SecretArn, version: Option<&VersionId>) -> Value {
        let mut parameters = json!({ "SecretId": secret.as_str() });
        if let Some(version) = version {
            parameters["VersionId"] = version.as_str().into();
        }
        let answer = self.call("GetSecretValue", parameters).await.unwrap();
        serde_json::from_str(answer["SecretString"].as_str().unwrap()).unwrap()
    }

    /// What a customer's config var holds.
    pub(crate) fn url_with(&self, key: &str) -> String {
        let url = self.service.url();
        url.as_str()
            .replacen("http://", &format!("http://key:{key}@"), 1)
    }

    /// What Heroku shows for the instance.
    pub(crate) fn shown(&self, instance: &Instance) -> String {
        let config = self.heroku.config(&instance.addon).unwrap();
        config.get(VAR).cloned().unwrap_or_default()
    }

    /// The requests of one method that Heroku's API got for the instance's config.
    pub(crate) fn config_requests(&self, instance: &Instance, method: &Method) -> usize {
        let requests = self.heroku.requests();
        let of_instance = requests.iter().filter(|request| {
            request.method == *method
                && (request.path.contains(&instance.addon) || request.path.contains("heroku.com"))
        });
        of_instance.count()
    }

    /// The requests for access tokens that Heroku got.
    pub(crate) fn token_requests(&self) -> usize {
        let requests = self.heroku.requests();
        let of_tokens = requests
            .iter()
            .filter(|request| request.path == "/oauth/token");
        of_tokens.count()
    }

    /// What `create-secret` and the like reach their secrets through.
    pub(crate) fn secrets(&self) -> Secrets {
        Secrets::new(&self.lambda.sdk_config("test"))
    }

    pub(crate) fn services(&self) -> Services {
        Services::new(self.http.clone()).speaking(PlainText::OnLoopback)
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(crate) fn heroku_client(&self) -> HerokuClient {
        HerokuClient::new(self.http.clone(), self.lambda.heroku().clone())
    }

    pub(crate) async fn partner(&self) -> Partner {
        Partner::new(self.fields(&self.lambda.heroku().partner).await)
    }

    pub(crate) async fn administrator(&self) -> Fields {
        self.fields(&self.administrator).await
    }

    /// Puts another value into the administrator's secret.
    pub(crate) async fn store_administrator(&self, fields: &Value) {
        self.store(&self.administrator, fields).await;
    }

    pub(crate) fn administrator_arn(&self) -> &SecretArn {
        &self.administrator
    }

    async fn fields(&self, secret: &SecretArn) -> Fields {
        self.secrets().fields(secret, soon()).await.unwrap()
    }

    /// Everything that no log, error, event or schedule may hold.
    pub(crate) fn secret_values(&self) -> Vec<String> {
        let mut values = self.heroku.secret_values();
        values.extend(self.service.secret_values());
        values.extend(self.gateway.secrets_manager().sensitive_texts());
        values.sort_unstable();
        values.dedup();
        values
    }

    /// Fails if `text` holds a secret value.
    pub(crate) fn assert_holds_no_secret(&self, text: &str) {
        let values = self.secret_values();
        assert!(!values.is_empty());
        for value in values {
            assert!(!text.contains(&value), "a secret value is in: {text}");
        }
    }
}

/// An administrator's secret that is for the addresses of the document as well.
pub(crate) fn serving(administrator: &Fields, document: &Document) -> Fields {
    let json =
        |secret: SecretString| -> Value { serde_json::from_str(secret.expose_secret()).unwrap() };
    let (mut administrator, document) =
        (json(administrator.to_secret()), json(document.to_secret()));
    for field in ["host", "port", "url"] {
        administrator[field] = document[field].clone();
    }
    let nodes = document["nodes"].as_array().into_iter().flatten();
    let hosts = nodes.map(|node| format!("{}:{}", node["host"].as_str().unwrap(), node["port"]));
    administrator["hosts"] = hosts.collect();
    Fields::parse(&administrator.to_string()).unwrap()
}

/// Has the credential made by an administrator that is for its addresses.
pub(crate) async fn issue(
    services: &Services,
    administrator: &Fields,
    document: &Document,
) -> Result<(), service::ServiceError> {
    let administrator = serving(administrator, document);
    services.issue(document, &administrator, soon()).await
}

/// Has it ended by one.
pub(crate) async fn revoke(
    services: &Services,
    administrator: &Fields,
    document: &Document,
) -> Result<(), service::ServiceError> {
    let administrator = serving(administrator, document);
    services.revoke(document, &administrator, soon()).await
}

pub(crate) fn document(value: &Value) -> Document {
    Document::parse(&SecretString::from(value.to_string())).unwrap()
}

/// The document that a rotation to `version` would store.
pub(crate) fn next_document(value: &Value, version: &VersionId) -> Value {
    let next = document(value).next(version).unwrap();
    serde_json::from_str(next.expose_secret()).unwrap()
}

/// The tag of the stack's secrets.
pub(crate) fn of_the_stack() -> Value {
    json!([{ "Key": "rotation:stack", "Value": "addon-rotation" }])
}

pub(crate) fn version_id() -> VersionId {
    Uuid::new_v4().to_string().parse().unwrap()
}

/// A secret text that is nowhere else.
pub(crate) fn random() -> String {
    Uuid::new_v4().simple().to_string()
}

pub(crate) async fn create_secret(
    gateway: &Gateway,
    name: &str,
    value: &Value,
    tags: &Value,
) -> SecretArn {
    let parameters = json!({
        "Name": name,
        "Tags": tags,
        "SecretString": value.to_string(),
        "ClientRequestToken": Uuid::new_v4().to_string(),
    });
    let answer = call(gateway, "operator", "CreateSecret", parameters).await;
    answer.unwrap()["ARN"].as_str().unwrap().parse().unwrap()
}

async fn call(
    gateway: &Gateway,
    caller: &str,
    operation: &str,
    parameters: Value,
) -> Result<Value, ServiceError> {
    let caller = Caller(caller.to_owned());
    let secrets = gateway.secrets_manager();
    secrets.handle(&caller, operation, parameters).await
}
