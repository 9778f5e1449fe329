//! The run's time: the real one, and what was skipped since nothing was to happen in it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use strict_aws::scheduler::{ScheduleSummary, Scheduler};

pub type Time = Timestamp;

/// The run's time, and when its schedules are due in it.
#[derive(Debug, Default)]
pub struct Clock {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    skipped: SignedDuration,
    /// How far Scheduler's clock is ahead of the functions'.
    ahead: SignedDuration,
    /// The most that it ever was.
    furthest: SignedDuration,
    /// By name, the time and the input that a schedule was seen with, and when it is due.
    due: BTreeMap<String, (Timestamp, String, Time)>,
}

impl Clock {
    pub fn now(&self) -> Time {
        Timestamp::now() + self.state.lock().skipped
    }

    pub fn skip(&self, time: SignedDuration) {
        self.state.lock().skipped += time;
    }

    /// Has Scheduler's clock be so far ahead of the functions' from now on.
    pub fn set_ahead(&self, ahead: SignedDuration) {
        let mut state = self.state.lock();
        state.ahead = ahead;
        state.furthest = state.furthest.max(ahead);
    }

    /// The furthest that Scheduler's clock ever was ahead.
    pub fn furthest_ahead(&self) -> SignedDuration {
        self.state.lock().furthest
    }

    /// The schedules and when they are due, the earliest first. To be called before time is skipped:
    /// a schedule is due as long after it was made as its maker said.
    pub fn due(&self, scheduler: &Scheduler) -> Vec<(Time, ScheduleSummary)> {
        let all = scheduler.schedules();
        let mut state = self.state.lock();
        let names = all.iter().map(|schedule| schedule.name.as_str());
        let names: Vec<_> = names.collect();
        state.due.retain(|name, _| names.contains(&name.as_str()));
        let shift = state.skipped - state.ahead;
        let mut due: Vec<_> = all
            .into_iter()
            .filter_map(|schedule| {
                let at = schedule.fires_at?;
                let name = schedule.name.clone();
                // Moved within a second, it may have the same time: its input says when it was moved.
                let same =
                    |seen: &(Timestamp, String, Time)| seen.0 == at && seen.1 == schedule.input;
                let time = match state.due.get(&name).filter(|seen| same(seen)) {
                    Some(seen) => seen.2,
                    None => at + shift,
                };
                let seen = (at, schedule.input.clone(), time);
                state.due.insert(name, seen);
                Some((time, schedule))
            })
            .collect();
        due.sort_by_key(|(at, _)| *at);
        due
    }
}
