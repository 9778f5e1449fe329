//! A private PostgreSQL server: a free port, a temporary directory, nothing left behind.

mod programs;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use postgres_protocol::password::scram_sha_256;
use rand::distr::{Alphanumeric, SampleString as _};
use tempfile::TempDir;
use tokio_postgres::NoTls;
use tools::process::{HeldPort, Output, Owner, Process};

use self::programs::{cluster, serve};
use crate::certificates::ServerCertificate;

pub const SUPERUSER: &str = "postgres";

/// The name of the administrator that a partner of a managed service has: no superuser, but one that
/// may create roles.
pub const ADMINISTRATOR: &str = "acme admin";

/// The library's own text for a refusal is but "db error".
pub fn told(database: &str) -> impl FnOnce(tokio_postgres::Error) -> anyhow::Error {
    move |error| {
        let text = error
            .as_db_error()
            .map_or_else(|| error.to_string(), ToString::to_string);
        anyhow::anyhow!("PostgreSQL on database {database}: {text}")
    }
}

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
    port: HeldPort,
    password: String,
    administrator_password: String,
    directory: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts its server on the loopback interface: passwords by SCRAM for
    /// everyone, every statement and connection logged, nothing safe from a power failure.
    ///
    /// `programs` is the directory that [`tools::ensure_postgres`] names. The logs `initdb.log` and
    /// `postgres.log` go to `log_dir`. Run as root, the server becomes user `postgres`, or `nobody`.
    pub async fn start(programs: &Path, log_dir: &Path) -> anyhow::Result<Self> {
        Self::start_with(programs, log_dir, PostgresOptions::default()).await
    }

    /// As [`Self::start`], with options.
    pub async fn start_with(
        programs: &Path,
        log_dir: &Path,
        mut options: PostgresOptions,
    ) -> anyhow::Result<Self> {
        let directory = tools::scratch::directory("postgres-")?;
        let owner = Owner::find("postgres", Signal::SIGQUIT)?;
        owner.give(directory.path())?;
        let administrator_password = random_text();
        let installed = programs;
        let programs = &owner.accessible(programs, directory.path())?;
        let data = directory.path().join("data");
        let password = cluster(installed, programs, &data, &owner, log_dir).await?;
        if let Some(certificate) = &options.certificate {
            for (name, pem) in [
                ("server.crt", &certificate.certificate),
                ("server.key", &certificate.key),
            ] {
                let file = data.join(name);
                crate::write_private(&file, pem)?;
                owner.give(&file)?;
            }
            // The files' names are the server's defaults.
            options.settings.push("ssl=on".to_owned());
        }

        let port = HeldPort::new()?;
        let number = port.number();
        let process = serve(
            programs, &data, number, &password, &owner, log_dir, &options,
        )
        .await?;
        let server = Self {
            output: process.output().clone(),
            process: Some(process),
            programs: programs.to_owned(),
            log_dir: log_dir.to_owned(),
            options,
            owner,
            port,
            password,
            administrator_password,
            directory,
        };
        let created = format!(
            "CREATE ROLE {} LOGIN CREATEROLE PASSWORD '{}'",
            quote(ADMINISTRATOR),
            verifier(&server.administrator_password)
        );
        server.execute(SUPERUSER, &created).await?;
        Ok(server)
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    pub fn superuser_password(&self) -> &str {
        &self.password
    }

    pub fn administrator_password(&self) -> &str {
        &self.administrator_password
    }

    /// The server's log: every statement as it came, every connection.
    pub fn log(&self) -> &Output {
        &self.output
    }

    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Stops the server; its data stay.
    pub async fn halt(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop().await;
        }
    }

    /// Stops the server from doing anything, or lets it go on: connections to it are opened by the
    /// system alone.
    pub fn freeze(&self, frozen: bool) -> anyhow::Result<()> {
        let id = self.process.as_ref().and_then(Process::id);
        let Some(id) = id.and_then(|id| i32::try_from(id).ok()) else {
            return Ok(());
        };
        let signal = if frozen {
            Signal::SIGSTOP
        } else {
            Signal::SIGCONT
        };
        kill(Pid::from_raw(id), signal).map_err(io::Error::from)?;
        Ok(())
    }

    /// Starts the server again, on the same port, with further settings. It is up when it answers,
    /// be it that it takes no connections yet.
    pub async fn resume(&mut self, settings: &[&str]) -> anyhow::Result<()> {
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
            self.port.number(),
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

    /// A superuser's connection to a database. Closed when dropped.
    pub async fn connect(&self, database: &str) -> anyhow::Result<tokio_postgres::Client> {
        let connected = connect(self.port.number(), &self.password, database).await;
        connected.map_err(told(database))
    }

    /// Runs statements as the superuser, without parameters and without an answer.
    pub async fn execute(&self, database: &str, statements: &str) -> anyhow::Result<()> {
        self.connect(database)
            .await?
            .batch_execute(statements)
            .await
            .map_err(told(database))
    }

    /// Has [`ADMINISTRATOR`] create a login role. The server logs statements: it gets a verifier, as
    /// from any careful partner.
    pub async fn create_role(&self, name: &str, password: &str) -> anyhow::Result<()> {
        let created = format!(
            "SET SESSION AUTHORIZATION {}; CREATE ROLE {} LOGIN PASSWORD '{}'",
            quote(ADMINISTRATOR),
            quote(name),
            verifier(password)
        );
        self.execute(SUPERUSER, &created).await
    }

    /// Creates a database that belongs to a role, which must exist.
    pub async fn create_database(&self, name: &str, owner: &str) -> anyhow::Result<()> {
        let (name, owner) = (quote(name), quote(owner));
        self.execute(SUPERUSER, &format!("CREATE DATABASE {name} OWNER {owner}"))
            .await
    }
}

fn verifier(password: &str) -> String {
    scram_sha_256(password.as_bytes())
}

fn random_text() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), 32)
}

pub fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

async fn connect(
    port: u16,
    password: &str,
    database: &str,
) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::Config::new()
        .host("127.0.0.1")
        .port(port)
        .user(SUPERUSER)
        .password(password)
        .dbname(database)
        .connect_timeout(Duration::from_secs(10))
        .connect(NoTls)
        .await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to PostgreSQL ended");
        }
    });
    Ok(client)
}

#[cfg(test)]
mod tests;
