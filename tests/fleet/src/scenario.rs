//! A fleet, and when each of its rotations is due.

use addon_rotation::rotation_schedule::schedule_expression;
use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::calls::Api;
use crate::parameters::TOP_OF_THE_HOUR;
use crate::{DAY, HOUR, MINUTE, SECOND, Time, microseconds, number};

pub(crate) const DAYS: u32 = 90;

/// Days until the first of each of a year's first three months.
const MONTHS: [u64; 3] = [0, 31, 59];

/// The window of `rate(90 days)`, as the operations page has it.
const WINDOW: Time = 4 * HOUR;

#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    pub(crate) instances: u32,
    pub(crate) api: Api,
    pub(crate) start: Start,
    pub(crate) pool: Pool,
}

/// Whose requests Heroku counts together. Its reference has a pool for each account; nobody has measured whether the
/// tokens of v3's instances are accounts of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// The whole add-on service's: so it is for v1.
    Service,
    /// Each token's, and so each instance's.
    Token,
}

/// When the instances of a fleet are rotated: each once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start {
    /// `rate(90 days)` with a window of four hours, all enrolled, or rotated, on one day.
    SameDay,
    /// By the library's `schedule_expression`: an hour for each.
    Spread,
    /// `RotateSecret` for all of them, so many a second at most.
    Now { pace: f64 },
}

impl Start {
    /// When each rotation is due, in order: Secrets Manager begins it then, or the operator wants it.
    pub(crate) fn due(self, instances: u32, random: &mut StdRng) -> Vec<Time> {
        let mut due: Vec<Time> = (0..instances)
            .map(|_| match self {
                Self::SameDay => within(WINDOW, random),
                Self::Spread => {
                    let addon = uuid::Builder::from_random_bytes(random.random()).into_uuid();
                    let expression = schedule_expression(&addon.to_string(), DAYS);
                    opens(&expression).unwrap_or_default() + within(HOUR, random)
                }
                Self::Now { .. } => 0,
            })
            .collect();
        due.sort_unstable();
        due
    }

    /// When the operator asks for a rotation, after its being due.
    pub(crate) fn asked(self, place: u64) -> Option<Time> {
        match self {
            Self::SameDay | Self::Spread => None,
            Self::Now { pace } => Some(microseconds(number(place) / pace * number(SECOND))),
        }
    }
}

/// A moment within a window of whole hours: the hour at random, the minute with more weight on the first five.
fn within(window: Time, random: &mut StdRng) -> Time {
    let hour = random.random_range(0..window / HOUR) * HOUR;
    let weighted = random.random::<f64>() < TOP_OF_THE_HOUR;
    hour + random.random_range(0..if weighted { 5 * MINUTE } else { HOUR })
}

/// When the first window of `cron(0 <hour> <day> <months> ? *)` opens, from a first of January on.
fn opens(expression: &str) -> Option<Time> {
    let fields = expression.strip_prefix("cron(0 ")?.split(' ');
    let [hour, day, months] = fields.take(3).collect::<Vec<_>>()[..] else {
        return None;
    };
    let month: usize = months.split(',').next()?.parse().ok()?;
    let days = MONTHS.get(month - 1)? + day.parse::<u64>().ok()? - 1;
    Some(days * DAY + hour.parse::<u64>().ok()? * HOUR)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn due(start: Start) -> Vec<Time> {
        let mut random = StdRng::seed_from_u64(5);
        start.due(20_160, &mut random)
    }

    fn fullest_hour(due: &[Time]) -> usize {
        let mut hours = vec![0; 24 * 92];
        for at in due {
            hours[usize::try_from(at / HOUR).unwrap()] += 1;
        }
        hours.into_iter().max().unwrap()
    }

    #[test]
    fn a_window_opens_when_the_expression_says() {
        assert_eq!(
            opens("cron(0 21 24 1,4,7,10 ? *)"),
            Some(23 * DAY + 21 * HOUR)
        );
        assert_eq!(opens("cron(0 0 1 3,6,9,12 ? *)"), Some(59 * DAY));
        assert_eq!(opens("rate(90 days)"), None);
        assert!(due(Start::Spread)[20] > 0, "every expression is understood");
    }

    #[test]
    fn one_day_has_them_all_and_a_spread_next_to_none() {
        let one_day = due(Start::SameDay);
        assert!(one_day.iter().all(|it| *it < WINDOW));
        // A fourth of them, and next to none, as chance has it.
        assert!((4_800..5_300).contains(&fullest_hour(&one_day)));
        assert!((10..30).contains(&fullest_hour(&due(Start::Spread))));
        // Half begin in the first five minutes, and a twelfth of the other half.
        let first = one_day.iter().filter(|it| **it % HOUR < 5 * MINUTE).count();
        assert!((10_700..11_150).contains(&first), "{first}");
    }
}
