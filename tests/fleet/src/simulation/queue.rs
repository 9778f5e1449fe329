//! What happens next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::Time;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The operator asks for a rotation of this instance.
    Asked(u32),
    Attempt(u32),
    Continue(u32),
    /// Scheduler invokes revoke-secret.
    Fire(u32),
    /// Lambda hands an event of an instance to revoke-secret, after so many tries.
    Deliver(u32, u8),
}

/// Events in the order of their time; those of one time as they were added.
#[derive(Debug, Default)]
pub(super) struct Queue {
    events: BinaryHeap<Reverse<(Time, u64, Event)>>,
    added: u64,
}

impl Queue {
    pub(super) fn add(&mut self, at: Time, event: Event) {
        self.added += 1;
        self.events.push(Reverse((at, self.added, event)));
    }

    pub(super) fn next_at(&self) -> Option<Time> {
        self.events.peek().map(|Reverse((at, ..))| *at)
    }

    pub(super) fn next(&mut self) -> Option<(Time, Event)> {
        self.events.pop().map(|Reverse((at, _, event))| (at, event))
    }
}
