//! What a run's world has noted.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde_json::Value;

use crate::clock::Time;
use crate::violation::Violation;

pub(crate) type Config = BTreeMap<String, String>;

/// A version of the secret that has a value.
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) credential: String,
    pub(crate) var: String,
    pub(crate) shown_as: String,
    pub(crate) document: Value,
}

struct Shown {
    var: String,
    value: String,
    /// Until when; none while it is shown.
    until: Option<Time>,
}

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) looks: usize,
    pub(crate) logins: usize,
    pub(crate) is_deprovisioned: bool,
    pub(crate) is_ended: bool,
    pub(crate) said: Vec<String>,
    /// Whether the operator accepts that dynos lose access that have what is not shown any more.
    accepts_downtime: bool,
    /// What versions show that are to end without a grace period, once Heroku does not show them any more.
    ending_at_once: BTreeSet<String>,
    pub(crate) dead_letters: Vec<String>,
    pub(crate) versions: Vec<Version>,
    pub(crate) violations: BTreeSet<Violation>,
    pub(crate) changes: usize,
    shown: Vec<Shown>,
}

impl Book {
    pub(crate) fn shows(&mut self, mut config: Config, now: Time) {
        let (is_first, mut changed) = (self.shown.is_empty(), false);
        for shown in self.shown.iter_mut().filter(|it| it.until.is_none()) {
            if config.get(&shown.var) == Some(&shown.value) {
                config.remove(&shown.var);
            } else {
                shown.until = Some(now);
                changed = true;
            }
        }
        for (var, value) in config {
            // Whatever it was, it is given out once more.
            self.ending_at_once.remove(&value);
            let until = None;
            self.shown.push(Shown { var, value, until });
            changed = true;
        }
        self.changes += usize::from(changed && !is_first);
    }

    /// From now on, or no longer, nobody is to have what is not shown any more.
    pub(crate) fn accept_downtime(&mut self, accepts: bool) {
        self.accepts_downtime = accepts;
        self.shown.retain(|shown| shown.until.is_none());
    }

    /// The operator has had these versions' credentials end at once, however any version shows them; revoke-secret goes on
    /// with it.
    pub(crate) fn end_at_once(&mut self, ids: &BTreeSet<String>) {
        let ending: Vec<_> = self
            .versions
            .iter()
            .filter(|it| ids.contains(&it.id))
            .map(|it| &it.credential)
            .collect();
        let shown = self.versions.iter();
        let shown = shown.filter(|it| ending.contains(&&it.credential));
        self.ending_at_once
            .extend(shown.map(|it| it.shown_as.clone()));
    }

    /// Nothing that was shown is needed any more.
    pub(crate) fn forget_shown(&mut self) {
        self.shown.clear();
    }

    /// The versions that dynos may have: shown, or shown within the grace period.
    pub(crate) fn needed(
        &self,
        now: Time,
        grace: SignedDuration,
    ) -> impl Iterator<Item = &Version> {
        let shown: BTreeSet<&str> = self
            .shown
            .iter()
            .filter(|shown| {
                let ends_at_once =
                    self.accepts_downtime || self.ending_at_once.contains(&shown.value);
                shown
                    .until
                    .is_none_or(|until| !ends_at_once && now.duration_since(until) < grace)
            })
            .map(|shown| shown.value.as_str())
            .collect();
        self.versions
            .iter()
            .filter(move |version| shown.contains(version.shown_as.as_str()))
    }
}
