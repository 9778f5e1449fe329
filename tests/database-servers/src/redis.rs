//! A private Redis server: a free port, a temporary directory, nothing left behind.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo,
    RedisError, ToRedisArgs, Value,
};
use nix::sys::signal::Signal;
use rand::distr::{Alphanumeric, SampleString as _};
use ring::digest::{SHA256, digest};
use stand_in::patience::PATIENCE;
use tempfile::TempDir;
use tokio::process::Command;
use tools::process::{self, HeldPort, Output, Process};

use crate::certificates::ServerCertificate;

pub const ADMINISTRATOR: &str = "administrator";

/// Where a server keeps its users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Users {
    /// In an ACL file, which `ACL SAVE` writes.
    AclFile,
    /// In its configuration file, which `CONFIG REWRITE` writes.
    ConfigurationFile,
    /// In a file that its configuration file includes. No command writes it.
    IncludedFile,
    /// On its command line, beside a configuration file. No command writes it.
    CommandLine,
    /// Nowhere: there is no file at all.
    Nowhere,
}

#[derive(Clone)]
pub struct RedisOptions {
    pub users: Users,
    /// Users besides the administrator, in the words of an ACL file: `default on #… ~* &* +@all`.
    /// Without a `default` among them anybody may do anything.
    pub user_lines: Vec<String>,
    /// Further lines of its configuration.
    pub settings: Vec<String>,
    /// Listens for TLS as well, on a port of its own.
    pub certificate: Option<ServerCertificate>,
}

impl RedisOptions {
    /// A server with an ACL file, where nobody may do anything without a login.
    pub fn new(users: Users) -> Self {
        Self {
            users,
            user_lines: vec!["default off".to_owned()],
            settings: Vec::new(),
            certificate: None,
        }
    }
}

/// A running Redis server. Stopped and removed on drop.
pub struct Redis {
    process: Option<Process>,
    programs: PathBuf,
    log: PathBuf,
    options: RedisOptions,
    port: HeldPort,
    tls_port: HeldPort,
    password: String,
    directory: TempDir,
}

impl Redis {
    /// Starts a server on the loopback interface that stores no data.
    ///
    /// `programs` is the directory that [`tools::ensure_redis`] names. Its log goes to the
    /// file `log`.
    pub async fn start(programs: &Path, log: &Path, options: RedisOptions) -> anyhow::Result<Self> {
        let mut redis = Self {
            process: None,
            programs: programs.to_owned(),
            log: log.to_owned(),
            options,
            port: HeldPort::new()?,
            tls_port: HeldPort::new()?,
            password: Alphanumeric.sample_string(&mut rand::rng(), 32),
            directory: tools::scratch::directory("redis-")?,
        };
        redis.configure()?;
        redis.serve().await?;
        Ok(redis)
    }

    /// Stops the server and starts it again, with what its files say by now.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.halt().await;
        self.serve().await
    }

    /// Stops the server; [`Self::restart`] starts it again.
    pub async fn halt(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop().await;
        }
    }

    pub fn users(&self) -> Users {
        self.options.users
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The port for TLS on 127.0.0.1, if there is a certificate.
    pub fn tls_port(&self) -> u16 {
        self.tls_port.number()
    }

    pub fn administrator_password(&self) -> &str {
        &self.password
    }

    /// The directory that holds all its files, removed when it stops.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn acl_directory(&self) -> PathBuf {
        self.directory.path().join("acl")
    }

    /// The server's log; `None` while it is stopped.
    pub fn log(&self) -> Option<&Output> {
        self.process.as_ref().map(Process::output)
    }

    /// A connection that is logged in; as nobody in particular without a password. Closed when
    /// dropped.
    pub async fn connect(
        &self,
        user: Option<&str>,
        password: Option<&str>,
    ) -> Result<MultiplexedConnection, RedisError> {
        connect(self.port(), user, password).await
    }

    pub async fn command(&self, words: &[impl ToRedisArgs]) -> anyhow::Result<Value> {
        let mut connection = self
            .connect(Some(ADMINISTRATOR), Some(&self.password))
            .await?;
        let mut command = ::redis::Cmd::new();
        command.arg(words);
        Ok(command.query_async(&mut connection).await?)
    }

    /// The names of the users that may log in, the administrator's aside.
    pub async fn live_users(&self) -> anyhow::Result<Vec<String>> {
        let mut connection = self
            .connect(Some(ADMINISTRATOR), Some(&self.password))
            .await?;
        let lines: Vec<String> = ::redis::cmd("ACL")
            .arg("LIST")
            .query_async(&mut connection)
            .await?;
        let live = lines.iter().filter_map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            (words.contains(&"on") && words.get(1) != Some(&ADMINISTRATOR))
                .then(|| words.get(1).map(|name| (*name).to_owned()))?
        });
        Ok(live.collect())
    }

    /// The unmodified `redis-cli`, which talks to this server and is logged in. The password is in
    /// its environment, not among its arguments.
    pub fn client(&self, user: &str, password: &str) -> Command {
        client(&self.programs, self.port(), user, password)
    }

    fn configure(&self) -> io::Result<()> {
        let directory = self.directory.path();
        let mut users = String::new();
        for line in self.user_lines() {
            let _ = writeln!(users, "user {line}");
        }
        let mut configuration = self.settings().join("\n");
        configuration.push('\n');
        match self.options.users {
            Users::AclFile => {
                std::fs::create_dir_all(self.acl_directory())?;
                std::fs::write(self.acl_directory().join("users.acl"), users)?;
                configuration.push_str("aclfile acl/users.acl\n");
            }
            Users::IncludedFile => {
                std::fs::write(directory.join("users.conf"), users)?;
                configuration.push_str("include users.conf\n");
            }
            Users::CommandLine => {}
            Users::ConfigurationFile | Users::Nowhere => configuration.push_str(&users),
        }
        if let Some(certificate) = &self.options.certificate {
            std::fs::write(directory.join("tls.crt"), &certificate.certificate)?;
            std::fs::write(directory.join("tls.key"), &certificate.key)?;
            let _ = writeln!(
                configuration,
                "tls-port {}\ntls-cert-file tls.crt\ntls-key-file tls.key\ntls-auth-clients no",
                self.tls_port()
            );
        }
        std::fs::write(directory.join("redis.conf"), configuration)
    }

    fn user_lines(&self) -> Vec<String> {
        let hash = hash(&self.password);
        let mut lines = vec![format!("{ADMINISTRATOR} on {hash} ~* &* +@all")];
        lines.extend(self.options.user_lines.iter().cloned());
        lines
    }

    fn settings(&self) -> Vec<String> {
        let mut settings = vec![
            "bind 127.0.0.1".to_owned(),
            format!("port {}", self.port()),
            format!("dir {}", self.directory.path().display()),
            "save \"\"".to_owned(),
            "appendonly no".to_owned(),
            "daemonize no".to_owned(),
            "logfile \"\"".to_owned(),
        ];
        settings.extend(self.options.settings.iter().cloned());
        settings
    }

    async fn serve(&mut self) -> anyhow::Result<()> {
        let mut command = process::command(self.programs.join("redis-server"), Signal::SIGTERM);
        let file = self.directory.path().join("redis.conf");
        match self.options.users {
            Users::AclFile | Users::ConfigurationFile | Users::IncludedFile => {
                command.arg(&file);
            }
            Users::CommandLine => {
                command.arg(&file);
                for line in self.user_lines() {
                    command.arg("--user").args(line.split(' '));
                }
            }
            Users::Nowhere => {
                for line in std::fs::read_to_string(&file)?.lines() {
                    let (name, value) = line.split_once(' ').unwrap_or((line, ""));
                    command.arg(format!("--{name}"));
                    match value.trim_matches('"') {
                        "" => command.arg(""),
                        value => command.args(value.split(' ')),
                    };
                }
            }
        }
        command
            .current_dir(self.directory.path())
            .env("LC_ALL", "C.UTF-8");
        let mut process = Process::spawn("Redis", command, &self.log).await?;
        let (port, password) = (self.port(), self.password.clone());
        process
            .wait_until(PATIENCE, async |_| {
                connect(port, Some(ADMINISTRATOR), Some(&password))
                    .await
                    .is_ok()
            })
            .await?;
        self.process = Some(process);
        Ok(())
    }
}

/// The unmodified `redis-cli`, from the directory that [`tools::ensure_redis`] names.
pub(crate) fn client(programs: &Path, port: u16, user: &str, password: &str) -> Command {
    let mut command = process::command(programs.join("redis-cli"), Signal::SIGTERM);
    command
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "--user", user])
        .env("REDISCLI_AUTH", password);
    command
}

/// The rule that gives a user this password.
pub fn hash(password: &str) -> String {
    let hash = digest(&SHA256, password.as_bytes());
    let digits = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
    std::iter::once("#".to_owned()).chain(digits).collect()
}

async fn connect(
    port: u16,
    user: Option<&str>,
    password: Option<&str>,
) -> Result<MultiplexedConnection, RedisError> {
    let mut login = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(user) = user {
        login = login.set_username(user);
    }
    if let Some(password) = password {
        login = login.set_password(password);
    }
    let address = ConnectionAddr::Tcp("127.0.0.1".to_owned(), port);
    let client = Client::open(address.into_connection_info()?.set_redis_settings(login))?;
    let patient = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let connected = client.get_multiplexed_async_connection_with_config(&patient);
    connected.await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use tools::{ensure_redis, target_directory};

    async fn start(users: Users) -> (Redis, TempDir) {
        let workspace = tools::workspace();
        let target = target_directory(&workspace);
        let progress = Arc::new(|line: &str| println!("{line}"));
        let programs = ensure_redis(&target, progress).await.unwrap();
        let logs = tempfile::tempdir().unwrap();
        let options = RedisOptions::new(users);
        (
            Redis::start(&programs, &logs.path().join("redis.log"), options)
                .await
                .unwrap(),
            logs,
        )
    }

    #[tokio::test]
    #[ignore = "needs the local cloud: cargo xtask test"]
    async fn it_serves_whom_it_knows_and_forgets_what_no_file_holds() {
        for users in [
            Users::AclFile,
            Users::ConfigurationFile,
            Users::IncludedFile,
            Users::CommandLine,
            Users::Nowhere,
        ] {
            let (mut redis, _logs) = start(users).await;
            redis
                .command(&["ACL", "SETUSER", "bob", "on", ">secret", "+ping"])
                .await
                .unwrap();
            assert_eq!(redis.live_users().await.unwrap(), ["bob"]);
            assert!(redis.connect(Some("bob"), Some("secret")).await.is_ok());
            assert!(redis.connect(Some("bob"), Some("wrong")).await.is_err());
            let mut cli = redis.client("bob", "secret");
            let output = cli.arg("PING").output().await.unwrap();
            assert_eq!(output.stdout, b"PONG\n");
            redis.restart().await.unwrap();
            assert!(redis.live_users().await.unwrap().is_empty(), "{users:?}");

            let directory = redis.directory().to_owned();
            drop(redis);
            assert!(!directory.exists());
        }
    }
}
