//! The test programs that cargo has built, several at once: cargo itself runs one after the other, each of which leaves the
//! processors idle while it waits for its last tests.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::process::Command;
use tokio::task::JoinSet;
use tools::process;

/// So many programs run at once, however few processors there are: they wait for servers as well.
const PROGRAMS: usize = 3;

/// The program that takes longest, since it waits most.
const LONGEST: &str = "end_to_end";

const NICE: &str = "10";

pub(super) const TESTS: &str = "8";

/// How often somebody who waits is told what runs.
const STILL: Duration = Duration::from_secs(30);

/// How much of a failed program's output is shown, in lines.
const SHOWN: usize = 200;

pub(super) struct Program {
    pub(super) name: String,
    pub(super) command: Command,
}

/// Builds the tests of the whole workspace, or cargo would unite other features and build everything again. The programs
/// whose tests `is_chosen`, by the target's name.
pub(super) async fn build(
    workspace: &Path,
    is_chosen: impl Fn(&str) -> bool,
) -> anyhow::Result<Vec<Program>> {
    let mut cargo = tools::cargo(workspace);
    cargo
        .args(["test", "--workspace", "--no-run"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit());
    let output = cargo.output().await.context("cargo test --no-run")?;
    if !output.status.success() {
        bail!("the tests do not compile");
    }
    let mut programs = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).context("what cargo says")?;
        let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
        let (Some(executable), Some(name), Some(manifest), Some(true)) = (
            text("/executable"),
            text("/target/name"),
            text("/manifest_path"),
            message.pointer("/profile/test").and_then(Value::as_bool),
        ) else {
            continue;
        };
        let directory = Path::new(manifest).parent().unwrap_or(workspace);
        let package = directory.file_name().unwrap_or_default().to_string_lossy();
        if !is_chosen(name) {
            continue;
        }
        let mut command = if name == LONGEST {
            process::command(executable, Signal::SIGTERM)
        } else {
            nice(Path::new(executable))
        };
        command
            .arg("--include-ignored")
            .env("RUST_TEST_THREADS", TESTS)
            .env("CARGO_MANIFEST_DIR", directory)
            .current_dir(directory);
        // A crate may have a library and a program of its name.
        let kind = match text("/target/kind/0") {
            Some("bin") => "-bin",
            _ => "",
        };
        let name = if name.replace('_', "-") == package {
            format!("{package}{kind}")
        } else {
            format!("{package}-{name}{kind}")
        };
        programs.push(Program { name, command });
    }
    Ok(programs)
}

/// A program that gives way to [`LONGEST`], with the servers that it starts.
pub(super) fn nice(program: &Path) -> Command {
    let mut command = process::command("nice", Signal::SIGTERM);
    command.args(["-n", NICE]).arg(program);
    command
}

/// Runs them, in this order. Says how each ended; whether all succeeded.
pub(super) async fn run(programs: Vec<Program>, logs: &Path) -> anyhow::Result<bool> {
    std::fs::create_dir_all(logs)?;
    let count = programs.len();
    let mut waiting = programs.into_iter();
    let mut running: JoinSet<(String, PathBuf, bool)> = JoinSet::new();
    let mut names: Vec<(String, Instant)> = Vec::new();
    let (mut ended, mut all_good) = (0, true);
    loop {
        while running.len() < PROGRAMS
            && let Some(Program { name, command }) = waiting.next()
        {
            let log = logs.join(format!("{name}.log"));
            names.push((name.clone(), Instant::now()));
            running.spawn(async move {
                let done = process::run(&name, command, &log, None).await;
                (name, log, done.is_ok())
            });
        }
        let Ok(next) = tokio::time::timeout(STILL, running.join_next()).await else {
            let names: Vec<_> = names
                .iter()
                .map(|(name, since)| format!("{name} ({} s)", since.elapsed().as_secs()))
                .collect();
            println!("  {ended} of {count} ended; running: {}", names.join(", "));
            continue;
        };
        let Some(next) = next else {
            return Ok(all_good);
        };
        let (name, log, is_good) = next.context("a test program's task")?;
        ended += 1;
        all_good &= is_good;
        let seconds = names
            .iter()
            .position(|(running, _)| *running == name)
            .map_or(0, |index| names.remove(index).1.elapsed().as_secs());
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        if is_good {
            println!("  {name}: {}, {seconds} s", passed(&said));
        } else {
            println!(
                "  {name}: FAILED after {seconds} s; all that it said: {}\n{}",
                log.display(),
                failure(&said)
            );
        }
    }
}

/// What a program says of its tests, all its runs together.
fn passed(said: &str) -> String {
    let passed: usize = said
        .lines()
        .filter_map(|line| {
            line.strip_prefix("test result: ok. ")?
                .split_once(" passed")
        })
        .filter_map(|(count, _)| count.parse::<usize>().ok())
        .sum();
    if passed == 0 {
        "ok".to_owned()
    } else {
        format!("{passed} passed")
    }
}

/// From where a program begins to tell of failures, or its end.
fn failure(said: &str) -> String {
    let lines: Vec<_> = said.lines().collect();
    let start = lines
        .iter()
        .position(|line| *line == "failures:")
        .unwrap_or(lines.len().saturating_sub(SHOWN));
    let shown: Vec<_> = lines[start..].iter().take(SHOWN).copied().collect();
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(name: &str, script: &str) -> Program {
        let mut command = process::command("sh", Signal::SIGTERM);
        command.args(["-c", script]);
        Program {
            name: name.to_owned(),
            command,
        }
    }

    #[tokio::test]
    async fn one_that_fails_fails_the_whole_and_the_others_run_to_their_end() {
        let logs = tempfile::tempdir().unwrap();
        let result = "echo 'test result: ok. 2 passed; 0 failed'";
        let programs = |last: &str| {
            let good = (0..PROGRAMS).map(|index| shell(&format!("good-{index}"), result));
            let mut programs: Vec<_> = good.collect();
            programs.insert(0, shell("last", last));
            programs
        };
        assert!(run(programs("exit 0"), logs.path()).await.unwrap());
        assert!(!run(programs("exit 3"), logs.path()).await.unwrap());
        for index in 0..PROGRAMS {
            let log = logs.path().join(format!("good-{index}.log"));
            assert_eq!(passed(&std::fs::read_to_string(log).unwrap()), "2 passed");
        }
    }

    #[test]
    fn what_is_shown_of_a_failure_is_where_it_is_told() {
        let said = "test a ... ok\ntest b ... FAILED\n\nfailures:\n\n---- b ----\nwhy\n";
        assert_eq!(failure(said), "failures:\n\n---- b ----\nwhy");
        assert_eq!(failure("no harness\nwhy"), "no harness\nwhy");
        let two = "test result: ok. 2 passed; 0 failed\ntest result: ok. 3 passed; 0 failed\n";
        assert_eq!(
            (passed(two), passed("")),
            ("5 passed".to_owned(), "ok".to_owned())
        );
    }
}
