//! Reads a JSON object's fields and collects what is wrong with them, by path and without any value: a document's,
//! an event's, and a function's environment variables, which are an object of texts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::str::FromStr;

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::template;

/// So many problems are reported, and so many characters of each: names of fields and config vars may
/// be as long as the document.
pub(crate) const MOST_PROBLEMS: usize = 50;
const LONGEST_PROBLEM: usize = 1000;

/// What reading an object has found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What is wrong, one entry per path.
    pub(crate) problems: Vec<String>,
    /// The paths that were asked for.
    asked: BTreeSet<String>,
    /// Whether all values are texts, numbers and flags too.
    is_of_texts: bool,
}

impl Found {
    /// Of environment variables.
    pub(crate) fn of_texts() -> Self {
        Self {
            is_of_texts: true,
            ..Self::default()
        }
    }

    /// The names that were asked for.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &str> {
        self.asked.iter().map(String::as_str)
    }

    /// What was read, if nothing is wrong: a value that is there although one of its parts was refused is none.
    ///
    /// # Errors
    /// With all that is wrong.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Vec<String>> {
        let more = self.problems.len().saturating_sub(MOST_PROBLEMS);
        self.problems.truncate(MOST_PROBLEMS);
        let mut problems: Vec<_> = self.problems.into_iter().map(shortened).collect();
        if more > 0 {
            problems.push(format!("at least {more} more"));
        }
        value.filter(|_| problems.is_empty()).ok_or(problems)
    }
}

pub(super) fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_PROBLEM) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// One JSON object under check. All of its fields are read before the first `?`, so that its mistakes are told at once.
pub(crate) struct Check<'a> {
    fields: &'a Map<String, Value>,
    prefix: String,
    found: &'a mut Found,
}

impl<'a> Check<'a> {
    pub(crate) fn new(fields: &'a Map<String, Value>, found: &'a mut Found) -> Self {
        let prefix = String::new();
        Self {
            fields,
            prefix,
            found,
        }
    }

    fn get(&mut self, name: &str) -> Option<&'a Value> {
        self.found.asked.insert(format!("{}{name}", self.prefix));
        self.fields.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn has(&mut self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn problem(&mut self, name: &str, problem: &str) {
        self.found
            .problems
            .push(format!("{}{name} {problem}", self.prefix));
    }

    fn required(&mut self, name: &str, expected: &str) -> Option<&'a Value> {
        let value = self.get(name);
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
        self.has(name).then(|| self.text(name, expected, valid))?
    }

    /// A text that is part of a credential.
    pub(crate) fn secret(&mut self, name: &str, expected: &str) -> Option<SecretString> {
        self.text(name, expected, |text| {
            !text.is_empty() && !text.contains('\0')
        })
        .map(SecretString::from)
    }

    /// As [`Check::secret`], but it may be absent.
    pub(crate) fn optional_secret(&mut self, name: &str, expected: &str) -> Option<SecretString> {
        self.has(name).then(|| self.secret(name, expected))?
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
        let Some(value) = self.get(name) else {
            let expected = T::from_str("").err().unwrap_or("must be a string");
            self.problem(name, &format!("is missing (it {expected})"));
            return None;
        };
        match value.as_str().map_or(Err("must be a string"), str::parse) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problem(name, problem);
                None
            }
        }
    }

    /// As [`Check::parsed`], but it may be absent.
    pub(crate) fn optional<T: FromStr<Err = &'static str>>(&mut self, name: &str) -> Option<T> {
        self.has(name).then(|| self.parsed(name))?
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

    /// A whole number within bounds: one that nobody meant would move a revocation into another century.
    pub(crate) fn number<T: TryFrom<u64>>(
        &mut self,
        name: &str,
        bounds: RangeInclusive<u64>,
    ) -> Option<T> {
        let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        let value = self.required(name, &expected)?;
        let number = value.as_u64().or_else(|| self.read_text(value));
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            self.problem(name, &format!("must be {expected}"));
        }
        T::try_from(number?).ok()
    }

    /// As [`Check::number`], but it may be absent.
    pub(crate) fn optional_number<T: TryFrom<u64>>(
        &mut self,
        name: &str,
        bounds: RangeInclusive<u64>,
    ) -> Option<T> {
        self.has(name).then(|| self.number(name, bounds))?
    }

    /// A yes or no, which is no if it is absent.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        self.optional_flag(name).unwrap_or_default()
    }

    /// A yes or no.
    pub(crate) fn optional_flag(&mut self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        let flag = value.as_bool().or_else(|| self.read_text(value));
        if flag.is_none() {
            self.problem(name, "must be true or false");
        }
        flag
    }

    fn read_text<T: FromStr>(&self, value: &Value) -> Option<T> {
        let text = value.as_str().filter(|_| self.found.is_of_texts);
        text?.parse().ok()
    }

    /// The object of this name, as it is.
    pub(crate) fn map(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        let object = self.required(name, "an object")?.as_object();
        if object.is_none() {
            self.problem(name, "must be an object");
        }
        object
    }

    /// A nested object.
    pub(crate) fn object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Check<'_>) -> Option<T>,
    ) -> Option<T> {
        let fields = self.map(name)?;
        read(&mut Check {
            fields,
            prefix: format!("{}{name}.", self.prefix),
            found: self.found,
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
                check.found.problems.push(format!(
                    "{} must not be empty",
                    check.prefix.trim_end_matches('.')
                ));
            }
            let entries = names
                .into_iter()
                .filter_map(|name| Some((name.clone(), check.object(name, &mut read)?)));
            Some(entries.collect())
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
                    found: self.found,
                })
            })
            .collect();
        read.into_iter().collect()
    }

    /// Config vars with their templates.
    pub(crate) fn templates(&mut self, name: &str) -> Option<BTreeMap<String, String>> {
        self.object(name, |check| {
            let mut templates = BTreeMap::new();
            if check.fields.is_empty() {
                check.found.problems.push(format!(
                    "{} must not be empty (name at least one config var of the add-on's manifest)",
                    check.prefix.trim_end_matches('.')
                ));
            }
            for (var, template) in check.fields {
                if !is_config_var(var) {
                    check.problem(
                        var,
                        "is no config var's name (letters, digits and underscores)",
                    );
                }
                if let Some(template) = template.as_str() {
                    templates.insert(var.clone(), template.to_owned());
                } else {
                    check.problem(var, "must be a template in a string");
                }
            }
            Some(templates)
        })
    }

    /// The names of config vars, which may be left out.
    pub(crate) fn config_vars(&mut self, name: &str) -> Vec<String> {
        let Some(value) = self.get(name) else {
            return Vec::new();
        };
        let names = value.as_array().into_iter().flatten();
        let names: Vec<_> = names
            .filter_map(Value::as_str)
            .filter(|name| is_config_var(name))
            .map(ToOwned::to_owned)
            .collect();
        let once: BTreeSet<_> = names.iter().collect();
        if value.as_array().map(Vec::len) != Some(once.len()) {
            self.problem(name, "must be an array of config vars' names, each once");
        }
        names
    }

    /// Reports the fields that nobody has asked for: somebody's words, of which one that is not known was meant to be
    /// another. A name is shown only if it looks like a known one: somebody may have put a value in its place.
    pub(crate) fn refuse_unknown(&mut self) {
        let known = self.found.asked.iter();
        let known: Vec<_> = known
            .filter_map(|path| path.strip_prefix(&self.prefix))
            .filter(|name| !name.contains('.'))
            .collect();
        let unknown = self
            .fields
            .keys()
            .filter(|key| !known.contains(&key.as_str()));
        let problems: Vec<_> = unknown.map(|key| unknown_key(key, &known)).collect();
        self.found.problems.extend(problems);
    }
}

fn is_config_var(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn unknown_key(key: &str, known: &[&str]) -> String {
    let nearest = known.iter().min_by_key(|known| distance(key, known));
    match nearest.filter(|known| distance(key, known) <= known.len() / 3) {
        Some(known) => format!("{key} is unknown: did you mean {known}?"),
        None => format!("it has an unknown key (known are {})", known.join(", ")),
    }
}

/// How many letters must be put in, left out or replaced to make one word of the other, whatever their case.
fn distance(one: &str, other: &str) -> usize {
    let other = other.to_ascii_lowercase();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.to_ascii_lowercase().bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, same) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(letter != same);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_known_was_meant_to_be_another() {
        let known = ["Document", "GrantCode", "RefreshToken", "RotationDays"];
        for (key, meant) in [
            ("RotationDay", "RotationDays"),
            ("rotationDays", "RotationDays"),
            ("Grantcode", "GrantCode"),
            ("Refresh_Token", "RefreshToken"),
            ("Documnet", "Document"),
        ] {
            let expected = format!("{key} is unknown: did you mean {meant}?");
            assert_eq!(unknown_key(key, &known), expected);
        }
        for key in ["hunter2", "", "Reason", "acme_live_0123456789"] {
            let told = unknown_key(key, &known);
            assert!(told.contains("GrantCode, RefreshToken"), "{told}");
            assert!(key.is_empty() || !told.contains(key), "{told}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
