//! The file with what to enrol: read as a whole before anything is sent. It holds secrets.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::OperatorError;

/// No document is longer: a secret's value has at most 65,536 bytes.
const LONGEST: usize = 128 * 1024;

/// A line that can be sent.
#[derive(Debug)]
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) number: usize,
    /// The add-on's id, which is no secret.
    pub(super) addon_id: String,
    text: SecretString,
}

impl Line {
    /// The function's event.
    pub(super) fn event(&self) -> Result<Value, OperatorError> {
        serde_json::from_str(self.text.expose_secret()).map_err(|_| OperatorError::File {
            name: format!("line {}", self.number),
            problem: "is not JSON".to_owned(),
        })
    }
}

/// Reads the file, or standard input for `-`. Empty lines are passed over.
pub(super) fn read(file: &Path) -> Result<Vec<Line>, OperatorError> {
    let name = file.display().to_string();
    let failed = |error: std::io::Error| OperatorError::File {
        name: name.clone(),
        problem: error.to_string(),
    };
    let mut text = String::new();
    if name == "-" {
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    } else {
        text = std::fs::read_to_string(file).map_err(failed)?;
    }
    let text = SecretString::from(text);
    parse(text.expose_secret()).map_err(|problems| OperatorError::Lines { name, problems })
}

fn parse(text: &str) -> Result<Vec<Line>, Vec<String>> {
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    let mut first = HashMap::new();
    let numbered = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line));
    for (number, text) in numbered.filter(|(_, line)| !line.trim().is_empty()) {
        match addon_id(text) {
            Err(problem) => problems.push(format!("line {number} {problem}")),
            Ok(addon_id) => match first.insert(addon_id.clone(), number) {
                Some(other) => problems.push(format!(
                    "line {number} is about the same add-on as line {other}"
                )),
                None => lines.push(Line {
                    number,
                    addon_id,
                    text: text.into(),
                }),
            },
        }
    }
    if lines.is_empty() && problems.is_empty() {
        problems.push("it has no line".to_owned());
    }
    if problems.is_empty() {
        Ok(lines)
    } else {
        Err(problems)
    }
}

/// No more than the shape: the function checks the rest, and knows what it must be.
fn addon_id(line: &str) -> Result<String, &'static str> {
    if line.len() > LONGEST {
        return Err("is too long for a document");
    }
    let event: Value = serde_json::from_str(line).map_err(|_| "is not JSON")?;
    if !event.is_object() {
        return Err("is not a JSON object");
    }
    if !event["Document"].is_object() {
        return Err("has no object Document");
    }
    let addon_id = event.pointer("/Document/heroku/addon_id");
    addon_id
        .and_then(Value::as_str)
        .map(ToOwned::to_owned)
        .ok_or("has no Document.heroku.addon_id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_at_once_without_a_value() {
        let good = r#"{"Document": {"password": "hunter2", "heroku": {"addon_id": "a"}}}"#;
        let text = format!(
            "{good}\n\nhunter2\n[\"hunter2\"]\n{{\"Document\": \"hunter2\"}}\n\
             {{\"Document\": {{\"password\": \"hunter2\"}}}}\n{good}"
        );
        let problems = parse(&text).unwrap_err();
        assert_eq!(
            problems,
            [
                "line 3 is not JSON",
                "line 4 is not a JSON object",
                "line 5 has no object Document",
                "line 6 has no Document.heroku.addon_id",
                "line 7 is about the same add-on as line 1",
            ]
        );
        let lines = parse(good).unwrap();
        assert_eq!((lines[0].number, lines[0].addon_id.as_str()), (1, "a"));
        assert!(!format!("{lines:?}").contains("hunter2"));
        assert_eq!(parse("\n").unwrap_err(), ["it has no line"]);
    }
}
