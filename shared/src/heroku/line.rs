//! Who goes first where the account's requests are used up.

use std::time::Duration;

use crate::deadline::BackOff;

/// The waits of one invocation for one add-on, after Heroku answered 429.
///
/// A pool that a whole fleet shares refills slowly: 75 requests a minute. Were all to ask alike, most would get one
/// request and not the next before their time is over, and what they got would be lost: a fleet would ask for hours and
/// few rotations would end. So whoever has got something asks again soon, and whoever has nothing lets those go first.
/// An invocation that gets nothing fails, and Secrets Manager or a schedule tries it again.
#[derive(Debug)]
pub struct Line {
    begun: bool,
    first: BackOff,
    last: BackOff,
}

impl Line {
    /// At the line's end.
    #[must_use]
    pub fn new() -> Self {
        Self::of(None)
    }

    /// The same waits for the same seed, for simulations.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::of(Some(seed))
    }

    fn of(seed: Option<u64>) -> Self {
        let back_off = |factor, most| BackOff::up_to(factor, most, seed);
        Self {
            begun: false,
            first: back_off(2.0, Duration::from_millis(200)),
            // Who is refused once may be alone: that one is repeated like any other fault. Then after half a minute, and
            // then not before the invocation's end.
            last: back_off(100.0, Duration::from_hours(1)),
        }
    }

    /// What is under way has got a request, or is the rest of what has: it goes first from now on.
    pub fn begin(&mut self) {
        self.begun = true;
    }

    /// The wait before the request is repeated.
    pub fn wait(&mut self) -> Option<Duration> {
        let waits = if self.begun {
            &mut self.first
        } else {
            &mut self.last
        };
        waits.next()
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_begun_asks_within_a_second_and_who_has_not_asks_three_times() {
        let mut line = Line::new();
        let mut waits =
            |count| -> Vec<Duration> { (0..count).filter_map(|_| line.wait()).collect() };
        let last = waits(3);
        assert!(last[0] < Duration::from_millis(400), "{last:?}");
        let long = Duration::from_secs(20)..Duration::from_secs(40);
        assert!(long.contains(&last[1]), "{last:?}");
        // Longer than any invocation: it ends.
        assert!(last[2] > Duration::from_mins(15), "{last:?}");
        line.begin();
        let first: Vec<_> = (0..20).filter_map(|_| line.wait()).collect();
        assert_eq!(first.len(), 20);
        assert!(
            first.iter().all(|it| *it <= Duration::from_secs(1)),
            "{first:?}"
        );
    }
}
