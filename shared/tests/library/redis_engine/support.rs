//! A server with an add-on instance on it.

use std::path::Path;
use std::sync::Arc;

use addon_rotation::document::{Document, Fields};
use addon_rotation::service::{ServiceError, Services, Verdict};
use database_servers::redis::{ADMINISTRATOR, Redis, RedisOptions, Users, hash};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tools::{ensure_redis, target_directory};

use crate::support::{
    document, issue, next_document, random, revoke, services, serving, soon, version_id, within,
};

/// A server, and what the functions reach it through.
pub(super) struct Stand {
    pub(super) redis: Redis,
    pub(super) services: Services,
    _logs: TempDir,
}

/// A version of the instance's document.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) value: Value,
    pub(super) document: Document,
}

impl Version {
    pub(super) fn new(value: Value) -> Self {
        Self {
            document: document(&value),
            value,
        }
    }

    /// The version that a rotation would make of this one.
    pub(super) fn next(&self) -> Self {
        Self::new(next_document(&self.value, &version_id()))
    }

    pub(super) fn user(&self) -> &str {
        self.value["username"].as_str().unwrap()
    }

    pub(super) fn password(&self) -> &str {
        self.value["password"].as_str().unwrap()
    }

    /// The same with another field.
    pub(super) fn with(&self, field: &str, value: impl Into<Value>) -> Self {
        let mut changed = self.value.clone();
        changed[field] = value.into();
        Self::new(changed)
    }
}

impl Stand {
    /// A server with these users besides the administrator, in an ACL file's words.
    pub(super) async fn start(options: RedisOptions, users: &[String]) -> Self {
        let workspace = tools::workspace();
        let target = target_directory(&workspace);
        let programs = ensure_redis(&target, Arc::new(|line: &str| println!("{line}")));
        Self::on(&programs.await.unwrap(), options, users).await
    }

    /// A server that keeps its users so, and an instance's imported one.
    pub(super) async fn enrolled(users: Users, name: &str, rules: &str) -> (Self, Version) {
        let (line, password) = user(name, rules);
        let stand = Self::start(RedisOptions::new(users), &[line]).await;
        let first = stand.imported(name, &password);
        (stand, first)
    }

    /// The same with another server's programs.
    pub(super) async fn on(programs: &Path, mut options: RedisOptions, users: &[String]) -> Self {
        options.user_lines.extend(users.iter().cloned());
        let logs = tempfile::tempdir().unwrap();
        Self {
            redis: Redis::start(programs, &logs.path().join("redis.log"), options)
                .await
                .unwrap(),
            services: services(),
            _logs: logs,
        }
    }

    /// The document of a credential that was handed out before rotation was thought of.
    pub(super) fn imported(&self, user: &str, password: &str) -> Version {
        imported("127.0.0.1", self.redis.port(), user, password)
    }

    /// The administrator's secret, which asks for `CONFIG REWRITE` where all users are in that file.
    pub(super) fn administrator(&self) -> Fields {
        let password = self.redis.administrator_password();
        if self.redis.users() == Users::ConfigurationFile {
            asking(ADMINISTRATOR, password, "config-rewrite")
        } else {
            administrator(ADMINISTRATOR, password)
        }
    }

    pub(super) async fn issue(&self, version: &Version) -> Result<(), ServiceError> {
        let administrator = self.administrator();
        within(issue(&self.services, &administrator, &version.document)).await
    }

    pub(super) async fn shows_possession(&self, version: &Version) -> Result<bool, ServiceError> {
        let administrator = self.administrator();
        within(self.services.shows_possession(
            &version.document,
            &serving(&administrator, &version.document),
            soon(),
        ))
        .await
    }

    pub(super) async fn rehearse(&self, version: &Version) -> Result<(), ServiceError> {
        let administrator = self.administrator();
        within(self.services.rehearse(
            &version.document,
            &serving(&administrator, &version.document),
            soon(),
        ))
        .await
    }

    pub(super) async fn revoke(&self, version: &Version) -> Result<(), ServiceError> {
        let administrator = self.administrator();
        within(revoke(&self.services, &administrator, &version.document)).await
    }

    pub(super) async fn verify(&self, version: &Version) -> Verdict {
        within(self.services.verify(&version.document, soon()))
            .await
            .unwrap()
    }

    /// Fails unless the server accepts these versions and refuses those.
    pub(super) async fn expect(&self, accepted: &[&Version], refused: &[&Version]) {
        for version in accepted {
            assert_eq!(self.verify(version).await, Verdict::Accepted);
        }
        for version in refused {
            assert_eq!(self.verify(version).await, Verdict::Refused);
        }
    }

    /// What the server keeps of a user, without name and password.
    pub(super) async fn rules(&self, user: &str) -> Option<Vec<u8>> {
        let lines = self.redis.command(&["ACL", "LIST"]).await.unwrap();
        let lines: Vec<Vec<u8>> = redis::from_redis_value(lines).unwrap();
        let start = format!("user {user} ").into_bytes();
        let line = lines.into_iter().find(|line| line.starts_with(&start))?;
        let rules = line[start.len()..].split(|byte| *byte == b' ');
        let rules: Vec<_> = rules.filter(|rule| !rule.starts_with(b"#")).collect();
        Some(rules.join(&b' '))
    }

    /// The file that the server keeps its users in.
    pub(super) fn saved(&self) -> String {
        let configuration = self.redis.directory().join("redis.conf");
        let file = std::fs::read_to_string(self.redis.acl_directory().join("users.acl"));
        file.unwrap_or_else(|_| std::fs::read_to_string(configuration).unwrap())
    }

    /// A customer's connection.
    pub(super) async fn customer(&self, version: &Version) -> Customer {
        let mut customer = Customer::connect(self.redis.port()).await;
        let (user, password) = (version.user(), version.password());
        let answer = customer.ask(&format!("AUTH {user} {password}")).await;
        assert_eq!(answer, "+OK");
        customer
    }

    /// Waits until so many connections wait for a list's element.
    pub(super) async fn blocked(&self, count: usize) {
        let expected = format!("blocked_clients:{count}\r\n");
        let poll = async {
            loop {
                let info = self.redis.command(&["INFO", "clients"]).await.unwrap();
                let info: String = redis::from_redis_value(info).unwrap();
                if info.contains(&expected) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        within(poll).await;
    }
}

/// The document of a credential that was handed out before rotation was thought of.
pub(super) fn imported(host: &str, port: u16, user: &str, password: &str) -> Version {
    Version::new(json!({
        "engine": "redis",
        "host": host, "port": port,
        "username": user, "password": password,
        "masterarn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/masters/cache-AbCdEf",
        "heroku": {
            "api": "v1", "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
            "config": { "ACME_URL": "redis://{{ username }}:{{ password | urlencode }}@{{ host }}:{{ port }}" },
        },
    }))
}

/// The value of an administrator's secret.
pub(super) fn administrator(user: &str, password: &str) -> Fields {
    Fields::parse(&json!({ "username": user, "password": password }).to_string()).unwrap()
}

/// The same, with what it says of the server's files.
pub(super) fn asking(user: &str, password: &str, persist_users: &str) -> Fields {
    let value = json!({
        "username": user, "password": password, "persist_users": persist_users,
    });
    Fields::parse(&value.to_string()).unwrap()
}

/// A user's line, and the password that goes with it.
pub(super) fn user(name: &str, rules: &str) -> (String, String) {
    let password = random();
    (format!("{name} on {} {rules}", hash(&password)), password)
}

/// A connection that speaks the protocol's
/// [inline commands](https://redis.io/docs/latest/develop/reference/protocol-spec/#inline-commands),
/// so that nothing reconnects it.
pub(super) struct Customer(BufReader<TcpStream>);

impl Customer {
    pub(super) async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        Self(BufReader::new(stream))
    }

    pub(super) async fn say(&mut self, command: &str) {
        let line = format!("{command}\r\n");
        self.0.get_mut().write_all(line.as_bytes()).await.unwrap();
    }

    /// The next line of an answer; `None` if the server has closed the connection.
    pub(super) async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match within(self.0.read_line(&mut line)).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
        }
    }

    /// The first line of a command's answer.
    pub(super) async fn ask(&mut self, command: &str) -> String {
        self.say(command).await;
        self.line().await.expect("the connection is open")
    }

    /// Skips the answer up to a line.
    pub(super) async fn until(&mut self, expected: &str) {
        while self.line().await.expect("the connection is open") != expected {}
    }
}
