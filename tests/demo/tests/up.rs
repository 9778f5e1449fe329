//! What `cargo xtask up` prints is typed into a shell, as it stands, with the unmodified AWS CLI.

#![cfg(test)]

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tools::{Tools, target_directory, workspace};

struct Up {
    process: Child,
    /// Held, so that there is somebody to read what it says.
    _lines: Lines<BufReader<ChildStdout>>,
    /// From its exports on.
    said: String,
}

impl Up {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_demo"))
            .arg("up")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut said = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            said.push_str(&line);
            said.push('\n');
            if line.contains("operator --stack addon-rotation deprovision")
                || line.contains(" deprovision ")
            {
                break;
            }
        }
        let (_, said) = said.split_once("# Paste").unwrap();
        let said = format!("# Paste{said}");
        Self {
            process,
            _lines: lines,
            said,
        }
    }

    fn line(&self, comment: &str) -> &str {
        let mut lines = self.said.lines();
        lines
            .find(|line| line.starts_with("# ") && line.contains(comment))
            .unwrap();
        lines.next().unwrap()
    }

    fn exports(&self) -> String {
        let exports = self.said.lines().filter(|line| line.starts_with("export "));
        exports.collect::<Vec<_>>().join("\n")
    }

    fn type_in(&self, tools: &Tools, line: &str) -> String {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new("bash")
            .args(["-ec", &format!("{}\n{line}", self.exports())])
            .env("PATH", tools.search_path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&stdout).into_owned();
        assert!(
            status.success(),
            "{line}: {said}{}",
            String::from_utf8_lossy(&stderr)
        );
        said
    }

    /// Ctrl-C; its status.
    fn interrupt(&mut self) -> Option<i32> {
        let id = i32::try_from(self.process.id()).unwrap();
        kill(Pid::from_raw(id), Signal::SIGINT).unwrap();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It has ended, if all is well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
#[ignore = "needs the functions' binaries and the AWS CLI: cargo xtask test"]
async fn every_line_works_as_it_stands_and_two_clouds_do_not_collide() {
    let target = target_directory(&workspace());
    let tools = Tools::ensure(&target, Arc::new(|line| println!("{line}")))
        .await
        .unwrap();
    let (mut up, mut other) = (Up::start(), Up::start());
    let shown = up.line("Heroku shows");
    let before = up.type_in(&tools, shown);
    assert!(before.contains("ACME_URL"), "{before}");

    let enrolled = up.type_in(&tools, up.line("Enrol the second"));
    assert!(enrolled.contains("\"Outcome\":\"created\""), "{enrolled}");
    let button = up.line("rotate button");
    let pressed = up.type_in(&tools, button);
    assert!(pressed.contains("\"Outcome\":\"started\""), "{pressed}");
    let again = up.type_in(&tools, button);
    assert!(
        again.contains("under-way") || again.contains("too-soon"),
        "{again}"
    );

    let status = up.line("See the fleet").to_owned();
    let fleet = up.type_in(&tools, &status);
    assert!(fleet.contains("addon"), "{fleet}");
    up.type_in(&tools, up.line("Watch the versions"));
    up.type_in(&tools, up.line("to be revoked"));
    up.type_in(&tools, up.line("Break something"));
    up.type_in(&tools, up.line("Deprovision the second"));

    // The other one knows nothing of all that.
    let untouched = other.type_in(&tools, other.line("Watch the versions"));
    assert_eq!(untouched.matches("LIVE-").count(), 0, "{untouched}");
    assert_eq!(other.interrupt(), Some(0));
    assert_eq!(up.interrupt(), Some(0));
}
