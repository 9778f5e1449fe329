//! What happens next.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::{MINUTE, Time};

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The operator asks for a rotation of this instance.
    Asked(u32),
    /// Secrets Manager begins an attempt.
    Attempt(u32),
    /// A run goes on.
    Continue(u32),
    /// Scheduler invokes revoke-secret.
    Fire(u32),
    /// Lambda hands an event of an instance to revoke-secret, after so many tries.
    Deliver(u32, u8),
}

type Entry = Reverse<(Time, u64, Event)>;

/// Events in the order of their time; those of one time as they were added. Only those of the minutes that have
/// begun are sorted: most of a fleet's are hours away.
#[derive(Debug, Default)]
pub(super) struct Queue {
    near: BinaryHeap<Entry>,
    far: BTreeMap<Time, Vec<Entry>>,
    /// The end of the minutes that have begun.
    until: Time,
    added: u64,
}

impl Queue {
    pub(super) fn add(&mut self, at: Time, event: Event) {
        self.added += 1;
        let entry = Reverse((at, self.added, event));
        if at < self.until {
            self.near.push(entry);
        } else {
            self.far.entry(at / MINUTE).or_default().push(entry);
        }
    }

    pub(super) fn next_at(&mut self) -> Option<Time> {
        if self.near.is_empty()
            && let Some((minute, events)) = self.far.pop_first()
        {
            self.until = (minute + 1) * MINUTE;
            self.near = events.into();
        }
        self.near.peek().map(|Reverse((at, ..))| *at)
    }

    pub(super) fn next(&mut self) -> Option<(Time, Event)> {
        self.next_at()?;
        self.near.pop().map(|Reverse((at, _, event))| (at, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HOUR, SECOND};

    #[test]
    fn events_come_in_the_order_of_their_time_and_then_of_their_being_added() {
        let mut queue = Queue::default();
        let times = [3 * HOUR, 5, MINUTE, 5, 2 * HOUR, MINUTE - 1, 0];
        for (place, at) in (0..).zip(times) {
            queue.add(at, Event::Fire(place));
        }
        let mut seen = vec![queue.next().unwrap()];
        // One that is nearer than what was near.
        queue.add(SECOND, Event::Fire(7));
        seen.extend(std::iter::from_fn(|| queue.next()));
        let places = [6, 1, 3, 7, 5, 2, 4, 0];
        let expected: Vec<_> = places
            .iter()
            .map(|place| (*times.get(*place).unwrap_or(&SECOND), *place))
            .map(|(at, place)| (at, Event::Fire(u32::try_from(place).unwrap())))
            .collect();
        assert_eq!(seen, expected);
        assert_eq!(queue.next(), None);
    }
}
