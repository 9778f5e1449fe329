//! A private MariaDB or MySQL server: a free port, a temporary directory, nothing left behind.

use std::io;
use std::path::{Path, PathBuf};

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, OptsBuilder};
use nix::sys::signal::Signal;
use rand::distr::{Alphanumeric, SampleString as _};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use stand_in::patience::PATIENCE;
use tempfile::TempDir;
use tools::process::{self, HeldPort, Owner, Process};
use tools::{MysqldPrograms, NO_CERTIFICATES, NewData, SMALL_REDO_LOG};

/// The name of a user that may do everything.
pub const SUPERUSER: &str = "root";

/// A MariaDB or MySQL server. Stopped and removed on drop.
#[derive(Debug)]
pub struct Mysqld {
    /// `None` while it is stopped.
    process: Option<Process>,
    port: HeldPort,
    password: String,
    start: Start,
    directory: TempDir,
}

impl Mysqld {
    /// Makes the system tables and starts a server on the loopback interface: the general log and
    /// the binary log on, nothing safe from a power failure. `options` are the server's own, such
    /// as `--max-connections=10`.
    ///
    /// The logs `new-data.log` and `mysqld.log` go to `log_dir`. Run as root, the server becomes user
    /// `mysql`, or `nobody`.
    pub async fn start(
        programs: &MysqldPrograms,
        log_dir: &Path,
        options: &[&str],
    ) -> anyhow::Result<Self> {
        let directory = tools::scratch::directory("mysqld-")?;
        let owner = Owner::find("mysql", Signal::SIGKILL)?;
        owner.give(directory.path())?;
        let password = Alphanumeric.sample_string(&mut rand::rng(), 32);
        let programs = &programs.accessible(&owner, directory.path())?;
        let dialect = match &programs.data {
            NewData::Install(install) => {
                install_data(install, programs.base(), directory.path(), &owner, log_dir).await?;
                Dialect::MariaDb
            }
            NewData::Copy(data) => {
                copy_data(data, directory.path(), &owner, log_dir).await?;
                Dialect::MySql
            }
        };
        let init_file = directory.path().join("init.sql");
        crate::write_private(&init_file, &dialect.init_sql(&password))?;
        owner.give(&init_file)?;
        let start = Start {
            dialect,
            server: programs.server.clone(),
            base: programs.base().map(Path::to_owned),
            directory: directory.path().to_owned(),
            log: log_dir.join("mysqld.log"),
            options: options.iter().map(ToString::to_string).collect(),
            owner,
        };
        let port = HeldPort::new()?;
        let process = start.serve(port.number(), &password).await?;
        Ok(Self {
            process: Some(process),
            port,
            password,
            start,
            directory,
        })
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    pub fn superuser_password(&self) -> &str {
        &self.password
    }

    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref()?.id()
    }

    /// Whether a text is in the general log, which has every statement as it came, or in the
    /// binary logs, which replicas read.
    pub fn has_logged(&self, text: &str) -> io::Result<bool> {
        let data = self.directory.path().join("data");
        for entry in std::fs::read_dir(data)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name == "general.log" || name.starts_with("binlog.") {
                let bytes = std::fs::read(&path)?;
                if bytes
                    .windows(text.len())
                    .any(|window| window == text.as_bytes())
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// A superuser's session. Closed when dropped.
    pub async fn connect(&self) -> anyhow::Result<Conn> {
        Ok(connect(self.port(), SUPERUSER, &self.password).await?)
    }

    /// Another user's session. Closed when dropped.
    pub async fn connect_as(&self, user: &str, password: &str) -> Result<Conn, mysql_async::Error> {
        connect(self.port(), user, password).await
    }

    /// Runs statements as the superuser, one by one, without an answer.
    pub async fn execute(&self, statements: &[&str]) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        for statement in statements {
            connection.query_drop(*statement).await?;
        }
        connection.disconnect().await?;
        Ok(())
    }

    /// The first column of a query's rows, as the superuser sees them.
    pub async fn column(&self, query: &str) -> anyhow::Result<Vec<String>> {
        let mut connection = self.connect().await?;
        let rows: Vec<String> = connection.query(query).await?;
        connection.disconnect().await?;
        Ok(rows)
    }

    /// Ends the server; its data stay.
    pub async fn halt(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop().await;
        }
    }

    /// Starts the server anew with the same data on the same port.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        self.halt().await;
        let process = self.start.serve(self.port(), &self.password).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends the server, and starts it anew.
    pub async fn restart(mut self, meanwhile: impl Future<Output = ()>) -> anyhow::Result<Self> {
        self.halt().await;
        meanwhile.await;
        self.resume().await?;
        Ok(self)
    }
}

/// What a user's password is stored as.
pub fn native_password(password: &str) -> String {
    use std::fmt::Write as _;
    let once = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let twice = digest(&SHA1_FOR_LEGACY_USE_ONLY, once.as_ref());
    let mut text = String::from("*");
    for byte in twice.as_ref() {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

#[derive(Clone, Copy, Debug)]
enum Dialect {
    MariaDb,
    MySql,
}

impl Dialect {
    /// At each start: the superuser has a password, and nobody gets in without one.
    fn init_sql(self, password: &str) -> String {
        match self {
            Self::MariaDb => format!(
                "DELETE FROM mysql.global_priv WHERE User = 'root' OR User = '';\n\
                 FLUSH PRIVILEGES;\n\
                 CREATE USER '{SUPERUSER}'@'127.0.0.1' IDENTIFIED VIA mysql_native_password USING '{}';\n\
                 GRANT ALL PRIVILEGES ON *.* TO '{SUPERUSER}'@'127.0.0.1' WITH GRANT OPTION;\n",
                native_password(password)
            ),
            Self::MySql => format!(
                "CREATE USER IF NOT EXISTS '{SUPERUSER}'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
                 GRANT ALL PRIVILEGES ON *.* TO '{SUPERUSER}'@'127.0.0.1' WITH GRANT OPTION;\n\
                 DROP USER IF EXISTS '{SUPERUSER}'@'localhost';\n"
            ),
        }
    }

    /// What keeps a server small that holds next to nothing.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::MariaDb => &["--innodb-log-file-size=8M"],
            // Neither its own protocol beside MySQL's, on a port of its own, nor a directory for files.
            Self::MySql => &[
                SMALL_REDO_LOG,
                NO_CERTIFICATES,
                "--mysqlx=OFF",
                "--secure-file-priv=",
                // Its grants are in a table like others, and are to outlive a server that is killed, not more.
                "--innodb-flush-log-at-trx-commit=2",
                "--sync-binlog=0",
            ],
        }
    }
}

async fn install_data(
    program: &Path,
    base: Option<&Path>,
    directory: &Path,
    owner: &Owner,
    log_dir: &Path,
) -> anyhow::Result<()> {
    let mut install = owner.command(program);
    // A server that starts removes the temporary tables that it finds: those of others as well.
    install.env("TMPDIR", directory);
    install.arg("--no-defaults");
    if let Some(base) = base {
        install.arg(format!("--basedir={}", base.display()));
    }
    install
        .arg(format!("--datadir={}", directory.join("data").display()))
        .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
        .args(["--skip-name-resolve", "--innodb-log-file-size=8M"]);
    let log = log_dir.join("new-data.log");
    process::run("mariadb-install-db", install, &log, None).await?;
    Ok(())
}

async fn copy_data(
    from: &Path,
    directory: &Path,
    owner: &Owner,
    log_dir: &Path,
) -> anyhow::Result<()> {
    let data = directory.join("data");
    let mut copy = process::command("cp", Signal::SIGKILL);
    // Most of it is zeros.
    copy.args(["--recursive", "--sparse=always", "--preserve=mode"]);
    copy.arg(from).arg(&data);
    process::run("cp", copy, &log_dir.join("new-data.log"), None).await?;
    owner.give_all(&data)?;
    Ok(())
}

#[derive(Debug)]
struct Start {
    dialect: Dialect,
    server: PathBuf,
    base: Option<PathBuf>,
    directory: PathBuf,
    log: PathBuf,
    options: Vec<String>,
    owner: Owner,
}

impl Start {
    async fn serve(&self, port: u16, password: &str) -> anyhow::Result<Process> {
        let within = |name: &str| self.directory.join(name).display().to_string();
        let mut server = self.owner.command(&self.server);
        server.arg("--no-defaults");
        if let Some(base) = &self.base {
            server.arg(format!("--basedir={}", base.display()));
        }
        for (option, value) in [
            ("datadir", within("data")),
            ("init-file", within("init.sql")),
            ("socket", within("socket")),
            ("tmpdir", within("")),
            ("port", port.to_string()),
            ("bind-address", "127.0.0.1".to_owned()),
            ("server-id", "1".to_owned()),
            ("general-log-file", "general.log".to_owned()),
            ("log-bin", "binlog".to_owned()),
            ("innodb-flush-log-at-trx-commit", "0".to_owned()),
            ("innodb-buffer-pool-size", "16M".to_owned()),
        ] {
            server.arg(format!("--{option}={value}"));
        }
        server
            .args(["--general-log", "--skip-name-resolve"])
            .args(self.dialect.options())
            .args(&self.options);
        // Nothing of it is kept: it need not put anything in order.
        let mut process = Process::spawn("mysqld", server, &self.log)
            .await?
            .stopped_by(Signal::SIGKILL);
        process
            .wait_until(PATIENCE, async |_| {
                connect(port, SUPERUSER, password).await.is_ok()
            })
            .await?;
        Ok(process)
    }
}

async fn connect(port: u16, user: &str, password: &str) -> Result<Conn, mysql_async::Error> {
    let options = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(port)
        .user(Some(user))
        .pass(Some(password))
        .prefer_socket(false)
        .max_allowed_packet(Some(16 * 1024 * 1024))
        .wait_timeout(Some(0));
    Conn::new(options).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use tools::{ensure_mariadb, ensure_mysql, target_directory};

    #[tokio::test]
    #[ignore = "needs the local cloud: cargo xtask test"]
    async fn it_serves_with_passwords_and_logs_every_statement() {
        let target = target_directory(&tools::workspace());
        let quiet = Arc::new(|_: &str| ());
        let mariadb = ensure_mariadb(&target, quiet.clone()).await.unwrap();
        let mysql = ensure_mysql(&target, quiet).await.unwrap();
        for (programs, is_mariadb) in [(mariadb, true), (mysql, false)] {
            let logs = tempfile::tempdir().unwrap();
            let mut server = Mysqld::start(&programs, logs.path(), &[]).await.unwrap();
            let version = server.column("SELECT @@version").await.unwrap();
            assert_eq!(version[0].contains("MariaDB"), is_mariadb, "{version:?}");
            server
                .execute(&[
                    "CREATE DATABASE d",
                    "CREATE USER 'o''x'@'%' IDENTIFIED BY 'a secret'",
                ])
                .await
                .unwrap();
            server.resume().await.unwrap();
            assert!(server.has_logged("CREATE DATABASE d").unwrap());
            assert!(!server.has_logged("CREATE DATABASE e").unwrap());
            assert!(server.connect_as("o'x", "a secret").await.is_ok());
            for (user, password) in [("o'x", "wrong"), (SUPERUSER, ""), ("", "")] {
                let error = server.connect_as(user, password).await.unwrap_err();
                // MySQL asks somebody it does not know by a method that it draws for the name, which may
                // be one that the client does not have.
                let is_refused = match &error {
                    mysql_async::Error::Server(error) => error.code == 1045,
                    error => user.is_empty() && error.to_string().contains("sha256_password"),
                };
                assert!(is_refused, "{user:?}: {error}");
            }
        }
    }

    #[tokio::test]
    #[ignore = "needs the local cloud: cargo xtask test"]
    async fn a_native_password_is_stored_as_it_is_made_here() {
        let target = target_directory(&tools::workspace());
        let programs = ensure_mariadb(&target, Arc::new(|_: &str| ()))
            .await
            .unwrap();
        let logs = tempfile::tempdir().unwrap();
        let server = Mysqld::start(&programs, logs.path(), &[]).await.unwrap();
        let stored = server.column("SELECT PASSWORD('a secret')").await.unwrap();
        assert_eq!(stored, [native_password("a secret")]);
    }
}
