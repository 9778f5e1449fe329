//! What a run's world has noted.

use std::collections::BTreeSet;

use serde_json::Value;

use super::may_be_in_use;
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
    pub(super) versions: Vec<Version>,
    pub(super) violations: BTreeSet<Violation>,
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
            self.shown.push(Shown { value, until: None });
        }
    }

    /// The versions that dynos may have: shown, or shown within the grace period.
    pub(super) fn needed(&self, now: Time) -> impl Iterator<Item = &Version> {
        let shown: BTreeSet<&str> = self
            .shown
            .iter()
            .filter(|shown| may_be_in_use(shown.until, now))
            .map(|shown| shown.value.as_str())
            .collect();
        self.versions
            .iter()
            .filter(move |version| shown.contains(version.shown_as.as_str()))
    }
}
