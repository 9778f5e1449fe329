//! A JSON object that may hold secret values: wiped when it is dropped, and never printed.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;
use serde_json::{Map, Value};
use zeroize::Zeroize;

/// The fields of a secret's value.
#[derive(Clone)]
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
