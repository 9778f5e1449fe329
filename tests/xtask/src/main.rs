//! The project's developer tasks, called as `cargo xtask`. Each is a crate of its own, which is built when it
//! is asked for: a task never waits for what another one needs.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks talk to whoever runs them"
)]

use std::env;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const USAGE: &str = "\
cargo xtask TASK [--help]

  demo         Rotates three add-on instances on this machine, and shows that nobody is locked out
  up           Leaves the demo's cloud running, for the AWS CLI, until Ctrl-C
  test         What to run before a commit: unit, contract, engine and end-to-end tests
  prove        Everything else: each permission removed, the faults, a fleet, the packages
  faults       Has requests go wrong in every way, and looks whether what must hold does
  model        Explores all interleavings of the protocol
  bench        Measures what a cold start of each function costs
  fleet        Simulates fleets of up to 100,000 instances under the quotas
  conformance  Checks a service of your own against the http engine's contract
  package      Builds the functions as zips to deploy
  infra        Writes the Terraform module from infra/template.yaml; --check compares plan and synthesis with it
  deny         Checks the dependencies by deny.toml
  picture      Plays the demo, and writes its picture for the README";

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let name = arguments.next().unwrap_or_default();
    let name = name.to_string_lossy();
    let command = match name.as_ref() {
        "demo" | "picture" => with_functions(&name, None),
        "up" => with_functions(&name, Some("addon-rotation-operator")),
        "test" | "prove" => with_everything("checks").map(|it| with(it, &name)),
        "faults" | "model" | "bench" => Ok(run(&["--profile", "faults"], &name)),
        "conformance" => Ok(with(run(&[], "addon-rotation-operator"), &name)),
        "deny" => Ok(with(run(&[], "checks"), &name)),
        "fleet" | "package" | "infra" => Ok(run(&[], &name)),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            println!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    // It does not come back where it can become the task's process.
    let error = match command {
        Ok(mut command) => command.args(arguments).exec(),
        Err(error) => error,
    };
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

fn with(mut command: Command, argument: &str) -> Command {
    command.arg(argument);
    command
}

fn run(options: &[&str], package: &str) -> Command {
    let mut cargo = cargo();
    cargo.arg("run").args(options);
    cargo.args(["--package", package, "--"]);
    cargo
}

/// Built with the features of the whole workspace, which it goes on building: the dependencies are built once.
fn with_everything(package: &str) -> io::Result<Command> {
    let mut build = cargo();
    build.args(["build", "--workspace", "--bin", package]);
    built(build, package)
}

/// The demo, built together with the functions, which it finds beside itself, and perhaps another package.
fn with_functions(task: &str, further: Option<&str>) -> io::Result<Command> {
    println!("1 of 4  building (from nothing it takes some minutes)");
    let mut build = cargo();
    build.args(["build", "--package", "demo"]);
    let further = further.map(ToOwned::to_owned);
    for package in functions()?.into_iter().chain(further) {
        build.arg("--package").arg(package);
    }
    built(build, "demo").map(|it| with(it, task))
}

fn built(mut build: Command, package: &str) -> io::Result<Command> {
    if !build.status()?.success() {
        return Err(io::Error::other("it does not build"));
    }
    Ok(Command::new(env::current_exe()?.with_file_name(package)))
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
