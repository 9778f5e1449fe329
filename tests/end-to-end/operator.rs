//! The operator's tool as an operator has it: the binary, with the rights of the stack's managed policy and
//! no other.

mod change;
mod emergency;
mod fleet;
mod status;

use std::path::PathBuf;
use std::process::Stdio;

use libtest_mimic::Failed;
use local_cloud::cloud::{Cloud, STACK};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::support::check;
use crate::support::person::Person;
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test(
        "operator::a_leaked_credential_ends_when_the_dynos_are_back",
        emergency::after_a_time,
    );
    suite.test(
        "operator::a_document_is_changed_by_whoever_may",
        change::another_var,
    );
    suite.test(
        "operator::the_status_agrees_with_what_the_service_accepts",
        status::agrees,
    );
    suite.test("operator::rights_that_lack_are_named", status::rights);
}

/// Alone: it takes all that the machine has, and then nothing else changes what `status` shows.
pub(crate) fn fleet(suite: &mut Suite) {
    suite.test("operator::a_whole_fleet_by_commands_alone", fleet::whole);
}

/// What whoever is on call has, as the stack's outputs name it.
pub(crate) const ON_CALL: &[&str] = &["OperatorPolicyArn"];

/// What whoever enrols instances has.
const ENROLLER: &[&str] = &["OperatorPolicyArn", "EnrollPolicyArn"];

/// The tool with an operator's credentials.
pub(crate) struct Operator {
    person: Person,
    program: PathBuf,
}

/// What it printed, and its exit status.
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) text: String,
    pub(crate) errors: String,
}

impl Operator {
    /// In a role of its own, with these of the stack's policies.
    pub(crate) async fn new(
        cloud: &Cloud,
        policies: &'static [&'static str],
    ) -> Result<Self, Failed> {
        // Built with the functions, beside this test.
        let mut program = std::env::current_exe()?;
        program.pop();
        program.set_file_name("addon-rotation-operator");
        Ok(Self {
            person: Person::new(cloud, policies).await?,
            program,
        })
    }

    pub(crate) async fn dismiss(self, cloud: &Cloud) -> TestResult {
        self.person.dismiss(cloud).await
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<Ended, Failed> {
        self.run_with(arguments, "").await
    }

    /// As [`Self::run`], with something on standard input.
    async fn run_with(&self, arguments: &[&str], input: &str) -> Result<Ended, Failed> {
        self.run_command(Command::new(&self.program), arguments, input)
            .await
    }

    /// The tool once for each of many add-ons, eight at once.
    async fn run_for_each(&self, addons: &[&str], arguments: &[&str]) -> Result<Ended, Failed> {
        let mut xargs = Command::new("xargs");
        xargs.args(["-P", "8", "-n", "1"]).arg(&self.program);
        self.run_command(xargs, arguments, &addons.join("\n")).await
    }

    async fn run_command(
        &self,
        mut command: Command,
        arguments: &[&str],
        input: &str,
    ) -> Result<Ended, Failed> {
        self.person.equip(&mut command);
        command
            .args(arguments)
            .env("STACK_NAME", STACK)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take();
        // It reads all before it writes; one that reads nothing has ended, and says why.
        if let Some(stdin) = &mut stdin {
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        drop(stdin);
        let output = child.wait_with_output().await?;
        Ok(Ended {
            status: output.status.code().unwrap_or(-1),
            text: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs a command that must end well; what it printed.
    pub(crate) async fn succeeds(&self, arguments: &[&str]) -> Result<String, Failed> {
        let ended = self.run(arguments).await?;
        check(ended.status == 0, || {
            format!(
                "{arguments:?} ended with {}: {}{}",
                ended.status, ended.text, ended.errors
            )
        })?;
        Ok(ended.text)
    }

    /// The row of one instance.
    async fn row(&self, instance: &str) -> Result<Value, Failed> {
        let ended = self.run(&["--json", "status", "--name", instance]).await?;
        let rows: Result<Vec<Value>, _> = ended.text.lines().map(serde_json::from_str).collect();
        let rows = rows?;
        let row = rows.into_iter().find(|row| row["instance"] == instance);
        row.ok_or_else(|| format!("no row of {instance}: {}{}", ended.text, ended.errors).into())
    }
}
