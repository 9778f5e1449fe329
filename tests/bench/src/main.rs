//! `cargo xtask bench`: what a cold start costs. Each function's release binary runs as Lambda would
//! run it, against stand-ins that answer at once: a rotation is recorded, then its answers are played.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks talk to whoever runs them"
)]

mod budget;
mod callgrind;
mod figures;
mod front;
mod lambda;
mod machine;
mod measure;
mod processors;
mod report;
mod sandbox;
mod tape;
mod world;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use local_cloud::certificates::CertificateError;
use local_cloud::credential_service::CredentialServiceError;
use local_cloud::gateway::GatewayError;
use local_cloud::heroku::HerokuError;
use local_cloud::tools;

/// Measures what a cold start of each function costs, beside a function that does nothing.
///
/// Start-up, answers, memory, size, requests and instructions (by valgrind, if it is installed), without
/// TLS and with it, as a table. The release builds take some minutes.
#[derive(Parser, Clone, Debug)]
#[command(name = "cargo xtask bench")]
pub(crate) struct BenchOptions {
    /// JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Fails if something is over its budget.
    #[arg(long)]
    check: bool,
    /// Cold starts of each function, without TLS and with it; at least 20.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u16).range(20..))]
    rounds: u16,
    /// How much later than its request each answer comes, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency: u16,
    /// Measures the executables in this directory, those of another commit for example, and builds none.
    #[arg(long, value_name = "DIRECTORY")]
    executables: Option<PathBuf>,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// Cargo cannot be started.
    #[error("cannot start cargo: {0}")]
    Cargo(io::Error),
    /// A file cannot be used.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The functions' processor cannot be set aside.
    #[error("no processor can be set aside for the functions: {0}")]
    Processor(#[from] nix::errno::Errno),
    /// The addresses of AWS, Heroku and the service cannot be served.
    #[error("cannot listen in front of the stand-ins: {0}")]
    Front(io::Error),
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    /// No certificate can be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Heroku's stand-in.
    #[error(transparent)]
    Heroku(#[from] HerokuError),
    /// The service's stand-in.
    #[error(transparent)]
    Service(#[from] CredentialServiceError),
    /// The functions' variables.
    #[error(transparent)]
    Template(#[from] local_cloud::lambda::TemplateError),
    /// AWS's stand-in.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// A function cannot be started or ended.
    #[error("{function} cannot be run: {source}")]
    Start {
        /// The function.
        function: String,
        /// The system's error.
        source: io::Error,
    },
    /// A function ended or does not go on.
    #[error("{function} ended or says nothing; see {log}")]
    Silent {
        /// The function.
        function: String,
        /// Its output.
        log: PathBuf,
    },
    /// A function said something else than was its turn.
    #[error("{function} said {call} out of turn; see {log}")]
    Unexpected {
        /// The function.
        function: String,
        /// What it said.
        call: String,
        /// Its output.
        log: PathBuf,
    },
    /// The kernel does not tell.
    #[error("the kernel does not say how much memory was resident (VmHWM)")]
    NoPeakMemory,
    /// There is no rotation to measure.
    #[error("the rotation that is to be measured fails: {0}")]
    Recording(String),
    /// A function does something else than when it was recorded.
    #[error("{function} does not do again what was recorded: {}", .differences.join("; "))]
    Different {
        /// The function.
        function: String,
        /// In what it differs.
        differences: Vec<String>,
    },
    /// Nothing was measured.
    #[error("{0} was not measured")]
    NotMeasured(String),
    /// A zip cannot be made.
    #[error("the zip of {function} cannot be made: {source}")]
    Zip {
        /// The function.
        function: String,
        /// Why not.
        source: zip::result::ZipError,
    },
    /// valgrind's report is not as expected.
    #[error("{} has no total of instructions", .0.display())]
    Callgrind(PathBuf),
    /// The report cannot be written.
    #[error("the report cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl BenchError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}

/// The functions, in the order in which a rotation, what follows, and an instance's life call them.
const FUNCTIONS: [&str; 10] = [
    "rotate",
    "create-secret",
    "publish-to-heroku",
    "test-secret",
    "finish-secret",
    "revoke-secret",
    "sweep",
    "enroll-addon",
    "start-rotation",
    "deprovision-addon",
];

/// What a function is compared with.
const FLOOR: &str = "floor";

#[tokio::main]
async fn main() -> ExitCode {
    let options = BenchOptions::parse();
    tools::task(run(&tools::workspace(), options)).await
}

/// Measures, or has a release build of this task do it: a slow host would be measured as well.
async fn run(workspace: &Path, options: BenchOptions) -> Result<ExitCode, BenchError> {
    if cfg!(debug_assertions) {
        let mut cargo = tools::cargo(workspace);
        cargo.args(["run", "--release", "--package", "bench", "--"]);
        cargo.args(std::env::args_os().skip(1));
        return exit_code(&mut cargo).await;
    }
    let executables = match &options.executables {
        Some(directory) => directory.clone(),
        None => match build(workspace).await? {
            Some(directory) => directory,
            None => return Ok(ExitCode::FAILURE),
        },
    };
    let directory = tools::target_directory(workspace).join("bench");
    std::fs::create_dir_all(&directory).map_err(BenchError::file(&directory))?;

    let report = measure::measure(&executables, &directory, &options).await?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", report::table::tables(&report));
    }
    let excesses = budget::excesses(&report);
    for excess in &excesses {
        eprintln!("over budget: {excess}");
    }
    Ok(if options.check && !excesses.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Builds the functions as they are deployed; where they are, or nothing if that fails. Not together
/// with this task: cargo unites the features of what it builds at once.
async fn build(workspace: &Path) -> Result<Option<PathBuf>, BenchError> {
    let mut cargo = tools::cargo(workspace);
    cargo.args(["build", "--release"]);
    for package in FUNCTIONS.iter().chain([&FLOOR]) {
        cargo.args(["--package", package]);
    }
    if exit_code(&mut cargo).await? != ExitCode::SUCCESS {
        return Ok(None);
    }
    // Beside this task, which is built alike.
    let this = std::env::current_exe().map_err(BenchError::Cargo)?;
    Ok(this.parent().map(Path::to_owned))
}

async fn exit_code(cargo: &mut tokio::process::Command) -> Result<ExitCode, BenchError> {
    let status = cargo.status().await.map_err(BenchError::Cargo)?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
