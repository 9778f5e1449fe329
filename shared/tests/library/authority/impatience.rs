//! What is wrong with a service is told in time: at once if it lasts, and whoever enrols waits for no more than
//! some attempts. Told by the library's own clock, which stands still while something works.

use std::time::Duration;

use addon_rotation::deadline::Transient as _;
use lambda_in_process::Environment;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::time::Instant;

use super::server::{Ask, Hostile};
use crate::support::{Api, Provisioned, Stand, random};

/// What `enroll-addon` has in the template, and more.
const TIMEOUT: Duration = Duration::from_mins(4);

/// The longest that the service is tried for, and the last attempt's end.
const LONGEST: Duration = Duration::from_secs(21);

fn event(addon: &Provisioned, engine: &str, port: u16) -> Value {
    let mut document = addon.document.clone();
    let more = json!({
        "engine": engine, "url": format!("http://127.0.0.1:{port}/"),
        "host": "127.0.0.1", "port": port, "dbname": "shop",
        "username": "customer", "password": random(),
    });
    let more = more.as_object().unwrap().clone();
    document.as_object_mut().unwrap().extend(more);
    if engine != "http" {
        document["heroku"]["config"] = json!({ "ACME_URL": "{{ username }}:{{ password }}" });
    }
    json!({ "Document": document, "GrantCode": addon.grant_code })
}

/// The error of an enrolment, whether it passes, and how long it took.
async fn refusal(stand: &Stand, engine: &str, port: u16) -> (String, bool, Duration) {
    let event = event(&stand.provisioned(Api::V3), engine, port);
    let environment = Environment {
        timeout: TIMEOUT,
        ..stand.lambda.environment().clone()
    };
    tokio::time::pause();
    let begun = Instant::now();
    let answer = environment.invoke("enroll-addon", &event).await;
    let taken = begun.elapsed();
    tokio::time::resume();
    let error = answer.unwrap_err();
    (error.to_string(), error.is_transient(), taken)
}

#[tokio::test]
async fn a_closed_port_is_told_of_after_some_attempts() {
    let stand = Stand::start().await;
    // Taken, and nobody listens there.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = closed.local_addr().unwrap().port();
    for engine in ["http", "mysql", "postgres", "redis"] {
        let (text, transient, taken) = Box::pin(refusal(&stand, engine, port)).await;
        assert!(
            text.contains("the connection was refused"),
            "{engine}: {text}"
        );
        // It may be starting.
        assert!(transient, "{engine}: {text}");
        assert!(taken < LONGEST, "{engine}: {taken:?}: {text}");
        assert!(
            taken > Duration::from_secs(5),
            "{engine}: it is tried again: {taken:?}"
        );
    }
}

#[tokio::test]
async fn what_lasts_is_told_of_at_once() {
    let stand = Stand::start().await;
    for (engine, ask, words) in [
        ("postgres", Ask::Postgres(7, b""), "GSSAPI"),
        (
            "postgres",
            Ask::Postgres(10, b"OAUTHBEARER\0\0"),
            "SCRAM-SHA-256",
        ),
        // HTTP at its port.
        ("postgres", Ask::Http(400, String::new()), "protocol"),
        ("mysql", Ask::MysqlSwitch("dialog"), "dialog"),
        (
            "mysql",
            Ask::MysqlSwitch("mysql_clear_password"),
            "gives its password away",
        ),
        ("redis", Ask::redis("-NOAUTH no\r\n"), "NOAUTH"),
        (
            "redis",
            Ask::redis("HTTP/1.1 400 Bad Request\r\n\r\n"),
            "protocol",
        ),
    ] {
        let case = format!("{engine} {ask:?}");
        let server = Hostile::start("127.0.0.1", ask, None).await;
        let (text, transient, taken) = Box::pin(refusal(&stand, engine, server.port())).await;
        assert!(text.contains(words), "{case}: {text}");
        assert!(!transient, "{case}: {text}");
        assert_eq!(server.connections(), 1, "{case}");
        assert!(taken < Duration::from_secs(1), "{case}: {taken:?}");
    }
}
