//! The project's developer tasks, called as `cargo xtask`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks talk to whoever runs them"
)]

mod bench;
mod conformance;
mod demo;
mod deny;
mod drawing;
mod faults;
mod fleet;
mod package;
#[cfg(test)]
mod readme;
mod schema;
mod test;
mod up;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use local_cloud::cloud::Engine;
use tokio::process::Command;

/// The project's developer tasks.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measures what a cold start of each function costs, beside a function that does nothing.
    ///
    /// Start-up, answers, memory, size, requests and instructions (by valgrind, if it is installed), without
    /// TLS and with it, as a table and as target/bench/bench.svg. The release builds take some minutes.
    Bench(bench::BenchOptions),
    /// Rotates three add-on instances in a local cloud, and shows that nobody is locked out.
    Demo {
        /// Plain lines instead of a live view, as when the output is no terminal.
        #[arg(long)]
        plain: bool,
        /// The engine of all three instances: http, postgres, mysql, redis. Without it, some of each.
        #[arg(long, value_parser = engine)]
        engine: Option<Engine>,
    },
    /// Sets up what is missing and runs all tests.
    Test {
        /// Only tests whose names contain this.
        filter: Option<String>,
    },
    /// Builds the functions as zips to deploy, the same bytes from the same commit, with their sums.
    ///
    /// They come to target/package/, with a template that deploys them. The build is for Amazon Linux
    /// 2023, by the pinned cargo-lambda and zig, which are set up if they are missing; the same bytes
    /// also take the same version of Rust.
    Package {
        /// The processor of the functions. What is built for arm64 is not tested, and takes Rust's
        /// target aarch64-unknown-linux-gnu.
        #[arg(long, value_enum, default_value = "x86_64")]
        architecture: package::Architecture,
        /// Only this function; may be given several times.
        #[arg(long = "function", value_name = "NAME")]
        functions: Vec<String>,
        /// Builds the commit again, from a fresh copy at another path, and fails if any byte differs, or if
        /// a zip is larger than it may be.
        #[arg(long)]
        verify: bool,
    },
    /// Leaves a local cloud running, for the AWS CLI, until Ctrl-C.
    Up,
    /// Has every request of a rotation go wrong in every way, pairs of them, and random histories, and
    /// looks whether what must hold does.
    ///
    /// Without arguments everything: the protocol's model, every single fault of every engine, a sample of
    /// pairs and histories, and the functions broken on purpose. Else what the program
    /// `faults` takes: `run --histories 10000 --seed 7`, `mutants`, `replay <script>`.
    Faults {
        /// For the program `faults`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Lets fleets of 1,000 to a million add-on instances rotate, in virtual time, under the quotas of AWS and
    /// Heroku: what waits, for how long, for which quota, and what it costs.
    ///
    /// When a request is made again is decided by the library's own code. The same seed gives the same figures. Everything
    /// takes some three minutes.
    Fleet(fleet::FleetOptions),
    /// Checks a service of your own against the `http` engine's contract,
    /// infra/credential-service.openapi.yaml.
    ///
    /// It registers and revokes credentials of its own, and says what to change. The status is 0 if
    /// every rule holds, 1 if one does not, 2 if the check could not run.
    Conformance(conformance::Arguments),
    /// Checks what the project depends on by deny.toml, with the pinned cargo-deny.
    Deny,
    /// Writes the JSON Schema of the secret's document to infra/.
    Schema,
}

#[tokio::main]
async fn main() -> ExitCode {
    let task = Arguments::parse().task;
    let is_dropped = !matches!(task, Task::Conformance(_));
    let result = tokio::select! {
        result = run(task) => result,
        // Dropping what runs stops every process that it started. What another machine was told has
        // to be taken back.
        _ = tokio::signal::ctrl_c(), if is_dropped => Err("stopped by Ctrl-C".into()),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(task: Task) -> Result<ExitCode, Box<dyn Error>> {
    let workspace = workspace();
    match task {
        Task::Bench(options) => Ok(bench::run(&workspace, options).await?),
        Task::Demo { plain, engine } => Ok(demo::run(demo::DemoOptions {
            workspace,
            plain,
            engine,
        })
        .await?),
        Task::Package {
            architecture,
            functions,
            verify,
        } => Ok(package::run(package::PackageOptions {
            workspace,
            architecture,
            functions,
            verify,
        })
        .await?),
        Task::Test { filter } => Ok(test::run(&workspace, filter.as_deref()).await?),
        Task::Faults { arguments } => Ok(faults::run(&workspace, &arguments).await?),
        Task::Fleet(options) => Ok(fleet::run(&workspace, &options)?),
        Task::Conformance(arguments) => Ok(conformance::run(&arguments).await),
        Task::Deny => Ok(deny::run(&workspace).await?),
        Task::Up => Ok(up::run(workspace).await?),
        Task::Schema => Ok(schema::write(&workspace).await?),
    }
}

fn engine(name: &str) -> Result<Engine, String> {
    let found = Engine::ALL.into_iter().find(|it| it.name() == name);
    found.ok_or_else(|| {
        let names = Engine::ALL.map(Engine::name);
        format!("there is {}", names.join(", "))
    })
}

/// Cargo, in the project's root, killed if it is no longer waited for.
fn cargo(workspace: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    local_cloud::process::forget_cargo(cargo.as_std_mut());
    cargo.current_dir(workspace).kill_on_drop(true);
    cargo
}

/// The project's root.
fn workspace() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.ancestors().nth(2).map(PathBuf::from);
    root.unwrap_or(manifest)
}
