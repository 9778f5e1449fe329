//! A JSON object that may hold secret values: wiped when it is dropped, and never printed. How its fields are read
//! ([`Check`]), what it may leave out, and the templates over it.

mod check;
mod defaults;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use secrecy::SecretString;
use serde_json::{Map, Value};
use zeroize::Zeroize;

pub(crate) use check::{Check, Found};
pub use template::ConfigVars;
pub(crate) use template::{UNRESERVED, check as check_templates, check_renewed, render};

/// The fields of a secret's value.
#[derive(Clone, Default)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a JSON object; `None` if `text` is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    pub(crate) fn map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A field's text, if it is one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        if let Some(mut old) = self.0.insert(name.to_owned(), value.into()) {
            wipe(&mut old);
        }
    }

    /// The fields as a document's are read: with what it may leave out.
    pub(crate) fn complete(&self) -> Self {
        Self(defaults::complete(&self.0))
    }

    /// A text of the block for Heroku, if there is one of this name, whatever it is.
    pub(crate) fn heroku_text(&self, name: &str) -> Option<String> {
        let value = self.0.get("heroku")?.get(name)?;
        if value.is_null() {
            return None;
        }
        Some(value.as_str().unwrap_or_default().to_owned())
    }

    /// The names of the fields in which the two differ, those of the block for Heroku one by one.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let (empty, mut names) = (Map::new(), Vec::new());
        let heroku = |fields: &Self| fields.0.get("heroku").and_then(Value::as_object).cloned();
        let (one, another) = (heroku(self), heroku(other));
        for name in different(&self.0, &other.0) {
            if name == "heroku" {
                let (one, another) = (one.as_ref(), another.as_ref());
                let within = different(one.unwrap_or(&empty), another.unwrap_or(&empty));
                names.extend(within.map(|name| format!("heroku.{name}")));
            } else {
                names.push(name.clone());
            }
        }
        names
    }

    pub(crate) fn heroku_config(&self) -> Option<BTreeMap<String, String>> {
        let config = self.0.get("heroku")?.get("config")?.as_object()?;
        Some(
            config
                .iter()
                .filter_map(|(name, template)| Some((name.clone(), template.as_str()?.to_owned())))
                .collect(),
        )
    }

    /// The object as JSON.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        SecretString::from(Value::Object(self.0.clone()).to_string())
    }
}

fn different<'a>(
    one: &'a Map<String, Value>,
    other: &'a Map<String, Value>,
) -> impl Iterator<Item = &'a String> {
    let names: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    names
        .into_iter()
        .filter(|name| one.get(*name) != other.get(*name))
}

impl From<Map<String, Value>> for Fields {
    fn from(fields: Map<String, Value>) -> Self {
        Self(fields)
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fields({} fields, values withheld)", self.0.len())
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
