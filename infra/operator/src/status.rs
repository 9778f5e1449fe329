//! `status`: the fleet as a table.

mod table;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use addon_rotation::deadline::Deadline;
use addon_rotation::fleet::{Overview, State, Survey};
use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use console::Term;
use serde_json::{Value, json};

use crate::output::Output;
use crate::stack::Stack;
use crate::{OperatorError, Outcome, time};

/// The longest look, at 500,000 secrets too.
const LOOK: Duration = Duration::from_mins(20);

/// How long `revoke-secret` takes, other than in the worst case.
const REVOCATION: Duration = Duration::from_secs(10);

/// What to show.
#[derive(Debug, Args)]
#[command(after_help = "States (those with a * make the exit status 1):
  unscheduled *           an old credential has no scheduled revocation; the next sweep schedules it
  overdue *               an old credential is not revoked an hour after its grace period
  revocation-impossible * the secret is marked for deletion, and its credentials may be alive: restore it
  rotation-failed *       a version is AWSPENDING for more than ten minutes
  rotating                a rotation is under way
  waiting-for-revocation  an old credential is accepted until its grace period ends
  healthy                 nothing waits
  rotation-off            rotation is off
  deleted                 the secret is marked for deletion, and no credential is alive
Secrets Manager's list may be five minutes old.

Examples:
  addon-rotation-operator status
  addon-rotation-operator status --state overdue --state rotation-failed
  addon-rotation-operator status --name acme- --watch
  addon-rotation-operator --json status | jq -r 'select(.state == \"overdue\").instance'")]
pub struct Options {
    /// Show only instances in this state. Can be repeated.
    #[arg(long, value_name = "STATE", value_parser = states())]
    pub state: Vec<State>,
    /// Show only instances whose name contains this.
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Show at most so many rows: by default 200 in a table, and all with --json. The times of revocations cost
    /// requests for each row.
    #[arg(long, value_name = "ROWS")]
    pub limit: Option<usize>,
    /// Refresh the table in the terminal.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "10",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub watch: Option<u64>,
}

impl Options {
    fn shows(&self, row: &Overview) -> bool {
        (self.state.is_empty() || self.state.contains(&row.state))
            && self
                .name
                .as_deref()
                .is_none_or(|name| row.name.contains(name))
    }
}

fn states() -> impl clap::builder::TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.map(State::as_str)).try_map(|text| text.parse::<State>())
}

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    /// The rows that the filters and the limit leave, with the times of revocations.
    pub rows: Vec<Overview>,
    /// How many the filters leave, by state.
    pub counts: BTreeMap<State, usize>,
}

impl Seen {
    /// Whether somebody should look.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.counts.keys().any(|state| state.needs_attention()) {
            Outcome::Attention
        } else {
            Outcome::Fine
        }
    }
}

/// Looks at the fleet. No value is read.
///
/// # Errors
/// If AWS refuses or does not answer.
pub async fn look(stack: &Stack, options: &Options, limit: usize) -> Result<Seen, OperatorError> {
    let settings = stack.settings("revoke-secret").await?;
    let grace_period = settings.variables.get("GRACE_PERIOD_SECONDS");
    let grace_period = grace_period.and_then(|it| it.parse().ok());
    let survey = Survey {
        secrets: &stack.secrets,
        group: &stack.group,
        stack: &stack.name,
        prefix: &stack.prefix,
        // The template's default, for a function that does not say.
        grace_period_seconds: grace_period.unwrap_or(7200),
        revocation: REVOCATION.min(settings.timeout),
    };
    let deadline = Deadline::after(LOOK);
    let mut rows = survey.look(deadline).await?;
    rows.retain(|row| options.shows(row));
    let mut counts = BTreeMap::new();
    for row in &rows {
        *counts.entry(row.state).or_default() += 1;
    }
    rows.truncate(limit);
    survey.times(&mut rows, deadline).await?;
    Ok(Seen { rows, counts })
}

/// Shows the fleet, once or again and again.
///
/// # Errors
/// If AWS refuses or does not answer.
pub async fn run(
    stack: &Stack,
    output: &Output,
    options: &Options,
) -> Result<Outcome, OperatorError> {
    let Some(seconds) = options.watch else {
        let limit = if output.is_json() { usize::MAX } else { 200 };
        let seen = look(stack, options, options.limit.unwrap_or(limit)).await?;
        if output.is_json() {
            for row in &seen.rows {
                output.object(&object(stack, row));
            }
        } else {
            output.line(&table::text(stack, &seen, output.is_styled()));
        }
        return Ok(seen.outcome());
    };
    if output.is_json() || !io::stdout().is_terminal() {
        let message = "--watch needs a terminal. → Use a loop of your own";
        return Err(OperatorError::Refused(message.to_owned()));
    }
    let terminal = Term::stdout();
    loop {
        // Head, summary and borders take seven lines.
        let fitting = usize::from(terminal.size().0).saturating_sub(7).max(1);
        let limit = options.limit.unwrap_or(fitting).min(fitting);
        let text = match look(stack, options, limit).await {
            Ok(seen) => table::text(stack, &seen, output.is_styled()),
            // It may pass: the next look tells.
            Err(error) => error.to_string(),
        };
        terminal.clear_screen()?;
        output.line(&text);
        output.line(&format!("every {seconds} s; stop with Ctrl-C"));
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

fn object(stack: &Stack, row: &Overview) -> Value {
    let revocations: Vec<_> = row
        .revocations
        .iter()
        .map(|it| {
            let at = it.at.and_then(time::text);
            json!({
                "version": it.version,
                "at": at,
                "attempt": it.attempt,
                "last_error": it.last_error,
            })
        })
        .collect();
    json!({
        "instance": stack.id_of(&row.name),
        "secret": row.secret,
        "state": row.state.as_str(),
        "current": row.current,
        "since": row.since.and_then(time::text),
        "pending": row.pending,
        "revocations": revocations,
        "next_rotation": row.next_rotation.and_then(time::text),
    })
}
