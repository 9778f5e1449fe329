//! What is built: the functions of the workspace, as they are or as they were committed.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tools::process;

use super::build::Place;

pub(crate) fn cargo_home() -> Result<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
        .context("cargo's home directory is unknown: set CARGO_HOME or HOME")
}

/// The commit that is checked out. Fails if any file differs from it.
pub(crate) async fn commit(workspace: &Path, logs: &Path) -> Result<String> {
    let changes = git(workspace, &["status", "--porcelain"], None, logs).await?;
    ensure!(
        changes.is_empty(),
        "--verify compares two builds of one commit, and the working tree differs from it: commit or stash\n{}",
        changes.join("\n")
    );
    let head = git(workspace, &["rev-parse", "HEAD"], None, logs).await?;
    Ok(head.concat())
}

/// A fresh copy of a commit's files, in which nothing is where it was, deleted with the directory.
pub(crate) async fn copy(commit: &str, workspace: &Path, logs: &Path) -> Result<(Place, TempDir)> {
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
    let prefix = format!("--prefix={}/", utf8(&place.workspace)?);
    let read = ["read-tree", commit];
    git(workspace, &read, Some(&index), logs).await?;
    let write = ["checkout-index", "--all", &prefix];
    git(workspace, &write, Some(&index), logs).await?;
    Ok((place, directory))
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

/// Runs a command of git's: what it says.
async fn git(
    workspace: &Path,
    arguments: &[&str],
    index: Option<&Path>,
    logs: &Path,
) -> Result<Vec<String>> {
    let mut git = process::command("git", Signal::SIGTERM);
    git.args(arguments).current_dir(workspace);
    if let Some(index) = index {
        git.env("GIT_INDEX_FILE", index);
    }
    let name = format!("git {}", arguments.first().unwrap_or(&""));
    let said = process::run(&name, git, &logs.join("git.log"), None).await?;
    Ok(said.lines())
}
