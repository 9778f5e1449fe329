//! What comes from Debian's packages.

use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use tokio::sync::Mutex;

use super::{ToolsError, quiet};
use crate::process::{self, OnLine};

const POSTGRESQL: &str = "/usr/lib/postgresql";

/// The directory of PostgreSQL's server programs, the newest version there is. Installs them
/// where that is possible: on Debian, as root.
///
/// Fails with the command to run where it is not.
pub async fn ensure_postgres(target: &Path, progress: OnLine) -> Result<PathBuf, ToolsError> {
    if let Some(found) = find_postgres() {
        return Ok(found);
    }
    install("postgresql", target, &progress).await?;
    find_postgres().ok_or(ToolsError::Missing {
        program: "the PostgreSQL server (initdb, postgres)",
        remedy: "apt-get install postgresql",
    })
}

/// `psql`: the one beside the server's programs, where Debian has it, since the one in `PATH` is a
/// script that looks for servers of the system's; else whatever `PATH` has.
pub(crate) fn psql() -> PathBuf {
    let beside = find_postgres().map(|programs| programs.join("psql"));
    beside
        .filter(|program| program.is_file())
        .unwrap_or_else(|| "psql".into())
}

/// The version of the programs in a directory of Debian's.
pub(super) fn postgres_version(programs: &Path) -> Option<u32> {
    programs.parent()?.file_name()?.to_str()?.parse().ok()
}

/// MariaDB's programs.
#[derive(Clone, Debug)]
pub struct MariadbPrograms {
    /// `mariadbd`
    pub server: PathBuf,
    /// `mariadb-install-db`
    pub install: PathBuf,
    /// `mariadb`, the client.
    pub client: PathBuf,
}

/// MariaDB's programs. Installs them where that is possible: on Debian, as root.
///
/// Fails with the command to run where it is not.
pub async fn ensure_mariadb(
    target: &Path,
    progress: OnLine,
) -> Result<MariadbPrograms, ToolsError> {
    // Tests that run side by side need it at the same time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    let _turn = ONE_AT_A_TIME.lock().await;
    if let Some(found) = find_mariadb() {
        return Ok(found);
    }
    install("mariadb-server", target, &progress).await?;
    find_mariadb().ok_or(ToolsError::Missing {
        program: "MariaDB (mariadbd, mariadb-install-db, mariadb)",
        remedy: "apt-get install mariadb-server",
    })
}

fn find_mariadb() -> Option<MariadbPrograms> {
    let find = |name| process::find_program(name, &["/usr/sbin".into()]);
    Some(MariadbPrograms {
        server: find("mariadbd")?,
        install: find("mariadb-install-db")?,
        client: find("mariadb")?,
    })
}

/// The directory of `redis-server` and `redis-cli`. Installs them where that is possible: on Debian,
/// as root.
///
/// Fails with the command to run where it is not.
pub async fn ensure_redis(target: &Path, progress: OnLine) -> Result<PathBuf, ToolsError> {
    if let Some(found) = find_redis() {
        return Ok(found);
    }
    install("redis-server", target, &progress).await?;
    find_redis().ok_or(ToolsError::Missing {
        program: "the Redis server (redis-server, redis-cli)",
        remedy: "apt-get install redis-server",
    })
}

fn find_redis() -> Option<PathBuf> {
    let server = process::find_program("redis-server", &[])?;
    let directory = server.parent()?;
    directory
        .join("redis-cli")
        .is_file()
        .then(|| directory.to_owned())
}

/// Installs a package, on Debian and as root; elsewhere it does nothing.
async fn install(package: &str, target: &Path, progress: &OnLine) -> Result<(), ToolsError> {
    let apt = process::find_program("apt-get", &[]).filter(|_| Uid::effective().is_root());
    let Some(apt) = apt else { return Ok(()) };
    progress(&format!("installing Debian's package {package}"));
    for (step, arguments) in [
        ("update", &["update"][..]),
        (
            "install",
            &["install", "-y", "--no-install-recommends", package],
        ),
    ] {
        let mut command = quiet(&apt);
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            // The local cloud starts servers of its own; no other is to be left running.
            .env("RUNLEVEL", "1");
        let log = target.join(format!("tools/apt-{step}-{package}.log"));
        process::run("apt-get", command, &log, Some(progress.clone())).await?;
    }
    Ok(())
}

fn find_postgres() -> Option<PathBuf> {
    let in_path = process::find_program("initdb", &[])
        .and_then(|program| program.canonicalize().ok())
        .and_then(|program| Some(program.parent()?.to_owned()));
    let mut packaged: Vec<(u32, PathBuf)> = std::fs::read_dir(POSTGRESQL)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let version = entry.ok()?;
            let number = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .collect();
    packaged.sort();
    in_path
        .into_iter()
        .chain(packaged.into_iter().rev().map(|(_, directory)| directory))
        .find(|directory| {
            ["initdb", "postgres"]
                .iter()
                .all(|program| directory.join(program).is_file())
        })
}
