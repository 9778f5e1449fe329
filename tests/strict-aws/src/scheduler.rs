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

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use stand_in::events::EventLog;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::ministack;

pub use target::{HandOver, Target};

/// How the scheduler differs from AWS's in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SchedulerOptions {
    /// The pause before the first retry of a failed hand-over. Each further one is twice as long.
    pub(crate) retry_base: Duration,
    /// The longest pause between two retries.
    pub(crate) retry_limit: Duration,
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        Self {
            retry_base: Duration::from_millis(500),
            retry_limit: Duration::from_secs(30),
        }
    }
}

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
    /// It fires at once.
    #[default]
    AtOnce,
    /// It fires this long after it was made.
    After(Duration),
    /// It never fires.
    Never,
}

/// A schedule, for tests and the live view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSummary {
    /// Its name.
    pub name: String,
    /// The name of its group.
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
    options: SchedulerOptions,
    untidy: Mutex<Untidy>,
    schedules: Mutex<model::Schedules>,
    changed: Notify,
    stopped: CancellationToken,
}

impl State {
    fn schedules(&self) -> MutexGuard<'_, model::Schedules> {
        self.schedules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn untidy(&self) -> MutexGuard<'_, Untidy> {
        self.untidy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scheduler {
    /// A scheduler with no schedules. Must be called within a tokio runtime, where it fires.
    pub(crate) fn new(
        upstream: Option<ministack::Client>,
        events: EventLog,
        target: Arc<dyn Target>,
        options: SchedulerOptions,
    ) -> Self {
        let stopped = CancellationToken::new();
        let state = Arc::new(State {
            upstream,
            events,
            target,
            options,
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

    /// All schedules, by group and name.
    #[must_use]
    pub fn schedules(&self) -> Vec<ScheduleSummary> {
        self.state
            .schedules()
            .iter()
            .map(model::Schedule::summary)
            .collect()
    }

    /// Makes the next occurrence of every enabled schedule of this name happen now.
    /// Whether there was one.
    #[must_use]
    pub fn bring_forward(&self, name: &str) -> bool {
        let found = self.state.schedules().bring_forward(name, Timestamp::now());
        self.state.changed.notify_one();
        found
    }
}

#[cfg(test)]
mod tests;
