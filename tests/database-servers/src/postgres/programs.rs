//! The programs `initdb` and `postgres`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio_postgres::error::SqlState;
use tools::process::Owner;
use tools::process::{self, Process};

use super::{PostgresOptions, SUPERUSER, connect, random_text};

/// How long the server may take to start.
const START: Duration = Duration::from_mins(1);

/// Makes a cluster; its superuser's password. All of one process are copies of the first of their server: `initdb`
/// takes seconds of a processor. `installed` is where the programs were before they were made accessible.
pub(super) async fn cluster(
    installed: &Path,
    programs: &Path,
    data: &Path,
    owner: &Owner,
    log_dir: &Path,
) -> anyhow::Result<String> {
    static FIRST: Mutex<BTreeMap<PathBuf, (TempDir, String)>> = Mutex::const_new(BTreeMap::new());
    let mut first = FIRST.lock().await;
    if !first.contains_key(installed) {
        let directory = tools::scratch::directory("postgres-cluster-")?;
        owner.give(directory.path())?;
        let password = random_text();
        let made = directory.path().join("data");
        initialise(programs, &made, &password, owner, log_dir).await?;
        first.insert(installed.to_owned(), (directory, password));
    }
    let Some((directory, password)) = first.get(installed) else {
        return Err(io::Error::other("the cluster is gone").into());
    };
    let (made, password) = (directory.path().join("data"), password.clone());
    drop(first);
    let mut copy = owner.command(Path::new("cp"));
    copy.arg("-Rp").arg(made).arg(data);
    process::run("cp", copy, &log_dir.join("cp.log"), None).await?;
    Ok(password)
}

async fn initialise(
    programs: &Path,
    data: &Path,
    password: &str,
    owner: &Owner,
    log_dir: &Path,
) -> anyhow::Result<()> {
    let password_file = data.with_file_name("password");
    crate::write_private(&password_file, password)?;
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

pub(super) async fn serve(
    programs: &Path,
    data: &Path,
    port: u16,
    password: &str,
    owner: &Owner,
    log_dir: &Path,
    options: &PostgresOptions,
) -> anyhow::Result<Process> {
    let mut postgres = owner.command(&programs.join("postgres"));
    postgres.arg("-D").arg(data).arg("-p").arg(port.to_string());
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=100",
        // Its files end with the directory, however the server ends.
        "dynamic_shared_memory_type=mmap",
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
                // A standby that cannot be read answers so for ever.
                Err(error) => error.as_db_error().is_some_and(|answer| {
                    *answer.code() == SqlState::CANNOT_CONNECT_NOW
                        && answer.message().contains("not accepting connections")
                }),
            }
        })
        .await?;
    Ok(process)
}
