//! What is asked of the service, and what it answers.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::contract::Operation;
use crate::rules::{Failure, Stop};

/// A credential of this command's own.
pub(crate) struct Credential {
    /// Its id, as it stands in the request's path.
    pub(crate) id: String,
    pub(super) fields: Vec<(String, SecretString)>,
    /// The header with which its customer is let in.
    pub(crate) authorization: SecretString,
}

/// Who asks.
pub(crate) enum Login<'a> {
    /// The administrator.
    Administrator,
    /// Somebody with this `Authorization` header.
    Header(&'a SecretString),
    /// Nobody.
    Nobody,
}

/// An answer's status, and how it came about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(super) operation: Operation,
    /// The status.
    pub(crate) status: u16,
    /// Whether an earlier try was answered by 429 or 5xx: it may have taken effect.
    pub(crate) again: bool,
}

impl Seen {
    /// The status is one that is due, the first of which names the place in the contract.
    pub(crate) fn is(self, due: &[u16], change: &str) -> Result<(), Stop> {
        if due.contains(&self.status) {
            return Ok(());
        }
        let words: Vec<_> = due.iter().map(u16::to_string).collect();
        let first = words.first().map_or("default", String::as_str);
        Err(Stop::Fails(Failure {
            seen: format!("{} is due", words.join(" or ")),
            change: change.to_owned(),
            at: self.operation.response(first),
        }))
    }

    /// Whether a customer was let in.
    pub(crate) fn is_accepted(self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Credential {
    /// What the service is told.
    pub(crate) fn body(&self) -> Value {
        let field = |(name, value): &(String, SecretString)| {
            (name.clone(), Value::from(value.expose_secret()))
        };
        Value::Object(self.fields.iter().map(field).collect::<Map<_, _>>())
    }
}
