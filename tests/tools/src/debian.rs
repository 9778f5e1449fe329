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
use super::{missing, mysqld, quiet, unusable};
use crate::process::{self, OnLine};

const POSTGRESQL: &str = "usr/lib/postgresql";

/// Within `target/tools/`, where packages are unpacked.
const UNPACKED: &str = "debian";

/// Holds, once packages are unpacked, what they are.
const STAMP: &str = ".unpacked";

/// Of which suites of Debian's others than the machine's are.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

#[derive(Debug)]
pub struct Packages {
    pub(super) name: &'static str,
    pub(super) suite: Option<&'static str>,
    pub(super) names: &'static [&'static str],
    /// Of which nothing that they depend on is needed.
    pub(super) alone: &'static [&'static str],
    /// Of another suite, the programs that are run: each by a script, with that suite's own loader and libraries.
    pub(super) scripts: &'static [Script],
    pub(super) program: &'static str,
    pub(super) remedy: &'static str,
}

/// A script and the program that it runs. Of the same name, it takes the program's place.
pub(super) type Script = (&'static str, &'static str);

const POSTGRES: Packages = Packages {
    name: "postgresql",
    suite: None,
    names: &["postgresql-15", "postgresql-client-15"],
    alone: &[],
    scripts: &[],
    program: "the PostgreSQL server (initdb, postgres)",
    remedy: "apt-get install postgresql, or your system's package of it",
};

const REDIS: Packages = Packages {
    name: "redis",
    suite: None,
    names: &["redis-server", "redis-tools"],
    alone: &[],
    scripts: &[],
    program: "the Redis server (redis-server, redis-cli)",
    remedy: "apt-get install redis-server, or your system's package of it",
};

const VALKEY_SCRIPTS: &[Script] = &[
    ("usr/bin/redis-server", "usr/bin/valkey-server"),
    ("usr/bin/redis-cli", "usr/bin/valkey-cli"),
];
const REDIS_SCRIPTS: &[Script] = &[
    ("usr/bin/redis-server", "usr/bin/redis-server"),
    ("usr/bin/redis-cli", "usr/bin/redis-cli"),
];
const VALKEY: &[&str] = &["valkey-server", "valkey-tools"];

/// A browser without a screen, what drives it, and one family of fonts.
pub(super) const CHROMIUM: Packages = Packages {
    name: "chromium",
    suite: None,
    names: &["chromium-headless-shell", "fonts-dejavu-core"],
    // It asks for the browser with windows.
    alone: &["chromium-driver"],
    scripts: &[],
    program: "Chromium and its driver (chromium, chromedriver)",
    remedy: "apt-get install chromium-driver, or your system's package of it",
};

/// Servers of Redis's kind that later suites have: a line each.
pub static LATER_REDIS: [Packages; 3] = [
    later("valkey", "trixie", VALKEY, VALKEY_SCRIPTS),
    later("valkey", "sid", VALKEY, VALKEY_SCRIPTS),
    later("redis", "sid", REDIS.names, REDIS_SCRIPTS),
];

pub(super) const fn later(
    name: &'static str,
    suite: &'static str,
    names: &'static [&'static str],
    scripts: &'static [Script],
) -> Packages {
    Packages {
        name,
        suite: Some(suite),
        names,
        alone: &[],
        scripts,
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
pub fn client(name: &str) -> Command {
    let target = super::target_directory(&super::workspace());
    let found = match name {
        "psql" => POSTGRES
            .find(&target, find_postgres)
            .map(|it| it.join(name)),
        "redis-cli" => REDIS.find(&target, find_redis).map(|it| it.join(name)),
        _ => mysqld::find_client(&target),
    };
    let program = found.filter(|program| program.is_file());
    let program = program.unwrap_or_else(|| name.into());
    let mut command = Command::new(&program);
    if let Some(libraries) = libraries(&program) {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command
}

pub async fn ensure_redis(target: &Path, progress: OnLine) -> anyhow::Result<PathBuf> {
    REDIS.ensure(target, &progress, find_redis).await
}

impl Packages {
    /// The directory of `redis-server` and `redis-cli`, of one of [`LATER_REDIS`]. Fails as
    /// [`ensure_postgres`] does.
    pub async fn ensure_redis(&self, target: &Path, progress: OnLine) -> anyhow::Result<PathBuf> {
        let find = |root: Option<&Path>| find_redis(Some(root?));
        self.ensure(target, &progress, find).await
    }

    pub(super) fn root(&self, target: &Path) -> PathBuf {
        let directory = match self.suite {
            Some(suite) => format!("{UNPACKED}-{suite}"),
            None => UNPACKED.to_owned(),
        };
        target.join("tools").join(directory).join(self.name)
    }

    /// The machine's own, else what is unpacked.
    pub(super) fn find<T>(&self, target: &Path, find: fn(Option<&Path>) -> Option<T>) -> Option<T> {
        let unpacked = || {
            let root = self.root(target);
            let stamp = fs::read_to_string(root.join(STAMP)).ok()?;
            (stamp == self.stamp()).then(|| find(Some(&root)))?
        };
        find(None).or_else(unpacked)
    }

    fn stamp(&self) -> String {
        let scripts = self.scripts.iter().map(|(script, _)| *script);
        let names = [self.names, self.alone].concat().into_iter();
        names.chain(scripts).collect::<Vec<_>>().join("\n")
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
        // As in `libstd-rust-dev:arm64`.
        let foreign = self.alone.iter().filter_map(|name| name.split_once(':'));
        suite.extend(foreign.map(|(_, name)| format!("APT::Architectures::={name}")));
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
        if !self.scripts.is_empty() {
            wrap(&root, self.scripts).with_context(|| unusable(&root))?;
        }
        // Of use to nobody any more.
        let _ = fs::remove_dir_all(&downloads);
        let stamp = root.join(STAMP);
        fs::write(&stamp, self.stamp()).with_context(|| unusable(&stamp))
    }
}

/// Makes scripts that run programs of another suite, which no other suite's loader or C library fits. They find both
/// beside them, in a copy as well.
fn wrap(root: &Path, scripts: &[Script]) -> io::Result<()> {
    let libraries = library_directories(root);
    let is_loader = |it: &PathBuf| {
        let name = it.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("ld-linux")
    };
    let places = libraries.iter().cloned();
    let loader = places
        .chain(["usr/lib64", "usr/lib"].map(|directory| root.join(directory)))
        .filter_map(|place| fs::read_dir(place).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .find(is_loader)
        .ok_or(io::ErrorKind::NotFound)?;
    let here = |path: &Path| {
        let relative = path.strip_prefix(root).unwrap_or(path);
        format!("$root/{}", relative.display())
    };
    let libraries: Vec<String> = libraries.iter().map(|it| here(it)).collect();
    for (script, program) in scripts {
        let mut program = root.join(program);
        let script = root.join(script);
        if script == program {
            program.set_extension("program");
            fs::rename(&script, &program)?;
        }
        let lines = format!(
            "#!/bin/sh\nroot=${{0%/usr/*}}\nexec \"{}\" --library-path \"{}\" \"{}\" \"$@\"\n",
            here(&loader),
            libraries.join(":"),
            here(&program)
        );
        fs::write(&script, lines)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Where packages are unpacked that a program is from.
pub(crate) fn root_of(program: &Path) -> Option<&Path> {
    program.ancestors().find(|root| is_unpacked(root))
}

/// Whether packages are unpacked in a directory: those of the machine's suite, or of another.
fn is_unpacked(root: &Path) -> bool {
    let parent = root.parent().and_then(Path::file_name).unwrap_or_default();
    let parent = parent.to_string_lossy();
    let suite = parent.strip_prefix(UNPACKED);
    suite.is_some_and(|suite| suite.is_empty() || suite.starts_with('-'))
}

/// The directories of the libraries that were unpacked with a program of the machine's suite, for `LD_LIBRARY_PATH`.
pub(crate) fn libraries(program: &Path) -> Option<OsString> {
    let root = root_of(program)?;
    let is_machines = root.parent()?.ends_with(UNPACKED);
    let directories = is_machines.then(|| library_directories(root))?;
    std::env::join_paths(directories).ok()
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
