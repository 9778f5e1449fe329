//! A credential of CONTRIBUTING.md's `users` engine is rotated. Compiled in a copy of the project
//! that has the engine: see `contributing.rs`.

#![cfg(test)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use addon_rotation::deadline::{Deadline, Transient as _};
use addon_rotation::document::{Document, Fields};
use addon_rotation::net::{PlainText, http_client};
use addon_rotation::service::{Services, Verdict};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::put;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Users = Arc<Mutex<HashMap<String, String>>>;

/// The service; its address.
async fn service(users: &Users) -> String {
    let user = put(make).delete(delete).get(let_in);
    let router = Router::new().route("/users/{name}", user);
    let router = router.with_state(Arc::clone(users));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

fn shows(headers: &HeaderMap, token: &str) -> bool {
    headers[AUTHORIZATION] == *format!("Bearer {token}")
}

async fn make(
    State(users): State<Users>,
    Path(name): Path<String>,
    headers: HeaderMap,
    password: String,
) -> StatusCode {
    if !shows(&headers, "hunter2") {
        return StatusCode::FORBIDDEN;
    }
    users.lock().unwrap().insert(name, password);
    StatusCode::NO_CONTENT
}

async fn delete(
    State(users): State<Users>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> StatusCode {
    if !shows(&headers, "hunter2") {
        return StatusCode::FORBIDDEN;
    }
    match users.lock().unwrap().remove(&name) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

async fn let_in(
    State(users): State<Users>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> StatusCode {
    match users.lock().unwrap().get(&name) {
        Some(password) if shows(&headers, password) => StatusCode::OK,
        _ => StatusCode::UNAUTHORIZED,
    }
}

fn first(url: &str) -> Value {
    json!({
        "engine": "users", "url": url, "username": "ada", "password": "lovelace",
        "masterarn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/master-AbCdEf",
        "heroku": {
            "api": "v1", "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
            "config": { "ACME_USER": "{{ username }}:{{ password }}" },
        },
    })
}

fn parse(document: &Value) -> Document {
    Document::parse(&SecretString::from(document.to_string())).unwrap()
}

fn administrator(token: &str, url: &Value) -> Fields {
    Fields::parse(&json!({ "token": token, "url": url }).to_string()).unwrap()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

#[tokio::test]
async fn a_credential_is_rotated() {
    let users = Users::default();
    let first = first(&service(&users).await);
    users
        .lock()
        .unwrap()
        .insert("ada".to_owned(), "lovelace".to_owned());
    let old = parse(&first);
    let version = "b4f7c1de-0000-4000-8000-000000000001".parse().unwrap();
    let next: Value = serde_json::from_str(old.next(&version).unwrap().expose_secret()).unwrap();
    let new = parse(&next);
    assert!(next["username"] != first["username"] && next["password"] != first["password"]);
    let services = Services::new(http_client().unwrap()).speaking(PlainText::OnLoopback);
    let verdicts = async || {
        let old = services.verify(&old, soon()).await.unwrap();
        (old, services.verify(&new, soon()).await.unwrap())
    };

    assert_eq!(verdicts().await, (Verdict::Accepted, Verdict::Refused));
    let (administrator, nobody) = (
        administrator("hunter2", &first["url"]),
        administrator("wrong", &first["url"]),
    );
    let error = services.issue(&new, &nobody, soon()).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("administrator's secret"));
    for _ in 0..2 {
        services.issue(&new, &administrator, soon()).await.unwrap();
        assert_eq!(verdicts().await, (Verdict::Accepted, Verdict::Accepted));
    }
    for _ in 0..2 {
        services.revoke(&old, &administrator, soon()).await.unwrap();
        assert_eq!(verdicts().await, (Verdict::Refused, Verdict::Accepted));
    }
}

#[test]
fn the_schema_and_the_check_know_its_document() {
    let schema = include_str!("../../infra/document.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let document = first("https://api.acme.example/");
    assert!(validator.is_valid(&document));
    for field in ["url", "username", "password"] {
        let mut bad = document.clone();
        bad[field] = Value::Null;
        assert!(!validator.is_valid(&bad), "{field}");
        let error = Document::parse(&SecretString::from(bad.to_string())).unwrap_err();
        assert_eq!(error.problems.len(), 1, "{error}");
        assert!(error.to_string().contains(field), "{error}");
    }
}
