//! `cargo xtask deny`: cargo-deny has nothing to say about the dependencies, by `deny.toml`.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use tokio::process::Command;

const FILE: &str = "deny.toml";

/// What the commit alone decides.
const CHECKS: [&str; 3] = ["bans", "licenses", "sources"];

/// Set where a new advisory is to fail. Elsewhere it is told, and does not break an old commit.
const STRICT: &str = "CI";

pub(crate) async fn run(workspace: &Path) -> Result<bool, Box<dyn Error>> {
    let mut check = check(workspace, workspace, &CHECKS).await?;
    let is_well = check.status().await?.success();
    let advisories = advisories(workspace, &[]).await?;
    println!("{advisories}");
    let is_advised =
        matches!(advisories, Advisories::Found(_)) && std::env::var_os(STRICT).is_some();
    Ok(is_well && !is_advised)
}

/// What `RustSec`'s advisories say of the dependencies.
#[derive(Debug)]
enum Advisories {
    None,
    /// Something, in cargo-deny's words.
    Found(String),
    /// Nobody knows: the database is not to be had, for this reason.
    NotChecked(String),
}

impl fmt::Display for Advisories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("advisories: none about what the project depends on"),
            Self::Found(said) => write!(
                f,
                "{said}\nadvisories: see above. → Update the crate, or name the advisory in deny.toml with the \
                 reason why it does not matter."
            ),
            Self::NotChecked(why) => write!(
                f,
                "advisories: not checked. The database cannot be fetched: {why}\n→ Reach {DATABASE}, or name a \
                 copy: git config --global url.<copy>.insteadOf {DATABASE}"
            ),
        }
    }
}

/// Where `RustSec` keeps its advisories. A git repository: git can be told to fetch it from elsewhere.
const DATABASE: &str = "https://github.com/RustSec/advisory-db";

/// Asks the newest database that can be had.
async fn advisories(
    workspace: &Path,
    environment: &[(&str, &OsStr)],
) -> Result<Advisories, Box<dyn Error>> {
    let said = |output: Output| String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let mut fetch = cargo_deny(workspace, workspace).await?;
    fetch
        .args(["fetch", "db"])
        .envs(environment.iter().copied());
    let fetched = fetch.output().await?;
    if !fetched.status.success() {
        let said = said(fetched);
        let last = said.lines().last().unwrap_or_default();
        return Ok(Advisories::NotChecked(last.to_owned()));
    }
    let mut check = check(workspace, workspace, &["advisories"]).await?;
    let checked = check.envs(environment.iter().copied()).output().await?;
    Ok(if checked.status.success() {
        Advisories::None
    } else {
        Advisories::Found(said(checked))
    })
}

/// The check of a workspace by the rules of another.
async fn check(rules: &Path, checked: &Path, checks: &[&str]) -> Result<Command, Box<dyn Error>> {
    let mut command = cargo_deny(rules, checked).await?;
    command
        .args(["check", "--hide-inclusion-graph"])
        .args(checks);
    Ok(command)
}

/// cargo-deny, about a workspace by the rules of another.
async fn cargo_deny(rules: &Path, checked: &Path) -> Result<Command, Box<dyn Error>> {
    let target = tools::target_directory(rules);
    let progress = Arc::new(|line: &str| println!("{line}"));
    let mut command = Command::new(tools::ensure_cargo_deny(&target, progress).await?);
    command
        .arg("--manifest-path")
        .arg(checked.join("Cargo.toml"))
        .arg("--config")
        .arg(rules.join(FILE))
        .arg("--locked")
        .kill_on_drop(true);
    Ok(command)
}

#[cfg(test)]
mod tests;
