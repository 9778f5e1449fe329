//! Rotation rules: how often a secret is rotated, and when next.
//!
//! See "Rotation schedules" in the Secrets Manager User Guide.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _, Unit, Zoned};
use serde::{Deserialize, Serialize};

use super::error::ServiceError;

const MOST_AUTOMATIC_DAYS: i64 = 1000;
const MOST_RATE_DAYS: i64 = 999;
const LEAST_RATE_HOURS: i64 = 4;

/// When a secret is rotated, as given to `RotateSecret`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationRules {
    /// Days from one rotation to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatically_after_days: Option<i64>,
    /// The length of the window in which a rotation may start, as in `3h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// `rate(…)` or `cron(…)`, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_expression: Option<String>,
}

enum Schedule {
    Days(i64),
    Hours(i64),
    Cron(Box<Cron>),
}

impl RotationRules {
    /// Refuses what Secrets Manager refuses.
    pub fn check(&self) -> Result<(), ServiceError> {
        let schedule = self.schedule()?;
        let Some(duration) = &self.duration else {
            return Ok(());
        };
        let hours = duration
            .strip_suffix('h')
            .filter(|digits| (1..=2).contains(&digits.len()))
            .and_then(|digits| digits.parse::<i64>().ok())
            .filter(|hours| (1..=24).contains(hours))
            .ok_or_else(|| {
                ServiceError::invalid_parameter(format!(
                    "The rotation window Duration {duration} isn't valid: give 1h to 24h."
                ))
            })?;
        if let Some(Schedule::Hours(period)) = schedule
            && hours > period
        {
            return Err(ServiceError::invalid_parameter(
                "The rotation window must not extend into the next rotation window.",
            ));
        }
        Ok(())
    }

    /// Whether a value stored by hand counts as a rotation: so it does for days between rotations.
    pub(super) fn counts_from_any_change(&self) -> bool {
        self.automatically_after_days.is_some()
    }

    /// When the window of the first rotation after `after` opens; `None` without a schedule.
    /// Windows in days open at midnight UTC, others on the hour.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after: Zoned = after.to_zoned(TimeZone::UTC);
        match self.schedule().ok()?? {
            Schedule::Days(days) => {
                let day = after.checked_add(days.days()).ok()?;
                Some(day.start_of_day().ok()?.timestamp())
            }
            Schedule::Hours(hours) => {
                let time = after.checked_add(SignedDuration::from_hours(hours)).ok()?;
                let seconds = i64::from(time.minute()) * 60 + i64::from(time.second());
                let hour = time
                    .checked_sub(SignedDuration::from_secs(seconds))
                    .ok()?
                    .round(
                        jiff::ZonedRound::new()
                            .smallest(Unit::Second)
                            .mode(jiff::RoundMode::Trunc),
                    )
                    .ok()?;
                Some(hour.timestamp())
            }
            Schedule::Cron(cron) => {
                Some(cron.find_next_occurrence(&after, false).ok()?.timestamp())
            }
        }
    }

    fn schedule(&self) -> Result<Option<Schedule>, ServiceError> {
        match (self.automatically_after_days, &self.schedule_expression) {
            (Some(_), Some(_)) => Err(ServiceError::invalid_parameter(
                "You can't specify both AutomaticallyAfterDays and ScheduleExpression in \
                 RotationRules.",
            )),
            (Some(days), None) if (1..=MOST_AUTOMATIC_DAYS).contains(&days) => {
                Ok(Some(Schedule::Days(days)))
            }
            (Some(_), None) => Err(ServiceError::invalid_parameter(
                "RotationRules.AutomaticallyAfterDays must be within 1-1000.",
            )),
            (None, Some(expression)) => parse(expression).map(Some).ok_or_else(|| {
                ServiceError::invalid_parameter(format!(
                    "The schedule expression {expression} isn't valid: give rate(4 hours) to \
                     rate(999 days), or cron(0 Hours Day-of-month Month Day-of-week *)."
                ))
            }),
            (None, None) => Ok(None),
        }
    }
}

fn parse(expression: &str) -> Option<Schedule> {
    let (function, argument) = expression.strip_suffix(')')?.split_once('(')?;
    match function {
        "rate" => parse_rate(argument),
        "cron" => parse_cron(argument),
        _ => None,
    }
}

fn parse_rate(rate: &str) -> Option<Schedule> {
    let (value, unit) = rate.split_once(' ')?;
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let value: i64 = digits.then(|| value.parse().ok())??;
    match unit {
        "hour" | "hours" => (LEAST_RATE_HOURS..=MOST_RATE_DAYS * 24)
            .contains(&value)
            .then_some(Schedule::Hours(value)),
        "day" | "days" => (1..=MOST_RATE_DAYS)
            .contains(&value)
            .then_some(Schedule::Days(value)),
        _ => None,
    }
}

/// Minutes (0), hours, day of month, month, day of week (1 is Sunday), year (*).
fn parse_cron(cron: &str) -> Option<Schedule> {
    let fields: Vec<&str> = cron.split_ascii_whitespace().collect();
    let [minutes @ "0", hours, day_of_month, month, day_of_week, "*"] = fields[..] else {
        return None;
    };
    if (day_of_month == "?") == (day_of_week == "?") {
        return None;
    }
    let cron = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .alternative_weekdays(true)
        // Steps from a value on, as in 4/12, and from the least one on, as in /8.
        .sloppy_ranges(true)
        .build()
        .parse(&[minutes, hours, day_of_month, month, day_of_week].join(" "))
        .ok()?;
    hours_far_enough_apart(hours, &cron).then(|| Schedule::Cron(Box::new(cron)))
}

/// No more often than every four hours. Whether a day has too many hours shows on any two days
/// that match.
fn hours_far_enough_apart(hours: &str, cron: &Cron) -> bool {
    if hours.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    let mut time = Zoned::new(Timestamp::UNIX_EPOCH, TimeZone::UTC);
    for occurrence in 0..48 {
        let Ok(next) = cron.find_next_occurrence(&time, false) else {
            return false;
        };
        let gap = next.duration_since(&time);
        if occurrence > 0 && gap < SignedDuration::from_hours(LEAST_RATE_HOURS) {
            return false;
        }
        time = next;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(expression: &str) -> RotationRules {
        RotationRules {
            schedule_expression: Some(expression.to_owned()),
            ..RotationRules::default()
        }
    }

    fn next(rules: &RotationRules) -> String {
        // A Monday.
        let after: Timestamp = "2026-11-23T05:30:12.5Z".parse().unwrap();
        rules.next(after).unwrap().to_string()
    }

    #[test]
    fn windows_open_at_midnight_or_on_the_hour() {
        let days = RotationRules {
            automatically_after_days: Some(30),
            ..RotationRules::default()
        };
        assert_eq!(next(&days), "2026-12-23T00:00:00Z");
        assert_eq!(next(&expression("rate(10 days)")), "2026-12-03T00:00:00Z");
        assert_eq!(next(&expression("rate(4 hours)")), "2026-11-23T09:00:00Z");
        assert_eq!(
            next(&expression("cron(0 8 ? * TUE *)")),
            "2026-11-24T08:00:00Z"
        );
        assert_eq!(
            next(&expression("cron(0 4/12 * * ? *)")),
            "2026-11-23T16:00:00Z"
        );
        assert_eq!(
            next(&expression("cron(0 0 ? * 1#2 *)")),
            "2026-12-13T00:00:00Z"
        );
        assert_eq!(
            next(&expression("cron(0 3 L * ? *)")),
            "2026-11-30T03:00:00Z"
        );
        assert_eq!(RotationRules::default().next(Timestamp::now()), None);
    }

    #[test]
    fn what_aws_takes_is_taken() {
        for text in [
            "rate(4 hours)",
            "rate(1 day)",
            "rate(999 days)",
            "cron(0 8 * * ? *)",
            "cron(0 /8 * * ? *)",
            "cron(0 2 1 JAN,APR,JUL,OCT ? *)",
        ] {
            assert_eq!(expression(text).check(), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        for text in [
            "",
            "rate(3 hours)",
            "rate(0 days)",
            "rate(1000 days)",
            "rate(30 minutes)",
            "rate(+4 hours)",
            "cron(5 8 * * ? *)",
            "cron(0 8 * * ? 2027)",
            "cron(0 8 * * * *)",
            "cron(0 8 ? * ? *)",
            "cron(0 25 * * ? *)",
            "cron(0 * * * ? *)",
            "cron(0 8,10 * * ? *)",
            "cron(0 8 * * ?)",
            "at(2027-01-01T00:00:00)",
        ] {
            let error = expression(text).check().unwrap_err();
            assert_eq!(error.code, "InvalidParameterException", "{text}");
        }
        for days in [0, -1, 1001] {
            let rules = RotationRules {
                automatically_after_days: Some(days),
                ..RotationRules::default()
            };
            assert!(rules.check().is_err(), "{days}");
        }
        let both = RotationRules {
            automatically_after_days: Some(1),
            ..expression("rate(1 day)")
        };
        assert!(both.check().is_err());
    }

    #[test]
    fn windows_are_bounded() {
        let window = |rate: &str, duration: &str| RotationRules {
            duration: Some(duration.to_owned()),
            ..expression(rate)
        };
        assert_eq!(window("rate(4 hours)", "4h").check(), Ok(()));
        assert_eq!(window("rate(1 day)", "24h").check(), Ok(()));
        assert!(window("rate(4 hours)", "5h").check().is_err());
        for duration in ["0h", "25h", "3", "h", "3d", "100h"] {
            assert!(
                window("rate(1 day)", duration).check().is_err(),
                "{duration}"
            );
        }
    }
}
