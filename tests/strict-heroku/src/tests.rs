//! The stand-in against the facts of Heroku's partner APIs, over HTTP.

mod apps;
mod faulty;
mod oauth;
mod v1;
mod v3;

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use stand_in::events::{Event, EventKind};
use stand_in::patience::PATIENCE;

use super::*;

const PASSWORD: &str = "manifest-password";
const CLIENT_SECRET: &str = "client-secret-of-acme";
const ACCEPT_V3: &str = "application/vnd.heroku+json; version=3";

/// A Heroku with the service `acme`, the app `shop`, and one add-on of the former on the latter.
struct Fixture {
    heroku: Heroku,
    events: EventLog,
    client: Client,
    addon: ProvisionedAddOn,
}

impl Fixture {
    async fn new() -> Self {
        // Already installed is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let events = EventLog::default();
        let heroku = Heroku::start(events.clone()).await.unwrap();
        heroku.add_service(manifest("acme")).unwrap();
        heroku.create_app(app("shop")).unwrap();
        let addon = provision("acme", "acme-fluffy-1", "shop");
        let addon = heroku.provision(addon).unwrap();
        // On a connection that is used again the client repeats a request whose answer is lost.
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0);
        Self {
            heroku,
            events,
            client: client.build().unwrap(),
            addon,
        }
    }

    fn v1(&self, method: Method, path: &str) -> RequestBuilder {
        let url = self.heroku.api_url().join(path).unwrap();
        let request = self.client.request(method, url);
        request.basic_auth("acme", Some(PASSWORD))
    }

    /// The add-on's page in v1.
    fn installation(&self, method: Method) -> RequestBuilder {
        self.v1(method, &format!("vendor/apps/{}", self.addon.id))
    }

    fn write(&self, value: &str) -> RequestBuilder {
        let body = serde_json::json!({ "config": { "ACME_URL": value } });
        self.installation(Method::PUT).json(&body)
    }

    async fn written(&self, value: &str) {
        let answer = self.write(value).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.text().await.unwrap(), "", "Heroku documents no body");
    }

    fn v3(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        let url = self.heroku.api_url().join(path).unwrap();
        let request = self.client.request(method, url);
        request.header("accept", ACCEPT_V3).bearer_auth(token)
    }

    fn config(&self, method: Method, token: &str) -> RequestBuilder {
        let path = format!("addons/{}/config", self.addon.id);
        self.v3(method, &path, token)
    }

    fn oauth(&self, form: &[(&str, &str)]) -> RequestBuilder {
        self.client.post(self.heroku.oauth_url()).form(form)
    }

    fn refresh_token(&self) -> String {
        self.heroku.refresh_token(&self.addon.id).unwrap()
    }

    async fn token(&self) -> String {
        let answer = self.refresh(&self.refresh_token()).await;
        text(&json(answer, StatusCode::OK).await["access_token"])
    }

    async fn refresh(&self, refresh_token: &str) -> Response {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("client_secret", CLIENT_SECRET),
        ];
        self.oauth(&form).send().await.unwrap()
    }

    fn url_var(&self) -> String {
        self.heroku.config(&self.addon.id).unwrap()["ACME_URL"].clone()
    }

    fn writes(&self) -> usize {
        self.heroku.config_writes(&self.addon.id).unwrap()
    }

    /// Creates an app that has the add-on as well.
    fn attached(&self, app: AppSpec, as_name: &str) {
        let name = app.name.clone();
        self.heroku.create_app(app).unwrap();
        self.heroku.attach(&self.addon.id, &name, as_name).unwrap();
    }

    fn versions(&self, app: &str) -> Vec<u32> {
        let releases = self.heroku.releases(app).unwrap();
        releases.iter().map(|release| release.version).collect()
    }

    async fn event(&self, wanted: impl Fn(&EventKind) -> bool) -> Event {
        let found = self
            .events
            .wait_for(|events| events.iter().find(|event| wanted(&event.kind)).cloned());
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("the event comes")
    }
}

fn manifest(id: &str) -> Manifest {
    Manifest {
        id: id.to_owned(),
        api_password: PASSWORD.to_owned(),
        client_secret: format!("client-secret-of-{id}"),
        config_vars: vec!["ACME_URL".to_owned(), "ACME_KEY".to_owned()],
    }
}

fn app(name: &str) -> AppSpec {
    AppSpec {
        name: name.to_owned(),
        dynos: 2,
        restart: RestartSpeed {
            first: Duration::from_millis(20),
            stagger: Duration::from_millis(20),
        },
    }
}

fn provision(service: &str, name: &str, owner_app: &str) -> Provision {
    Provision {
        service: service.to_owned(),
        name: name.to_owned(),
        owner_app: owner_app.to_owned(),
        config: BTreeMap::from([("ACME_URL".to_owned(), "first".to_owned())]),
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// The body, after a look at what every answer must have.
async fn json(answer: Response, status: StatusCode) -> Value {
    assert_eq!(answer.status(), status);
    assert!(answer.headers().contains_key("request-id"));
    assert!(answer.headers().contains_key("ratelimit-remaining"));
    answer.json().await.unwrap()
}

async fn sent(request: RequestBuilder) -> Value {
    json(request.send().await.unwrap(), StatusCode::OK).await
}

/// Sends, and expects an error in Heroku's form; answers its message.
async fn refused(request: RequestBuilder, status: u16, id: &str) -> String {
    let answer = request.send().await.unwrap();
    let body = json(answer, StatusCode::from_u16(status).unwrap()).await;
    assert_eq!(body["id"], id);
    assert!(body["url"].is_string());
    text(&body["message"])
}
