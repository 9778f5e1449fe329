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

fn next(document: &Value) -> Value {
    next_at(document, &version())
}

fn next_at(document: &Value, version: &VersionId) -> Value {
    let next = parse(document).unwrap().next(version).unwrap();
    serde_json::from_str(next.expose_secret()).unwrap()
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
    let next = next(&old);
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
    let after = next_at(&next, &"1".repeat(36).parse().unwrap());
    assert_eq!(
        after["owner"], "u_imported",
        "the owner stays the first role"
    );
    assert_ne!(after["username"], next["username"]);
}

#[test]
fn the_next_version_of_an_api_key_looks_as_the_document_says() {
    let next = next(&http());
    let key = next["api_key"].as_str().unwrap();
    assert_eq!(key.strip_prefix("acme_live_").map(str::len), Some(40));
    let addon = next["heroku"]["addon_id"].as_str().unwrap();
    assert_eq!(next["credential_id"], credential_id(addon, &version()));
    assert!(parse(&next).is_ok());
}

#[test]
fn each_version_names_the_user_before_it_and_has_a_name_that_mysql_takes() {
    for mut document in valid("mysql") {
        for number in ["1", "2"] {
            let after = next_at(&document, &number.repeat(36).parse().unwrap());
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

#[test]
fn a_login_to_redis_by_password_alone_becomes_one_by_user_and_password() {
    let shown = |document: &Value| {
        let rendered = parse(document).unwrap().render().unwrap();
        rendered.get("ACME_URL").unwrap().to_owned()
    };
    let first = redis();
    let place = "@db7.acme.example:5432/d7f3k2";
    assert_eq!(shown(&first), format!("postgres://:hunter2-hunter2{place}"));
    let second = next(&first);
    assert_eq!(second["rules_from"], "default");
    let [user, password] = ["username", "password"].map(|it| second[it].as_str().unwrap());
    let due = format!("postgres://{user}:{password}{place}");
    assert_eq!(shown(&second), due);
    for carried in ["nodes", "persistence", "host", "port"] {
        assert_eq!(second[carried], first[carried]);
    }
    assert_eq!(next(&second)["rules_from"], user);
}

/// A document and what stands in it instead, and the words that tell it. After `~>`: the schema cannot see it, such as
/// templates and addresses in detail, and fields that others name.
const MISTAKES: &str = r#"
postgres /engine "oracle" => engine must be one of 
postgres /engine null => engine is missing
postgres /password null => password is missing
postgres /password "" => password must be
postgres /port "54 32" => port must be a whole number from 1 to 65535
postgres /port 0 => port must be a whole number
postgres /dbname "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd" => dbname must be
postgres /owner 7 => owner must be
postgres /host "db7/evil" ~> host must be
postgres /masterarn "db7" => masterarn must be the ARN of a secret
postgres /heroku null => heroku is missing
postgres /heroku "v3" => heroku must be an object
postgres /heroku/api "v2" => heroku.api must be one of v1, v3
postgres /heroku/oauth 7 => heroku.oauth must be a string
postgres /heroku/addon_id "../apps" => heroku.addon_id must be
postgres /heroku/config {} => heroku.config must not be empty
postgres /heroku/config {"ACME URL":"x"} => heroku.config.ACME URL is no config var's name
postgres /heroku/removed ["OLD",1] => heroku.removed must be an array of config vars' names, each once
postgres /heroku/removed ["OLD","OLD"] => heroku.removed must be an array of config vars' names, each once
postgres /heroku/removed ["OLD","acme_url"] ~> heroku.removed names acme_url, which config publishes
http /heroku/removed ["OLD"] ~> heroku.removed needs v3
postgres /heroku/config/ACME_URL 1 => heroku.config.ACME_URL must be a template
postgres /heroku/config/ACME_URL "{{ pasword }}{{ hots }}" ~> heroku.config.ACME_URL uses an unknown field: hots, pasword
postgres /heroku/config/ACME_URL "{{ pasword }}" ~> the document has
postgres /heroku/config/ACME_URL "{{ masterarn }}" ~> uses an unknown field: masterarn
postgres /heroku/config/ACME_URL "{{ note.tiket }}" ~> uses a field that the document does not have
postgres /heroku/config/ACME_URL "{{ username " ~> is not a valid template
postgres /heroku/config/ACME_URL "{{ username | upper }}" ~> uses an unknown filter
postgres /heroku/config/ACME_URL "" ~> renders to nothing
postgres /heroku/config/ACME_URL "{% for a in 'x' * 99999 %}{% for b in 'x' * 99999 %}{% endfor %}{% endfor %}" ~> heroku.config.ACME_URL
postgres /heroku/config/ACME_URL "postgres://{{ username }}@{{ host }}" ~> heroku.config does not show password
http /heroku/config/ACME_KEY "acme_live_hunter2hunter2hunter2" ~> heroku.config does not show api_key
http /heroku/config/ACME_KEY "acme_live_hunter2hunter2hunter2" ~> heroku.config.ACME_KEY contains the current value of api_key
http /url "http://api.acme.example/v1" ~> url must be an https:// URL
http /url "https://user:pw@api.acme.example/" ~> url must be an https:// URL
http /credential_id "a/b" => credential_id must be
http /credential_id ".." ~> credential_id must be
http /authorization "Bearer {{ apikey }}" ~> authorization uses an unknown field: apikey
http /generate {} => generate must not be empty
http /generate/api_key/length 8 => generate.api_key.length must be a whole number from 22 to 256
http /generate/api_key/prefix "a b" => generate.api_key.prefix must be
http /generate/url {"length":30} ~> generate.url has a reserved name
http /api_key null ~> api_key is missing
mysql /host "a host" ~> host must be
mysql /host "" => host must be
mysql /port 0 => port must be
mysql /dbname "" => dbname must be
mysql /dbname "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd" => dbname must be
mysql /username "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu" => username must be
mysql /username null => username is missing
mysql /password "" => password must be
mysql /previous_username 7 => previous_username must be
mysql /previous_username "" => previous_username must be
redis /host "a host" ~> host must be
redis /host "" => host must be
redis /port 0 => port must be
redis /username "two words" => username must be
redis /username null => username is missing
redis /password "" => password must be
redis /rules_from "" => rules_from must be
redis /persistence "disk" => persistence must be
redis /nodes [] => nodes must be
redis /nodes "cache2" => nodes must be
redis /nodes/0/port "6379 " => nodes[0].port must be
redis /nodes/0/host null => nodes[0].host is missing
"#;

/// The documents of an engine, by each of its names.
fn valid(engine: &str) -> Vec<Value> {
    match engine {
        "postgres" => vec![postgres()],
        "http" => vec![http()],
        "mysql" => vec![of("mysql"), of("mariadb")],
        _ => vec![redis(), with(redis(), "/engine", json!("valkey"))],
    }
}

fn of(engine: &str) -> Value {
    with(postgres(), "/engine", json!(engine))
}

fn redis() -> Value {
    let mut document = of("redis");
    document["username"] = "".into();
    document["persistence"] = "file".into();
    document["nodes"] = json!([{ "host": "cache2.acme.example", "port": 6379 }]);
    document
}

/// A document, the words that tell its mistake, and whether the schema is to see it.
fn mistakes() -> Vec<(Value, &'static str, bool)> {
    let rows = MISTAKES.lines().filter(|row| !row.is_empty());
    let made = rows.flat_map(|row| {
        let seen = row.contains(" => ");
        let arrow = if seen { " => " } else { " ~> " };
        let (change, words) = row.split_once(arrow).unwrap();
        let (engine, change) = change.split_once(' ').unwrap();
        let (pointer, value) = change.split_once(' ').unwrap();
        let value: Value = serde_json::from_str(value).unwrap();
        let made = valid(engine).into_iter();
        made.map(move |document| (with(document, pointer, value.clone()), words, seen))
    });
    let mut made: Vec<_> = made.collect();
    let large = json!("x".repeat(40_000));
    let large = with(postgres(), "/heroku/config/ACME_URL", large);
    made.push((large, "Heroku takes 32768 bytes", false));
    made
}

#[test]
fn each_mistake_is_reported_by_path_and_without_a_value() {
    for (document, words, _) in mistakes() {
        let error = parse(&document).expect_err(words).to_string();
        assert!(error.contains(words), "{error:?} lacks {words:?}");
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

fn schema_takes(document: &Value) -> bool {
    let schema = serde_json::to_value(schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.is_valid(document)
}

#[test]
fn the_schema_takes_what_the_parser_takes_and_refuses_what_it_can_see() {
    for engine in ["postgres", "http", "mysql", "redis"] {
        for document in valid(engine) {
            assert!(schema_takes(&document), "{document}");
            assert!(schema_takes(&next(&document)), "{document}");
        }
    }
    for (document, words, seen) in mistakes() {
        assert_eq!(schema_takes(&document), !seen, "{words}: {document}");
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
