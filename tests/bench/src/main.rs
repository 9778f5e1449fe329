//! `cargo xtask bench`: what a cold start costs. Each function's release binary runs as Lambda would run it, and
//! rotates instances of the stand-ins: every request goes on to them and is counted.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks talk to whoever runs them"
)]

mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bench::{FLOOR, FUNCTIONS, PYTHON, Round, World};
use clap::Parser;
use local_cloud::cloud::Api;
use tools::Tools;
use tools::process::{OnLine, find_program};

use report::Report;

/// Measures what a cold start of each function costs, beside a function that does nothing.
///
/// Start-up, answers, memory, sizes, requests and instructions (by valgrind, if it is installed), through TLS, as
/// a table. The release builds take some minutes. Times are shown; they have no budget, as they move with the load.
#[derive(Parser, Clone, Debug)]
#[command(name = "cargo xtask bench")]
struct BenchOptions {
    /// Fails if instructions, requests, memory or a size are over their budgets.
    #[arg(long)]
    check: bool,
    /// How many rotations and lives of an instance are measured.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Measures the executables in this directory, those of another commit for example, and builds none.
    #[arg(long, value_name = "DIRECTORY")]
    executables: Option<PathBuf>,
}

/// Runs under valgrind: instructions hardly differ.
const COUNTED: u16 = 3;

#[tokio::main]
async fn main() -> ExitCode {
    let options = BenchOptions::parse();
    tools::task(run(&tools::workspace(), options)).await
}

async fn run(workspace: &Path, options: BenchOptions) -> Result<ExitCode> {
    let counted = if find_program("valgrind", &[]).is_some() {
        COUNTED
    } else {
        ensure!(
            !options.check,
            "valgrind is not installed, and --check counts instructions: apt-get install valgrind"
        );
        eprintln!("valgrind is not installed: instructions are not counted");
        0
    };
    let target = tools::target_directory(workspace);
    let executables = match &options.executables {
        Some(directory) => directory.clone(),
        None => build(workspace).await?,
    };
    let directory = target.join("bench");
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let python = python(workspace, &target).await;
    let is_compared = python.is_some();
    let world = World::start(&executables, &directory, python).await?;
    let rounds = measure(&world, options.rounds, counted, is_compared).await?;
    let report = Report::of(&rounds, &zips(&executables)?)?;
    println!("{}", report.tables());
    let excesses = report.excesses();
    for excess in &excesses {
        eprintln!("over budget: {excess}");
    }
    Ok(if options.check && !excesses.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The interpreter with boto3, and the function for it.
async fn python(workspace: &Path, target: &Path) -> Option<[PathBuf; 2]> {
    let progress: OnLine = Arc::new(|line| eprintln!("{line}"));
    match Tools::ensure(target, progress).await {
        Ok(tools) => Some([
            tools.ministack(),
            workspace.join("tests/bench/python/rotation.py"),
        ]),
        Err(error) => {
            eprintln!("not compared with Python: {error:#}");
            None
        }
    }
}

/// All rounds, by the API of the instance.
async fn measure(
    world: &World,
    rounds: u16,
    counted: u16,
    is_compared: bool,
) -> Result<Vec<(Api, Round)>> {
    let v1 = world.enrol(Api::V1).await?;
    let v3 = world.enrol(Api::V3).await?;
    let python = if is_compared {
        Some(world.enrolled_for(PYTHON, "compared", Api::V1).await?)
    } else {
        None
    };
    // Of v1 the requests alone are shown, and what is compared with Python.
    let mut all = vec![(Api::V1, world.round(Api::V1, &v1).await?)];
    for round in 0..rounds + counted {
        let under_valgrind = round >= rounds;
        eprintln!(
            "round {} of {}{}",
            round + 1,
            rounds + counted,
            if under_valgrind {
                ", under valgrind"
            } else {
                ""
            }
        );
        world.lambda.count_instructions(under_valgrind);
        all.push((Api::V3, world.round(Api::V3, &v3).await?));
        if let Some(python) = python.as_ref().filter(|_| !under_valgrind) {
            all.push((Api::V1, world.rotations(&v1, python).await?));
        }
    }
    Ok(all)
}

/// Builds the functions as they are deployed; where they are. Not together with this task: cargo unites the
/// features of what it builds at once.
async fn build(workspace: &Path) -> Result<PathBuf> {
    let mut cargo = tools::cargo(workspace);
    cargo.args(["build", "--release"]);
    for package in FUNCTIONS.iter().chain([&FLOOR]) {
        cargo.args(["--package", package]);
    }
    let status = cargo.status().await.context("cannot start cargo")?;
    ensure!(status.success(), "the functions do not build");
    // Beside this task, but for the profile.
    let this = std::env::current_exe().context("where this program is is unknown")?;
    let profiles = this.ancestors().nth(2).unwrap_or(Path::new("."));
    Ok(profiles.join("release"))
}

/// The sizes of the zips, as `cargo xtask package` makes them.
fn zips(executables: &Path) -> Result<BTreeMap<&'static str, u64>> {
    let names = FUNCTIONS.into_iter().chain([FLOOR]);
    names
        .map(|function| {
            let path = executables.join(function);
            let executable =
                std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let zip = package::archive::zip(&executable)
                .with_context(|| format!("the zip of {function} cannot be made"))?;
            Ok((function, u64::try_from(zip.len())?))
        })
        .collect()
}
