//! `cargo xtask deny`: cargo-deny has nothing to say about the dependencies, by `deny.toml`.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use local_cloud::tools;
use tokio::process::Command;

const FILE: &str = "deny.toml";

/// All but the advisories: their database comes from GitHub, and a new one must not break an old commit.
const CHECKS: [&str; 3] = ["bans", "licenses", "sources"];

/// Checks the dependencies of the workspace.
pub(crate) async fn run(workspace: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let mut check = check(workspace, workspace, &CHECKS).await?;
    Ok(if check.status().await?.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The check of a workspace by the rules of another.
async fn check(
    rules: &Path,
    checked: &Path,
    checks: &[&str],
) -> Result<Command, tools::ToolsError> {
    let target = tools::target_directory(rules);
    let progress = Arc::new(|line: &str| println!("{line}"));
    let mut command = Command::new(tools::ensure_cargo_deny(&target, progress).await?);
    command
        .arg("--manifest-path")
        .arg(checked.join("Cargo.toml"))
        .arg("--config")
        .arg(rules.join(FILE))
        .args(["--locked", "check", "--hide-inclusion-graph"])
        .args(checks)
        .kill_on_drop(true);
    Ok(command)
}

#[cfg(test)]
mod tests;
