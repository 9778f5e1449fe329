//! `cargo xtask faults`: what must hold does, whatever goes wrong.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use local_cloud::tools;

/// What is run without being asked for more: every single fault, and a sample of the rest.
const SAMPLE: [&str; 5] = ["run", "--pairs", "300", "--histories", "500"];

/// What the tests run: a smaller sample.
const IN_TESTS: [&str; 5] = ["run", "--pairs", "100", "--histories", "200"];

/// What `cargo xtask test` ends with. It has made sure of the servers before.
pub(crate) async fn run_in_tests(workspace: &Path) -> Result<ExitCode, Box<dyn Error>> {
    all(workspace, &IN_TESTS).await
}

/// Runs the program `faults` with these arguments, or everything.
pub(crate) async fn run(
    workspace: &Path,
    arguments: &[String],
) -> Result<ExitCode, Box<dyn Error>> {
    let progress: local_cloud::process::OnLine = Arc::new(|line| println!("{line}"));
    let target = tools::target_directory(workspace);
    tools::ensure_postgres(&target, Arc::clone(&progress)).await?;
    tools::ensure_redis(&target, Arc::clone(&progress)).await?;
    tools::ensure_mariadb(&target, progress).await?;
    if !arguments.is_empty() {
        return program(workspace, "faults", arguments).await;
    }
    all(workspace, &SAMPLE).await
}

/// The model; every single fault of each engine, with a sample of the rest; the functions broken on purpose.
async fn all(workspace: &Path, sample: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    let sample: Vec<_> = sample.iter().map(|it| (*it).to_owned()).collect();
    for (name, arguments) in [
        ("model", &[][..]),
        ("faults", &sample),
        ("faults", &["mutants".to_owned()]),
    ] {
        let ended = program(workspace, name, arguments).await?;
        if ended != ExitCode::SUCCESS {
            return Ok(ended);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds a program of the project's, faster ones than tests are, and runs it.
async fn program(
    workspace: &Path,
    name: &str,
    arguments: &[String],
) -> Result<ExitCode, Box<dyn Error>> {
    let status = crate::cargo(workspace)
        .args(["run", "--quiet", "--profile", "faults", "--package", name])
        .arg("--")
        .args(arguments)
        .status()
        .await?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
