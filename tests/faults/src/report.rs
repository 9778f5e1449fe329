//! What came of many runs: a table, and a script of each that went wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;

use crate::fault::Request;
use crate::run::Outcome;
use crate::runner::Job;
use crate::violation::Violation;

#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// By what was run and where.
    rows: BTreeMap<String, [usize; COLUMNS.len()]>,
    /// What did not hold, with the script that shows it.
    failures: Vec<Failure>,
    /// Values of the runs, to be found in no output.
    #[serde(skip)]
    secrets: Vec<String>,
}

/// After converged runs everything was as it must be. The attempts are the most of Secrets Manager's that a rotation took.
/// Faults were not reached since there were not so many requests.
const COLUMNS: [&str; 9] = [
    "requests",
    "kinds",
    "runs",
    "converged",
    "attempts",
    "looks",
    "logins",
    "not reached",
    "violations",
];

#[derive(Debug, Serialize)]
pub struct Failure {
    pub violations: Vec<Violation>,
    pub script: PathBuf,
}

impl Report {
    /// Says how many requests, with how many kinds of faults, a row is about.
    pub fn about(&mut self, row: &str, requests: &[Request]) {
        let row = self.rows.entry(row.to_owned()).or_default();
        let kinds = requests.iter().map(|it| it.kinds().len()).max();
        (row[0], row[1]) = (requests.len(), kinds.unwrap_or(0));
    }

    /// Adds a run. A failing one is written to `scripts`.
    pub fn add(
        &mut self,
        row: &str,
        job: &Job,
        outcome: Outcome,
        scripts: &Path,
    ) -> std::io::Result<Option<&Failure>> {
        let row = self.rows.entry(row.to_owned()).or_default();
        let violations = outcome.violations.len();
        let converged = usize::from(violations == 0);
        let (looks, logins, missed) = (outcome.looks, outcome.logins, outcome.not_reached);
        let counted = [0, 0, 1, converged, 0, looks, logins, missed, violations];
        for (sum, more) in row.iter_mut().zip(counted) {
            *sum += more;
        }
        row[4] = row[4].max(outcome.attempts);
        self.secrets.extend(outcome.secrets);
        if outcome.violations.is_empty() {
            return Ok(None);
        }
        let script = scripts.join(format!("{}.json", self.failures.len() + 1));
        fs::create_dir_all(scripts)?;
        fs::write(&script, serde_json::to_vec_pretty(job)?)?;
        self.failures.push(Failure {
            violations: outcome.violations.into_iter().collect(),
            script,
        });
        Ok(self.failures.last())
    }

    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    pub fn is_clean(&self) -> bool {
        self.failures.is_empty()
    }

    pub fn runs(&self) -> usize {
        self.rows.values().map(|row| row[2]).sum()
    }

    pub fn secrets(&mut self) -> &[String] {
        self.secrets.sort_unstable();
        self.secrets.dedup();
        &self.secrets
    }

    pub fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header([""].into_iter().chain(COLUMNS));
        for (name, row) in &self.rows {
            let right = |figure| Cell::new(figure).set_alignment(CellAlignment::Right);
            table.add_row(std::iter::once(Cell::new(name)).chain(row.iter().map(right)));
        }
        table
    }
}
