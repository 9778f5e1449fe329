//! EventBridge Scheduler, strictly by AWS's rules, as far as the product uses it: one-time schedules.
//!
//! With a MiniStack behind it, that one authenticates every request and IAM's verdict is asked
//! for on the right resource; without one, every request is allowed. Schedules live here alone and
//! fire on time. Schedule groups and tags are MiniStack's.
//!
//! Rules: the EventBridge Scheduler API reference (`CreateSchedule`, `Target`, `RetryPolicy`) and its
//! User Guide ("Schedule types", "Confused deputy prevention", "Configuring a dead-letter queue").

mod access;
mod api;
mod firing;
mod model;
mod target;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use stand_in::events::EventLog;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::ministack;

pub use target::{HandOver, Target};

/// What AWS's scheduler may do and need not. It is settled by no document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untidy {
    /// What becomes of a schedule whose time is over when it is made.
    pub past: Past,
    /// So many changes of schedules are refused, as something else is being done with the schedule.
    pub busy: u32,
}

/// What becomes of a schedule whose time is over when it is made. AWS accepts it (recorded in 2025 by
/// `LocalStack`); whether and when it fires is recorded nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Past {
    #[default]
    AtOnce,
    /// It fires this long after it was made.
    After(Duration),
    Never,
}

/// A schedule, for tests and the live view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSummary {
    pub name: String,
    pub group: String,
    /// When it fires next; `None` if it never does again, or is disabled.
    pub fires_at: Option<Timestamp>,
    /// What it hands its target; empty if nothing of its own.
    pub input: String,
}

/// EventBridge Scheduler. Clones share schedules; firing stops with the last of them.
#[derive(Clone)]
pub struct Scheduler {
    state: Arc<State>,
    _stop: Arc<DropGuard>,
}

struct State {
    upstream: Option<ministack::Client>,
    events: EventLog,
    target: Arc<dyn Target>,
    untidy: Mutex<Untidy>,
    schedules: Mutex<model::Schedules>,
    changed: Notify,
    stopped: CancellationToken,
}

impl State {
    fn schedules(&self) -> MutexGuard<'_, model::Schedules> {
        stand_in::lock(&self.schedules)
    }

    fn untidy(&self) -> MutexGuard<'_, Untidy> {
        stand_in::lock(&self.untidy)
    }
}

impl Scheduler {
    /// A scheduler with no schedules. Must be called within a tokio runtime, where it fires.
    pub(crate) fn new(
        upstream: Option<ministack::Client>,
        events: EventLog,
        target: Arc<dyn Target>,
    ) -> Self {
        let stopped = CancellationToken::new();
        let state = Arc::new(State {
            upstream,
            events,
            target,
            untidy: Mutex::default(),
            schedules: Mutex::default(),
            changed: Notify::new(),
            stopped: stopped.clone(),
        });
        tokio::spawn(firing::run(Arc::clone(&state)));
        Self {
            state,
            _stop: Arc::new(stopped.drop_guard()),
        }
    }

    /// From now on it does what AWS may do and need not.
    pub fn be(&self, untidy: Untidy) {
        *self.state.untidy() = untidy;
    }

    pub fn schedules(&self) -> Vec<ScheduleSummary> {
        self.state
            .schedules()
            .iter()
            .map(model::Schedule::summary)
            .collect()
    }

    /// Makes the next occurrence of every enabled schedule of this name happen now.
    /// Whether there was one.
    pub fn bring_forward(&self, name: &str) -> bool {
        let found = self.state.schedules().bring_forward(name, Timestamp::now());
        self.state.changed.notify_one();
        found
    }
}

#[cfg(test)]
mod tests;
