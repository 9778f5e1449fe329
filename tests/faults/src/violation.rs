//! What must hold, by name. See "Guarantees" in infra/reference.md.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A credential that Heroku shows, or showed within the grace period, is accepted.
    NobodyLockedOut,
    /// At rest the service accepts the current credential alone, and Heroku shows it.
    OneAtRest,
    /// Whatever the service accepts belongs to a version with a label.
    AliveIsLabelled,
    /// One rotation, one release.
    OneRelease,
    /// No secret value in a log, an error, a metric, an event or a schedule.
    NoValueShown,
    /// Nobody has anything done with a login through a document that claims it.
    NoForeignLogin,
    /// What was begun comes to an end: no rotation fails for good, nothing is left for the
    /// dead-letter queue.
    Converges,
    /// A session of each version is and can do what the first one's did.
    SameSession,
    /// No handler panics.
    NoPanic,
    /// The run itself could not be made as it should have been.
    Stand,
}

impl Rule {
    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NobodyLockedOut => "nobody is locked out",
            Self::OneAtRest => "one credential at rest",
            Self::AliveIsLabelled => "what is alive is labelled",
            Self::OneRelease => "one rotation, one release",
            Self::NoValueShown => "no value is shown",
            Self::NoForeignLogin => "no login through a document",
            Self::Converges => "comes to an end",
            Self::SameSession => "every version is the same session",
            Self::NoPanic => "no panic",
            Self::Stand => "the run itself",
        }
    }
}

/// Something that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    /// What should have.
    pub rule: Rule,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule.name(), self.what)
    }
}
