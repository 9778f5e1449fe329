//! `cargo xtask faults`: faults at every request, pairs of them, and random histories.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test runner talks to whoever runs it"
)]

mod arguments;
mod mutants;
mod plans;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use addon_rotation::telemetry;
use clap::Parser as _;
use faults::engine::Servers;
use faults::report::Report;
use faults::runner::{Job, run_all};
use faults::{Problem, output};
use tokio::runtime;

use arguments::{Arguments, Task};

fn main() -> Result<ExitCode, Problem> {
    let arguments = Arguments::parse();
    if let Task::Mutants { only, no_tests } = &arguments.task {
        let caught = mutants::run(only.as_deref(), *no_tests)?;
        return Ok(ExitCode::from(u8::from(!caught)));
    }
    let directory = Arguments::directory();
    let file = directory.join("functions.log");
    let Some(output) = output::file() else {
        return Ok(output::run_again(&file)?);
    };
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    telemetry::init();
    let began = Instant::now();
    // The servers outlive the runs, each of which has a runtime of its own.
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let engines = arguments.engines();
    let servers = Arc::new(runtime.block_on(Servers::start(&engines))?);
    let mut harness = Harness {
        servers,
        report: Report::default(),
        until_violation: arguments.until_violation,
        scripts: directory.join("scripts"),
    };
    match &arguments.task {
        Task::Run(plan) => {
            if harness.scripts.exists() {
                fs::remove_dir_all(&harness.scripts)?;
            }
            plans::run(&mut harness, &engines, plan)?;
        }
        // Done above: it runs this program, built anew.
        Task::Mutants { .. } => {}
        Task::Replay { script } => {
            let job: Job = serde_json::from_reader(File::open(script)?)?;
            harness.run("replay", vec![("replay".to_owned(), job)])?;
        }
    }
    let (found, lines) = output::search(&output, harness.report.secrets())?;
    eprintln!("\n{}", harness.report.table());
    eprintln!("{lines} lines of logs and metrics, in which {found} secret values were found");
    let report = serde_json::to_vec_pretty(&harness.report)?;
    fs::write(directory.join("report.json"), report)?;
    let clean = harness.report.is_clean() && found == 0;
    eprintln!(
        "{} runs in {} s, {}",
        harness.report.runs(),
        began.elapsed().as_secs(),
        if clean {
            "no violation"
        } else {
            "violations: see above"
        }
    );
    Ok(ExitCode::from(u8::from(!clean)))
}

/// What runs jobs, shows how far they are, and keeps what came of them.
struct Harness {
    servers: Arc<Servers>,
    report: Report,
    until_violation: bool,
    scripts: PathBuf,
}

impl Harness {
    /// Runs jobs, each for a row of the report. The places of those that went wrong.
    fn run(&mut self, what: &str, jobs: Vec<(String, Job)>) -> Result<Vec<usize>, Problem> {
        let (rows, jobs): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
        let (report, scripts) = (&mut self.report, self.scripts.as_path());
        let (mut problem, mut failed) = (None, Vec::new());
        let until_violation = self.until_violation;
        let (mut done, all) = (0, rows.len());
        run_all(jobs, &self.servers, |index, job, outcome| {
            done += 1;
            if (done * 10 / all) > ((done - 1) * 10 / all) {
                eprintln!("{what}: {done} of {all}");
            }
            match report.add(&rows[index], &job, outcome, scripts) {
                Ok(None) => true,
                Ok(Some(failure)) => {
                    for violation in &failure.violations {
                        eprintln!("{}: {violation}", rows[index]);
                    }
                    eprintln!("  replay: {}", failure.script.display());
                    failed.push(index);
                    !until_violation
                }
                Err(error) => {
                    problem = Some(error);
                    true
                }
            }
        })?;
        problem.map_or(Ok(failed), |error| Err(error.into()))
    }

    /// Whether a violation was found, and no more is to be.
    fn is_done(&self) -> bool {
        self.until_violation && !self.report.is_clean()
    }
}
