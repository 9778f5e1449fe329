//! Documents that name what is not theirs, each tried with every function that has an administrator's login.
//!
//! Every server that they name is there, lets everybody in and listens. None hears anything: a document is refused
//! before anybody is connected to, in words that name what does not fit.

use addon_rotation::document::Document;
use addon_rotation::event::{SecretArn, VersionId};
use lambda_runtime::Diagnostic;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::server::{Ask, Hostile};
use super::traces;
use crate::support::{Stand, create_secret, random, version_id};

const ENGINES: [&str; 4] = ["http", "mysql", "postgres", "redis"];
const DATABASES: &[&str] = &["mysql", "postgres", "redis"];
const HTTP: &[&str] = &["http"];

/// What a server asks for: no login that lasts, so that no call is repeated.
fn ask(engine: &str) -> Ask {
    match engine {
        "http" => Ask::Http(400, String::new()),
        "redis" => Ask::Redis("-NOPERM this user may not\r\n".to_owned()),
        "mysql" => Ask::MysqlSwitch("dialog"),
        _ => Ask::Postgres(3, b""),
    }
}

/// An account with two customers, each on a server of its own, and an adversary's servers.
struct World {
    stand: Stand,
    engine: &'static str,
    /// The instance's own server, and its administrator's secret.
    own: Hostile,
    administrator: SecretArn,
    /// Another customer's.
    other: Hostile,
    others_administrator: SecretArn,
    others_instance: SecretArn,
    others_tokens: SecretArn,
    others_addon: String,
    /// A team's that has nothing to do with rotation.
    foreign: SecretArn,
    /// On another address, on IPv6, on another port of the same address.
    evil: [Hostile; 3],
    /// What nobody may hear, and what the instance's own server may.
    values: Vec<String>,
    own_values: Vec<String>,
}

impl World {
    async fn start(engine: &'static str) -> Self {
        let stand = Stand::start().await;
        let start = async |ip| Hostile::start(ip, ask(engine), None).await;
        let (own, other) = (start("127.0.0.1").await, start("127.0.0.3").await);
        let evil = [
            start("127.0.0.2").await,
            start("::1").await,
            start("127.0.0.1").await,
        ];
        let store = async |name: &str, value: &Value| {
            create_secret(&stand.gateway, name, value, &json!([])).await
        };
        let login = |server: &Hostile, [password, token]: &[String; 2]| {
            json!({
                "username": "operator", "password": password, "token": token,
                "host": server.address.ip(), "port": server.port(), "url": url(server),
            })
        };
        let own_values = [random(), random()];
        let [others, teams] = [(); 2].map(|()| [random(), random()]);
        let others_addon = Uuid::new_v4().to_string();
        let tenants = [random(), random()];
        let value = json!({ "username": "tenant_b", "password": tenants[0], "token": tenants[1] });
        let [administrator, others_administrator, foreign] = [
            store("acme/masters/own", &login(&own, &own_values)).await,
            store("acme/masters/other", &login(&other, &others)).await,
            store("payroll/masters/own", &login(&own, &teams)).await,
        ];
        let [others_instance, others_tokens] = [
            store(&format!("acme/credentials/{others_addon}"), &value).await,
            store(&format!("acme/oauth/{others_addon}"), &value).await,
        ];
        let values = [&own_values, &others, &teams, &tenants]
            .into_iter()
            .flatten();
        let values = values
            .chain(&stand.heroku.secret_values())
            .cloned()
            .collect();
        Self {
            administrator,
            others_administrator,
            others_instance,
            others_tokens,
            foreign,
            values,
            own_values: own_values.into(),
            others_addon,
            stand,
            engine,
            own,
            other,
            evil,
        }
    }

    /// A document that is in order.
    fn document(&self, addon: &str) -> Value {
        let mut document = json!({
            "engine": self.engine,
            "masterarn": self.administrator.as_str(),
            "heroku": { "api": "v1", "addon_id": addon },
        });
        let more = if self.engine == "http" {
            document["heroku"]["config"] = json!({ "ACME_KEY": "{{ api_key }}" });
            json!({
                "url": url(&self.own), "credential_id": "imported", "api_key": random(),
                "authorization": "Bearer {{ api_key }}",
                "generate": { "api_key": { "length": 40 } },
            })
        } else {
            document["heroku"]["config"] = json!({ "ACME_URL": "{{ username }}:{{ password }}" });
            json!({
                "host": self.own.address.ip(), "port": self.own.port(), "dbname": "shop",
                "username": "tenant_a", "password": random(),
            })
        };
        let more = more.as_object().unwrap().clone();
        document.as_object_mut().unwrap().extend(more);
        document
    }

    /// A version that rotation could have made of a document.
    async fn put_following(&self, secret: &SecretArn, value: &Value, label: &str) -> VersionId {
        let version = version_id();
        let following = following(value, &version);
        self.put(secret, version, &following, label).await
    }

    async fn put(
        &self,
        secret: &SecretArn,
        version: VersionId,
        value: &Value,
        label: &str,
    ) -> VersionId {
        let live = format!("LIVE-{version}");
        let parameters = json!({
            "SecretId": secret.as_str(),
            "SecretString": value.to_string(),
            "ClientRequestToken": version.as_str(),
            "VersionStages": [label, live],
        });
        self.stand.call("PutSecretValue", parameters).await.unwrap();
        version
    }

    /// What a function says to such a document, once it is where the function finds it.
    async fn ask(&self, way: Way, addon: &str, wrong: &Value) -> Result<Value, Diagnostic> {
        // In the secret's own name stands which add-on it is.
        let (right, name) = (self.document(addon), format!("acme/credentials/{addon}"));
        let lambda = &self.stand.lambda;
        if way == Way::Enroll {
            return lambda
                .ask("enroll-addon", json!({ "Document": wrong }))
                .await;
        }
        let tags = json!([{ "Key": "rotation:stack", "Value": "addon-rotation" }]);
        let secret = create_secret(&self.stand.gateway, &name, &right, &tags).await;
        let asking = |step, version: VersionId| json!({ "Step": step, "SecretId": secret.as_str(), "VersionId": version.as_str() });
        let step = |version| asking("createSecret", version);
        let named = ["username", "credential_id"].map(|field| wrong.get(field));
        let named = named.into_iter().flatten().next().cloned();
        let revocation = |version: VersionId| json!({ "SecretId": secret.as_str(), "VersionId": version.as_str(), "Attempt": 99, "Vouched": named });
        match way {
            Way::Enroll => unreachable!(),
            Way::CreateBoth => {
                self.put(&secret, version_id(), wrong, "AWSCURRENT").await;
                let pending = self.put_following(&secret, wrong, "AWSPENDING").await;
                lambda.ask("create-secret", step(pending)).await
            }
            Way::CreatePending => {
                let pending = self.put_following(&secret, wrong, "AWSPENDING").await;
                lambda.ask("create-secret", step(pending)).await
            }
            Way::Rehearse => {
                let current = self.put(&secret, version_id(), wrong, "AWSCURRENT").await;
                lambda
                    .ask("create-secret", asking("rehearse", current))
                    .await
            }
            Way::RevokeOld => {
                let old = self.put(&secret, version_id(), wrong, "AWSCURRENT").await;
                self.put_following(&secret, &right, "AWSCURRENT").await;
                lambda.ask("revoke-secret", revocation(old)).await
            }
            Way::RevokeUnder => {
                let old = self.put(&secret, version_id(), &right, "AWSCURRENT").await;
                self.put_following(&secret, wrong, "AWSCURRENT").await;
                lambda.ask("revoke-secret", revocation(old)).await
            }
            Way::Deprovision => {
                self.put(&secret, version_id(), wrong, "AWSCURRENT").await;
                lambda
                    .ask("deprovision-addon", json!({ "AddonId": addon }))
                    .await
            }
        }
    }

    fn servers(&self) -> impl Iterator<Item = &Hostile> {
        [&self.own, &self.other].into_iter().chain(&self.evil)
    }

    fn connections(&self) -> Vec<usize> {
        self.servers().map(Hostile::connections).collect()
    }

    /// Fails if anybody has heard a value that is not the document's own, the instance's own server that of its
    /// own administrator excepted.
    fn assert_nothing_is_told(&self, case: &str) {
        for server in self.servers() {
            let bytes = server.take();
            if bytes.is_empty() {
                continue;
            }
            let is_own = server.address == self.own.address;
            let values = self
                .values
                .iter()
                .filter(|value| !(is_own && self.own_values.contains(value)));
            for value in values {
                traces::assert_none(case, &bytes, "operator", value);
                for proof in traces::mysql_proofs(value) {
                    assert!(!traces::holds(&bytes, &proof), "{case}: a proof of a value");
                }
            }
        }
    }
}

fn url(server: &Hostile) -> String {
    format!("http://{}/", server.address)
}

/// The version that rotation would make of it.
fn following(value: &Value, version: &VersionId) -> Value {
    match Document::parse(&SecretString::from(value.to_string())) {
        Ok(document) => {
            let next = document.next(version).unwrap();
            serde_json::from_str(next.expose_secret()).unwrap()
        }
        // As whoever stores such a thing does.
        Err(_) => value.clone(),
    }
}

/// A function, and which of a secret's versions is the wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    CreateBoth,
    CreatePending,
    Rehearse,
    RevokeOld,
    RevokeUnder,
    Deprovision,
    Enroll,
}

impl Way {
    const ALL: [Self; 7] = [
        Self::CreateBoth,
        Self::CreatePending,
        Self::Rehearse,
        Self::RevokeOld,
        Self::RevokeUnder,
        Self::Deprovision,
        Self::Enroll,
    ];
}

/// A document's change, the engines that it is for, and what every refusal names.
struct Case {
    what: &'static str,
    engines: &'static [&'static str],
    change: fn(&mut Value, &World),
    words: &'static str,
}

const fn case(
    what: &'static str,
    engines: &'static [&'static str],
    change: fn(&mut Value, &World),
    words: &'static str,
) -> Case {
    Case {
        what,
        engines,
        change,
        words,
    }
}

fn at(document: &mut Value, host: &str, server: &Hostile) {
    document["host"] = host.into();
    document["port"] = server.port().into();
}

fn at_url(document: &mut Value, url: String) {
    document["url"] = url.into();
}

/// Where the evil ones are, as it is said in a URL.
fn evil(world: &World) -> String {
    world.evil[0].address.to_string()
}

/// The words for an address that the administrator's secret does not name, and for one that is none.
const SERVED: &str = "is for";
const SYNTAX: &str = "must be";

const CASES: &[Case] = &[
    case(
        "another server",
        DATABASES,
        |it, world| at(it, "127.0.0.2", &world.evil[0]),
        SERVED,
    ),
    case(
        "another port",
        DATABASES,
        |it, world| at(it, "127.0.0.1", &world.evil[2]),
        SERVED,
    ),
    case(
        "a name",
        DATABASES,
        |it, world| at(it, "localhost", &world.evil[2]),
        SERVED,
    ),
    case(
        "a name in capitals",
        DATABASES,
        |it, world| at(it, "LOCALHOST", &world.evil[2]),
        SERVED,
    ),
    case(
        "a name of the own address",
        DATABASES,
        |it, world| at(it, "localhost", &world.own),
        SERVED,
    ),
    case(
        "the root's dot",
        DATABASES,
        |it, world| at(it, "localhost.", &world.evil[2]),
        SERVED,
    ),
    case(
        "an address and a dot",
        &["mysql", "postgres"],
        |it, world| at(it, "127.0.0.1.", &world.evil[2]),
        SERVED,
    ),
    case(
        "IPv6",
        DATABASES,
        |it, world| at(it, "::1", &world.evil[1]),
        SERVED,
    ),
    case(
        "IPv6, written long",
        DATABASES,
        |it, world| at(it, "0:0:0:0:0:0:0:1", &world.evil[1]),
        SERVED,
    ),
    case(
        "IPv6 in brackets",
        &["mysql", "postgres"],
        |it, world| at(it, "[::1]", &world.evil[1]),
        SERVED,
    ),
    case(
        "IPv4 in IPv6",
        DATABASES,
        |it, world| at(it, "::ffff:127.0.0.2", &world.evil[0]),
        SERVED,
    ),
    case(
        "IPv4 in IPv6, in hexadecimal digits",
        DATABASES,
        |it, world| at(it, "::ffff:7f00:2", &world.evil[0]),
        SERVED,
    ),
    case(
        "the own address in IPv6, at another port",
        DATABASES,
        |it, world| at(it, "::ffff:127.0.0.1", &world.evil[2]),
        SERVED,
    ),
    case(
        "IPv4 of two parts",
        &["mysql", "postgres"],
        |it, world| at(it, "127.2", &world.evil[0]),
        SERVED,
    ),
    case(
        "IPv4 as one number",
        &["mysql", "postgres"],
        |it, world| at(it, "2130706434", &world.evil[0]),
        SERVED,
    ),
    case(
        "IPv4 in octal digits",
        &["mysql", "postgres"],
        |it, world| at(it, "0177.0.0.02", &world.evil[0]),
        SERVED,
    ),
    case(
        "any address",
        DATABASES,
        |it, world| at(it, "0.0.0.0", &world.evil[2]),
        SERVED,
    ),
    case(
        "two servers",
        DATABASES,
        |it, world| at(it, "127.0.0.1,127.0.0.2", &world.evil[0]),
        SYNTAX,
    ),
    case(
        "a socket's path",
        DATABASES,
        |it, world| at(it, "/tmp", &world.evil[0]),
        SYNTAX,
    ),
    case(
        "another customer's server",
        DATABASES,
        |it, world| at(it, "127.0.0.3", &world.other),
        SERVED,
    ),
    case(
        "one foreign node",
        &["redis"],
        |it, world| {
            let node =
                |server: &Hostile| json!({ "host": server.address.ip(), "port": server.port() });
            it["nodes"] = json!([node(&world.own), node(&world.evil[0])]);
        },
        "nodes[1].host",
    ),
    case(
        "another server under the same nodes",
        &["redis"],
        |it, world| {
            it["nodes"] = json!([{ "host": "127.0.0.1", "port": world.own.port() }]);
            at(it, "127.0.0.2", &world.evil[0]);
        },
        SERVED,
    ),
    case(
        "another URL",
        HTTP,
        |it, world| at_url(it, url(&world.evil[0])),
        SERVED,
    ),
    case(
        "another port in the URL",
        HTTP,
        |it, world| at_url(it, url(&world.evil[2])),
        SERVED,
    ),
    case(
        "IPv6 in the URL",
        HTTP,
        |it, world| at_url(it, url(&world.evil[1])),
        SERVED,
    ),
    case(
        "a name in the URL",
        HTTP,
        |it, world| at_url(it, format!("http://LocalHost:{}/", world.evil[2].port())),
        SERVED,
    ),
    case(
        "another path",
        HTTP,
        |it, world| at_url(it, format!("{}v2", url(&world.own))),
        SERVED,
    ),
    case(
        "IPv4 as one number in the URL",
        HTTP,
        |it, world| at_url(it, format!("http://0x7f000002:{}/", world.evil[0].port())),
        SERVED,
    ),
    case(
        "an encoded host",
        HTTP,
        |it, world| at_url(it, format!("http://127.0.0.%32:{}/", world.evil[0].port())),
        SERVED,
    ),
    case(
        "a host in wide digits",
        HTTP,
        |it, world| {
            at_url(
                it,
                format!("http://127.0.0.\u{ff12}:{}/", world.evil[0].port()),
            );
        },
        "url",
    ),
    case(
        "the own host as a user",
        HTTP,
        |it, world| at_url(it, format!("http://{}@{}/", world.own.address, evil(world))),
        SYNTAX,
    ),
    case(
        "the own host as a user and its password",
        HTTP,
        |it, world| {
            at_url(
                it,
                format!("http://127.0.0.1:{}@{}/", world.own.port(), evil(world)),
            );
        },
        SYNTAX,
    ),
    case(
        "an empty user",
        HTTP,
        |it, world| at_url(it, format!("http://@{}/", evil(world))),
        SERVED,
    ),
    case(
        "backslashes",
        HTTP,
        |it, world| {
            at_url(
                it,
                format!("http:\\\\{}\\@{}/", evil(world), world.own.address),
            );
        },
        SERVED,
    ),
    case(
        "the own host as a fragment",
        HTTP,
        |it, world| {
            at_url(
                it,
                format!("http://{}#@{}/", evil(world), world.own.address),
            );
        },
        "url",
    ),
    case(
        "the own host as a query",
        HTTP,
        |it, world| {
            at_url(
                it,
                format!("http://{}?@{}/", evil(world), world.own.address),
            );
        },
        SYNTAX,
    ),
    case(
        "a line end in the URL",
        HTTP,
        |it, world| at_url(it, format!("http://{}/\r\n", evil(world))),
        SERVED,
    ),
    case(
        "another scheme",
        HTTP,
        |it, world| at_url(it, format!("ftp://{}/", evil(world))),
        SYNTAX,
    ),
    case(
        "another customer's administrator",
        &ENGINES,
        |it, world| it["masterarn"] = world.others_administrator.as_str().into(),
        SERVED,
    ),
    case(
        "another customer's server and administrator, at the wrong port",
        DATABASES,
        |it, world| {
            it["masterarn"] = world.others_administrator.as_str().into();
            at(it, "127.0.0.2", &world.evil[0]);
        },
        SERVED,
    ),
    case(
        "another customer's credential as administrator",
        &ENGINES,
        |it, world| it["masterarn"] = world.others_instance.as_str().into(),
        "masterarn",
    ),
    case(
        "another customer's tokens as administrator",
        &ENGINES,
        |it, world| it["masterarn"] = world.others_tokens.as_str().into(),
        "masterarn",
    ),
    case(
        "a foreign administrator of the same server",
        &ENGINES,
        |it, world| it["masterarn"] = world.foreign.as_str().into(),
        "masterarn",
    ),
    case(
        "the administrator of another account",
        &ENGINES,
        |it, world| {
            let arn = world
                .administrator
                .as_str()
                .replace(":000000000000:", ":123456789012:");
            it["masterarn"] = arn.into();
        },
        "masterarn",
    ),
    case(
        "another customer's add-on",
        &ENGINES,
        |it, world| it["heroku"]["addon_id"] = world.others_addon.as_str().into(),
        "addon",
    ),
    case(
        "another customer's tokens",
        &ENGINES,
        |it, world| {
            it["heroku"]["api"] = "v3".into();
            it["heroku"]["oauth"] = world.others_tokens.as_str().into();
        },
        "oauth",
    ),
];

#[tokio::test]
async fn a_document_that_names_what_is_not_its_own_is_refused_before_anybody_is_asked() {
    for engine in ENGINES {
        let world = World::start(engine).await;
        let cases = CASES.iter().filter(|case| case.engines.contains(&engine));
        // The first case goes every way, and each of the others a third of them, in turn: what refuses a document is
        // one place, whichever way it comes.
        let ways = cases.enumerate().flat_map(|(index, case)| {
            let ways = Way::ALL.into_iter().enumerate();
            let in_turn = ways.filter(move |(turn, _)| index == 0 || (index + turn) % 3 == 0);
            in_turn.map(move |(_, way)| (case, way))
        });
        for (case, way) in ways {
            // Whether there is such a name depends on the machine, and enrolment asks for it again and again.
            if way == Way::Enroll && case.what.ends_with("dot") {
                continue;
            }
            let name = format!("{engine}: {} ({way:?})", case.what);
            let addon = Uuid::new_v4().to_string();
            let mut wrong = world.document(&addon);
            (case.change)(&mut wrong, &world);
            let before = world.connections();
            let answer = world.ask(way, &addon, &wrong).await;
            world.assert_nothing_is_told(&name);
            let after = world.connections();
            match way {
                // The old version is in order, and what is wrong is beside it.
                Way::RevokeUnder => assert_eq!(before[1..], after[1..], "{name}"),
                // Its own credential is tried, and no other.
                Way::Enroll => continue,
                _ => assert_eq!(before, after, "{name}: somebody was asked"),
            }
            let message = answer.expect_err(&name).error_message;
            if way != Way::RevokeUnder && way != Way::CreatePending {
                assert!(message.contains(case.words), "{name}: {message}");
            }
            world.stand.assert_holds_no_secret(&message);
        }
    }
}

/// What a pending version may not claim beside a new credential, by the name that the refusal has for it.
const CLAIMS: &[(&str, &[&str], &str)] = &[
    ("owner", &["postgres"], "tenant_b"),
    ("username", DATABASES, "tenant_b"),
    ("previous_username", &["mysql", "postgres"], "tenant_b"),
    ("rules_from", &["redis"], "tenant_b"),
    ("host", DATABASES, "127.0.0.2"),
    ("dbname", &["mysql", "postgres"], "tenant_b"),
    ("credential_id", HTTP, "tenant-b"),
    ("url", HTTP, "http://127.0.0.2/"),
    ("authorization", HTTP, "Bearer {{ api_key }}{{ api_key }}"),
];

#[tokio::test]
async fn a_pending_version_claims_nothing_but_its_own_credential() {
    for engine in ENGINES {
        let world = World::start(engine).await;
        for (field, _, claim) in CLAIMS.iter().filter(|claim| claim.1.contains(&engine)) {
            let addon = Uuid::new_v4().to_string();
            let right = world.document(&addon);
            let name = format!("acme/credentials/{addon}");
            let secret = create_secret(&world.stand.gateway, &name, &right, &json!([])).await;
            let version = version_id();
            let mut wrong = following(&right, &version);
            wrong[*field] = (*claim).into();
            let pending = world.put(&secret, version, &wrong, "AWSPENDING").await;
            let event = json!({
                "Step": "createSecret", "SecretId": secret.as_str(), "VersionId": pending.as_str(),
            });
            let answer = world.stand.lambda.ask("create-secret", event).await;
            let message = answer.expect_err(field).error_message;
            assert!(
                message.contains(&format!("differ in {field}")),
                "{engine}: {message}"
            );
            assert_eq!(world.connections(), [0; 5], "{engine}: {field}");
        }
    }
}
