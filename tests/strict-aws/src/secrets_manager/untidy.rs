//! What AWS may do and need not: reads that are late, labels that stay, deletions that linger.
//!
//! Lateness is counted in reads, not in time: nothing depends on how fast a test is.

use std::collections::{BTreeMap, HashMap};

use super::model::Model;
use super::secret::Secret;

/// What Secrets Manager may do and need not. By default it is tidy; only the probe is as recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untidy {
    /// `AWSPENDING` stays on the version of a finished rotation, for ever
    /// ([`RotateSecret`](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html):
    /// it "might be attached to the same version as the AWSCURRENT version").
    pub pending_stays: bool,
    /// So many calls of `DescribeSecret` and `GetSecretValue` tell each caller of a secret as it was before its
    /// last changes ("eventually consistent").
    pub late_reads: u32,
    /// So many calls of `ListSecrets` likewise (up to five minutes late).
    pub late_lists: u32,
    /// For whom both are late: for everybody, if nobody is named.
    pub late_for: Option<&'static str>,
    /// What the version holds that `RotateImmediately=false` tests.
    pub probe: Probe,
    /// Whether `RotateImmediately=false` answers before its test: recorded nowhere.
    pub probe_comes_later: bool,
    /// So many calls still find a secret that was deleted by force, marked for deletion (recorded).
    pub lingering: u32,
    /// Whether `CancelRotateSecret` forgets the function: open.
    pub cancelling_forgets_the_function: bool,
}

/// What the version holds that `RotateImmediately=false` tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Probe {
    /// The current value, under an id of its own: recorded on AWS.
    #[default]
    CurrentValue,
    NoValue,
}

type Secrets = BTreeMap<String, Secret>;

/// What each caller sees of what he has not been told of yet.
#[derive(Debug, Default)]
pub(super) struct Views {
    /// By the secret's name.
    secrets: HashMap<String, Change<Option<Secret>>>,
    all: Option<Change<Secrets>>,
    /// By caller and name.
    of_secrets: HashMap<(String, String), View<Option<Secret>>>,
    /// By caller.
    of_lists: HashMap<String, View<Secrets>>,
}

/// The last change of something, counted from 1.
#[derive(Debug)]
struct Change<T> {
    number: u64,
    before: T,
}

#[derive(Debug)]
struct View<T> {
    /// What the caller sees: the truth after the change of this number.
    seen: T,
    number: u64,
    /// So many reads until he sees the truth.
    left: u32,
}

impl<T: Clone> View<T> {
    /// Somebody who has never looked may see what was before the last change.
    fn first(change: Option<&Change<T>>, truth: impl FnOnce() -> T, late: u32) -> Self {
        let (seen, number) = match change {
            Some(change) => (change.before.clone(), change.number - 1),
            None => (truth(), 0),
        };
        Self {
            seen,
            number,
            left: late,
        }
    }

    /// One read. `None` if it tells the truth.
    fn read(&mut self, number: u64, truth: impl FnOnce() -> T, late: u32) -> Option<T> {
        if self.number == number {
            return None;
        }
        if self.left > 0 {
            self.left -= 1;
            return Some(self.seen.clone());
        }
        *self = Self {
            seen: truth(),
            number,
            left: late,
        };
        None
    }
}

impl Views {
    /// Notes that a secret was changed, made or removed.
    pub(super) fn changed(&mut self, name: String, before: Option<Secret>, all: Option<Secrets>) {
        let number = self.secrets.get(&name).map_or(1, |it| it.number + 1);
        self.secrets.insert(name, Change { number, before });
        if let Some(before) = all {
            let number = self.all.as_ref().map_or(1, |it| it.number + 1);
            self.all = Some(Change { number, before });
        }
    }

    /// The secret as the caller sees it in this read: `None` if as it is.
    pub(super) fn of_secret(
        &mut self,
        caller: &str,
        name: &str,
        truth: Option<&Secret>,
        late: u32,
    ) -> Option<Secrets> {
        let change = self.secrets.get(name);
        let number = change.map_or(0, |it| it.number);
        self.of_secrets
            .entry((caller.to_owned(), name.to_owned()))
            .or_insert_with(|| View::first(change, || truth.cloned(), late))
            .read(number, || truth.cloned(), late)
            .map(|seen| {
                seen.map(|secret| (name.to_owned(), secret))
                    .into_iter()
                    .collect()
            })
    }

    /// All secrets as the caller sees them in this listing: `None` if as they are.
    pub(super) fn of_list(&mut self, caller: &str, truth: &Secrets, late: u32) -> Option<Secrets> {
        let change = self.all.as_ref();
        let number = change.map_or(0, |it| it.number);
        self.of_lists
            .entry(caller.to_owned())
            .or_insert_with(|| View::first(change, || truth.clone(), late))
            .read(number, || truth.clone(), late)
    }

    /// The name of a secret that is not there any more, by its ARN.
    pub(super) fn name_of(&self, arn: &str) -> Option<String> {
        let is_it = |it: &&Secret| it.arn == arn;
        let mut gone = self.secrets.values().filter_map(|it| it.before.as_ref());
        gone.find(is_it).map(|secret| secret.name.clone())
    }
}

impl Secret {
    /// Whether callers can tell it from another moment's.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        let visible = |secret: &Self| {
            let mut secret = secret.clone();
            (secret.rotation.pending, secret.last_accessed) = (None, None);
            secret
        };
        visible(self) == visible(other)
    }
}

impl Untidy {
    fn is_late_for(&self, caller: &str) -> bool {
        self.late_for.is_none_or(|late| late == caller)
    }
}

impl Model {
    /// As a caller sees it in one read of a secret: `None` if as it is.
    pub(super) fn as_seen(&mut self, caller: &str, id: &str) -> Option<Self> {
        let late = self.untidy.late_reads;
        if late == 0 || !self.untidy.is_late_for(caller) {
            return None;
        }
        let truth = self.find(id).ok().cloned();
        let name = match &truth {
            Some(secret) => secret.name.clone(),
            None => self.views.name_of(id).unwrap_or_else(|| id.to_owned()),
        };
        let seen = self.views.of_secret(caller, &name, truth.as_ref(), late)?;
        Some(Self::of(seen))
    }

    /// As a caller sees it in one listing: `None` if as it is.
    pub(super) fn as_listed(&mut self, caller: &str) -> Option<Self> {
        let late = self.untidy.late_lists;
        if late == 0 || !self.untidy.is_late_for(caller) {
            return None;
        }
        let truth: Secrets = self.all();
        let seen = self.views.of_list(caller, &truth, late)?;
        Some(Self::of(seen))
    }
}
