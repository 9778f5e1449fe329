//! When a schedule fires: `at(…)`, `rate(…)` and `cron(…)`.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A parsed schedule expression in its time zone.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    /// Once.
    At(Timestamp),
    /// Again and again after this long, from the start on.
    Rate(SignedDuration),
    /// Whenever the calendar matches.
    Cron(Box<Cron>, TimeZone),
}

impl Expression {
    /// Parses an expression; `None` if it is not valid.
    pub(super) fn parse(text: &str, zone: &TimeZone) -> Option<Self> {
        if let Some(at) = argument(text, "at") {
            let exact = at.len() == "yyyy-mm-ddThh:mm:ss".len() && at.as_bytes()[10] == b'T';
            let local: DateTime = exact.then(|| at.parse().ok()).flatten()?;
            return Some(Self::At(local.to_zoned(zone.clone()).ok()?.timestamp()));
        }
        if let Some(rate) = argument(text, "rate") {
            return parse_rate(rate).map(Self::Rate);
        }
        let cron = parse_cron(argument(text, "cron")?)?;
        Some(Self::Cron(Box::new(cron), zone.clone()))
    }

    /// Whether it fires but once.
    pub(super) fn is_one_time(&self) -> bool {
        matches!(self, Self::At(_))
    }

    /// The first time it fires after `after`, and not before `start`; `None` if it never does.
    /// A rate counts from `start`.
    pub(super) fn next(&self, start: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(at) => (*at > after).then_some(*at),
            Self::Rate(period) => {
                if start > after {
                    return Some(start);
                }
                let elapsed = after.duration_since(start).as_secs();
                let periods = elapsed / period.as_secs() + 1;
                let wait = SignedDuration::from_secs(periods.checked_mul(period.as_secs())?);
                start.checked_add(wait).ok()
            }
            Self::Cron(cron, zone) => {
                // One exclusive search serves both: nothing fires between two whole seconds.
                let before_start = start.checked_sub(SignedDuration::from_secs(1)).ok()?;
                let from = after.max(before_start).to_zoned(zone.clone());
                let next = cron.find_next_occurrence(&from, false).ok()?;
                Some(next.timestamp())
            }
        }
    }
}

fn argument<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    text.strip_prefix(function)?
        .strip_prefix('(')?
        .strip_suffix(')')
}

/// `value unit`: minutes, hours or days. AWS takes the singular and the plural for any value.
fn parse_rate(text: &str) -> Option<SignedDuration> {
    let (value, unit) = text.split_once(' ')?;
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let value: i64 = digits.then(|| value.parse().ok()).flatten()?;
    let seconds = match unit.trim() {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 60 * 60,
        "day" | "days" => 24 * 60 * 60,
        _ => return None,
    };
    (value > 0)
        .then(|| value.checked_mul(seconds))
        .flatten()
        .map(SignedDuration::from_secs)
}

/// Minutes, hours, day of month, month, day of week (1 is Sunday), year. One of the two days is
/// `?`, unless the other is.
fn parse_cron(text: &str) -> Option<Cron> {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, _, day_of_month, _, day_of_week, _] = fields[..] else {
        return None;
    };
    if (day_of_month == "?") == (day_of_week == "?") {
        return None;
    }
    CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .build()
        .parse(&format!("0 {text}"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn next(expression: &str, zone: &str, start: &str, after: &str) -> Option<String> {
        let zone = TimeZone::get(zone).unwrap();
        Expression::parse(expression, &zone)
            .unwrap()
            .next(time(start), time(after))
            .map(|next| next.to_string())
    }

    #[test]
    fn at_is_once_in_its_zone() {
        let start = "2026-01-01T00:00:00Z";
        let at = "at(2026-07-01T12:00:00)";
        assert_eq!(
            next(at, "UTC", start, start).unwrap(),
            "2026-07-01T12:00:00Z"
        );
        assert_eq!(
            next(at, "Europe/Berlin", start, start).unwrap(),
            "2026-07-01T10:00:00Z"
        );
        assert_eq!(next(at, "UTC", start, "2026-07-01T12:00:00Z"), None);
    }

    #[test]
    fn rates_count_from_the_start() {
        let start = "2026-01-01T00:00:30Z";
        let rate = "rate(5 minutes)";
        assert_eq!(
            next(rate, "UTC", start, "2026-01-01T00:00:00Z").unwrap(),
            start
        );
        assert_eq!(
            next(rate, "UTC", start, start).unwrap(),
            "2026-01-01T00:05:30Z"
        );
        assert_eq!(
            next(rate, "UTC", start, "2026-01-01T00:11:00Z").unwrap(),
            "2026-01-01T00:15:30Z"
        );
    }

    #[test]
    fn crons_are_aws_ones() {
        let start = "2026-01-01T00:00:00Z";
        // Day of week 1 is Sunday; 2026-01-04 is one.
        assert_eq!(
            next("cron(30 4 ? * 1 *)", "UTC", start, start).unwrap(),
            "2026-01-04T04:30:00Z"
        );
        assert_eq!(
            next("cron(0 3 * * ? *)", "America/New_York", start, start).unwrap(),
            "2026-01-01T08:00:00Z"
        );
        assert_eq!(
            next("cron(0 0 1 1 ? 2027)", "UTC", start, "2026-06-01T00:00:00Z").unwrap(),
            "2027-01-01T00:00:00Z"
        );
        assert_eq!(next("cron(0 0 1 1 ? 2025)", "UTC", start, start), None);
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        for text in [
            "",
            "at(2026-07-01)",
            "at(2026-07-01T12:00)",
            "at(2026-07-01 12:00:00)",
            "at(2026-07-01T12:00:00Z)",
            "at(2026-13-01T12:00:00)",
            " at(2026-07-01T12:00:00)",
            "rate(0 minutes)",
            "rate(-1 minutes)",
            "rate(5 seconds)",
            "rate(minute)",
            "cron(0 3 * * *)",
            "cron(0 3 * * * *)",
            "cron(0 3 ? * ? *)",
            "cron(61 3 * * ? *)",
            "every day",
        ] {
            assert!(Expression::parse(text, &TimeZone::UTC).is_none(), "{text}");
        }
    }
}
