//! What the demo remembers of a run: all that the verdict, the table and the picture are made
//! from. It holds no secret value.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use local_cloud::customers::Tally;
use stand_in::events::Event;

#[derive(Clone, Debug)]
pub(crate) struct Recording {
    /// When the customers began to log in; what was before is set-up.
    pub(crate) began: Timestamp,
    pub(crate) ended: Timestamp,
    pub(crate) grace_period: Duration,
    pub(crate) events: Vec<Event>,
    pub(crate) outcomes: Vec<Outcome>,
    /// What the story waited for in vain, or what failed, if it did not come to its end.
    pub(crate) unfinished: Option<String>,
}

/// An add-on instance, by the names that events use.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// The short name that people are shown.
    pub(crate) name: String,
    /// Like `v3 · postgres`.
    pub(crate) kind: String,
    pub(crate) secret: String,
    pub(crate) secret_arn: String,
    pub(crate) addon: String,
    /// What the service calls the imported credential, which is older than the secret's versions.
    pub(crate) imported: String,
    /// The apps; the first owns the add-on.
    pub(crate) apps: Vec<App>,
}

#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) name: String,
    /// Its dynos: `web.1` and so on.
    pub(crate) dynos: Vec<String>,
    /// What is particular about it, like `Private Space`.
    pub(crate) note: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) subject: Subject,
    pub(crate) rotations: usize,
    pub(crate) logins: BTreeMap<String, Tally>,
    pub(crate) newest_releases: BTreeMap<String, u32>,
    /// What the service accepts at the end: credential ids or login roles.
    pub(crate) live: Vec<String>,
    /// The one that it should accept; `None` if that could not be found out.
    pub(crate) expected: Option<String>,
    /// What came of logins with each old credential after its end, by version.
    pub(crate) tried_again: BTreeMap<String, Tally>,
}
