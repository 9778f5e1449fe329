//! `cargo xtask test`: everything, the end-to-end tests in the local cloud included.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use local_cloud::tools::{self, Tools};

/// Sets up what is missing and runs all tests, or those that `filter` names.
pub(crate) async fn run(
    workspace: &Path,
    filter: Option<&str>,
) -> Result<ExitCode, Box<dyn Error>> {
    let progress: local_cloud::process::OnLine = Arc::new(|line| println!("{line}"));
    let target = tools::target_directory(workspace);
    Tools::ensure(&target, Arc::clone(&progress)).await?;
    tools::ensure_postgres(&target, Arc::clone(&progress)).await?;
    tools::ensure_redis(&target, Arc::clone(&progress)).await?;
    tools::ensure_mariadb(&target, Arc::clone(&progress)).await?;
    tools::ensure_newer_postgres(&target, Arc::clone(&progress)).await?;
    tools::ensure_checkov(&target, progress).await?;

    if filter.is_none() && crate::deny::run(workspace).await? != ExitCode::SUCCESS {
        return Ok(ExitCode::FAILURE);
    }
    let status = crate::cargo(workspace)
        .args(["test", "--workspace", "--features", "addon-rotation/schema"])
        .args(filter)
        .args(["--", "--include-ignored"])
        .env("LOCAL_CLOUD", "1")
        .status()
        .await?;
    if !status.success() {
        return Ok(ExitCode::FAILURE);
    }
    match filter {
        None => crate::faults::run_in_tests(workspace).await,
        Some(_) => Ok(ExitCode::SUCCESS),
    }
}
