//! What must hold, by name. See "Guarantees" in infra/reference.md.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A credential that Heroku shows, or showed within the grace period, is accepted.
    NobodyLockedOut,
    /// At rest the service accepts the current credential alone, and Heroku shows it.
    OneAtRest,
    /// Whatever the service accepts belongs to a version with a label.
    AliveIsLabelled,
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
    NoPanic,
    /// The run itself could not be made as it should have been.
    Stand,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    pub rule: Rule,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)
    }
}
