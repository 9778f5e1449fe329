//! Reads a document's fields and collects what is wrong with them, by path and without any value.

use std::collections::BTreeMap;
use std::str::FromStr;

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::{Fields, template};

/// One JSON object under check.
pub(crate) struct Check<'a> {
    fields: &'a Map<String, Value>,
    prefix: String,
    problems: &'a mut Vec<String>,
}

impl<'a> Check<'a> {
    pub(crate) fn new(fields: &'a Fields, problems: &'a mut Vec<String>) -> Self {
        Self {
            fields: fields.map(),
            prefix: String::new(),
            problems,
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null())
    }

    pub(crate) fn problem(&mut self, name: &str, problem: &str) {
        self.problems
            .push(format!("{}{name} {problem}", self.prefix));
    }

    fn required(&mut self, name: &str, expected: &str) -> Option<&'a Value> {
        let value = self.fields.get(name).filter(|value| !value.is_null());
        if value.is_none() {
            self.problem(name, &format!("is missing (it must be {expected})"));
        }
        value
    }

    /// A text that `valid` accepts; `expected` says what it must be.
    pub(crate) fn text(
        &mut self,
        name: &str,
        expected: &str,
        valid: impl FnOnce(&str) -> bool,
    ) -> Option<String> {
        let text = self
            .required(name, expected)?
            .as_str()
            .filter(|text| valid(text));
        if text.is_none() {
            self.problem(name, &format!("must be {expected}"));
        }
        text.map(ToOwned::to_owned)
    }

    /// As [`Check::text`], but it may be absent.
    pub(crate) fn optional_text(
        &mut self,
        name: &str,
        expected: &str,
        valid: impl FnOnce(&str) -> bool,
    ) -> Option<String> {
        if self.has(name) {
            self.text(name, expected, valid)
        } else {
            None
        }
    }

    /// A text that is part of a credential.
    pub(crate) fn secret(&mut self, name: &str, expected: &str) -> Option<SecretString> {
        self.text(name, expected, |text| {
            !text.is_empty() && !text.contains('\0')
        })
        .map(SecretString::from)
    }

    /// A template over the document's top-level fields, rendered.
    pub(crate) fn rendered(&mut self, name: &str, expected: &str) -> Option<SecretString> {
        let source = self.text(name, expected, |_| true)?;
        match template::Renderer::new(self.fields).render(&source) {
            Ok(text) => Some(text.into()),
            Err(problem) => {
                self.problem(name, &problem);
                None
            }
        }
    }

    /// A text that parses.
    pub(crate) fn parsed<T: FromStr<Err = &'static str>>(&mut self, name: &str) -> Option<T> {
        let text = self.required(name, "a string")?.as_str();
        match text.map_or(Err("must be a string"), str::parse) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problem(name, problem);
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn one_of(&mut self, name: &str, words: &[&'static str]) -> Option<&'static str> {
        let expected = format!("one of {}", words.join(", "));
        let text = self.required(name, &expected)?.as_str();
        let word = words.iter().find(|word| text == Some(**word));
        if word.is_none() {
            self.problem(name, &format!("must be {expected}"));
        }
        word.copied()
    }

    /// A whole number within bounds.
    pub(crate) fn number<T: TryFrom<u64>>(
        &mut self,
        name: &str,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Option<T> {
        let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        let number = self
            .required(name, &expected)?
            .as_u64()
            .filter(|number| bounds.contains(number));
        if number.is_none() {
            self.problem(name, &format!("must be {expected}"));
        }
        T::try_from(number?).ok()
    }

    /// A nested object.
    pub(crate) fn object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Check<'_>) -> Option<T>,
    ) -> Option<T> {
        let Some(fields) = self.required(name, "an object")?.as_object() else {
            self.problem(name, "must be an object");
            return None;
        };
        read(&mut Check {
            fields,
            prefix: format!("{}{name}.", self.prefix),
            problems: self.problems,
        })
    }

    /// An object of objects.
    pub(crate) fn objects<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut Check<'_>) -> Option<T>,
    ) -> Option<BTreeMap<String, T>> {
        self.object(name, |check| {
            let names: Vec<&String> = check.fields.keys().collect();
            if names.is_empty() {
                check.problems.push(format!(
                    "{} must not be empty",
                    check.prefix.trim_end_matches('.')
                ));
            }
            let mut entries = BTreeMap::new();
            let mut complete = !names.is_empty();
            for name in names {
                match check.object(name, &mut read) {
                    Some(entry) => {
                        entries.insert(name.clone(), entry);
                    }
                    None => complete = false,
                }
            }
            complete.then_some(entries)
        })
    }

    /// An array of objects.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut Check<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        const EXPECTED: &str = "an array of at least one object";
        let entries = self
            .required(name, EXPECTED)?
            .as_array()
            .filter(|entries| !entries.is_empty() && entries.iter().all(Value::is_object));
        let Some(entries) = entries else {
            self.problem(name, &format!("must be {EXPECTED}"));
            return None;
        };
        let entries: Vec<_> = entries.iter().filter_map(Value::as_object).collect();
        let read: Vec<_> = entries
            .iter()
            .enumerate()
            .map(|(index, fields)| {
                read(&mut Check {
                    fields,
                    prefix: format!("{}{name}[{index}].", self.prefix),
                    problems: self.problems,
                })
            })
            .collect();
        read.into_iter().collect()
    }

    /// Config vars with their templates.
    pub(crate) fn templates(&mut self, name: &str) -> Option<BTreeMap<String, String>> {
        self.object(name, |check| {
            let mut templates = BTreeMap::new();
            let mut complete = true;
            if check.fields.is_empty() {
                check.problems.push(format!(
                    "{} must not be empty (name at least one config var of the add-on's manifest)",
                    check.prefix.trim_end_matches('.')
                ));
                complete = false;
            }
            for (var, template) in check.fields {
                let is_name = var.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && var.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if !is_name {
                    check.problem(
                        var,
                        "is no config var's name (letters, digits and underscores)",
                    );
                    complete = false;
                }
                if let Some(template) = template.as_str() {
                    templates.insert(var.clone(), template.to_owned());
                } else {
                    check.problem(var, "must be a template in a string");
                    complete = false;
                }
            }
            complete.then_some(templates)
        })
    }
}
