mod mysql;
mod redis;
mod shapes;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::*;

fn postgres() -> Value {
    json!({
        "engine": "postgres",
        "host": "db7.acme.example", "port": 5432, "dbname": "d7f3k2",
        "username": "u_imported", "password": "hunter2-hunter2",
        "masterarn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:addon/masters/db7-AbCdEf",
        "note": { "ticket": 17 },
        "heroku": {
            "api": "v3",
            "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
            "oauth": "arn:aws:secretsmanager:us-east-1:123456789012:secret:addon/oauth/0123-AbCdEf",
            "config": { "ACME_URL": "postgres://{{ username }}:{{ password | urlencode }}@{{ host }}:{{ port }}/{{ dbname }}" }
        }
    })
}

fn http() -> Value {
    json!({
        "engine": "http",
        "url": "https://api.acme.example/v1",
        "credential_id": "imported-1",
        "api_key": "acme_live_hunter2hunter2hunter2",
        "authorization": "Bearer {{ api_key }}",
        "generate": { "api_key": { "prefix": "acme_live_", "length": 40 } },
        "masterarn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:addon/masters/api-AbCdEf",
        "heroku": {
            "api": "v1",
            "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
            "config": { "ACME_KEY": "{{ api_key }}", "ACME_URL": "{{ url }}" }
        }
    })
}

fn version() -> VersionId {
    "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap()
}

fn secret(document: &Value) -> SecretString {
    SecretString::from(document.to_string())
}

fn parse(document: &Value) -> Result<Document, DocumentError> {
    Document::parse(&secret(document))
}

/// The document with what stands at `pointer` replaced, or removed for `null`.
fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap();
    if value.is_null() {
        parent.remove(name);
    } else {
        parent.insert(name.to_owned(), value);
    }
    document
}

#[test]
fn renders_config_vars_from_the_fields() {
    let rendered = parse(&postgres()).unwrap().render().unwrap();
    assert_eq!(
        rendered.get("ACME_URL"),
        Some("postgres://u_imported:hunter2-hunter2@db7.acme.example:5432/d7f3k2")
    );
    let rendered = parse(&http()).unwrap().render().unwrap();
    assert_eq!(
        rendered.get("ACME_KEY"),
        Some("acme_live_hunter2hunter2hunter2")
    );
    assert_eq!(
        rendered.get("ACME_URL"),
        Some("https://api.acme.example/v1")
    );
}

#[test]
fn an_imported_password_with_any_character_cannot_break_a_url() {
    let password = "a/b?c#d@e:f%g h";
    let document = with(postgres(), "/password", json!(password));
    let rendered = parse(&document).unwrap().render().unwrap();
    let url = url::Url::parse(rendered.get("ACME_URL").unwrap()).unwrap();
    assert_eq!(url.host_str(), Some("db7.acme.example"));
    let decoded = percent_encoding::percent_decode_str(url.password().unwrap())
        .decode_utf8()
        .unwrap();
    assert_eq!(decoded, password);
}

#[test]
fn the_next_version_has_a_new_credential_and_everything_else_as_it_was() {
    let old = postgres();
    let next: Value = serde_json::from_str(
        parse(&old)
            .unwrap()
            .next(&version())
            .unwrap()
            .expose_secret(),
    )
    .unwrap();
    assert_ne!(next["username"], old["username"]);
    assert_ne!(next["password"], old["password"]);
    assert_eq!(next["owner"], "u_imported");
    for field in [
        "engine",
        "host",
        "port",
        "dbname",
        "masterarn",
        "heroku",
        "note",
    ] {
        assert_eq!(next[field], old[field], "{field}");
    }
    let after: Value = serde_json::from_str(
        parse(&next)
            .unwrap()
            .next(&"1".repeat(36).parse().unwrap())
            .unwrap()
            .expose_secret(),
    )
    .unwrap();
    assert_eq!(
        after["owner"], "u_imported",
        "the owner stays the first role"
    );
    assert_ne!(after["username"], next["username"]);
}

#[test]
fn the_next_version_of_an_api_key_looks_as_the_document_says() {
    let next: Value = serde_json::from_str(
        parse(&http())
            .unwrap()
            .next(&version())
            .unwrap()
            .expose_secret(),
    )
    .unwrap();
    let key = next["api_key"].as_str().unwrap();
    assert_eq!(key.strip_prefix("acme_live_").map(str::len), Some(40));
    let addon = next["heroku"]["addon_id"].as_str().unwrap();
    assert_eq!(next["credential_id"], credential_id(addon, &version()));
    assert!(parse(&next).is_ok());
}

/// What is wrong, where, and the words that must name it.
#[allow(clippy::too_many_lines)] // a table
fn mistakes() -> Vec<(Value, &'static [&'static str])> {
    vec![
        (
            with(postgres(), "/engine", json!("oracle")),
            &["engine must be one of "],
        ),
        (
            with(postgres(), "/engine", Value::Null),
            &["engine is missing"],
        ),
        (
            with(postgres(), "/password", Value::Null),
            &["password is missing"],
        ),
        (
            with(postgres(), "/password", json!("")),
            &["password must be"],
        ),
        (
            with(postgres(), "/port", json!("54 32")),
            &["port must be a whole number from 1 to 65535"],
        ),
        (
            with(postgres(), "/port", json!(0)),
            &["port must be a whole number"],
        ),
        (
            with(postgres(), "/dbname", json!("d".repeat(64))),
            &["dbname must be"],
        ),
        (with(postgres(), "/owner", json!(7)), &["owner must be"]),
        (
            with(postgres(), "/host", json!("db7/evil")),
            &["host must be"],
        ),
        (
            with(postgres(), "/masterarn", json!("db7")),
            &["masterarn must be the ARN of a secret"],
        ),
        (
            with(postgres(), "/heroku", Value::Null),
            &["heroku is missing"],
        ),
        (
            with(postgres(), "/heroku", json!("v3")),
            &["heroku must be an object"],
        ),
        (
            with(postgres(), "/heroku/api", json!("v2")),
            &["heroku.api must be one of v1, v3"],
        ),
        (
            with(postgres(), "/heroku/oauth", 7.into()),
            &["heroku.oauth must be a string"],
        ),
        (
            with(postgres(), "/heroku/addon_id", json!("../apps")),
            &["heroku.addon_id must be"],
        ),
        (
            with(postgres(), "/heroku/config", json!({})),
            &["heroku.config must not be empty"],
        ),
        (
            with(postgres(), "/heroku/config", json!({"ACME URL": "x"})),
            &["heroku.config.ACME URL is no config var's name"],
        ),
        (
            with(postgres(), "/heroku/removed", json!(["OLD", 1])),
            &["heroku.removed must be an array of config vars' names, each once"],
        ),
        (
            with(postgres(), "/heroku/removed", json!(["OLD", "OLD"])),
            &["heroku.removed must be an array of config vars' names, each once"],
        ),
        (
            with(postgres(), "/heroku/removed", json!(["OLD", "acme_url"])),
            &["heroku.removed names acme_url, which config publishes"],
        ),
        (
            with(
                with(postgres(), "/heroku/api", json!("v1")),
                "/heroku/removed",
                json!(["OLD"]),
            ),
            &["heroku.removed needs v3"],
        ),
        (
            with(postgres(), "/heroku/config/ACME_URL", json!(1)),
            &["heroku.config.ACME_URL must be a template"],
        ),
        (
            with(
                postgres(),
                "/heroku/config/ACME_URL",
                json!("{{ pasword }}{{ hots }}"),
            ),
            &[
                "heroku.config.ACME_URL uses an unknown field: hots, pasword",
                "the document has",
                "password",
            ],
        ),
        (
            with(
                postgres(),
                "/heroku/config/ACME_URL",
                json!("{{ masterarn }}"),
            ),
            &["uses an unknown field: masterarn"],
        ),
        (
            with(
                postgres(),
                "/heroku/config/ACME_URL",
                json!("{{ note.tiket }}"),
            ),
            &["uses a field that the document does not have"],
        ),
        (
            with(postgres(), "/heroku/config/ACME_URL", json!("{{ username ")),
            &["is not a valid template"],
        ),
        (
            with(
                postgres(),
                "/heroku/config/ACME_URL",
                json!("{{ username | upper }}"),
            ),
            &["uses an unknown filter"],
        ),
        (
            with(postgres(), "/heroku/config/ACME_URL", json!("")),
            &["renders to nothing"],
        ),
        (
            with(
                postgres(),
                "/heroku/config/ACME_URL",
                json!(
                    "{% for a in 'x' * 99999 %}{% for b in 'x' * 99999 %}{% endfor %}{% endfor %}"
                ),
            ),
            &["heroku.config.ACME_URL"],
        ),
        (
            with(
                postgres(),
                "/heroku/config/ACME_URL",
                json!("x".repeat(40_000)),
            ),
            &["Heroku takes 32768 bytes"],
        ),
        (
            with(
                postgres(),
                "/heroku/config/ACME_URL",
                json!("postgres://{{ username }}@{{ host }}"),
            ),
            &["heroku.config does not show password"],
        ),
        (
            with(
                http(),
                "/heroku/config/ACME_KEY",
                json!("acme_live_hunter2hunter2hunter2"),
            ),
            &[
                "heroku.config does not show api_key",
                "heroku.config.ACME_KEY contains the current value of api_key",
            ],
        ),
        (
            with(
                postgres(),
                "/heroku/config/ACME_URL",
                json!("postgres://{{ username }}@{{ host }}"),
            ),
            &["heroku.config does not show password"],
        ),
        (
            with(
                http(),
                "/heroku/config/ACME_KEY",
                json!("acme_live_hunter2hunter2hunter2"),
            ),
            &[
                "heroku.config does not show api_key",
                "heroku.config.ACME_KEY contains the current value of api_key",
            ],
        ),
        (
            with(http(), "/url", json!("http://api.acme.example/v1")),
            &["url must be an https:// URL"],
        ),
        (
            with(http(), "/url", json!("https://user:pw@api.acme.example/")),
            &["url must be an https:// URL"],
        ),
        (
            with(http(), "/credential_id", json!("a/b")),
            &["credential_id must be"],
        ),
        (
            with(http(), "/credential_id", json!("..")),
            &["credential_id must be"],
        ),
        (
            with(http(), "/authorization", json!("Bearer {{ apikey }}")),
            &["authorization uses an unknown field: apikey"],
        ),
        (
            with(http(), "/generate", json!({})),
            &["generate must not be empty"],
        ),
        (
            with(http(), "/generate/api_key/length", json!(8)),
            &["generate.api_key.length must be a whole number from 22 to 256"],
        ),
        (
            with(http(), "/generate/api_key/prefix", json!("a b")),
            &["generate.api_key.prefix must be"],
        ),
        (
            with(http(), "/generate/url", json!({"length": 30})),
            &["generate.url has a reserved name"],
        ),
        (
            with(http(), "/api_key", Value::Null),
            &["api_key is missing"],
        ),
    ]
}

#[test]
fn each_mistake_is_reported_by_path_and_without_a_value() {
    for (document, expected) in mistakes() {
        let error = parse(&document).expect_err(expected[0]).to_string();
        for words in expected {
            assert!(error.contains(words), "{error:?} lacks {words:?}");
        }
        for value in [
            "hunter2",
            "db7.acme",
            "u_imported",
            "db7/evil",
            "user:pw",
            "oracle",
        ] {
            assert!(!error.contains(value), "{error:?} shows {value:?}");
        }
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let mut document = with(postgres(), "/password", Value::Null);
    document = with(document, "/port", json!(-1));
    document = with(document, "/heroku/api", json!("v9"));
    document = with(document, "/heroku/config/ACME_URL", json!("{{ nothing }}"));
    assert_eq!(parse(&document).unwrap_err().problems.len(), 4);
}

#[test]
fn what_is_no_document_at_all_is_refused() {
    for text in [
        "",
        "null",
        "[]",
        "\"hunter2\"",
        "{",
        &format!("{{\"a\":\"{}\"}}", "x".repeat(LARGEST_DOCUMENT)),
    ] {
        let error = Document::parse(&SecretString::from(text))
            .unwrap_err()
            .to_string();
        assert!(!error.contains("hunter2"));
    }
}

#[test]
fn nothing_that_is_printed_shows_a_value() {
    for document in [postgres(), http()] {
        let document = parse(&document).unwrap();
        let printed = format!("{document:?} {:?}", document.render().unwrap());
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}

#[test]
fn the_schema_in_the_repository_is_made_from_the_types() {
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let file = format!("{here}/../infra/document.schema.json");
    let made = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let stored = std::fs::read_to_string(file).unwrap();
    assert!(
        stored == made,
        "it is out of date: UPDATE_SNAPSHOTS=1 cargo test the_schema_in_the_repository"
    );
}

#[test]
fn the_schema_takes_what_the_parser_takes_and_refuses_what_it_can_see() {
    let schema = serde_json::to_value(schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for document in [postgres(), http()] {
        assert!(
            validator.is_valid(&document),
            "{:?}",
            validator
                .iter_errors(&document)
                .map(|e| e.to_string())
                .collect::<Vec<_>>()
        );
    }
    // What only the parser can see: templates and addresses in detail, and fields that others name.
    let beyond = [
        "unknown field",
        "does not show",
        "does not have",
        "valid template",
        "unknown filter",
        "renders to nothing",
        "heroku.config.ACME_URL",
        "32768",
        "https://",
        "reserved name",
        "which config publishes",
        "needs v3",
        "api_key is missing",
        "host must be",
        "credential_id must be",
    ];
    for (document, expected) in mistakes() {
        if !beyond.iter().any(|words| expected[0].contains(words)) {
            assert!(
                !validator.is_valid(&document),
                "the schema takes what the parser refuses: {}",
                expected[0]
            );
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic_and_no_error_repeats_it(marker in "[a-z]{12}", text in ".{0,200}") {
        let template = format!("{{{{ '{marker}' }}}}{text}");
        let document = with(postgres(), "/heroku/config/ACME_URL", json!(template));
        if let Err(error) = parse(&document) {
            proptest::prop_assert!(!error.to_string().contains(&marker));
        }
        let document = with(postgres(), "/host", json!(format!("{marker}/{text}")));
        proptest::prop_assert!(!parse(&document).unwrap_err().to_string().contains(&marker));
    }
}

/// A version's id may come to hold another value, once Secrets Manager has forgotten the version.
#[test]
fn a_note_is_of_one_version_s_one_login_alone() {
    let note = |document: &Value, version: &VersionId| {
        let text = SecretString::from(document.to_string());
        Document::parse(&text).unwrap().note(version)
    };
    let other: VersionId = "0b1b2c3d-0000-4000-8000-000000000001".parse().unwrap();
    for document in [postgres(), http()] {
        let noted = note(&document, &version());
        assert_eq!(noted, note(&document, &version()));
        assert_ne!(noted, note(&document, &other));
        let fields = ["username", "host", "owner", "credential_id", "url"];
        for field in fields
            .into_iter()
            .filter(|it| document.get(it).is_some() || *it == "owner")
        {
            if field == "owner" && document["engine"] == "http" {
                continue;
            }
            let mut changed = document.clone();
            changed[field] = match field {
                "url" => "https://api.acme.example/v2".into(),
                _ => "another".into(),
            };
            assert_ne!(noted, note(&changed, &version()), "{field}");
        }
        // Nobody is to guess a password from it.
        let mut changed = document.clone();
        for field in ["password", "api_key"] {
            if changed.get(field).is_some() {
                changed[field] = "another-password-1".into();
            }
        }
        assert_eq!(noted, note(&changed, &version()));
    }
}
