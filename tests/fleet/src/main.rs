//! `cargo xtask fleet`: fleets of add-on instances under the quotas of AWS and Heroku, simulated request by request
//! and in virtual time.
//!
//! What waits, and for how long, is decided by the library's own code ([`policy`]); what is asked, in which
//! order, is what the library's tests count ([`calls`]). Quotas, durations and what is assumed are
//! [`parameters`]. The same scenario, parameters and seed give the same figures.
//!
//! It leaves out whatever goes wrong but for quotas, the sweep, the quotas' own slack (a bucket holds a second's
//! worth), and what Secrets Manager, Scheduler and Lambda do not document.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks talk to whoever runs them"
)]

mod calls;
mod cases;
mod outcome;
mod page;
mod parameters;
mod policy;
mod prices;
mod scenario;
mod simulation;
mod tables;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;

use self::cases::{Case, SIZES, cases, going_on};
use self::outcome::Outcome;
use self::parameters::Parameters;
use self::simulation::simulate;

/// Virtual time, in microseconds since the simulation's start.
pub(crate) type Time = u64;

pub(crate) const MILLISECOND: Time = 1_000;
pub(crate) const SECOND: Time = 1_000 * MILLISECOND;
pub(crate) const MINUTE: Time = 60 * SECOND;
pub(crate) const HOUR: Time = 60 * MINUTE;
pub(crate) const DAY: Time = 24 * HOUR;

/// A count as a number that can be divided: what is counted here is far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// So many microseconds, rounded; at most some 500,000 years.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "negative is none, and what is larger saturates"
)]
pub(crate) fn microseconds(number: f64) -> Time {
    number.round() as Time
}

/// Lets fleets of 1,000 to 100,000 add-on instances rotate, in virtual time, under the quotas of AWS and
/// Heroku: what waits, for how long, for which quota, and what it costs.
///
/// When a request is made again is decided by the library's own code. The same seed gives the same figures.
/// Everything takes some seconds.
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
    /// Writes infra/fleet.md anew.
    #[arg(long)]
    write: bool,
}

const SEED: u64 = 1;

struct Simulated {
    case: Case,
    outcome: Outcome,
}

fn main() -> ExitCode {
    let options = FleetOptions::parse();
    run(&workspace(), &options).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// The checkout that cargo runs this in, wherever it was when this was built.
fn workspace() -> PathBuf {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    package.join("../..")
}

fn run(workspace: &Path, options: &FleetOptions) -> Result<ExitCode> {
    let mut parameters = Parameters::documented();
    if let Some(attempts) = options.attempts {
        parameters.attempts = attempts.max(1);
    }
    if let Some(minutes) = options.pause {
        parameters.pause = u64::from(minutes) * crate::MINUTE;
    }
    let sizes = if options.instances.is_empty() {
        &SIZES[..]
    } else {
        &options.instances
    };
    let mut results = simulated(
        sizes.iter().copied().flat_map(cases),
        &parameters,
        options.seed,
    );
    if options.instances.is_empty() {
        results.extend(simulated_on(&parameters, options.seed));
    }
    let text = page::page(&results, &parameters);
    if options.write {
        let page = workspace.join("infra/fleet.md");
        std::fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))?;
        println!("infra/fleet.md is written");
    } else {
        println!("{text}");
    }
    Ok(ExitCode::SUCCESS)
}

fn simulated(
    cases: impl Iterator<Item = Case>,
    parameters: &Parameters,
    seed: u64,
) -> Vec<Simulated> {
    cases
        .map(|case| {
            eprintln!("{}", case.describe());
            let outcome = simulate(&case.fleet, parameters, seed);
            Simulated { case, outcome }
        })
        .collect()
}

fn simulated_on(parameters: &Parameters, seed: u64) -> Vec<Simulated> {
    let mut parameters = parameters.clone();
    parameters.attempts = u8::MAX;
    simulated(going_on(), &parameters, seed)
}
