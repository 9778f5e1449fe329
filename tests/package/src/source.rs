//! What is built: the functions of the workspace, as they are or as they were committed.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::process::Command;
use tools::process;

use super::build::Place;

/// Where cargo keeps what it has downloaded.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
        .context("cargo's home directory is unknown: set CARGO_HOME or HOME")
}

/// The commit that is checked out. Fails if any file differs from it.
pub(crate) async fn commit(workspace: &Path, logs: &Path) -> Result<String> {
    let mut status = git(workspace);
    status.args(["status", "--porcelain"]);
    let log = logs.join("git.log");
    let changes = process::run("git status", status, &log, None)
        .await?
        .lines();
    ensure!(
        changes.is_empty(),
        "--verify compares two builds of one commit, and the working tree differs from it: commit or stash\n{}",
        changes.join("\n")
    );
    let mut head = git(workspace);
    head.args(["rev-parse", "HEAD"]);
    let head = process::run("git rev-parse", head, &log, None).await?;
    Ok(head.lines().concat())
}

/// A fresh copy of a commit's files, in which nothing is where it was, deleted with this value.
pub(crate) struct FreshCopy {
    place: Place,
    _directory: TempDir,
}

impl FreshCopy {
    pub(crate) async fn of(commit: &str, workspace: &Path, logs: &Path) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("package-").tempdir();
        let directory = directory.context("cannot make a temporary directory")?;
        let path = directory.path();
        let place = Place {
            workspace: path.join("source"),
            target: path.join("target"),
            cargo_home: path.join("cargo-home"),
            cache: Some(path.join("cache")),
        };
        // By another name, so that a path below it would show; what was downloaded can be had.
        symlink(cargo_home()?, &place.cargo_home).context("cannot link cargo's home")?;

        // An index of its own: the developer's is left alone.
        let index = path.join("index");
        let log = logs.join("git.log");
        let mut read = git(workspace);
        read.args(["read-tree", commit])
            .env("GIT_INDEX_FILE", &index);
        process::run("git read-tree", read, &log, None).await?;
        let mut write = git(workspace);
        write
            .args(["checkout-index", "--all"])
            .arg(format!("--prefix={}/", utf8(&place.workspace)?))
            .env("GIT_INDEX_FILE", &index);
        process::run("git checkout-index", write, &log, None).await?;
        Ok(Self {
            place,
            _directory: directory,
        })
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

/// A path that goes into an argument.
pub(crate) fn utf8(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| {
        format!(
            "{} is not UTF-8: build in a directory that is",
            path.display()
        )
    })
}

fn git(workspace: &Path) -> Command {
    let mut git = process::command("git", Signal::SIGTERM);
    git.current_dir(workspace);
    git
}
