//! A private PostgreSQL server: a free port, a temporary directory, nothing left behind.

mod owner;

use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use rand::RngExt as _;
use rand::distr::Alphanumeric;
use tempfile::TempDir;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use self::owner::Owner;
use crate::certificates::ServerCertificate;
use crate::process::{self, Output, Process, ProcessError};

/// The superuser's name.
pub const SUPERUSER: &str = "postgres";

/// How long the server may take to start.
const START: Duration = Duration::from_mins(1);
/// How often a port may turn out to be taken.
const TRIES: u32 = 5;

/// An error in running or using the server.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// `initdb` or the server did not do its work.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its files could not be made.
    #[error("cannot make PostgreSQL's directory: {0}")]
    File(#[from] io::Error),
    /// A file's owner could not be set.
    #[error("cannot give PostgreSQL's directory to user {user}: {source}")]
    Owner {
        /// The user.
        user: String,
        /// Why not.
        source: io::Error,
    },
    /// The server refused a statement or a login.
    #[error("PostgreSQL on database {database}: {}", text(.source))]
    Statement {
        /// The database.
        database: String,
        /// What the server said.
        source: tokio_postgres::Error,
    },
}

/// The library's own text for a refusal is but "db error".
fn text(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// How a server is to be.
#[derive(Default)]
pub struct PostgresOptions {
    /// Its certificate; without one it speaks plain text only.
    pub certificate: Option<ServerCertificate>,
    /// Further settings, as `name=value`.
    pub settings: Vec<String>,
}

/// A PostgreSQL server. Stopped and removed on drop.
pub struct Postgres {
    /// `None` while it is stopped.
    process: Option<Process>,
    output: Output,
    programs: PathBuf,
    log_dir: PathBuf,
    options: PostgresOptions,
    owner: Owner,
    port: u16,
    password: String,
    directory: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts its server on the loopback interface: passwords by SCRAM for
    /// everyone, every statement and connection logged, nothing safe from a power failure.
    ///
    /// `programs` is the directory that [`crate::tools::ensure_postgres`] names. The logs `initdb.log` and
    /// `postgres.log` go to `log_dir`. Run as root, the server becomes user `postgres`, or `nobody`.
    pub async fn start(programs: &Path, log_dir: &Path) -> Result<Self, PostgresError> {
        Self::start_with(programs, log_dir, PostgresOptions::default()).await
    }

    /// As [`Self::start`], with options.
    pub async fn start_with(
        programs: &Path,
        log_dir: &Path,
        mut options: PostgresOptions,
    ) -> Result<Self, PostgresError> {
        let directory = tempfile::Builder::new().prefix("postgres-").tempdir()?;
        let owner = Owner::find()?;
        owner.give(directory.path())?;
        let password: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(32)
            .map(char::from)
            .collect();
        let data = directory.path().join("data");
        initialise(programs, &data, &password, &owner, log_dir).await?;
        if let Some(certificate) = &options.certificate {
            for (name, pem) in [
                ("server.crt", &certificate.certificate),
                ("server.key", &certificate.key),
            ] {
                let file = data.join(name);
                write_private(&file, pem)?;
                owner.give(&file)?;
            }
            // The files' names are the server's defaults.
            options.settings.push("ssl=on".to_owned());
        }

        let mut tries = 1;
        let (process, port) = loop {
            let port = process::free_port()?;
            match serve(programs, &data, port, &password, &owner, log_dir, &options).await {
                Err(PostgresError::Process(ProcessError::Ended { tail, .. }))
                    if tries < TRIES && tail.contains("Address already in use") =>
                {
                    tries += 1;
                }
                result => break (result?, port),
            }
        };
        Ok(Self {
            output: process.output().clone(),
            process: Some(process),
            programs: programs.to_owned(),
            log_dir: log_dir.to_owned(),
            options,
            owner,
            port,
            password,
            directory,
        })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of [`SUPERUSER`].
    #[must_use]
    pub fn superuser_password(&self) -> &str {
        &self.password
    }

    /// The server's log: every statement as it came, every connection.
    #[must_use]
    pub fn log(&self) -> &Output {
        &self.output
    }

    /// The cluster's data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Stops the server; its data stay.
    pub async fn halt(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop().await;
        }
    }

    /// Starts the server again, on the same port, with further settings. It is up when it answers,
    /// be it that it takes no connections yet.
    pub async fn resume(&mut self, settings: &[&str]) -> Result<(), PostgresError> {
        self.halt().await;
        let mut options = PostgresOptions {
            certificate: None,
            settings: self.options.settings.clone(),
        };
        options
            .settings
            .extend(settings.iter().map(ToString::to_string));
        let process = serve(
            &self.programs,
            &self.data(),
            self.port,
            &self.password,
            &self.owner,
            &self.log_dir,
            &options,
        )
        .await?;
        self.output = process.output().clone();
        self.process = Some(process);
        Ok(())
    }

    /// The directory that holds all its files, removed when it stops.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A superuser's connection to a database. Closed when dropped.
    pub async fn connect(&self, database: &str) -> Result<tokio_postgres::Client, PostgresError> {
        connect(self.port, &self.password, database).await
    }

    /// Runs statements as the superuser, without parameters and without an answer.
    pub async fn execute(&self, database: &str, statements: &str) -> Result<(), PostgresError> {
        self.connect(database)
            .await?
            .batch_execute(statements)
            .await
            .map_err(|source| PostgresError::Statement {
                database: database.to_owned(),
                source,
            })
    }

    /// Creates a database that belongs to a role, which must exist.
    pub async fn create_database(&self, name: &str, owner: &str) -> Result<(), PostgresError> {
        let (name, owner) = (quote(name), quote(owner));
        self.execute(SUPERUSER, &format!("CREATE DATABASE {name} OWNER {owner}"))
            .await
    }

    /// Stops it as dropping it does, without blocking the runtime.
    pub async fn stop(mut self) {
        self.halt().await;
    }
}

/// An identifier, quoted.
#[must_use]
pub fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

async fn initialise(
    programs: &Path,
    data: &Path,
    password: &str,
    owner: &Owner,
    log_dir: &Path,
) -> Result<(), PostgresError> {
    let password_file = data.with_file_name("password");
    write_private(&password_file, password)?;
    owner.give(&password_file)?;
    let mut initdb = owner.command(&programs.join("initdb"));
    initdb
        .arg("--pgdata")
        .arg(data)
        .arg("--pwfile")
        .arg(&password_file)
        .args(["--username", SUPERUSER, "--encoding", "UTF8", "--no-locale"])
        .args(["--auth-host", "scram-sha-256"])
        .args(["--auth-local", "scram-sha-256", "--no-sync"]);
    process::run("initdb", initdb, &log_dir.join("initdb.log"), None).await?;
    std::fs::remove_file(&password_file)?;
    Ok(())
}

async fn serve(
    programs: &Path,
    data: &Path,
    port: u16,
    password: &str,
    owner: &Owner,
    log_dir: &Path,
    options: &PostgresOptions,
) -> Result<Process, PostgresError> {
    let mut postgres = owner.command(&programs.join("postgres"));
    postgres.arg("-D").arg(data).arg("-p").arg(port.to_string());
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=100",
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "log_statement=all",
        "log_connections=on",
        "log_disconnections=on",
        "log_line_prefix=%m [%p] %q%u@%d ",
        "log_min_messages=warning",
    ] {
        postgres.args(["-c", setting]);
    }
    for setting in &options.settings {
        postgres.args(["-c", setting]);
    }
    // SIGQUIT is PostgreSQL's immediate shutdown; SIGTERM would wait for clients to leave.
    let mut process = Process::spawn("PostgreSQL", postgres, &log_dir.join("postgres.log"))
        .await?
        .stopped_by(Signal::SIGQUIT);
    process
        .wait_until(START, async |_| {
            match connect(port, password, SUPERUSER).await {
                Ok(_) => true,
                Err(PostgresError::Statement { source, .. }) => {
                    // A standby that cannot be read answers so for ever.
                    source.as_db_error().is_some_and(|answer| {
                        *answer.code() == SqlState::CANNOT_CONNECT_NOW
                            && answer.message().contains("not accepting connections")
                    })
                }
                Err(_) => false,
            }
        })
        .await?;
    Ok(process)
}

async fn connect(
    port: u16,
    password: &str,
    database: &str,
) -> Result<tokio_postgres::Client, PostgresError> {
    let (client, connection) = tokio_postgres::Config::new()
        .host("127.0.0.1")
        .port(port)
        .user(SUPERUSER)
        .password(password)
        .dbname(database)
        .connect_timeout(Duration::from_secs(10))
        .connect(NoTls)
        .await
        .map_err(|source| PostgresError::Statement {
            database: database.to_owned(),
            source,
        })?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to PostgreSQL ended");
        }
    });
    Ok(client)
}

fn write_private(path: &PathBuf, text: &str) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())
}

#[cfg(test)]
mod tests;
