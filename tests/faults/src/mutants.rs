//! The test of the tests: the functions are broken in one place, in a copy of the project, and the
//! runs must show it, by the rule that is broken.

mod table;
mod weave;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use faults::Problem;
use faults::violation::Rule;
use serde::Deserialize;
use tools::target_directory;

use table::mutants;
use weave::{BROKEN, Change, weave};

struct Mutant {
    name: &'static str,
    /// Files, texts that each have once, and what is there instead.
    changes: Vec<(&'static str, String, String)>,
    runs: Runs,
    breaks: Rule,
}

#[derive(Clone, Copy)]
enum Runs {
    /// One fault each.
    Single,
    Histories,
    /// The library's tests whose names contain this: what only an adversary would do.
    Tests(&'static str),
}

impl Runs {
    fn filter(self) -> Option<&'static str> {
        match self {
            Self::Single | Self::Histories => None,
            Self::Tests(filter) => Some(filter),
        }
    }
}

const HISTORIES: &str = "1500";

const SET_UPS: &str = "40";

/// What the copy has of the project.
const PARTS: [&str; 8] = [
    ".cargo",
    "Cargo.toml",
    "Cargo.lock",
    "SECURITY.md",
    "functions",
    "infra",
    "shared",
    "tests",
];

/// The program's name in the copy: both are built into the same directory.
const PROGRAM: &str = "faults-mutant";

#[derive(Deserialize)]
struct Found {
    failures: Vec<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    violations: Vec<Violation>,
}

#[derive(Deserialize)]
struct Violation {
    rule: Rule,
}

/// Breaks the functions in every way of the table, one at a time; whether each was seen.
pub(crate) fn run(only: Option<&str>, no_tests: bool) -> Result<bool, Problem> {
    let workspace = tools::workspace();
    let target = target_directory(&workspace.canonicalize()?);
    let copy = target.join("faults/mutants");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    for part in PARTS {
        copy_all(&workspace.join(part), &copy.join(part))?;
    }
    for (file, text) in woven(&workspace)? {
        fs::write(copy.join(file), text)?;
    }
    rename_program(&copy)?;
    set_apart(&copy)?;
    let is_meant = |mutant: &&Mutant| {
        let is_left_out = no_tests && matches!(mutant.runs, Runs::Tests(_));
        !is_left_out && only.is_none_or(|only| mutant.name.contains(only))
    };
    let broken = Broken { copy, target };
    let mutants = mutants()?;
    let (by_tests, by_runs): (Vec<_>, Vec<_>) = mutants
        .iter()
        .filter(is_meant)
        .partition(|mutant| matches!(mutant.runs, Runs::Tests(_)));
    let mut all_caught = true;
    let verdict = |mutant: &Mutant, caught: bool| {
        let verdict = if caught { "caught" } else { "NOT CAUGHT" };
        eprintln!("{verdict}: {} ({:?})", mutant.name, mutant.breaks);
        caught
    };
    if !by_tests.is_empty() {
        broken.build_tests(&by_tests)?;
    }
    for mutant in by_tests {
        // One whose tests are gone is not caught, and no reason to leave out the others.
        let caught = broken.fails(mutant).unwrap_or_else(|error| {
            eprintln!("{error}");
            false
        });
        all_caught &= verdict(mutant, caught);
    }
    if !by_runs.is_empty() {
        broken.build_program()?;
    }
    for mutant in by_runs {
        all_caught &= verdict(mutant, broken.violates(mutant)?);
    }
    Ok(all_caught)
}

/// Each file that a mutant changes, with all its breaks.
fn woven(workspace: &Path) -> Result<BTreeMap<&'static str, String>, Problem> {
    let mutants = mutants()?;
    let mut changes: BTreeMap<&'static str, Vec<Change>> = BTreeMap::new();
    for mutant in &mutants {
        for (file, from, to) in &mutant.changes {
            let name = mutant.name;
            let change = Change { name, from, to };
            changes.entry(file).or_default().push(change);
        }
    }
    let woven = |(file, changes): (&'static str, Vec<Change>)| {
        let source = fs::read_to_string(workspace.join(file))?;
        let woven = weave(&source, &changes).map_err(|error| format!("{file}: {error}"))?;
        Ok((file, woven))
    };
    changes.into_iter().map(woven).collect()
}

struct Broken {
    copy: PathBuf,
    target: PathBuf,
}

impl Broken {
    /// The library's tests. Those that are to fail pass while nothing is broken, or their failure would say nothing.
    fn build_tests(&self, mutants: &[&Mutant]) -> Result<(), Problem> {
        expect_success(&self.tests().arg("--no-run").output()?)?;
        let filters = mutants.iter().filter_map(|mutant| mutant.runs.filter());
        let mut whole = self.tests();
        whole.args(["--", "--include-ignored"]).args(filters);
        expect_success(&whole.output()?)
    }

    fn tests(&self) -> Command {
        let mut command = cargo();
        command
            .args(["test", "--quiet", "--package", "addon-rotation"])
            .args(["--lib", "--test", "library", "--no-fail-fast"])
            .current_dir(&self.copy)
            .env("PROBE_SETUPS", SET_UPS)
            .env("CARGO_TARGET_DIR", &self.target);
        command
    }

    fn fails(&self, mutant: &Mutant) -> Result<bool, Problem> {
        let filter = mutant.runs.filter().unwrap_or_default();
        let mut tests = self.tests();
        tests.args(["--", "--include-ignored", filter]);
        let run = tests.env(BROKEN, mutant.name).output()?;
        let said = String::from_utf8_lossy(&run.stdout);
        if !said.contains("passed; ") || said.matches("0 passed; 0 failed").count() > 1 {
            return Err(format!("no test is called {filter}").into());
        }
        Ok(!run.status.success())
    }

    fn build_program(&self) -> Result<(), Problem> {
        let mut build = cargo();
        build
            .args(["build", "--quiet", "--profile", "faults"])
            .args(["--package", "faults", "--bin", PROGRAM])
            .current_dir(&self.copy)
            .env("CARGO_TARGET_DIR", &self.target);
        expect_success(&build.output()?)
    }

    fn violates(&self, mutant: &Mutant) -> Result<bool, Problem> {
        let own = self.copy.join("target");
        let histories: &[&str] = match mutant.runs {
            Runs::Histories => &["--no-single", "--histories", HISTORIES],
            Runs::Single | Runs::Tests(_) => &[],
        };
        Command::new(program(&self.target)?)
            .args(["run", "--engine", "http", "--until-violation"])
            .args(histories)
            .env("CARGO_TARGET_DIR", &own)
            .env(BROKEN, mutant.name)
            .stderr(Stdio::null())
            .status()?;
        let report = fs::read(own.join("faults/report.json"))?;
        let found: Found = serde_json::from_slice(&report)?;
        let mut violations = found
            .failures
            .iter()
            .flat_map(|failure| &failure.violations);
        Ok(violations.any(|violation| violation.rule == mutant.breaks))
    }
}

fn expect_success(output: &Output) -> Result<(), Problem> {
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8_lossy(&output.stdout);
    Err(format!("with nothing broken: {errors}{said}").into())
}

fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    tools::process::forget_cargo(&mut command);
    command
}

/// Where cargo put the mutant's program: beside this one.
fn program(target: &Path) -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let directory = own.parent().unwrap_or(target);
    Ok(directory.join(PROGRAM))
}

/// Gives the copy's packages another version: built into the same directory, they would pass for the project's own.
fn set_apart(copy: &Path) -> io::Result<()> {
    let manifest = copy.join("Cargo.toml");
    let text = fs::read_to_string(&manifest)?;
    fs::write(
        manifest,
        text.replacen("\nversion = \"", "\nversion = \"0.0.0-broken.", 1),
    )
}

fn rename_program(copy: &Path) -> io::Result<()> {
    let manifest = copy.join("tests/faults/Cargo.toml");
    let text = fs::read_to_string(&manifest)?;
    let text = text.replacen("[package]\n", "[package]\nautobins = false\n", 1);
    let program = format!("\n[[bin]]\nname = \"{PROGRAM}\"\npath = \"src/main.rs\"\n");
    fs::write(manifest, text + &program)
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::woven;

    /// A mutant whose text is gone proves nothing, and is found here instead of an hour later.
    #[test]
    fn each_mutant_changes_what_is_there_once() {
        let woven = woven(&tools::workspace());
        assert!(woven.is_ok(), "{}", woven.unwrap_err());
    }
}
