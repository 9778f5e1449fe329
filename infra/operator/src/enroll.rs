//! `enroll`: instances from a file, through the function `enroll-addon`, and a report from which a second
//! run goes on.

mod lines;
mod report;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::output::{Mark, Output};
use crate::stack::Stack;
use crate::{OperatorError, Outcome};
use lines::Line;
use report::{Entry, Report};

/// What to enrol.
#[derive(Debug, Args)]
#[command(
    after_help = "The file holds events of the function enroll-addon, one a line, or pretty-printed, or as one array:
  {\"Document\": {...}, \"GrantCode\" or \"RefreshToken\": \"...\", \"RotationDays\": 90}
  {\"MoveTokenOf\": \"...\"}, once, for an add-on of a version that kept its refresh token in a secret
The command checks all of them before it sends the first.
The file holds secrets: keep it where nobody else can read it, and delete it afterwards. The report holds
none. With the same report, another run skips what is enrolled and repeats what failed. Heroku's grant
codes expire after five minutes.

Examples:
  addon-rotation-operator enroll fleet.jsonl --check
  addon-rotation-operator enroll fleet.jsonl --report enrolled.jsonl
  gpg --decrypt fleet.jsonl.gpg | addon-rotation-operator enroll - --report enrolled.jsonl --concurrency 8"
)]
pub struct Options {
    /// A JSON Lines or JSON file; `-` is standard input.
    pub file: PathBuf,
    /// How many instances to enrol at once.
    #[arg(long, value_name = "N", default_value = "4",
          value_parser = clap::value_parser!(u16).range(1..=50))]
    pub concurrency: u16,
    /// Append the result of each instance to this JSON Lines file.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Check the file only, and send nothing.
    #[arg(long)]
    pub check: bool,
}

/// Enrols all that the report does not say are enrolled.
///
/// # Errors
/// If a file cannot be used: nothing is sent then, and all that is wrong is told. Or if the report cannot be
/// written any more.
pub async fn run(
    stack: &Stack,
    output: &Output,
    options: &Options,
) -> Result<Outcome, OperatorError> {
    let lines = lines::read(&options.file)?;
    if options.check {
        let message = format!("{} instances are valid; nothing was sent", lines.len());
        output.step("check", Mark::Done, &message);
        return Ok(Outcome::Fine);
    }
    let mut report = Report::open(options.report.as_deref())?;
    let count = lines.len();
    let left: Vec<_> = lines
        .into_iter()
        .filter(|line| !report.is_done(&line.addon_id))
        .collect();
    let skipped = count - left.len();
    if skipped > 0 {
        let message = format!("{skipped} of {count} are enrolled already, by the report");
        output.step("enroll", Mark::Note, &message);
    }
    let bar = output.progress(left.len());
    let places = Arc::new(Semaphore::new(options.concurrency.into()));
    let mut tasks = JoinSet::new();
    for line in left {
        let (stack, places) = (stack.clone(), Arc::clone(&places));
        tasks.spawn(async move {
            // Never closed.
            let _place = places.acquire().await;
            enroll(&stack, &line).await
        });
    }
    let (mut done, mut failed) = (0_usize, 0_usize);
    while let Some(entry) = tasks.join_next().await {
        let Ok(entry) = entry else {
            failed += 1;
            continue;
        };
        report.add(&entry)?;
        bar.inc(1);
        bar.suspend(|| tell(output, &entry));
        match entry.error {
            None => done += 1,
            Some(_) => failed += 1,
        }
    }
    bar.finish_and_clear();
    let message = format!("{done} enrolled, {failed} failed, {skipped} skipped");
    if failed == 0 {
        output.step("enroll", Mark::Done, &message);
        Ok(Outcome::Fine)
    } else {
        output.step("enroll", Mark::Failed, &message);
        Ok(Outcome::Attention)
    }
}

async fn enroll(stack: &Stack, line: &Line) -> Entry {
    let answer = match line.event() {
        Ok(event) => stack.ask("enroll-addon", &event).await,
        Err(error) => Err(error),
    };
    let mut entry = Entry {
        line: line.place.number(),
        addon_id: line.addon_id.clone(),
        ..Entry::default()
    };
    match answer {
        Ok(answer) => {
            let text = |name: &str| answer[name].as_str().map(ToOwned::to_owned);
            entry.outcome = text("Outcome");
            entry.secret = text("SecretArn");
            entry.version = text("VersionId");
            entry.schedule = text("ScheduleExpression");
            if entry.outcome.is_none() {
                entry.error = Some(
                    "The answer has no Outcome. → Check that the function is this stack's."
                        .to_owned(),
                );
            }
        }
        Err(error) => entry.error = Some(format!("{}: {error}", line.place)),
    }
    entry
}

fn tell(output: &Output, entry: &Entry) {
    if output.is_json() {
        output.object(&serde_json::to_value(entry).unwrap_or(Value::Null));
        return;
    }
    match (&entry.error, &entry.outcome) {
        (Some(error), _) => {
            output.step(&entry.addon_id, Mark::Failed, error);
        }
        (None, outcome) => {
            let outcome = outcome.as_deref().unwrap_or_default();
            let schedule = entry.schedule.as_deref().unwrap_or_default();
            let message = format!("{outcome}, {schedule}");
            output.step(&entry.addon_id, Mark::Done, &message);
        }
    }
}
