//! Servers of MySQL's kind: Debian's MariaDB, and those that later suites have.

use anyhow::Context as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use super::debian::{Packages, later};
use super::environment::lock;
use super::unusable;
use crate::process::{self, OnLine, Owner};

const MARIADB: Packages = Packages {
    name: "mariadb",
    suite: None,
    names: &["mariadb-server-core", "mariadb-client-core"],
    // Has the plug-ins.
    alone: &["mariadb-server"],
    scripts: &[],
    program: "MariaDB (mariadbd, mariadb-install-db, mariadb)",
    remedy: "apt-get install mariadb-server, or your system's package of it",
};

/// MariaDB servers that later suites have: a line each.
pub static LATER_MARIADB: [Packages; 1] = [later(
    "mariadb",
    "trixie",
    MARIADB.names,
    &[
        ("usr/sbin/mariadbd", "usr/sbin/mariadbd"),
        ("usr/bin/mariadb", "usr/bin/mariadb"),
        // What `mariadb-install-db` runs.
        ("usr/bin/my_print_defaults", "usr/bin/my_print_defaults"),
        ("usr/bin/resolveip", "usr/bin/resolveip"),
    ],
)];

/// MySQL, of which the machine's suite has none.
static MYSQL: Packages = later(
    "mysql",
    "sid",
    &["mysql-server-core", "mysql-client-core"],
    &[
        ("usr/sbin/mysqld", "usr/sbin/mysqld"),
        ("usr/bin/mysql", "usr/bin/mysql"),
    ],
);

/// Within unpacked packages, a data directory that nothing was done with yet.
const DATA: &str = "data";

/// What is kept small of a server that holds next to nothing.
pub const SMALL_REDO_LOG: &str = "--innodb-redo-log-capacity=8M";

/// No certificates are made, so that a server speaks TLS if it is given one.
pub const NO_CERTIFICATES: &str = "--auto-generate-certs=OFF";

#[derive(Clone, Debug)]
pub struct MysqldPrograms {
    pub server: PathBuf,
    pub client: PathBuf,
    /// Where a new data directory is from.
    pub data: NewData,
}

/// Where a new data directory is from.
#[derive(Clone, Debug)]
pub enum NewData {
    /// MariaDB's `mariadb-install-db` makes one in a second.
    Install(PathBuf),
    /// MySQL takes ten: it is a copy.
    Copy(PathBuf),
}

impl MysqldPrograms {
    /// Where this user can run them.
    pub fn accessible(&self, owner: &Owner, directory: &Path) -> io::Result<Self> {
        let there = |program: &Path| owner.accessible(program, directory);
        Ok(Self {
            server: there(&self.server)?,
            client: self.client.clone(),
            data: match &self.data {
                NewData::Install(install) => NewData::Install(there(install)?),
                copy @ NewData::Copy(_) => copy.clone(),
            },
        })
    }

    /// What the programs' files are relative to.
    pub fn base(&self) -> Option<&Path> {
        self.server.parent()?.parent()
    }
}

pub async fn ensure_mariadb(target: &Path, progress: OnLine) -> anyhow::Result<MysqldPrograms> {
    MARIADB.ensure(target, &progress, find_mariadb).await
}

impl Packages {
    pub async fn ensure_mariadb(
        &self,
        target: &Path,
        progress: OnLine,
    ) -> anyhow::Result<MysqldPrograms> {
        let find = |root: Option<&Path>| find_mariadb(Some(root?));
        self.ensure(target, &progress, find).await
    }
}

pub async fn ensure_mysql(target: &Path, progress: OnLine) -> anyhow::Result<MysqldPrograms> {
    let find = |root: Option<&Path>| {
        let root = root?;
        let programs = MysqldPrograms {
            server: root.join("usr/sbin/mysqld"),
            client: root.join("usr/bin/mysql"),
            data: NewData::Copy(root.join(DATA)),
        };
        let there = programs.server.is_file() && programs.client.is_file();
        there.then_some(programs)
    };
    let programs = MYSQL.ensure(target, &progress, find).await?;
    initialise(&programs, target, &progress).await?;
    Ok(programs)
}

pub(super) fn find_client(target: &Path) -> Option<PathBuf> {
    MARIADB.find(target, find_mariadb).map(|it| it.client)
}

fn find_mariadb(root: Option<&Path>) -> Option<MysqldPrograms> {
    let find = |name: &str| match root {
        Some(root) => ["usr/sbin", "usr/bin"]
            .map(|directory| root.join(directory).join(name))
            .into_iter()
            .find(|program| program.is_file()),
        None => process::find_program(name, &["/usr/sbin".into()]),
    };
    Some(MysqldPrograms {
        server: find("mariadbd")?,
        client: find("mariadb")?,
        data: NewData::Install(find("mariadb-install-db")?),
    })
}

/// Makes the data directory that servers begin with a copy of, once.
async fn initialise(
    programs: &MysqldPrograms,
    target: &Path,
    progress: &OnLine,
) -> anyhow::Result<()> {
    let (NewData::Copy(data), Some(base)) = (&programs.data, programs.base()) else {
        return Ok(());
    };
    if data.is_dir() {
        return Ok(());
    }
    let tools = target.join("tools");
    let _lock = lock(&tools.join("mysql-data.lock"), "MySQL", progress).await?;
    if data.is_dir() {
        return Ok(());
    }
    // Made apart and moved whole: it may be interrupted.
    let unfinished = data.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).with_context(|| unusable(&unfinished))?;
    }
    let mut initialise = process::command(&programs.server, Signal::SIGKILL);
    initialise
        .args(["--no-defaults", "--initialize-insecure"])
        .args([SMALL_REDO_LOG, NO_CERTIFICATES, "--innodb-doublewrite=OFF"])
        .arg(format!("--basedir={}", base.display()))
        .arg(format!("--datadir={}", unfinished.display()));
    if nix::unistd::Uid::effective().is_root() {
        initialise.arg("--user=root");
    }
    let log = tools.join("mysql-initialize.log");
    process::run("mysqld --initialize-insecure", initialise, &log, None).await?;
    // A server's identity is its own.
    let identity = unfinished.join("auto.cnf");
    fs::remove_file(&identity).with_context(|| unusable(&identity))?;
    fs::rename(&unfinished, data).with_context(|| unusable(data))
}
