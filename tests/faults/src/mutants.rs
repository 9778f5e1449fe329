//! The test of the tests: the functions are broken in one place, in a copy of the project, and the
//! runs must show it, by the rule that is broken.

mod table;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use faults::Problem;
use faults::violation::Rule;
use local_cloud::tools::target_directory;
use serde::Deserialize;

use table::mutants;

/// A place where the functions are broken.
struct Mutant {
    /// What is wrong with them.
    name: &'static str,
    /// Files, texts that each have once, and what is there instead.
    changes: &'static [(&'static str, &'static str, &'static str)],
    /// The runs that must show it.
    runs: Runs,
    /// What does not hold.
    breaks: Rule,
}

/// Which runs.
#[derive(Clone, Copy)]
enum Runs {
    /// One fault each.
    Single,
    /// Histories.
    Histories,
    /// The library's tests whose names contain this: what only an adversary would do.
    Tests(&'static str),
}

/// So many histories are told before a mutant counts as not caught.
const HISTORIES: &str = "1500";

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

/// Breaks the functions in every way of the table; whether each was seen.
pub(crate) fn run(only: Option<&str>, no_tests: bool) -> Result<bool, Problem> {
    let workspace = local_cloud::tools::workspace();
    let target = target_directory(&workspace.canonicalize()?);
    let copy = target.join("faults/mutants");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    for part in PARTS {
        copy_all(&workspace.join(part), &copy.join(part))?;
    }
    rename_program(&copy)?;
    let mut all_caught = true;
    for mutant in mutants() {
        let is_left_out = no_tests && matches!(mutant.runs, Runs::Tests(_));
        if is_left_out || only.is_some_and(|only| !mutant.name.contains(only)) {
            continue;
        }
        let originals = mutant.apply(&copy)?;
        let caught = mutant.is_caught(&copy, &target);
        for (path, text) in originals {
            fs::write(path, text)?;
        }
        let caught = caught?;
        all_caught &= caught;
        let verdict = if caught { "caught" } else { "NOT CAUGHT" };
        eprintln!("{verdict}: {} ({})", mutant.name, mutant.breaks.name());
    }
    Ok(all_caught)
}

impl Mutant {
    /// Changes the copy; the files as they were.
    fn apply(&self, copy: &Path) -> Result<Vec<(PathBuf, String)>, Problem> {
        let mut originals: Vec<(PathBuf, String)> = Vec::new();
        for (file, from, to) in self.changes {
            let path = copy.join(file);
            let text = fs::read_to_string(&path)?;
            if text.matches(from).count() != 1 {
                let name = self.name;
                let problem = format!("mutant \"{name}\": {file} has not once the text:\n{from}");
                return Err(problem.into());
            }
            fs::write(&path, text.replace(from, to))?;
            if !originals.iter().any(|(known, _)| *known == path) {
                originals.push((path, text));
            }
        }
        Ok(originals)
    }

    fn is_caught(&self, copy: &Path, target: &Path) -> Result<bool, Problem> {
        match self.runs {
            Runs::Tests(filter) => self.fails(filter, copy, target),
            Runs::Single => self.violates(&["run"], copy, target),
            Runs::Histories => {
                let arguments = ["run", "--no-single", "--histories", HISTORIES];
                self.violates(&arguments, copy, target)
            }
        }
    }

    /// Whether a test of the library fails.
    fn fails(&self, filter: &str, copy: &Path, target: &Path) -> Result<bool, Problem> {
        let tests = |more: &[&str]| {
            let mut command = cargo();
            command
                .args(["test", "--quiet", "--package", "addon-rotation"])
                .args(["--lib", "--test", "library", "--no-fail-fast"])
                .args(more)
                .current_dir(copy)
                .env("CARGO_TARGET_DIR", target);
            command.output()
        };
        self.expect_built(&tests(&["--no-run"])?)?;
        let run = tests(&[filter, "--", "--include-ignored"])?;
        let said = String::from_utf8_lossy(&run.stdout);
        if !said.contains("passed; ") || said.matches("0 passed; 0 failed").count() > 1 {
            return Err(format!("no test is called {filter}").into());
        }
        Ok(!run.status.success())
    }

    fn expect_built(&self, built: &Output) -> Result<(), Problem> {
        if built.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&built.stderr);
        Err(format!("mutant \"{}\" cannot be built: {said}", self.name).into())
    }

    /// Whether the runs find the rule broken.
    fn violates(&self, arguments: &[&str], copy: &Path, target: &Path) -> Result<bool, Problem> {
        let built = cargo()
            .args(["build", "--quiet", "--profile", "faults"])
            .args(["--package", "faults", "--bin", PROGRAM])
            .current_dir(copy)
            .env("CARGO_TARGET_DIR", target)
            .output()?;
        self.expect_built(&built)?;
        let own = copy.join("target");
        Command::new(program(target)?)
            .args(arguments)
            .args(["--engine", "http", "--until-violation"])
            .env("CARGO_TARGET_DIR", &own)
            .stderr(Stdio::null())
            .status()?;
        let report = fs::read(own.join("faults/report.json"))?;
        let found: Found = serde_json::from_slice(&report)?;
        let mut violations = found
            .failures
            .iter()
            .flat_map(|failure| &failure.violations);
        Ok(violations.any(|violation| violation.rule == self.breaks))
    }
}

fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    local_cloud::process::forget_cargo(&mut command);
    command
}

/// Where cargo put the mutant's program: beside this one.
fn program(target: &Path) -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let directory = own.parent().unwrap_or(target);
    Ok(directory.join(PROGRAM))
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
    use super::{fs, mutants};

    /// A mutant whose text is gone proves nothing, and is found here instead of an hour later.
    #[test]
    fn each_mutant_changes_what_is_there_once() {
        let workspace = local_cloud::tools::workspace();
        let mut wrong = Vec::new();
        for mutant in mutants() {
            for (file, from, to) in mutant.changes {
                let text = fs::read_to_string(workspace.join(file)).unwrap_or_default();
                if text.matches(from).count() != 1 || from == to {
                    wrong.push(format!("{}: {file}: {from}", mutant.name));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
