//! The file with what to enrol: read as a whole before anything is sent. It holds secrets.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use addon_rotation::event::{EnrollRequest, Event as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{OperatorError, file};

/// No document is longer: a secret's value has at most 65,536 bytes.
const LONGEST: usize = 128 * 1024;

/// Where an event is in the file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The line where it begins.
    Line(usize),
    /// Its place in the array.
    Item(usize),
}

impl Place {
    pub(super) fn number(self) -> usize {
        let (Self::Line(number) | Self::Item(number)) = self;
        number
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Item(number) => write!(f, "item {number}"),
        }
    }
}

/// An event that can be sent.
#[derive(Debug)]
pub(super) struct Line {
    /// Where it is.
    pub(super) place: Place,
    /// The add-on's id, which is no secret.
    pub(super) addon_id: String,
    text: SecretString,
}

impl Line {
    /// The function's event.
    pub(super) fn event(&self) -> Result<Value, OperatorError> {
        serde_json::from_str(self.text.expose_secret()).map_err(|_| OperatorError::File {
            name: self.place.to_string(),
            problem: "is not JSON".to_owned(),
        })
    }
}

/// Reads the file, or standard input for `-`. Empty lines are passed over.
pub(super) fn read(file: &Path) -> Result<Vec<Line>, OperatorError> {
    let (name, text) = file::read(file)?;
    parse(text.expose_secret()).map_err(|problems| OperatorError::Lines { name, problems })
}

fn parse(text: &str) -> Result<Vec<Line>, Vec<String>> {
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    let mut first = HashMap::new();
    for (place, event) in events(text) {
        match event.and_then(|event| Ok((addon_id(&event)?, event))) {
            Err(problem) => problems.push(format!("{place} {problem}")),
            Ok((addon_id, event)) => match first.insert(addon_id.clone(), place) {
                Some(other) => {
                    problems.push(format!("{place} has the same add-on as {other}"));
                }
                None => lines.push(Line {
                    place,
                    addon_id,
                    text: event.to_string().into(),
                }),
            },
        }
    }
    if lines.is_empty() && problems.is_empty() {
        problems.push("it is empty".to_owned());
    }
    if problems.is_empty() {
        Ok(lines)
    } else {
        Err(problems)
    }
}

/// The events: one a line; or several lines each, if the first line is only the beginning of one; or as one array.
fn events(text: &str) -> Vec<(Place, Result<Value, String>)> {
    let not_json = |_| "is not JSON".to_owned();
    let first = text.lines().find(|line| !line.trim().is_empty());
    let is_begun =
        |line: &str| serde_json::from_str::<IgnoredAny>(line).is_err_and(|error| error.is_eof());
    if text.trim_start().starts_with('[') && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        let items: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
        let numbered = (1..).map(Place::Item).zip(items);
        return numbered.map(|(place, item)| (place, Ok(item))).collect();
    }
    if first.is_some_and(is_begun) {
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        let mut events = Vec::new();
        loop {
            let rest = text.get(stream.byte_offset()..).unwrap_or_default();
            let begin = text.len() - rest.trim_start().len();
            let line = 1 + text.get(..begin).unwrap_or_default().matches('\n').count();
            match stream.next() {
                None => return events,
                Some(Ok(event)) => events.push((Place::Line(line), Ok(event))),
                // Nothing after it can be told apart.
                Some(Err(error)) => {
                    events.push((Place::Line(error.line()), Err(not_json(error))));
                    return events;
                }
            }
        }
    }
    (1..)
        .map(Place::Line)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(place, line)| (place, serde_json::from_str(line).map_err(not_json)))
        .collect()
}

/// All that can be seen without asking anybody, as the function does.
fn addon_id(event: &Value) -> Result<String, String> {
    if event.to_string().len() > LONGEST {
        return Err("is longer than 128 KiB".to_owned());
    }
    if !event.is_object() {
        return Err("is not a JSON object".to_owned());
    }
    match EnrollRequest::read(event) {
        Ok(EnrollRequest::Enroll(event)) => Ok(event.document.heroku.addon_id.clone()),
        Ok(EnrollRequest::MoveToken(addon)) => Ok(addon),
        Err(error) => Err(format!("is not valid: {}", error.problems.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(addon: &str) -> Value {
        json!({
            "Document": {
                "engine": "http", "url": "https://api.acme.example/", "api_key": "hunter2",
                "credential_id": "imported", "authorization": "Bearer {{ api_key }}",
                "generate": { "api_key": { "length": 40 } },
                "masterarn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/masters/api-AbCdEf",
                "heroku": { "api": "v1", "addon_id": addon, "config": { "ACME_KEY": "{{ api_key }}" } },
            },
        })
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_without_a_value() {
        let good = event("acme-a@heroku.com");
        let (mut day, mut engine) = (event("acme-b@heroku.com"), event("acme-c@heroku.com"));
        day["RotationDay"] = 30.into();
        engine["Document"]["engine"] = "hunter2".into();
        let text = format!(
            "{good}\n\nhunter2\n[\"hunter2\"]\n{{\"Document\": \"hunter2\"}}\n{day}\n{engine}\n{good}"
        );
        let problems = parse(&text).unwrap_err();
        let expected = [
            "line 3 is not JSON",
            "line 4 is not a JSON object",
            "line 5 is not valid: Document must be an object",
            "line 6 is not valid: RotationDay is unknown: did you mean RotationDays?",
            "line 7 is not valid: Document: engine",
            "line 8 has the same add-on as line 1",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
        assert_eq!(parse("\n").unwrap_err(), ["it is empty"]);
    }

    #[test]
    fn events_are_found_however_they_are_laid_out() {
        let (a, b) = (event("acme-a@heroku.com"), event("acme-b@heroku.com"));
        let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        let lines_of_a = pretty(&a).lines().count();
        let array = pretty(&json!([a, b]));
        for (text, places) in [
            (format!("{a}\n\n{b}\n"), [Place::Line(1), Place::Line(3)]),
            (
                format!("\n{}\n\n{}\n", pretty(&a), pretty(&b)),
                [Place::Line(2), Place::Line(lines_of_a + 3)],
            ),
            (json!([a, b]).to_string(), [Place::Item(1), Place::Item(2)]),
            (array, [Place::Item(1), Place::Item(2)]),
        ] {
            let lines = parse(&text).unwrap();
            let found: Vec<_> = lines.iter().map(|line| line.place).collect();
            assert_eq!(found, places, "{text}");
            let ids: Vec<_> = lines.iter().map(|line| line.addon_id.as_str()).collect();
            assert_eq!(ids, ["acme-a@heroku.com", "acme-b@heroku.com"]);
            assert_eq!(lines[1].event().unwrap(), b);
            assert!(!format!("{lines:?}").contains("hunter2"));
        }
        let broken = format!("{}\n{}hunter2", pretty(&a), pretty(&b));
        let problems = parse(&broken).unwrap_err();
        let end = format!("line {} is not JSON", broken.lines().count());
        assert_eq!(problems, [end]);
    }
}
