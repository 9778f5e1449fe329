//! Rotation rules: how often a secret is rotated, and when next.
//!
//! See "Rotation schedules" in the Secrets Manager User Guide. Of what it takes, rates in hours and
//! more than one hour of a day are refused here: nothing of the product asks for them.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};
use serde::{Deserialize, Serialize};

use super::error::ServiceError;

const MOST_AUTOMATIC_DAYS: i64 = 1000;
const MOST_RATE_DAYS: i64 = 999;

/// When a secret is rotated, as given to `RotateSecret`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationRules {
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
    Cron(Box<Cron>),
}

impl RotationRules {
    pub fn check(&self) -> Result<(), ServiceError> {
        self.schedule()?;
        let Some(duration) = &self.duration else {
            return Ok(());
        };
        duration
            .strip_suffix('h')
            .filter(|digits| (1..=2).contains(&digits.len()))
            .and_then(|digits| digits.parse::<u8>().ok())
            .filter(|hours| (1..=24).contains(hours))
            .map(|_| ())
            .ok_or_else(|| {
                ServiceError::invalid_parameter(format!(
                    "The rotation window Duration {duration} isn't valid: give 1h to 24h."
                ))
            })
    }

    /// Whether a value stored by hand counts as a rotation: so it does for days between rotations.
    pub(super) fn counts_from_any_change(&self) -> bool {
        self.automatically_after_days.is_some()
    }

    /// When the window of the first rotation after `after` opens; `None` without a schedule.
    /// Windows in days open at midnight UTC, others on the hour.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after: Zoned = after.to_zoned(TimeZone::UTC);
        let next = match self.schedule().ok()?? {
            Schedule::Days(days) => after.checked_add(days.days()).ok()?.start_of_day().ok()?,
            Schedule::Cron(cron) => cron.find_next_occurrence(&after, false).ok()?,
        };
        Some(next.timestamp())
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
                    "The schedule expression {expression} isn't valid here: give rate(1 day) to \
                     rate(999 days), or cron(0 Hour Day-of-month Month Day-of-week *)."
                ))
            }),
            (None, None) => Ok(None),
        }
    }
}

fn parse(expression: &str) -> Option<Schedule> {
    let (function, argument) = expression.strip_suffix(')')?.split_once('(')?;
    match function {
        "rate" => {
            let (value, "day" | "days") = argument.split_once(' ')? else {
                return None;
            };
            let value = i64::from(digits(value)?);
            (1..=MOST_RATE_DAYS)
                .contains(&value)
                .then_some(Schedule::Days(value))
        }
        "cron" => parse_cron(argument),
        _ => None,
    }
}

fn digits(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// Minutes (0), hour, day of month, month, day of week (1 is Sunday), year (*).
fn parse_cron(cron: &str) -> Option<Schedule> {
    let fields: Vec<&str> = cron.split_ascii_whitespace().collect();
    let [minutes @ "0", hour, day_of_month, month, day_of_week, "*"] = fields[..] else {
        return None;
    };
    digits(hour)?;
    if (day_of_month == "?") == (day_of_week == "?") {
        return None;
    }
    let cron = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .alternative_weekdays(true)
        .build()
        .parse(&[minutes, hour, day_of_month, month, day_of_week].join(" "))
        .ok()?;
    Some(Schedule::Cron(Box::new(cron)))
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

    fn days(days: i64) -> RotationRules {
        RotationRules {
            automatically_after_days: Some(days),
            ..RotationRules::default()
        }
    }

    #[test]
    fn windows_open_at_midnight_or_on_the_hour() {
        // A Monday.
        let after: Timestamp = "2026-11-23T05:30:12.5Z".parse().unwrap();
        for (rules, next) in [
            (days(30), "2026-12-23T00:00:00Z"),
            (expression("rate(10 days)"), "2026-12-03T00:00:00Z"),
            (expression("cron(0 8 ? * 3 *)"), "2026-11-24T08:00:00Z"),
            (expression("cron(0 4 * * ? *)"), "2026-11-24T04:00:00Z"),
            (expression("cron(0 3 9,28 * ? *)"), "2026-11-28T03:00:00Z"),
            (expression("cron(0 3 9 1,7 ? *)"), "2027-01-09T03:00:00Z"),
        ] {
            assert_eq!(rules.check(), Ok(()), "{rules:?}");
            assert_eq!(rules.next(after).unwrap().to_string(), next, "{rules:?}");
        }
        assert_eq!(RotationRules::default().next(after), None);
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        let both = RotationRules {
            automatically_after_days: Some(1),
            ..expression("rate(1 day)")
        };
        let window = |duration: &str| RotationRules {
            duration: Some(duration.to_owned()),
            ..expression("rate(1 day)")
        };
        let expressions = [
            "",
            "rate(3 hours)",
            "rate(0 days)",
            "rate(1000 days)",
            "rate(30 minutes)",
            "rate(+4 days)",
            "cron(5 8 * * ? *)",
            "cron(0 8 * * ? 2027)",
            "cron(0 8 * * * *)",
            "cron(0 8 ? * ? *)",
            "cron(0 25 * * ? *)",
            "cron(0 * * * ? *)",
            "cron(0 8,10 * * ? *)",
            "cron(0 8 * * ?)",
            "at(2027-01-01T00:00:00)",
        ];
        let rules = (expressions.into_iter().map(expression))
            .chain([0, -1, 1001].map(days))
            .chain([both])
            .chain(["0h", "25h", "3", "h", "3d", "100h"].map(window));
        for rules in rules {
            let error = rules.check().unwrap_err();
            assert_eq!(error.code, "InvalidParameterException", "{rules:?}");
        }
        for duration in ["1h", "24h"] {
            assert_eq!(window(duration).check(), Ok(()), "{duration}");
        }
    }
}
