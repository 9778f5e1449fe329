//! Documents of the `redis` and `valkey` engines.

use super::*;

fn redis() -> Value {
    json!({
        "engine": "redis",
        "host": "cache1.acme.example",
        "port": 6379,
        "username": "",
        "password": "hunter2-hunter2",
        "persistence": "file",
        "nodes": [{ "host": "cache2.acme.example", "port": 6379 }],
        "masterarn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/masters/cache-AbCdEf",
        "heroku": {
            "api": "v1",
            "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
            "config": { "ACME_URL": "redis://{{ username }}:{{ password | urlencode }}@{{ host }}:{{ port }}" }
        }
    })
}

fn shown(document: &Value) -> String {
    let rendered = parse(document).unwrap().render().unwrap();
    rendered.get("ACME_URL").unwrap().to_owned()
}

fn next(document: &Value) -> Value {
    let next = parse(document).unwrap().next(&version()).unwrap();
    serde_json::from_str(next.expose_secret()).unwrap()
}

#[test]
fn a_login_by_password_alone_becomes_one_by_user_and_password() {
    let first = redis();
    assert_eq!(
        shown(&first),
        "redis://:hunter2-hunter2@cache1.acme.example:6379"
    );
    let second = next(&first);
    assert_eq!(second["rules_from"], "default");
    let (user, password) = (&second["username"], &second["password"]);
    assert_eq!(
        shown(&second),
        format!(
            "redis://{}:{}@cache1.acme.example:6379",
            user.as_str().unwrap(),
            password.as_str().unwrap()
        )
    );
    for carried in ["nodes", "persistence", "host", "port"] {
        assert_eq!(second[carried], first[carried]);
    }
    assert_eq!(next(&second)["rules_from"], *user);
}

/// What is wrong, the path that is told, and whether the schema sees it as well.
fn mistakes() -> [(&'static str, Value, &'static str, bool); 12] {
    [
        ("/host", json!("a host"), "host must be", false),
        ("/host", json!(""), "host must be", true),
        ("/port", json!(0), "port must be", true),
        ("/username", json!("two words"), "username must be", true),
        ("/username", Value::Null, "username is missing", true),
        ("/password", json!(""), "password must be", true),
        ("/rules_from", json!(""), "rules_from must be", true),
        ("/persistence", json!("disk"), "persistence must be", true),
        ("/nodes", json!([]), "nodes must be", true),
        ("/nodes", json!("cache2"), "nodes must be", true),
        (
            "/nodes/0/port",
            json!("6379 "),
            "nodes[0].port must be",
            true,
        ),
        (
            "/nodes/0/host",
            Value::Null,
            "nodes[0].host is missing",
            true,
        ),
    ]
}

#[test]
fn every_mistake_is_told_by_its_path() {
    for engine in ["redis", "valkey"] {
        let good = with(redis(), "/engine", json!(engine));
        assert!(parse(&good).is_ok());
        for (pointer, value, path, _) in mistakes() {
            let problems = parse(&with(good.clone(), pointer, value))
                .unwrap_err()
                .problems;
            assert!(
                problems.iter().any(|problem| problem.starts_with(path)),
                "{path}: {problems:?}"
            );
        }
    }
}

#[test]
fn the_schema_sees_them() {
    let schema = serde_json::to_value(schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&redis()) && validator.is_valid(&next(&redis())));
    for (pointer, value, path, seen) in mistakes() {
        let bad = with(redis(), pointer, value);
        assert_eq!(validator.is_valid(&bad), !seen, "{path}");
    }
}
