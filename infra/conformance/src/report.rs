//! What the rules found out, for people and for programs.

use std::process::ExitCode;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, Width};
use serde_json::{Value, json};
use url::Url;

use super::rules::{Failure, Rule, Stop};

/// How wide the table is where there is no terminal to ask.
const WIDTH: u16 = 100;

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed(Failure),
    /// It was not judged, and why.
    Skipped(String),
}

/// A rule, what became of it, and by what.
pub(crate) struct Finding {
    /// The rule.
    pub(crate) rule: &'static Rule,
    /// What became of it.
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) seen: String,
}

/// What was found out about a service.
pub(crate) struct Report {
    /// The service's base address.
    pub(crate) url: Url,
    /// All rules.
    pub(crate) findings: Vec<Finding>,
    /// The credentials that could not be revoked at the end: id, and why.
    pub(crate) left: Vec<(String, String)>,
    /// Whether the command was stopped before it had judged all.
    pub(crate) interrupted: bool,
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
        }
    }
}

impl Finding {
    pub(super) fn new(
        rule: &'static Rule,
        judged: Result<Option<String>, Stop>,
        trail: &[String],
    ) -> Self {
        let trail = trail.join(", ");
        let with = |text: &str| {
            if trail.is_empty() || text.is_empty() {
                format!("{trail}{text}")
            } else {
                format!("{trail}: {text}")
            }
        };
        let (verdict, seen) = match judged {
            Ok(seen) => (Verdict::Passed, with(&seen.unwrap_or_default())),
            Err(Stop::Fails(failure)) => {
                let seen = with(&failure.seen);
                (Verdict::Failed(failure), seen)
            }
            Err(Stop::Skipped(reason)) => (Verdict::Skipped(reason), trail),
            Err(Stop::Interrupted) => (
                Verdict::Skipped("the command was stopped".to_owned()),
                trail,
            ),
        };
        Self {
            rule,
            verdict,
            seen,
        }
    }

    /// A line for whoever waits.
    pub(crate) fn line(&self) -> String {
        format!("{}: {}", self.rule.name, self.verdict.word())
    }
}

impl Report {
    /// 0 if every rule holds and nothing is left behind, 1 if not, 2 if the command was stopped
    /// before it could tell.
    pub(crate) fn status(&self) -> u8 {
        let failed = self.count("failed") > 0 || !self.left.is_empty();
        match (failed, self.interrupted) {
            (true, _) => 1,
            (false, true) => 2,
            (false, false) => u8::from(self.count("skipped") > 0),
        }
    }

    /// The same for the process.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.status())
    }

    fn count(&self, word: &str) -> usize {
        let of = |it: &&Finding| it.verdict.word() == word;
        self.findings.iter().filter(of).count()
    }

    /// For people. `styled` makes what does not hold stand out by colour.
    pub(crate) fn text(&self, styled: bool) -> String {
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED.with_rounded_corners())
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(["rule", "verdict", "what was seen", "what to change"]);
        if !styled {
            // The same wherever it is written to.
            table.force_no_tty().set_width(WIDTH);
            let [seen, change] = [35, 31].map(|it| ColumnConstraint::Absolute(Width::Fixed(it)));
            for (index, constraint) in [(2, seen), (3, change)] {
                if let Some(column) = table.column_mut(index) {
                    column.set_constraint(constraint);
                }
            }
        }
        for finding in &self.findings {
            let (seen, change, color) = match &finding.verdict {
                Verdict::Passed => (finding.seen.clone(), String::new(), Color::Green),
                Verdict::Failed(failure) => (
                    finding.seen.clone(),
                    format!("{}\n{}", failure.change, short(&failure.at)),
                    Color::Red,
                ),
                Verdict::Skipped(reason) => (reason.clone(), String::new(), Color::Yellow),
            };
            let verdict = Cell::new(finding.verdict.word());
            table.add_row([
                Cell::new(finding.rule.name),
                if styled { verdict.fg(color) } else { verdict },
                Cell::new(seen),
                Cell::new(change),
            ]);
        }
        let mut lines = vec![table.to_string()];
        for finding in &self.findings {
            if let Verdict::Failed(failure) = &finding.verdict {
                let (rule, at) = (finding.rule, &failure.at);
                lines.push(format!("{}: {} ({at})", rule.name, rule.title));
            }
        }
        for (id, reason) in &self.left {
            lines.push(format!(
                "NOT REVOKED: the credential {id} ({reason}). Revoke it yourself."
            ));
        }
        if self.interrupted {
            lines.push("Stopped before all rules were judged.".to_owned());
        }
        let revoked = if self.left.is_empty() {
            "; all that was registered is revoked"
        } else {
            ""
        };
        lines.push(format!(
            "{}: {} rules passed, {} failed, {} skipped{revoked}.",
            self.url,
            self.count("passed"),
            self.count("failed"),
            self.count("skipped"),
        ));
        lines.join("\n")
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let rules = self.findings.iter().map(|finding| {
            let (change, at, reason) = match &finding.verdict {
                Verdict::Passed => (None, None, None),
                Verdict::Failed(failure) => (Some(&failure.change), Some(&failure.at), None),
                Verdict::Skipped(reason) => (None, None, Some(reason)),
            };
            json!({
                "rule": finding.rule.name,
                "title": finding.rule.title,
                "verdict": finding.verdict.word(),
                "seen": finding.seen,
                "change": change,
                "at": at,
                "reason": reason,
                "contract": finding.rule.contract,
            })
        });
        let left = self
            .left
            .iter()
            .map(|(id, reason)| json!({ "id": id, "reason": reason }));
        json!({
            "url": self.url.as_str(),
            "passed": self.status() == 0,
            "interrupted": self.interrupted,
            "rules": rules.collect::<Vec<_>>(),
            "not_revoked": left.collect::<Vec<_>>(),
        })
    }
}

/// A place in the contract that fits into a column; below the table it is written out.
fn short(at: &str) -> &str {
    at.strip_prefix("paths./credentials/{id}.").unwrap_or(at)
}
