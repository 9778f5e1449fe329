//! The project's developer tasks, called as `cargo xtask`. Each is a crate of its own, which is built when it
//! is asked for: a task never waits for what another one needs.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks talk to whoever runs them"
)]

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// How a task's program comes to run.
enum Run {
    /// By `cargo run`, with these arguments before the task's own.
    Cargo(&'static str, &'static [&'static str]),
    /// By cargo's profile for the faults.
    Optimised(&'static str, &'static [&'static str]),
    /// Built with the features of the whole workspace, which it goes on building: the dependencies are built once.
    WithEverything(&'static str, &'static [&'static str]),
    /// Built together with the functions, which it finds beside itself, and further packages.
    WithFunctions(
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
    ),
}

use Run::{Cargo, Optimised, WithEverything, WithFunctions};

/// By name, with what the usage says.
const TASKS: [(&str, Run, &str); 13] = [
    (
        "demo",
        WithFunctions("demo", &["demo"], &[]),
        "Rotates three add-on instances on this machine, and shows that nobody is locked out",
    ),
    (
        "up",
        WithFunctions("demo", &["up"], &["addon-rotation-operator"]),
        "Leaves the demo's cloud running, for the AWS CLI, until Ctrl-C",
    ),
    (
        "test",
        WithEverything("checks", &["test"]),
        "What to run before a commit: unit, contract, engine and end-to-end tests",
    ),
    (
        "prove",
        WithEverything("checks", &["prove"]),
        "Everything else: each permission removed, the faults, a fleet, the packages",
    ),
    (
        "faults",
        Optimised("faults", &[]),
        "Has requests go wrong in every way, and looks whether what must hold does",
    ),
    (
        "model",
        Optimised("model", &[]),
        "Explores all interleavings of the protocol",
    ),
    (
        "bench",
        Optimised("bench", &[]),
        "Measures what a cold start of each function costs",
    ),
    (
        "fleet",
        Cargo("fleet", &[]),
        "Simulates fleets of up to 100,000 instances under the quotas",
    ),
    (
        "conformance",
        Cargo("addon-rotation-operator", &["conformance"]),
        "Checks a service of your own against the http engine's contract",
    ),
    (
        "package",
        Cargo("package", &[]),
        "Builds the functions as zips to deploy",
    ),
    (
        "infra",
        Cargo("infra", &[]),
        "Writes the Terraform module from infra/template.yaml; --check compares plan and synthesis with it",
    ),
    (
        "deny",
        Cargo("checks", &["deny"]),
        "Checks the dependencies by deny.toml",
    ),
    (
        "picture",
        WithFunctions("demo", &["picture"], &[]),
        "Plays the demo, and writes its picture for the README",
    ),
];

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let name = arguments.next().unwrap_or_default();
    let task = TASKS.iter().find(|(known, ..)| *known == name);
    let Some((_, run, _)) = task else {
        usage();
        let is_help = ["help", "--help", "-h"].iter().any(|it| *it == name);
        return if is_help {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(2)
        };
    };
    let arguments: Vec<OsString> = arguments.collect();
    match start(run, &arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() {
    println!("cargo xtask TASK [--help]\n");
    for (name, _, about) in &TASKS {
        println!("  {name:<12} {about}");
    }
}

/// Does not come back where it can become the task's process.
fn start(run: &Run, arguments: &[OsString]) -> io::Result<ExitCode> {
    let mut command = match run {
        Cargo(package, first) => {
            let mut cargo = cargo();
            cargo.args(["run", "--package", package, "--"]).args(*first);
            cargo
        }
        Optimised(package, first) => {
            let mut cargo = cargo();
            cargo.args(["run", "--profile", "faults", "--package", package, "--"]);
            cargo.args(*first);
            cargo
        }
        WithEverything(package, first) => {
            let mut build = cargo();
            build.args(["build", "--workspace", "--bin", package]);
            if !build.status()?.success() {
                return Ok(ExitCode::FAILURE);
            }
            let mut task = Command::new(beside(package)?);
            task.args(*first);
            task
        }
        WithFunctions(package, first, further) => {
            println!("1 of 4  building (from nothing it takes some minutes)");
            let mut cargo = cargo();
            cargo.args(["build", "--package", package]);
            let further = further.iter().map(|it| (*it).to_owned());
            for package in functions()?.into_iter().chain(further) {
                cargo.arg("--package").arg(package);
            }
            if !cargo.status()?.success() {
                return Ok(ExitCode::FAILURE);
            }
            let mut task = Command::new(beside(package)?);
            task.args(*first);
            task
        }
    };
    Err(command.args(arguments).exec())
}

/// Another cargo, which is not told of the crate that this one runs: it would build anew what looks at that, ring and
/// all that stands on it.
fn cargo() -> Command {
    const ABOUT_THE_CRATE: [&str; 4] = [
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
    ];
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ABOUT_THE_CRATE.iter().any(|it| text.starts_with(it)) {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// The packages under functions/.
fn functions() -> io::Result<Vec<String>> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(manifest.join("../../functions"))? {
        let entry = entry?;
        // Beside them is a page.
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let manifest = std::fs::read_to_string(entry.path().join("Cargo.toml"))?;
        let name = manifest
            .lines()
            .find_map(|line| line.strip_prefix("name = "));
        names.extend(name.map(|name| name.trim_matches('"').to_owned()));
    }
    Ok(names)
}

/// A program that cargo has built where this one is.
fn beside(package: &str) -> io::Result<PathBuf> {
    let this = env::current_exe()?;
    Ok(this.parent().unwrap_or(Path::new(".")).join(package))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_functions_are_found_beside_whatever_else_is_there() {
        let found = super::functions().unwrap();
        for name in ["rotate", "sweep"] {
            assert!(found.iter().any(|it| it == name), "{found:?}");
        }
    }
}
