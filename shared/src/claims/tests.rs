use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::ids::VersionId;

const ADDON: &str = "01234567-89ab-cdef-0123-456789abcdef";
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/credentials/01234567-89ab-cdef-0123-456789abcdef-AbCdEf";

fn names() -> Names {
    Names {
        credentials: "acme/credentials/".to_owned(),
        administrators: "acme/masters/".to_owned(),
        oauth: "acme/oauth/".to_owned(),
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf")
}

fn document() -> Value {
    json!({
        "engine": "redis",
        "host": "cache7.acme.example", "port": 6379,
        "username": "shop", "password": "hunter2",
        "masterarn": arn("acme/masters/cache7"),
        "heroku": {
            "api": "v3", "addon_id": ADDON, "oauth": arn(&format!("acme/oauth/{ADDON}")),
            "config": { "ACME_URL": "redis://{{ username }}:{{ password }}@{{ host }}/" },
        },
    })
}

fn parse(value: &Value) -> Document {
    Document::parse(&SecretString::from(value.to_string())).unwrap()
}

fn bound(name: &str, value: &Value) -> Result<(), String> {
    let secret: SecretArn = SECRET.parse().unwrap();
    let bound = names().bind(&secret, name, &parse(value));
    bound.map_err(|error| error.to_string())
}

fn served(document: &Value, administrator: &str) -> Result<(), String> {
    let administrator = Fields::parse(administrator).unwrap();
    serves(&parse(document), &administrator).map_err(|error| error.to_string())
}

/// A table's rows of two.
fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    table.lines().filter_map(|row| row.split_once(" | "))
}

#[test]
fn a_document_belongs_into_the_secret_of_its_add_on() {
    let name = format!("acme/credentials/{ADDON}");
    assert_eq!(bound(&name, &document()), Ok(()));
    for other in [
        String::new(),
        "acme/credentials/shop".to_owned(),
        format!("acme/credentials/{ADDON}-2"),
        format!("acme/credentials/x/{ADDON}"),
        format!("other/credentials/{ADDON}"),
        name.to_uppercase(),
    ] {
        let error = bound(&other, &document()).unwrap_err();
        let expected = format!("that add-on's secret is {name}");
        assert!(
            error.contains(ADDON) && error.contains(&expected),
            "{error}"
        );
    }
}

#[test]
fn an_administrator_is_the_stack_s() {
    let name = format!("acme/credentials/{ADDON}");
    for foreign in [
        arn("acme/credentials/cache7"),
        arn("acme/masters"),
        arn("acme/mastersx/cache7"),
        arn("x/acme/masters/cache7"),
        arn("Acme/masters/cache7"),
        arn("acme/masters/cache7").replace("123456789012", "210987654321"),
        arn("acme/masters/cache7").replace("us-east-1", "eu-west-1"),
        arn("acme/masters/cache7").replace("arn:aws:", "arn:aws-cn:"),
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/masters/".to_owned(),
    ] {
        let mut document = document();
        document["masterarn"] = foreign.as_str().into();
        let error = bound(&name, &document).unwrap_err();
        let expected = "one of arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/masters/*";
        assert!(
            error.contains(&foreign) && error.contains(expected),
            "{error}"
        );
    }
}

#[test]
fn tokens_are_the_add_on_s() {
    let name = format!("acme/credentials/{ADDON}");
    for foreign in [
        arn("acme/oauth/another-add-on"),
        arn(&format!("acme/oauth/{ADDON}-2")),
        arn(&format!("acme/masters/{ADDON}")),
        arn(&format!("acme/oauth/{ADDON}")).replace("123456789012", "210987654321"),
        // Not the whole ARN: it could be that of another secret.
        format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/oauth/{ADDON}"),
    ] {
        let mut document = document();
        document["heroku"]["oauth"] = foreign.as_str().into();
        let error = bound(&name, &document).unwrap_err();
        assert!(
            error.contains(&foreign) && error.contains("acme/oauth/"),
            "{error}"
        );
    }
    let mut v1 = document();
    v1["heroku"]["api"] = "v1".into();
    v1["heroku"]["oauth"] = Value::Null;
    assert_eq!(bound(&name, &v1), Ok(()));
}

/// A document's host, and a login that is for it.
const SAME: &str = r#"
cache7.acme.example | {"host":"cache7.acme.example","port":6379}
CACHE7.acme.Example. | {"host":"cache7.ACME.example","port":"6379"}
cache7.acme.example | {"host":"Cache7.acme.example.","engine":"redis"}
cache7.acme.example | {"hosts":["cache6.acme.example","cache7.acme.example"],"engine":"valkey"}
cache7.acme.example | {"hosts":["cache7.acme.example:6379"]}
10.0.0.7 | {"hosts":["10.0.0.7:6379"]}
10.0.0.7 | {"host":"::ffff:10.0.0.7","engine":"redis"}
2001:db8::7 | {"hosts":["[2001:0DB8:0:0::7]:6379"]}
2001:DB8:0::7 | {"host":"[2001:db8::7]","engine":"redis"}
2001:db8::7 | {"hosts":["2001:db8::7"],"engine":"redis"}
"#;

/// A document's host, and a login that is for another. What one protocol proves, another sends.
const OTHER: &str = r#"
evil.example | {"host":"cache7.acme.example","port":6379}
cache7.acme.example.evil.example | {"host":"cache7.acme.example","engine":"redis"}
cache7.acme.example | {"host":"cache7.acme.example","port":6380}
cache7.acme.example | {"hosts":["cache7.acme.example:6380"]}
cache7 | {"host":"cache7.acme.example","port":6379}
cache7.acme.example | {"host":"cache7.acme.example","port":6379,"engine":"postgres"}
cache7.acme.example | {"host":"cache7.acme.example","engine":"mariadb"}
10.0.0.7 | {"host":"10.0.0.70","port":6379}
2001:db8::7 | {"hosts":["[2001:db8::7]:1"]}
cache7.acme.example | {"url":"https://cache7.acme.example:6379"}
"#;

#[test]
fn a_login_is_for_the_addresses_that_its_secret_says() {
    let document = |host: &str| {
        let mut document = document();
        document["host"] = host.into();
        document
    };
    for (host, administrator) in rows(SAME) {
        let served = served(&document(host), administrator);
        assert_eq!(served, Ok(()), "{host} {administrator}");
    }
    for (host, administrator) in rows(OTHER) {
        let error = served(&document(host), administrator).unwrap_err();
        for words in ["host of add-on", host, "is for"] {
            assert!(error.contains(words), "{error}");
        }
    }
}

#[test]
fn hosts_that_a_resolver_keeps_apart_are_two() {
    let mut document = document();
    document["engine"] = "postgres".into();
    document["dbname"] = "shop".into();
    // The Kelvin sign, whose small letter is a k.
    document["host"] = "\u{212a}v7.acme.example".into();
    let error = served(&document, r#"{"host":"kv7.acme.example","port":6379}"#);
    assert!(error.unwrap_err().contains("is for"));
}

#[test]
fn every_node_is_looked_at() {
    let mut document = document();
    document["nodes"] = json!([
        { "host": "cache8.acme.example", "port": 6379 },
        { "host": "cache9.acme.example", "port": 6379 },
    ]);
    let hosts = [
        "cache7.acme.example",
        "cache8.acme.example",
        "cache9.acme.example",
    ];
    let all = json!({ "hosts": hosts, "engine": "redis" });
    assert_eq!(served(&document, &all.to_string()), Ok(()));
    let two = json!({ "hosts": hosts[..2], "engine": "redis" });
    let error = served(&document, &two.to_string()).unwrap_err();
    assert!(
        error.contains("nodes[1].host") && error.contains("cache9"),
        "{error}"
    );
}

/// What is wrong with an administrator's secret, and the secret.
const NO_ADDRESS: &str = r#"
does not say | {"username":"admin","password":"hunter3"}
does not say | {"host":null,"hosts":null}
neither engine nor port | {"host":"cache7.acme.example"}
neither engine nor port | {"hosts":["cache7.acme.example"]}
engine must be one of | {"host":"cache7.acme.example","port":6379,"engine":"sqlserver"}
hosts must be a list | {"hosts":"cache7.acme.example"}
hosts must be a list | {"hosts":["cache7.acme.example:"]}
hosts must be a list | {"hosts":[":6379"]}
hosts must be a list | {"hosts":["cache7.acme.example:0"]}
hosts must be a list | {"hosts":[7]}
host must be | {"host":7}
host must be | {"host":""}
port must be | {"host":"cache7.acme.example","port":70000}
port must be | {"host":"cache7.acme.example","port":"x"}
url must be | {"url":"cache7"}
urls must be | {"urls":"https://cache7"}
urls must be | {"urls":["cache7"]}
"#;

#[test]
fn an_administrator_s_secret_that_says_no_address_is_refused_with_the_command_that_completes_it() {
    for (problem, administrator) in rows(NO_ADDRESS) {
        let error = served(&document(), administrator).unwrap_err();
        let masters = arn("acme/masters/cache7");
        for words in [
            problem,
            &masters,
            "aws secretsmanager put-secret-value",
            "{host:",
        ] {
            assert!(error.contains(words), "{administrator}: {error}");
        }
        assert!(!error.contains("hunter"), "{error}");
        // Whoever wrote the document must not have the last word by way of the remedy.
        assert!(!error.contains("cache7.acme.example"), "{error}");
    }
}

/// A document's URL, and the administrator's for it.
const SAME_URL: &str = "
https://api.acme.example/v1 | https://api.acme.example/v1/
https://API.acme.example.:443/v1/ | https://api.acme.example/v1
https://api.acme.example/a/../%76%31 | https://api.acme.example/v1
https://api.acme.example/%e4 | https://api.acme.example/%E4
https://[2001:db8::7]/ | https://[2001:DB8:0::7]:443
";

/// A document's URL, and an administrator's for another.
const OTHER_URL: &str = "
https://evil.example/v1 | https://api.acme.example/v1
https://api.acme.example:8443/v1 | https://api.acme.example/v1
https://api.acme.example/v2 | https://api.acme.example/v1
https://api.acme.example/v1/tenants | https://api.acme.example/v1
https://api.acme.example/v1// | https://api.acme.example/v1/
https://api.acme.example/a%2Fv1 | https://api.acme.example/a/v1
https://api.acme.example/%+1 | https://api.acme.example/%01
http://127.0.0.1:8443/ | https://127.0.0.1:8443/
";

#[test]
fn an_administrator_s_secret_may_say_that_it_is_for_no_address() {
    for none in [r#"{"hosts":[]}"#, r#"{"urls":[]}"#] {
        let error = served(&document(), none).unwrap_err();
        assert!(error.contains("is for no address"), "{error}");
    }
}

#[test]
fn a_service_s_url_is_the_administrator_s() {
    let document = |url: &str| {
        json!({
            "engine": "http", "url": url, "credential_id": "imported", "api_key": "hunter2",
            "authorization": "Bearer {{ api_key }}",
            "generate": { "api_key": { "length": 40 } },
            "masterarn": arn("acme/masters/api"),
            "heroku": { "api": "v1", "addon_id": ADDON, "config": { "ACME_KEY": "{{ api_key }}" } },
        })
    };
    for (url, own) in rows(SAME_URL) {
        let own = json!({ "url": "https://elsewhere.example", "urls": [own] });
        assert_eq!(served(&document(url), &own.to_string()), Ok(()), "{url}");
    }
    for (url, own) in rows(OTHER_URL) {
        let own = json!({ "url": own }).to_string();
        let error = served(&document(url), &own).unwrap_err();
        assert!(error.starts_with("url of add-on"), "{error}");
    }
    let document = document("https://api.acme.example/");
    let error = served(&document, r#"{"token":"x"}"#).unwrap_err();
    assert!(error.contains("{url:"));
    let servers = r#"{"host":"api.acme.example","port":443}"#;
    assert!(served(&document, servers).is_err());
}

#[test]
fn prefixes_are_told_apart() {
    assert!(!names().overlap());
    for (credentials, administrators) in [
        ("acme/", "acme/masters/"),
        ("acme/masters/x", "acme/masters/"),
        ("a", "a"),
    ] {
        let names = Names {
            credentials: credentials.to_owned(),
            administrators: administrators.to_owned(),
            ..names()
        };
        assert!(names.overlap(), "{names:?}");
    }
}

#[test]
fn a_pending_document_is_the_current_one_s_renewal() {
    let current = parse(&document());
    let version: VersionId = "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap();
    let next = current.next(&version).unwrap();
    let next: Value = serde_json::from_str(secrecy::ExposeSecret::expose_secret(&next)).unwrap();
    let unlike = |path: &str, value: Value| {
        let mut next = next.clone();
        let (of, field) = path.rsplit_once('/').unwrap();
        next.pointer_mut(of).unwrap()[field] = value;
        current.unlike(&parse(&next), &version).unwrap()
    };
    let nothing: [&str; 0] = [];
    // Whoever stores it may choose the new credential's own password, and that is all.
    assert_eq!(unlike("/password", "chosen".into()), nothing);
    let other = "1a1b2c3d-0000-4000-8000-000000000001".parse().unwrap();
    let fields = Fields::parse(&document().to_string()).unwrap();
    let of_another = crate::engine::username(&fields, &other);
    for (path, value) in [
        ("/username", "tenant_c".into()),
        ("/username", of_another.into()),
        ("/rules_from", "tenant_c".into()),
        ("/host", "evil.example".into()),
        ("/port", 1.into()),
        ("/nodes", json!([{ "host": "evil.example", "port": 1 }])),
        ("/masterarn", arn("acme/masters/cache8").into()),
        ("/heroku/oauth", arn("acme/oauth/another").into()),
        ("/heroku/addon_id", "another".into()),
        (
            "/heroku/config",
            json!({ "X": "{{ username }}{{ password }}" }),
        ),
        ("/more", "field".into()),
    ] {
        let named = path[1..].replace('/', ".");
        assert_eq!(unlike(path, value), [named], "{path}");
    }
}
