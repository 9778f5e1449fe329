//! The service against its own contract, `infra/credential-service.openapi.yaml`.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::*;

const TOKEN: &str = "administrator-token";

struct Fixture {
    service: CredentialService,
    events: EventLog,
    client: Client,
}

impl Fixture {
    async fn new() -> Self {
        // Already installed is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let events = EventLog::default();
        let options = CredentialServiceOptions {
            name: "acme".to_owned(),
            administrator_token: TOKEN.to_owned(),
        };
        let service = CredentialService::start(options, events.clone())
            .await
            .unwrap();
        service.register("first", "first-key").unwrap();
        Self {
            service,
            events,
            // As at Heroku: a connection that is used again would repeat a request whose answer is lost.
            client: Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .build()
                .unwrap(),
        }
    }

    fn request(&self, method: Method, path: &str, bearer: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.service.url());
        self.client.request(method, url).bearer_auth(bearer)
    }

    async fn put(&self, id: &str, fields: &Value) -> StatusCode {
        let path = format!("/credentials/{id}");
        let request = self.request(Method::PUT, &path, TOKEN).json(fields);
        request.send().await.unwrap().status()
    }

    async fn status(&self, method: Method, path: &str, bearer: &str) -> u16 {
        let request = self.request(method, path, bearer);
        request.send().await.unwrap().status().as_u16()
    }
}

#[tokio::test]
async fn a_registration_can_be_repeated_but_not_changed() {
    let fixture = Fixture::new().await;
    let fields = json!({ "api_key": "second-key", "account": "a" });
    assert_eq!(fixture.put("second", &fields).await, StatusCode::CREATED);
    assert_eq!(fixture.put("second", &fields).await, StatusCode::OK);
    let other = json!({ "api_key": "second-key", "account": "b" });
    assert_eq!(fixture.put("second", &other).await, StatusCode::CONFLICT);
    assert_eq!(fixture.service.live(), ["first", "second"]);
    let issued: Vec<_> = fixture
        .events
        .since(0)
        .into_iter()
        .map(|it| it.kind)
        .collect();
    let event = |id: &str| EventKind::CredentialIssued {
        service: "acme".to_owned(),
        credential: id.to_owned(),
    };
    assert_eq!(issued, [event("first"), event("second")]);
}

#[tokio::test]
async fn a_credential_is_accepted_until_it_is_revoked() {
    let fixture = Fixture::new().await;
    let credential = "/credentials/first";
    assert_eq!(
        fixture.status(Method::GET, credential, "first-key").await,
        200
    );
    assert_eq!(
        fixture.status(Method::GET, "/items", "first-key").await,
        200
    );
    assert_eq!(fixture.status(Method::DELETE, credential, TOKEN).await, 204);
    assert_eq!(
        fixture.status(Method::GET, "/items", "first-key").await,
        401
    );
    assert_eq!(
        fixture.status(Method::GET, credential, "first-key").await,
        404
    );
    assert_eq!(fixture.status(Method::DELETE, credential, TOKEN).await, 404);
    assert!(!fixture.service.is_live("first"));
    let revocations = fixture
        .events
        .since(0)
        .into_iter()
        .filter(|event| matches!(event.kind, EventKind::CredentialRevoked { .. }));
    assert_eq!(revocations.count(), 1);
}

#[tokio::test]
async fn a_key_verifies_no_other_credential_than_its_own() {
    let fixture = Fixture::new().await;
    fixture.service.register("second", "second-key").unwrap();
    let path = "/credentials/second";
    assert_eq!(fixture.status(Method::GET, path, "first-key").await, 401);
    assert_eq!(fixture.status(Method::GET, path, TOKEN).await, 401);
}

#[tokio::test]
async fn a_customer_cannot_issue_or_revoke() {
    let fixture = Fixture::new().await;
    let path = "/credentials/first";
    assert_eq!(fixture.status(Method::DELETE, path, "first-key").await, 401);
    let put = fixture.request(Method::PUT, "/credentials/second", "first-key");
    let put = put.json(&json!({ "api_key": "second-key" }));
    assert_eq!(put.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(fixture.service.live(), ["first"]);
}

#[tokio::test]
async fn the_customers_url_carries_the_key() {
    let fixture = Fixture::new().await;
    let url = Url::parse(&fixture.service.customer_url("k/e y")).unwrap();
    assert_eq!(url.username(), "key");
    assert_eq!(url.password(), Some("k%2Fe%20y"));
    assert_eq!(url.path(), "/v1");
}

#[tokio::test]
async fn it_fails_on_request() {
    let fixture = Fixture::new().await;
    let rule = |fault| FaultRule {
        method: Some(Method::PUT),
        path_prefix: "/v1/credentials/".to_owned(),
        count: 1,
        fault,
    };
    fixture.service.fail_next(rule(Fault::Status {
        status: 503,
        retry_after: Some(Duration::from_secs(7)),
    }));
    fixture.service.fail_next(rule(Fault::LoseAnswer));
    let fields = json!({ "api_key": "second-key" });
    let put = || {
        fixture
            .request(Method::PUT, "/credentials/second", TOKEN)
            .json(&fields)
    };
    let answer = put().send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "7");
    assert!(!fixture.service.is_live("second"));
    assert!(put().send().await.is_err());
    assert!(fixture.service.is_live("second"));
    assert_eq!(put().send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(fixture.service.pending_faults(), 0);
}

/// Every operation and status of the file is shown by the service, and nothing else; every
/// answer has the form that the file gives it.
#[tokio::test]
async fn the_service_and_its_openapi_file_agree() {
    let contract: Value = serde_saphyr::from_str(include_str!(
        "../../../../infra/credential-service.openapi.yaml"
    ))
    .unwrap();
    let fixture = Fixture::new().await;
    let new = json!({ "api_key": "second-key" });
    let other = json!({ "api_key": "third-key" });
    let nothing = Value::Null;
    let calls = [
        ("put", "second", TOKEN, &new, 201),
        ("put", "second", TOKEN, &new, 200),
        ("put", "second", TOKEN, &other, 409),
        ("put", "third", TOKEN, &json!({ "account": "a" }), 400),
        ("put", "third", TOKEN, &json!(["api_key"]), 400),
        ("put", "third", "wrong", &other, 401),
        ("get", "second", "second-key", &nothing, 200),
        ("get", "second", "first-key", &nothing, 401),
        ("get", "third", "third-key", &nothing, 404),
        ("delete", "second", "wrong", &nothing, 401),
        ("delete", "second", TOKEN, &nothing, 204),
        ("delete", "second", TOKEN, &nothing, 404),
    ];
    let mut shown = BTreeSet::new();
    for (method, id, bearer, body, status) in calls {
        let path = format!("/credentials/{id}");
        let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let request = fixture.request(verb, &path, bearer);
        let request = if body.is_null() {
            request
        } else {
            request.json(body)
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        let body = answer.bytes().await.unwrap();
        let status = status.to_string();
        let documented = &contract["paths"]["/credentials/{id}"][method]["responses"][&status];
        assert_form(&contract, documented, &body);
        shown.insert(("/credentials/{id}".to_owned(), method.to_owned(), status));
    }
    assert_eq!(shown, documented(&contract));
}

fn documented(contract: &Value) -> BTreeSet<(String, String, String)> {
    let mut found = BTreeSet::new();
    for (path, operations) in contract["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let responses = operation["responses"].as_object();
            for status in responses.into_iter().flat_map(|it| it.keys()) {
                if status != "default" {
                    found.insert((path.clone(), method.clone(), status.clone()));
                }
            }
        }
    }
    found
}

fn assert_form(contract: &Value, response: &Value, body: &[u8]) {
    let response = match response["$ref"].as_str() {
        Some(reference) => contract.pointer(&reference[1..]).unwrap(),
        None => response,
    };
    let schema = &response["content"]["application/json"]["schema"];
    if schema.is_null() {
        assert!(body.is_empty());
        return;
    }
    let schema = json!({ "$ref": schema["$ref"], "components": contract["components"] });
    let body: Value = serde_json::from_slice(body).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    if let Err(error) = validator.validate(&body) {
        panic!("the answer differs from the contract: {error}");
    }
}
