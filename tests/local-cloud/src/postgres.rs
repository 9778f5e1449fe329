//! A private PostgreSQL server: a free port, a temporary directory, nothing left behind.

use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};
use rand::RngExt as _;
use rand::distr::Alphanumeric;
use tempfile::TempDir;
use tokio::process::Command;
use tokio_postgres::NoTls;

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

/// A running PostgreSQL server. Stopped and removed on drop.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
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

        let mut tries = 1;
        let (process, port) = loop {
            let port = process::free_port()?;
            match serve(programs, &data, port, &password, &owner, log_dir).await {
                Err(PostgresError::Process(ProcessError::Ended { tail, .. }))
                    if tries < TRIES && tail.contains("Address already in use") =>
                {
                    tries += 1;
                }
                result => break (result?, port),
            }
        };
        Ok(Self {
            process,
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
        self.process.output()
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
    pub async fn stop(self) {
        self.process.stop().await;
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
    // SIGQUIT is PostgreSQL's immediate shutdown; SIGTERM would wait for clients to leave.
    let mut process = Process::spawn("PostgreSQL", postgres, &log_dir.join("postgres.log"))
        .await?
        .stopped_by(Signal::SIGQUIT);
    process
        .wait_until(START, async |_| {
            connect(port, password, SUPERUSER).await.is_ok()
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

/// The user that the server runs as. PostgreSQL refuses to be root.
struct Owner(Option<User>);

impl Owner {
    fn find() -> Result<Self, PostgresError> {
        if !Uid::effective().is_root() {
            return Ok(Self(None));
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).map_err(io::Error::from)? {
                return Ok(Self(Some(user)));
            }
        }
        let message = "run as root, and there is neither a user postgres nor nobody to run it as";
        Err(io::Error::new(io::ErrorKind::NotFound, message).into())
    }

    fn give(&self, path: &Path) -> Result<(), PostgresError> {
        let Self(Some(user)) = self else {
            return Ok(());
        };
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).map_err(|source| {
            PostgresError::Owner {
                user: user.name.clone(),
                source,
            }
        })
    }

    fn command(&self, program: &Path) -> Command {
        let signal = Signal::SIGQUIT;
        let mut command = match &self.0 {
            None => process::command(program, signal),
            Some(user) => {
                let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
                let become_user = ["--reuid", &uid, "--regid", &gid, "--clear-groups"];
                process::command_as(program, signal, &become_user)
            }
        };
        // The server must be able to stand where it starts.
        command.current_dir("/").env("LC_ALL", "C.UTF-8");
        command
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tools::{ensure_postgres, target_directory};

    async fn start() -> (Postgres, TempDir) {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let target = target_directory(&workspace);
        let progress = Arc::new(|line: &str| println!("{line}"));
        let programs = ensure_postgres(&target, progress).await.unwrap();
        let logs = tempfile::tempdir().unwrap();
        (Postgres::start(&programs, logs.path()).await.unwrap(), logs)
    }

    #[tokio::test]
    #[ignore = "needs the local cloud: cargo xtask test"]
    async fn it_serves_with_passwords_and_logs_every_statement() {
        let (postgres, _logs) = start().await;
        let secret = "'a secret'";
        postgres
            .execute(
                SUPERUSER,
                &format!("CREATE ROLE \"o\"\"x\" LOGIN PASSWORD {secret}"),
            )
            .await
            .unwrap();
        postgres.create_database("d", "o\"x").await.unwrap();
        postgres
            .execute("d", "CREATE TABLE t (n int)")
            .await
            .unwrap();
        assert!(postgres.log().contains(secret));
        assert!(postgres.log().contains("CREATE TABLE t"));

        let error = postgres.execute("d", "SELECT nonsense").await.unwrap_err();
        assert!(error.to_string().contains("nonsense"), "{error}");
        let wrong = connect(postgres.port(), "wrong", "d").await.unwrap_err();
        assert!(
            wrong.to_string().contains("password authentication failed"),
            "{wrong}"
        );
    }

    #[tokio::test]
    #[ignore = "needs the local cloud: cargo xtask test"]
    async fn it_ends_at_once_though_somebody_is_connected() {
        let (postgres, _logs) = start().await;
        let client = postgres.connect(SUPERUSER).await.unwrap();
        let (port, password) = (postgres.port(), postgres.superuser_password().to_owned());
        let directory = postgres.directory().to_owned();
        let began = std::time::Instant::now();
        postgres.stop().await;
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{:?}",
            began.elapsed()
        );
        assert!(!directory.exists());
        assert!(connect(port, &password, SUPERUSER).await.is_err());
        assert!(client.batch_execute("SELECT 1").await.is_err());
    }
}
