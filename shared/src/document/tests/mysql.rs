//! Documents of the `mysql` and `mariadb` engines.

use super::*;

fn mysql(engine: &str) -> Value {
    json!({
        "engine": engine,
        "host": "db7.acme.example",
        "port": 3306,
        "dbname": "shop",
        "username": "shop",
        "password": "hunter2-hunter2",
        "masterarn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/masters/db7-AbCdEf",
        "heroku": {
            "api": "v1",
            "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
            "config": { "ACME_URL": "mysql://{{ username }}:{{ password | urlencode }}@{{ host }}:{{ port }}" }
        }
    })
}

fn next(document: &Value, version: &VersionId) -> Value {
    let next = parse(document).unwrap().next(version).unwrap();
    serde_json::from_str(next.expose_secret()).unwrap()
}

#[test]
fn each_version_names_the_user_before_it_and_has_a_name_that_mysql_takes() {
    for engine in ["mysql", "mariadb"] {
        let mut document = mysql(engine);
        for number in ["1", "2"] {
            let after = next(&document, &number.repeat(36).parse().unwrap());
            assert_eq!(after["previous_username"], document["username"]);
            assert_ne!(after["password"], document["password"]);
            let name = after["username"].as_str().unwrap();
            assert_ne!(after["username"], document["username"]);
            assert!(name.len() <= 32, "{name}");
            for carried in ["engine", "host", "port", "dbname"] {
                assert_eq!(after[carried], document[carried]);
            }
            document = after;
        }
    }
}

/// What is wrong, the path that is told, and whether the schema sees it as well.
fn mistakes() -> [(&'static str, Value, &'static str, bool); 10] {
    [
        ("/host", json!("a host"), "host must be", false),
        ("/host", json!(""), "host must be", true),
        ("/port", json!(0), "port must be", true),
        ("/dbname", json!(""), "dbname must be", true),
        ("/dbname", json!("d".repeat(65)), "dbname must be", true),
        ("/username", json!("u".repeat(81)), "username must be", true),
        ("/username", Value::Null, "username is missing", true),
        ("/password", json!(""), "password must be", true),
        (
            "/previous_username",
            json!(7),
            "previous_username must be",
            true,
        ),
        (
            "/previous_username",
            json!(""),
            "previous_username must be",
            true,
        ),
    ]
}

#[test]
fn mistakes_are_told_by_path_and_without_a_value() {
    assert!(parse(&with(mysql("mysql"), "/dbname", Value::Null)).is_ok());
    for (path, value, expected, _) in mistakes() {
        let document = with(mysql("mariadb"), path, value);
        let text = parse(&document).unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn the_schema_agrees() {
    let schema = serde_json::to_value(schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for engine in ["mysql", "mariadb"] {
        assert!(validator.is_valid(&mysql(engine)));
        assert!(validator.is_valid(&next(&mysql(engine), &version())));
        for (path, value, expected, seen) in mistakes() {
            let document = with(mysql(engine), path, value);
            assert_eq!(validator.is_valid(&document), !seen, "{expected}");
        }
    }
}
