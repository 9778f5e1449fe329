//! What became of each: a line as it ended, so that a run that was stopped can go on.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::OperatorError;

/// A line of the report. No secret is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The line in the file, or the place in its array.
    pub(super) line: usize,
    /// The add-on's id.
    pub(super) addon_id: String,
    /// What the function did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<String>,
    /// The secret that it made or found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<String>,
    /// Its current version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    /// When it is rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) schedule: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// The report, if there is to be one.
pub(super) struct Report {
    file: Option<(String, File)>,
    /// Whether each add-on's last entry is a success.
    done: HashMap<String, bool>,
}

impl Report {
    /// Reads what is in it, and goes on at its end.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, OperatorError> {
        let mut report = Self {
            file: None,
            done: HashMap::new(),
        };
        let Some(path) = path else {
            return Ok(report);
        };
        let name = path.display().to_string();
        let failed = |error: io::Error| unusable(&name, &error.to_string());
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(failed)?;
        let mut whole = true;
        for (index, line) in BufReader::new(&file).split(b'\n').enumerate() {
            let line = line.map_err(failed)?;
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Entry>(&line) {
                Ok(entry) => {
                    let is_done = entry.error.is_none();
                    report.done.insert(entry.addon_id, is_done);
                    whole = true;
                }
                // The last line of a run that was killed.
                Err(_) if whole => whole = false,
                Err(_) => {
                    let problem = format!("line {} is no line of a report", index + 1);
                    return Err(unusable(&name, &problem));
                }
            }
        }
        report.file = Some((name, file));
        if !whole {
            report.write(b"\n")?;
        }
        Ok(report)
    }

    /// Whether the add-on is enrolled.
    pub(super) fn is_done(&self, addon_id: &str) -> bool {
        self.done.get(addon_id).copied().unwrap_or_default()
    }

    /// Adds a line, which is on the disk then.
    pub(super) fn add(&mut self, entry: &Entry) -> Result<(), OperatorError> {
        let mut line = serde_json::to_vec(entry)
            .map_err(|error| unusable("the report", &error.to_string()))?;
        line.push(b'\n');
        self.write(&line)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), OperatorError> {
        let Some((name, file)) = &mut self.file else {
            return Ok(());
        };
        let written = file.write_all(bytes).and_then(|()| file.sync_data());
        written.map_err(|error| unusable(name, &error.to_string()))
    }
}

fn unusable(name: &str, problem: &str) -> OperatorError {
    OperatorError::File {
        name: name.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(addon_id: &str, error: Option<&str>) -> Entry {
        Entry {
            line: 1,
            addon_id: addon_id.to_owned(),
            outcome: error.is_none().then(|| "created".to_owned()),
            error: error.map(ToOwned::to_owned),
            ..Entry::default()
        }
    }

    #[test]
    fn a_run_goes_on_where_the_last_one_was_stopped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.jsonl");
        let mut report = Report::open(Some(&path)).unwrap();
        for entry in [
            entry("a", None),
            entry("b", Some("no")),
            entry("c", Some("no")),
            entry("c", None),
        ] {
            report.add(&entry).unwrap();
        }
        // Killed while it wrote.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{{\"line\": 4, \"addon")).unwrap();

        let mut report = Report::open(Some(&path)).unwrap();
        let done = ["a", "b", "c", "d"].map(|addon| report.is_done(addon));
        assert_eq!(done, [true, false, true, false]);
        report.add(&entry("d", None)).unwrap();
        let report = Report::open(Some(&path)).unwrap();
        assert!(report.is_done("d") && report.is_done("a"));
    }

    #[test]
    fn another_file_is_not_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes");
        std::fs::write(&path, "some\nnotes\n").unwrap();
        assert!(Report::open(Some(&path)).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "some\nnotes\n");
    }
}
