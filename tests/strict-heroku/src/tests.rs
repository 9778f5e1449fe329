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
        let addon = heroku
            .provision(provision("acme-fluffy-1", "shop"))
            .unwrap();
        Self {
            heroku,
            events,
            // On a connection that is used again the client repeats a request whose answer is lost.
            client: Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .build()
                .unwrap(),
            addon,
        }
    }

    fn v1(&self, method: Method, path: &str) -> RequestBuilder {
        let url = self.heroku.api_url().join(path).unwrap();
        let request = self.client.request(method, url);
        request.basic_auth("acme", Some(PASSWORD))
    }

    fn v3(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        let url = self.heroku.api_url().join(path).unwrap();
        let request = self.client.request(method, url);
        request.header("accept", ACCEPT_V3).bearer_auth(token)
    }

    fn oauth(&self, form: &[(&str, &str)]) -> RequestBuilder {
        self.client.post(self.heroku.oauth_url()).form(form)
    }

    /// An access token for the add-on.
    async fn token(&self) -> String {
        let refresh_token = self.heroku.refresh_token(&self.addon.id).unwrap();
        let answer = self.refresh(&refresh_token).await;
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

    /// The versions of an app's releases.
    fn versions(&self, app: &str) -> Vec<u32> {
        let releases = self.heroku.releases(app).unwrap();
        releases.iter().map(|release| release.version).collect()
    }

    /// Waits for an event.
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

fn provision(name: &str, owner_app: &str) -> Provision {
    Provision {
        service: "acme".to_owned(),
        name: name.to_owned(),
        plan: "acme:gold".to_owned(),
        region: "amazon-web-services::us-east-1".to_owned(),
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

/// Sends, and expects an error in Heroku's form; answers its message.
async fn refused(request: RequestBuilder, status: u16, id: &str) -> String {
    let answer = request.send().await.unwrap();
    let body = json(answer, StatusCode::from_u16(status).unwrap()).await;
    assert_eq!(body["id"], id);
    assert!(body["url"].is_string());
    text(&body["message"])
}
