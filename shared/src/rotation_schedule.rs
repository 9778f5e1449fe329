//! When Secrets Manager rotates an instance: schedules that do not fall on the same hour.
//!
//! `rate(90 days)` counts from the secret's last rotation, and its window opens at midnight UTC
//! ([Schedule expressions](https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html)):
//! instances that were enrolled, or rotated by hand, on one day are rotated together for ever after. A
//! `cron(...)` has no such memory, so each instance has one of its own, by a hash of the add-on's id.

use ring::digest::{SHA256, digest};

/// The window of these schedules, `Duration` in the rotation rules: an hour, within which Secrets Manager
/// chooses the moment. Without it the window of a day's schedule lasts until midnight.
pub const WINDOW: &str = "1h";

/// Every month has so many days.
const DAYS_OF_A_MONTH: u64 = 28;

const HOURS: u64 = 24;

/// The `ScheduleExpression` of an add-on instance's secret that is to be rotated every so many days: an
/// hour of a day that is always the same for the same add-on. It goes with the window [`WINDOW`].
///
/// Secrets Manager's cron has whole hours, and no year
/// ([limits](https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html)), so the
/// interval follows the calendar: a month stands for 30 days, half a month (14 to 17 days) for 15, and from one
/// rotation to the next it is never longer than asked for but by what months differ. 90 days are every
/// third month: 89 to 92 days, in 2,016 different hours. Below 15 days it is so many times a week as are needed;
/// a year is the longest.
///
/// ```
/// # use addon_rotation::rotation_schedule::schedule_expression;
/// let addon = "01234567-89ab-cdef-0123-456789abcdef";
/// assert_eq!(schedule_expression(addon, 90), "cron(0 21 24 1,4,7,10 ? *)");
/// ```
#[must_use]
pub fn schedule_expression(addon_id: &str, days: u32) -> String {
    let mut place = Place::of(addon_id);
    let hour = place.take(HOURS);
    match days {
        0..15 => {
            let times = 7_u64.div_ceil(days.max(1).into());
            let first = place.take(7);
            let days = list((0..times).map(|it| (first + it * 7 / times) % 7 + 1));
            format!("cron(0 {hour} ? * {days} *)")
        }
        15..30 => {
            let half = DAYS_OF_A_MONTH / 2;
            let first = place.take(half) + 1;
            format!("cron(0 {hour} {first},{} * ? *)", first + half)
        }
        30.. => {
            let months = u64::from(days / 30);
            let step = [12, 6, 4, 3, 2, 1].into_iter().find(|it| *it <= months);
            let step = step.unwrap_or(1);
            let day = place.take(DAYS_OF_A_MONTH) + 1;
            let first = place.take(step) + 1;
            let months = list((first..=12).step_by(usize::try_from(step).unwrap_or(1)));
            format!("cron(0 {hour} {day} {months} ? *)")
        }
    }
}

/// What is left of a hash, to be divided among hours, days and months.
struct Place(u64);

impl Place {
    fn of(addon_id: &str) -> Self {
        let hash = digest(&SHA256, addon_id.as_bytes());
        let bytes = hash.as_ref().iter().take(8);
        Self(bytes.fold(0, |place, byte| (place << 8) | u64::from(*byte)))
    }

    fn take(&mut self, many: u64) -> u64 {
        let taken = self.0 % many;
        self.0 /= many;
        taken
    }
}

/// In order, as some readers of cron expressions want them.
fn list(values: impl Iterator<Item = u64>) -> String {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    let values: Vec<String> = values.iter().map(u64::to_string).collect();
    values.join(",")
}
