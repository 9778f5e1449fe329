//! What a run's world has noted.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::Value;

use crate::clock::Time;
use crate::violation::Violation;

/// A version of the secret that has a value.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) id: String,
    /// What the service calls its credential.
    pub(super) credential: String,
    /// The config var's value.
    pub(super) shown_as: String,
    pub(super) document: Value,
}

/// A value that Heroku showed.
struct Shown {
    value: String,
    /// Until when; none while it is shown.
    until: Option<Time>,
}

#[derive(Default)]
pub(super) struct Book {
    pub(super) looks: usize,
    pub(super) logins: usize,
    /// Whether the customer has removed the add-on.
    pub(super) is_deprovisioned: bool,
    /// Whether the instance was to end.
    pub(super) is_ended: bool,
    /// What the operator's tool said.
    pub(super) said: Vec<String>,
    /// Whether the operator accepts that dynos lose access that have what is not shown any more.
    accepts_downtime: bool,
    /// The errors of what ended in the dead-letter queue.
    pub(super) dead_letters: Vec<String>,
    pub(super) versions: Vec<Version>,
    pub(super) violations: BTreeSet<Violation>,
    /// How often what Heroku shows became another value.
    pub(super) changes: usize,
    shown: Vec<Shown>,
}

impl Book {
    /// Notes what Heroku shows now.
    pub(super) fn shows(&mut self, value: Option<String>, now: Time) {
        let same = self
            .shown
            .last()
            .is_some_and(|last| last.until.is_none() && value.as_ref() == Some(&last.value));
        if same {
            return;
        }
        if let Some(last) = self.shown.last_mut() {
            last.until.get_or_insert(now);
        }
        if let Some(value) = value {
            self.changes += usize::from(!self.shown.is_empty());
            self.shown.push(Shown { value, until: None });
        }
    }

    /// From now on, or no longer, nobody is to have what is not shown any more.
    pub(super) fn accept_downtime(&mut self, accepts: bool) {
        self.accepts_downtime = accepts;
        self.shown.retain(|shown| shown.until.is_none());
    }

    /// Nothing that was shown is needed any more.
    pub(super) fn forget_shown(&mut self) {
        self.shown.clear();
    }

    /// The versions that dynos may have: shown, or shown within the grace period.
    pub(super) fn needed(
        &self,
        now: Time,
        grace: SignedDuration,
    ) -> impl Iterator<Item = &Version> {
        let shown: BTreeSet<&str> = self
            .shown
            .iter()
            .filter(|shown| {
                shown
                    .until
                    .is_none_or(|until| !self.accepts_downtime && now.duration_since(until) < grace)
            })
            .map(|shown| shown.value.as_str())
            .collect();
        self.versions
            .iter()
            .filter(move |version| shown.contains(version.shown_as.as_str()))
    }
}
