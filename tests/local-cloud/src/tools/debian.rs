//! Database servers, and a browser: those that the machine has, or Debian's packages, unpacked under `target/tools/`.
//! Nothing is installed on the machine.

use anyhow::Context as _;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::environment::lock;
use super::{missing, quiet, unusable};
use crate::process::{self, OnLine, Owner};

const POSTGRESQL: &str = "usr/lib/postgresql";

/// Within `target/tools/`, where packages are unpacked.
const UNPACKED: &str = "debian";

/// Within packages of a later suite, where the programs can be run from.
const WRAPPED: &str = "run";

/// Holds, once packages are unpacked, their names.
const STAMP: &str = ".unpacked";

/// Of which suites of Debian's others than the machine's are.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A server's packages.
#[derive(Debug)]
pub struct Packages {
    name: &'static str,
    /// Debian's suite, if it is another than the machine's: the server then runs with that suite's own
    /// loader and libraries.
    suite: Option<&'static str>,
    names: &'static [&'static str],
    /// Of which nothing that they depend on is needed.
    alone: &'static [&'static str],
    /// What is missing if they cannot be had.
    program: &'static str,
    remedy: &'static str,
}

const POSTGRES: Packages = Packages {
    name: "postgresql",
    suite: None,
    names: &["postgresql-15", "postgresql-client-15"],
    alone: &[],
    program: "the PostgreSQL server (initdb, postgres)",
    remedy: "apt-get install postgresql, or your system's package of it",
};

const MARIADB: Packages = Packages {
    name: "mariadb",
    suite: None,
    names: &["mariadb-server-core", "mariadb-client-core"],
    // Has the plug-ins.
    alone: &["mariadb-server"],
    program: "MariaDB (mariadbd, mariadb-install-db, mariadb)",
    remedy: "apt-get install mariadb-server, or your system's package of it",
};

const REDIS: Packages = Packages {
    name: "redis",
    suite: None,
    names: &["redis-server", "redis-tools"],
    alone: &[],
    program: "the Redis server (redis-server, redis-cli)",
    remedy: "apt-get install redis-server, or your system's package of it",
};

/// A browser without a screen, what drives it, and one family of fonts.
pub(super) const CHROMIUM: Packages = Packages {
    name: "chromium",
    suite: None,
    names: &["chromium-headless-shell", "fonts-dejavu-core"],
    // It asks for the browser with windows.
    alone: &["chromium-driver"],
    program: "Chromium and its driver (chromium, chromedriver)",
    remedy: "apt-get install chromium-driver, or your system's package of it",
};

/// Servers of Redis's kind that later suites have: a line each.
pub static LATER_REDIS: [Packages; 3] = [
    later("valkey", "trixie", &["valkey-server", "valkey-tools"]),
    later("valkey", "sid", &["valkey-server", "valkey-tools"]),
    later("redis", "sid", &["redis-server", "redis-tools"]),
];

const fn later(
    name: &'static str,
    suite: &'static str,
    names: &'static [&'static str],
) -> Packages {
    Packages {
        name,
        suite: Some(suite),
        names,
        alone: &[],
        program: "a server of a later Debian",
        remedy: "use a machine with apt-get, dpkg-deb and Debian's keys (debian-archive-keyring)",
    }
}

/// The directory of PostgreSQL's server programs, the newest version there is.
///
/// Fails with the command to run where there is none and Debian's packages cannot be had.
pub async fn ensure_postgres(target: &Path, progress: OnLine) -> anyhow::Result<PathBuf> {
    POSTGRES.ensure(target, &progress, find_postgres).await
}

/// A client of the field's own: `psql`, `mariadb` or `redis-cli`. The one beside the server's programs, since
/// Debian's `psql` in `PATH` is a script that looks for servers of the system's; else what `PATH` has.
#[must_use]
pub fn client(name: &str) -> Command {
    let target = super::target_directory(&super::workspace());
    let found = match name {
        "psql" => POSTGRES
            .find(&target, find_postgres)
            .map(|it| it.join(name)),
        "redis-cli" => REDIS.find(&target, find_redis).map(|it| it.join(name)),
        _ => MARIADB.find(&target, find_mariadb).map(|it| it.client),
    };
    let program = found.filter(|program| program.is_file());
    let program = program.unwrap_or_else(|| name.into());
    let mut command = Command::new(&program);
    if let Some(libraries) = libraries(&program) {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command
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

impl MariadbPrograms {
    /// Where this user can run them.
    pub(crate) fn accessible(&self, owner: &Owner, directory: &Path) -> io::Result<Self> {
        let there = |program: &Path| owner.accessible(program, directory);
        Ok(Self {
            server: there(&self.server)?,
            install: there(&self.install)?,
            client: self.client.clone(),
        })
    }

    /// What the programs' files are relative to.
    pub(crate) fn base(&self) -> Option<&Path> {
        self.server.parent()?.parent()
    }
}

/// MariaDB's programs. Fails as [`ensure_postgres`] does.
pub async fn ensure_mariadb(target: &Path, progress: OnLine) -> anyhow::Result<MariadbPrograms> {
    MARIADB.ensure(target, &progress, find_mariadb).await
}

/// The directory of `redis-server` and `redis-cli`. Fails as [`ensure_postgres`] does.
pub async fn ensure_redis(target: &Path, progress: OnLine) -> anyhow::Result<PathBuf> {
    REDIS.ensure(target, &progress, find_redis).await
}

impl Packages {
    /// The directory of `redis-server` and `redis-cli`, of one of [`LATER_REDIS`]. Fails as
    /// [`ensure_postgres`] does.
    pub async fn ensure_redis(&self, target: &Path, progress: OnLine) -> anyhow::Result<PathBuf> {
        let find = |root: Option<&Path>| find_redis(Some(&root?.join(WRAPPED)));
        self.ensure(target, &progress, find).await
    }

    fn root(&self, target: &Path) -> PathBuf {
        let directory = match self.suite {
            Some(suite) => format!("{UNPACKED}-{suite}"),
            None => UNPACKED.to_owned(),
        };
        target.join("tools").join(directory).join(self.name)
    }

    /// The machine's own, else what is unpacked.
    fn find<T>(&self, target: &Path, find: fn(Option<&Path>) -> Option<T>) -> Option<T> {
        let unpacked = || {
            let root = self.root(target);
            let stamp = fs::read_to_string(root.join(STAMP)).ok()?;
            (stamp == self.stamp()).then(|| find(Some(&root)))?
        };
        find(None).or_else(unpacked)
    }

    fn stamp(&self) -> String {
        [self.names, self.alone].concat().join("\n")
    }

    pub(super) async fn ensure<T>(
        &self,
        target: &Path,
        progress: &OnLine,
        find: fn(Option<&Path>) -> Option<T>,
    ) -> anyhow::Result<T> {
        if let Some(found) = self.find(target, find) {
            return Ok(found);
        }
        let tools = target.join("tools");
        fs::create_dir_all(&tools).with_context(|| unusable(&tools))?;
        let _lock = lock(&tools.join("debian.lock"), UNPACKED, progress).await?;
        if self.find(target, find).is_none() {
            self.unpack(target, progress).await?;
        }
        self.find(target, find)
            .ok_or_else(|| missing(self.program, self.remedy))
    }

    /// Downloads the packages, with what they need and the machine does not have, and unpacks them. Where there is
    /// no apt, nothing.
    async fn unpack(&self, target: &Path, progress: &OnLine) -> anyhow::Result<()> {
        let find = |name| process::find_program(name, &[]);
        let (Some(apt), Some(dpkg)) = (find("apt-get"), find("dpkg-deb")) else {
            return Ok(());
        };
        progress(&format!("unpacking Debian's {} under target/", self.name));
        let root = self.root(target);
        let downloads = root.with_extension("apt");
        let archives = downloads.join("cache/archives");
        for directory in [
            &root,
            &archives.join("partial"),
            &downloads.join("state/lists/partial"),
        ] {
            fs::create_dir_all(directory).with_context(|| unusable(directory))?;
        }
        let log = |step: &str| target.join(format!("tools/{}-{step}.log", self.name));
        let mut status = PathBuf::from("/var/lib/dpkg/status");
        let mut suite = Vec::new();
        if let Some(name) = self.suite {
            // Of what it needs, nothing is the machine's.
            let list = downloads.join("sources.list");
            let line = format!("deb [signed-by={KEYS}] http://deb.debian.org/debian {name} main\n");
            status = downloads.join("status");
            for (file, text) in [(&list, line.as_str()), (&status, "")] {
                fs::write(file, text).with_context(|| unusable(file))?;
            }
            suite = vec![
                format!("Dir::Etc::sourcelist={}", list.display()),
                "Dir::Etc::sourceparts=-".to_owned(),
            ];
        }
        let status = format!("Dir::State::status={}", status.display());
        let apt_get = |arguments: &[&str]| {
            let mut command = quiet(&apt);
            // Lists, downloads and locks of its own: that takes no rights.
            for (name, value) in [("State", "state"), ("Cache", "cache")] {
                let value = downloads.join(value);
                command
                    .arg("-o")
                    .arg(format!("Dir::{name}={}", value.display()));
            }
            for option in suite.iter().chain([&status]) {
                command.args(["-o", option]);
            }
            command
                .args(["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root"])
                .args(arguments);
            command
        };
        process::run("apt-get update", apt_get(&["update"]), &log("update"), None).await?;
        let mut install = apt_get(&["install", "-y", "--download-only"]);
        install.arg("--no-install-recommends").args(self.names);
        process::run(
            "apt-get install --download-only",
            install,
            &log("download"),
            None,
        )
        .await?;
        if !self.alone.is_empty() {
            let mut download = apt_get(&["download"]);
            download.args(self.alone).current_dir(&archives);
            process::run("apt-get download", download, &log("download-alone"), None).await?;
        }
        let entries = fs::read_dir(&archives).with_context(|| unusable(&archives))?;
        for archive in entries.flatten().map(|entry| entry.path()) {
            if archive.extension().is_some_and(|it| it == "deb") {
                let mut extract = quiet(&dpkg);
                extract.arg("-x").arg(&archive).arg(&root);
                process::run("dpkg-deb -x", extract, &log("unpack"), None).await?;
            }
        }
        if self.suite.is_some() {
            wrap(&root, self.name).with_context(|| unusable(&root))?;
        }
        // Of use to nobody any more.
        let _ = fs::remove_dir_all(&downloads);
        let stamp = root.join(STAMP);
        fs::write(&stamp, self.stamp()).with_context(|| unusable(&stamp))
    }
}

/// Makes `redis-server` and `redis-cli` of a later suite's programs, which no other suite's loader or
/// C library fits.
fn wrap(root: &Path, name: &str) -> io::Result<()> {
    let libraries = library_directories(root);
    let places = libraries
        .iter()
        .cloned()
        .chain([root.join("usr/lib64"), root.join("usr/lib")]);
    let is_loader = |it: &PathBuf| {
        let name = it.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("ld-linux")
    };
    let loader = places
        .filter_map(|place| fs::read_dir(place).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .find(is_loader)
        .ok_or(io::ErrorKind::NotFound)?;
    let libraries = std::env::join_paths(libraries).map_err(io::Error::other)?;
    let programs = root.join(WRAPPED).join("usr/bin");
    fs::create_dir_all(&programs)?;
    for program in ["server", "cli"] {
        let script = programs.join(format!("redis-{program}"));
        let line = format!(
            "#!/bin/sh\nexec '{}' --library-path '{}' '{}' \"$@\"\n",
            loader.display(),
            libraries.to_string_lossy(),
            root.join(format!("usr/bin/{name}-{program}")).display()
        );
        fs::write(&script, line)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Where packages are unpacked that a program is from.
pub(crate) fn root_of(program: &Path) -> Option<&Path> {
    let is_root = |it: &&Path| it.parent().and_then(Path::file_name) == Some(UNPACKED.as_ref());
    program.ancestors().find(is_root)
}

/// The directories of the libraries that were unpacked with a program, for `LD_LIBRARY_PATH`.
pub(crate) fn libraries(program: &Path) -> Option<OsString> {
    std::env::join_paths(library_directories(root_of(program)?)).ok()
}

fn library_directories(root: &Path) -> Vec<PathBuf> {
    let directories = ["usr/lib", "lib"].map(|parent| fs::read_dir(root.join(parent)));
    let directories = directories.into_iter().flatten().flatten().flatten();
    let directories = directories.map(|entry| entry.path());
    let of_machine = |it: &PathBuf| it.to_string_lossy().contains("-linux-gnu");
    let directories = directories.filter(of_machine);
    // The library of sounds has one of its own there, by a whole path.
    let with_private = directories.flat_map(|it| [it.join("pulseaudio"), it]);
    with_private.filter(|it| it.is_dir()).collect()
}

fn find_mariadb(root: Option<&Path>) -> Option<MariadbPrograms> {
    let find = |name: &str| match root {
        Some(root) => ["usr/sbin", "usr/bin"]
            .map(|directory| root.join(directory).join(name))
            .into_iter()
            .find(|program| program.is_file()),
        None => process::find_program(name, &["/usr/sbin".into()]),
    };
    Some(MariadbPrograms {
        server: find("mariadbd")?,
        install: find("mariadb-install-db")?,
        client: find("mariadb")?,
    })
}

fn find_redis(root: Option<&Path>) -> Option<PathBuf> {
    let directory = match root {
        Some(root) => root.join("usr/bin"),
        None => process::find_program("redis-server", &[])?
            .parent()?
            .to_owned(),
    };
    ["redis-server", "redis-cli"]
        .iter()
        .all(|program| directory.join(program).is_file())
        .then_some(directory)
}

fn find_postgres(root: Option<&Path>) -> Option<PathBuf> {
    let in_path = || {
        let program = process::find_program("initdb", &[])?.canonicalize().ok()?;
        Some(program.parent()?.to_owned())
    };
    let in_path = if root.is_none() { in_path() } else { None };
    let packaged = root.unwrap_or(Path::new("/")).join(POSTGRESQL);
    let mut packaged: Vec<(u32, PathBuf)> = fs::read_dir(packaged)
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
