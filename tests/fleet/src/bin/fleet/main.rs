//! `cargo xtask fleet`: fleets of add-on instances under the quotas of AWS and Heroku, simulated.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks talk to whoever runs them"
)]

mod cases;
mod chart;
mod drawing;
mod page;
mod tables;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use fleet::{Outcome, Parameters, simulate};
use indicatif::{ProgressBar, ProgressStyle};

use self::cases::{Case, SIZES, cases};

/// Lets fleets of 1,000 to a million add-on instances rotate, in virtual time, under the quotas of AWS and
/// Heroku: what waits, for how long, for which quota, and what it costs.
///
/// When a request is made again is decided by the library's own code. The same seed gives the same figures.
/// Everything takes some three minutes.
#[derive(Parser)]
#[command(name = "cargo xtask fleet")]
struct FleetOptions {
    /// Fleets of this size only; may be given several times.
    #[arg(long = "instances", value_name = "N", conflicts_with = "write")]
    instances: Vec<u32>,
    /// What chance begins with.
    #[arg(long, default_value_t = SEED, conflicts_with = "write")]
    seed: u64,
    /// How often Secrets Manager attempts a rotation; it does not document it.
    #[arg(long, value_name = "N", conflicts_with = "write")]
    attempts: Option<u8>,
    /// From the failure of one attempt to the next, in minutes; it does not document it.
    #[arg(long, value_name = "MINUTES", conflicts_with = "write")]
    pause: Option<u32>,
    /// Has Heroku say with a 429 after how long to come back; it does not document that it does.
    #[arg(long, conflicts_with = "write")]
    retry_after: bool,
    /// Writes infra/fleet.md and infra/fleet.svg anew.
    #[arg(long)]
    write: bool,
}

/// The page's.
const SEED: u64 = 1;

/// A fleet, and what became of it.
struct Result {
    case: Case,
    outcome: Outcome,
}

fn main() -> ExitCode {
    let options = FleetOptions::parse();
    run(&workspace(), &options).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

/// The checkout that cargo runs this in, wherever it was when this was built.
fn workspace() -> PathBuf {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    package.join("../..")
}

fn run(workspace: &Path, options: &FleetOptions) -> std::result::Result<ExitCode, Box<dyn Error>> {
    let mut parameters = Parameters::documented();
    parameters.quotas.heroku_retry_after = options.retry_after;
    if let Some(attempts) = options.attempts {
        parameters.rotation.attempts = attempts.max(1);
    }
    if let Some(minutes) = options.pause {
        parameters.rotation.pause = u64::from(minutes) * fleet::MINUTE;
    }
    let sizes = if options.instances.is_empty() {
        &SIZES[..]
    } else {
        &options.instances
    };
    let results = simulated(sizes, &parameters, options.seed);
    if options.write {
        let infra = workspace.join("infra");
        std::fs::write(infra.join("fleet.md"), page::page(&results, &parameters))?;
        let chart = chart::draw(&results).to_string();
        std::fs::write(infra.join("fleet.svg"), chart + "\n")?;
        println!("infra/fleet.md and infra/fleet.svg are written");
    } else {
        println!("{}", tables::terminal(&results));
        for line in tables::given(&parameters) {
            println!("{line}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// All cases of these sizes, one after the other, with the progress on standard error.
fn simulated(sizes: &[u32], parameters: &Parameters, seed: u64) -> Vec<Result> {
    let cases: Vec<Case> = sizes.iter().flat_map(|size| cases(*size)).collect();
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
    let bar = ProgressBar::new(0);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    let mut results = Vec::with_capacity(cases.len());
    for case in cases {
        bar.set_length(case.fleet.instances.into());
        bar.set_message(case.describe());
        let started = Instant::now();
        let outcome = simulate(&case.fleet, parameters, seed, &mut |progress| {
            bar.set_position(progress.ended);
        });
        // Where standard error is no terminal there is no bar.
        if bar.is_hidden() && case.fleet.instances >= 100_000 {
            eprintln!("{}: {:.1?}", case.describe(), started.elapsed());
        }
        results.push(Result { case, outcome });
    }
    bar.finish_and_clear();
    results
}
