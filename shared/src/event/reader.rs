//! Reads an event's fields and collects what is wrong with them, without any value.

use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::EventError;

/// Reads fields by name and collects what is wrong with them.
pub(super) struct Reader<'a> {
    fields: Option<&'a Map<String, Value>>,
    pub(super) problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(payload: &'a Value) -> Self {
        let fields = payload.as_object();
        let problems = if fields.is_none() {
            vec!["it must be a JSON object".to_owned()]
        } else {
            Vec::new()
        };
        Self { fields, problems }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields?.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn parse<T: FromStr<Err = &'static str>>(&mut self, name: &str) -> Option<T> {
        self.fields?;
        let Some(value) = self.get(name) else {
            self.problems.push(format!("{name} is missing"));
            return None;
        };
        self.parsed(name, value)
    }

    pub(super) fn optional<T: FromStr<Err = &'static str>>(&mut self, name: &str) -> Option<T> {
        let value = self.get(name)?;
        self.parsed(name, value)
    }

    fn parsed<T: FromStr<Err = &'static str>>(&mut self, name: &str, value: &Value) -> Option<T> {
        match value.as_str().map_or(Err("must be a string"), str::parse) {
            Ok(parsed) => Some(parsed),
            Err(problem) => {
                self.problems.push(format!("{name} {problem}"));
                None
            }
        }
    }

    pub(super) fn optional_text(&mut self, name: &str) -> Option<String> {
        let value = self.get(name)?;
        if !value.is_string() {
            self.problems.push(format!("{name} must be a string"));
        }
        value.as_str().map(ToOwned::to_owned)
    }

    /// Every number has bounds: one that nobody meant would move a revocation into another century.
    pub(super) fn optional_number(
        &mut self,
        name: &str,
        bounds: RangeInclusive<u32>,
    ) -> Option<u32> {
        let value = self.get(name)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            self.problems.push(format!(
                "{name} must be a whole number from {} to {}",
                bounds.start(),
                bounds.end()
            ));
        }
        number
    }

    pub(super) fn optional_flag(&mut self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        if !value.is_boolean() {
            self.problems.push(format!("{name} must be true or false"));
        }
        value.as_bool()
    }

    /// An object that must be there.
    pub(super) fn object(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        self.fields?;
        let value = self.get(name);
        let object = value.and_then(Value::as_object);
        if object.is_none() {
            self.problem(match value {
                Some(_) => format!("{name} must be a JSON object"),
                None => format!("{name} is missing"),
            });
        }
        object
    }

    pub(super) fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    pub(super) fn into_error(self) -> EventError {
        EventError {
            problems: self.problems,
        }
    }
}
