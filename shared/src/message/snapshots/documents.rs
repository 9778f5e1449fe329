//! Of documents, events and variables.

use std::path::Path;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Snapshot, addon, masters, secret, version};
use crate::authority::AuthorityError;
use crate::document::{Document, DocumentError};
use crate::event::{EnrollRequest, Event as _, EventError, RevokeEvent, RotationEvent};
use crate::net::Roots;
use crate::snapshot::assert_snapshot;
use crate::start::ConfigurationError;

fn valid() -> Value {
    json!({
        "engine": "postgres", "host": "db7.acme.example", "port": 5432, "dbname": "d7f3k2",
        "username": "customer", "password": "hunter2-hunter2", "masterarn": masters().as_str(),
        "heroku": { "api": "v1", "addon_id": addon(), "config": {
            "ACME_URL": "postgres://{{ username }}:{{ password | urlencode }}@{{ host }}/{{ dbname }}",
        } },
    })
}

/// The error of a document with a mistake in it.
fn mistake(path: &str, value: Value) -> DocumentError {
    let mut document = valid();
    *document.pointer_mut(path).unwrap() = value;
    let document = SecretString::from(document.to_string());
    Document::parse(&document).unwrap_err().of(&secret())
}

/// A case, and what stands in place of what.
const MISTAKES: &str = r#"null in place of a field | /host | null
an unknown engine | /engine | "postgresql"
a port that is none | /port | "five"
no ARN | /masterarn | "db7"
an unknown API | /heroku/api | "v2"
a typo in a field | /heroku/config/ACME_URL | "{{ usernmae }}:{{ password }}"
a typo in a filter | /heroku/config/ACME_URL | "{{ username }}:{{ password | url }}"
an open brace | /heroku/config/ACME_URL | "{{ username }}:{{ password"
a field that is not shown | /heroku/config/ACME_URL | "{{ username }}"
the password itself | /heroku/config/ACME_URL | "{{ username }}:{{ password }}hunter2-hunter2"
a tag of Jinja's | /heroku/config/ACME_URL | "{% set x = 1 %}{{ username }}:{{ password }}"
no template | /heroku/config/ACME_URL | 1
no config var | /heroku/config | {}
a config var's name | /heroku/config | {"1-URL":"{{ username }}:{{ password }}"}
several problems | /heroku | {"api":"v3"}"#;

#[test]
fn documents() {
    let mut snapshot = Snapshot::default();
    for row in MISTAKES.lines() {
        let mut columns = row.splitn(3, " | ");
        let [case, path, value] = [(); 3].map(|()| columns.next().unwrap());
        let error = mistake(path, serde_json::from_str(value).unwrap());
        assert!(!error.to_string().contains("hunter2"), "{error}");
        snapshot.error(&format!("DocumentError: {case}"), error);
    }
    let of_a_version = mistake("/port", "five".into()).of_version(&version());
    snapshot.error("DocumentError: of a version", of_a_version);
    let no_json = Document::parse(&SecretString::from("oops")).unwrap_err();
    snapshot.error("DocumentError: no JSON", no_json);
    let event = |payload: Value| EnrollRequest::read(&payload).unwrap_err();
    let v1 = valid();
    for (case, error) in [
        ("no object", event(json!([]))),
        ("no document", event(json!({}))),
        (
            "an unknown key",
            event(json!({ "Document": v1, "RotationDay": 30 })),
        ),
        (
            "a key like none",
            event(json!({ "Document": v1, "hunter2": 30 })),
        ),
        (
            "a number out of bounds",
            event(json!({ "Document": v1, "RotationDays": 0 })),
        ),
        (
            "tokens of v1",
            event(json!({ "Document": v1, "GrantCode": "hunter2" })),
        ),
        (
            "several problems",
            event(
                json!({ "Document": "hunter2", "GrantCode": "hunter2", "RefreshToken": "hunter2" }),
            ),
        ),
        (
            "a rotation's",
            RotationEvent::read(&json!({ "Step": "create" })).unwrap_err(),
        ),
        (
            "a revocation's",
            RevokeEvent::read(&json!({ "SecretId": 1 })).unwrap_err(),
        ),
    ] {
        let error: EventError = error;
        assert!(!error.to_string().contains("hunter2"), "{error}");
        snapshot.error(&format!("EventError: {case}"), error);
    }
    let mut problems = vec!["STACK_NAME is missing (it must be the stack's name)".to_owned()];
    let one = ConfigurationError {
        problems: problems.clone(),
    };
    snapshot.text("ConfigurationError", &one);
    let bundle = Roots::with_bundle(Path::new("/nowhere")).unwrap_err();
    problems.push(format!("CA_BUNDLE_FILE: {bundle}"));
    snapshot.text(
        "ConfigurationError: several problems",
        &ConfigurationError { problems },
    );
    assert_snapshot("documents", &snapshot.0);
}

#[test]
fn authority() {
    let (secret, administrator, addon) = (secret(), masters(), addon());
    let (pending, current) = (version(), version());
    let mut snapshot = Snapshot::default();
    let name = "addon/credentials/acme-2".to_owned();
    let errors = vec![
        AuthorityError::Name {
            secret: name.clone(),
            addon: addon.clone(),
            expected: format!("addon/credentials/{addon}"),
        },
        AuthorityError::Administrator {
            addon: addon.clone(),
            administrator: secret.clone(),
            expected: "arn:aws:secretsmanager:us-east-1:123456789012:secret:addon/masters/*"
                .to_owned(),
        },
        AuthorityError::OAuth {
            addon: addon.clone(),
            oauth: secret.clone(),
            expected: format!("addon/oauth/{addon}"),
        },
        AuthorityError::Addresses {
            administrator: administrator.clone(),
            problem: "port must be a whole number from 1 to 65535",
            example: r#"{host: "<the server>", port: <its port>}"#,
        },
        AuthorityError::NotServed {
            addon: addon.clone(),
            path: "host".to_owned(),
            address: "db8.acme.example:5432".to_owned(),
            administrator,
            served: "db7.acme.example:5432".to_owned(),
        },
        AuthorityError::NoRenewal {
            secret: secret.clone(),
            pending,
            current: current.clone(),
            paths: vec!["host".to_owned()],
        },
        AuthorityError::NotOwn {
            secret: secret.clone(),
            version: version(),
            credential: "u_0042".to_owned(),
        },
        AuthorityError::OtherVouched {
            secret: secret.clone(),
            version: version(),
            found: "u_0043".to_owned(),
            vouched: "u_0042".to_owned(),
        },
        AuthorityError::NotShown {
            secret,
            current,
            login: "acme_0042".to_owned(),
            addon,
        },
    ];
    snapshot.errors("AuthorityError", errors);
    assert_snapshot("authority", &snapshot.0);
}
