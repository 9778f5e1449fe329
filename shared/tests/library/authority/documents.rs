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
use crate::support::{Stand, create_secret, of_the_stack, random, version_id};

const ENGINES: [&str; 4] = ["http", "mysql", "postgres", "redis"];
const DATABASES: &[&str] = &["mysql", "postgres", "redis"];
const SQL: &[&str] = &["mysql", "postgres"];
const HTTP: &[&str] = &["http"];

/// What a server asks for: no login that lasts, so that no call is repeated.
fn ask(engine: &str) -> Ask {
    match engine {
        "http" => Ask::Http(400, String::new()),
        "redis" => Ask::redis("-NOPERM this user may not\r\n"),
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
        self.stand
            .store_as(secret, value, version.as_str(), json!([label, live]))
            .await
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
        let secret = create_secret(&self.stand.gateway, &name, &right, &of_the_stack()).await;
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
type Case = (&'static str, &'static [&'static str], Change, &'static str);

/// What a document says that is not its own.
#[derive(Clone, Copy)]
enum Change {
    /// A host, with the port of one of [`World::servers`].
    Host(&'static str, usize),
    /// A URL, in which the servers' addresses and ports have names.
    Url(&'static str),
    Other(Other),
}

type Other = fn(&mut Value, &World);

// The places among `World::servers`.
const OWN: usize = 0;
const OTHER: usize = 1;
const EVIL: usize = 2;
const ON_IPV6: usize = 3;
const AT_OTHER_PORT: usize = 4;

impl Change {
    fn apply(self, document: &mut Value, world: &World) {
        match self {
            Self::Host(host, server) => {
                let port = world.servers().nth(server).unwrap().port();
                document["host"] = host.into();
                document["port"] = port.into();
            }
            Self::Url(url) => {
                let [evil, on_ipv6, at_other_port] = &world.evil;
                let url = (url.replace("{own}", &world.own.address.to_string()))
                    .replace("{evil}", &evil.address.to_string())
                    .replace("{evil's port}", &evil.port().to_string())
                    .replace("{on IPv6}", &on_ipv6.address.to_string())
                    .replace("{at other port}", &at_other_port.address.to_string())
                    .replace("{other port}", &at_other_port.port().to_string());
                document["url"] = url.into();
            }
            Self::Other(change) => change(document, world),
        }
    }
}

/// The words for an address that the administrator's secret does not name, and for one that is none.
const SERVED: &str = "is for";
const SYNTAX: &str = "must be";

/// What a document says of a server's host, and whose port beside it.
const HOSTS: &[(&[&str], &str, usize)] = &[
    (DATABASES, "127.0.0.2", EVIL),
    (DATABASES, "127.0.0.1", AT_OTHER_PORT),
    (DATABASES, "localhost", AT_OTHER_PORT),
    (DATABASES, "LOCALHOST", AT_OTHER_PORT),
    (DATABASES, "localhost", OWN),
    (DATABASES, "localhost.", AT_OTHER_PORT),
    (SQL, "127.0.0.1.", AT_OTHER_PORT),
    (DATABASES, "::1", ON_IPV6),
    (DATABASES, "0:0:0:0:0:0:0:1", ON_IPV6),
    (SQL, "[::1]", ON_IPV6),
    (DATABASES, "::ffff:127.0.0.2", EVIL),
    (DATABASES, "::ffff:7f00:2", EVIL),
    (DATABASES, "::ffff:127.0.0.1", AT_OTHER_PORT),
    (SQL, "127.2", EVIL),
    (SQL, "2130706434", EVIL),
    (SQL, "0177.0.0.02", EVIL),
    (DATABASES, "0.0.0.0", AT_OTHER_PORT),
    (DATABASES, "127.0.0.3", OTHER),
];

/// What it says that is no host.
const NO_HOSTS: [&str; 2] = ["127.0.0.1,127.0.0.2", "/tmp"];

/// What it says of a service's address, with the servers' addresses and ports by name.
const URLS: &[(&str, &str)] = &[
    ("http://{evil}/", SERVED),
    ("http://{at other port}/", SERVED),
    ("http://{on IPv6}/", SERVED),
    ("http://LocalHost:{other port}/", SERVED),
    ("http://{own}/v2", SERVED),
    ("http://0x7f000002:{evil's port}/", SERVED),
    ("http://127.0.0.%32:{evil's port}/", SERVED),
    ("http://127.0.0.\u{ff12}:{evil's port}/", "url"),
    ("http://127.0.0.1@{evil}/", SYNTAX),
    ("http://{own}@{evil}/", SYNTAX),
    ("http://@{evil}/", SERVED),
    ("http:\\\\{evil}\\@{own}/", SERVED),
    ("http://{evil}#@{own}/", "url"),
    ("http://{evil}?@{own}/", SYNTAX),
    ("http://{evil}/\r\n", SERVED),
    ("ftp://{evil}/", SYNTAX),
];

/// Of what else it says.
const OTHERS: &[(&str, &[&str], Other, &str)] = &[
    (
        "one foreign node",
        &["redis"],
        |it, world| {
            let node =
                |server: &Hostile| json!({ "host": server.address.ip(), "port": server.port() });
            it["nodes"] = json!([node(&world.own), node(&world.evil[0])]);
        },
        "nodes[1].host",
    ),
    (
        "another server under the same nodes",
        &["redis"],
        |it, world| {
            it["nodes"] = json!([{ "host": "127.0.0.1", "port": world.own.port() }]);
            Change::Host("127.0.0.2", EVIL).apply(it, world);
        },
        SERVED,
    ),
    (
        "another customer's administrator",
        &ENGINES,
        |it, world| it["masterarn"] = world.others_administrator.as_str().into(),
        SERVED,
    ),
    (
        "another customer's server and administrator, at the wrong port",
        DATABASES,
        |it, world| {
            it["masterarn"] = world.others_administrator.as_str().into();
            Change::Host("127.0.0.2", EVIL).apply(it, world);
        },
        SERVED,
    ),
    (
        "another customer's credential as administrator",
        &ENGINES,
        |it, world| it["masterarn"] = world.others_instance.as_str().into(),
        "masterarn",
    ),
    (
        "another customer's tokens as administrator",
        &ENGINES,
        |it, world| it["masterarn"] = world.others_tokens.as_str().into(),
        "masterarn",
    ),
    (
        "a foreign administrator of the same server",
        &ENGINES,
        |it, world| it["masterarn"] = world.foreign.as_str().into(),
        "masterarn",
    ),
    (
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
    (
        "another customer's add-on",
        &ENGINES,
        |it, world| it["heroku"]["addon_id"] = world.others_addon.as_str().into(),
        "addon",
    ),
    (
        "another customer's tokens",
        &ENGINES,
        |it, world| {
            it["heroku"]["api"] = "v3".into();
            it["heroku"]["oauth"] = world.others_tokens.as_str().into();
        },
        "oauth",
    ),
];

/// Those of an engine.
fn cases(engine: &str) -> Vec<Case> {
    let host = |of, host, server, words| (host, of, Change::Host(host, server), words);
    let hosts = HOSTS.iter();
    let hosts = hosts.map(|&(of, name, server)| host(of, name, server, SERVED));
    let none = NO_HOSTS.map(|it| host(DATABASES, it, EVIL, SYNTAX));
    let urls = URLS.iter();
    let urls = urls.map(|&(url, words)| (url, HTTP, Change::Url(url), words));
    let others = OTHERS.iter();
    let others = others.map(|&(what, of, it, words)| (what, of, Change::Other(it), words));
    let all = hosts.chain(none).chain(urls).chain(others);
    all.filter(|(_, of, ..)| of.contains(&engine)).collect()
}

#[tokio::test]
async fn a_document_that_names_what_is_not_its_own_is_refused_before_anybody_is_asked() {
    for engine in ENGINES {
        let world = World::start(engine).await;
        let cases = cases(engine).into_iter();
        // The first case goes every way, and each of the others a third of them, in turn: what refuses a document is
        // one place, whichever way it comes.
        let ways = cases.enumerate().flat_map(|(index, case)| {
            let ways = Way::ALL.into_iter().enumerate();
            let in_turn = ways.filter(move |(turn, _)| index == 0 || (index + turn) % 3 == 0);
            in_turn.map(move |(_, way)| (case, way))
        });
        for ((what, _, change, words), way) in ways {
            // Whether there is such a name depends on the machine, and enrolment asks for it again and again.
            if way == Way::Enroll && what.ends_with('.') {
                continue;
            }
            let name = format!("{engine}: {what} ({way:?})");
            let addon = Uuid::new_v4().to_string();
            let mut wrong = world.document(&addon);
            change.apply(&mut wrong, &world);
            let before = world.connections();
            let answer = world.ask(way, &addon, &wrong).await;
            world.assert_nothing_is_told(&name);
            let after = world.connections();
            match way {
                // One of the two versions is in order: the server that this one names may be asked.
                Way::RevokeOld | Way::RevokeUnder => assert_eq!(before[1..], after[1..], "{name}"),
                // Its own credential is tried, and no other.
                Way::Enroll => continue,
                _ => assert_eq!(before, after, "{name}: somebody was asked"),
            }
            let message = answer.expect_err(&name).error_message;
            if way != Way::RevokeUnder && way != Way::CreatePending {
                assert!(message.contains(words), "{name}: {message}");
            }
            world.stand.assert_holds_no_secret(&message);
        }
    }
}

/// What a pending version may not claim beside a new credential, by the name that the refusal has for it.
const CLAIMS: &[(&str, &[&str], &str)] = &[
    ("owner", &["postgres"], "tenant_b"),
    ("username", DATABASES, "tenant_b"),
    ("previous_username", SQL, "tenant_b"),
    ("rules_from", &["redis"], "tenant_b"),
    ("host", DATABASES, "127.0.0.2"),
    ("dbname", SQL, "tenant_b"),
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
