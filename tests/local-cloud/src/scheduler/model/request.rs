//! What `CreateSchedule` and `UpdateSchedule` are asked for, checked.

mod check;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use check::Check;

use super::{Refusal, epoch, insert};
use crate::scheduler::expression::Expression;

/// A schedule's definition.
#[derive(Clone, Debug)]
pub(in crate::scheduler) struct Definition {
    pub(in crate::scheduler) group: String,
    pub(super) client_token: Option<String>,
    pub(super) expression: Expression,
    pub(super) enabled: bool,
    pub(super) delete_after_completion: bool,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    pub(in crate::scheduler) target_arn: String,
    pub(in crate::scheduler) role_arn: String,
    pub(in crate::scheduler) dead_letter_queue: Option<String>,
    pub(in crate::scheduler) retry_attempts: u32,
    pub(in crate::scheduler) event_age: SignedDuration,
    body: Map<String, Value>,
}

impl Definition {
    /// Checks a request's body, all of it at once.
    pub(in crate::scheduler) fn parse(name: &str, body: &Value) -> Result<Self, Refusal> {
        let body = body.as_object().ok_or_else(|| {
            Refusal::validation("1 validation error detected: the request has no JSON object")
        })?;
        let mut check = Check::default();
        if !is_name(name) {
            check.pattern(name, "name", NAME_PATTERN);
        }
        let group = check.text(body, "GroupName", "groupName", 64, false);
        if let Some(group) = group.filter(|group| !is_name(group)) {
            check.pattern(group, "groupName", NAME_PATTERN);
        }
        let client_token = check.text(body, "ClientToken", "clientToken", 64, false);
        if let Some(token) = client_token.filter(|token| !is_token(token)) {
            check.pattern(token, "clientToken", "^[a-zA-Z0-9-_]+$");
        }
        let expression = check.text(body, "ScheduleExpression", "scheduleExpression", 256, true);
        let zone = check.text(
            body,
            "ScheduleExpressionTimezone",
            "scheduleExpressionTimezone",
            50,
            false,
        );
        check.length(body, "Description", "description", 0, 512);
        let state = check.one_of(body, "State", "state", ["ENABLED", "DISABLED"]);
        let completion = check.one_of(
            body,
            "ActionAfterCompletion",
            "actionAfterCompletion",
            ["NONE", "DELETE"],
        );
        let start = check.time(body, "StartDate", "startDate");
        let end = check.time(body, "EndDate", "endDate");
        let window = check.object(body, "FlexibleTimeWindow", "flexibleTimeWindow", true);
        let target = check.object(body, "Target", "target", true);
        let mode = window.and_then(|window| check.window(window));
        let target = target.map(|target| check.target(target));
        check.finish()?;

        // The checks above have refused what is missing.
        let (Some(expression), Some(target)) = (expression, target) else {
            return Err(Refusal::validation("the request is incomplete"));
        };
        match mode {
            Some(("FLEXIBLE", None)) => {
                return Err(Refusal::validation(
                    "MaximumWindowInMinutes is required for FlexibleTimeWindow mode FLEXIBLE.",
                ));
            }
            Some(("OFF", Some(_))) => {
                return Err(Refusal::validation(
                    "MaximumWindowInMinutes must not be set for FlexibleTimeWindow mode OFF.",
                ));
            }
            _ => {}
        }
        let zone = zone.unwrap_or("UTC");
        let zone = TimeZone::get(zone).map_err(|_| {
            Refusal::validation(format!(
                "The ScheduleExpressionTimezone {zone} is not a valid timezone."
            ))
        })?;
        let parsed = Expression::parse(expression, &zone).ok_or_else(|| invalid(expression))?;
        if let (Some(start), Some(end)) = (start, end)
            && end <= start
        {
            return Err(Refusal::validation(
                "The EndDate must come after the StartDate.",
            ));
        }
        Ok(Self {
            group: group.unwrap_or("default").to_owned(),
            client_token: client_token.map(str::to_owned),
            expression: parsed,
            enabled: state != Some("DISABLED"),
            delete_after_completion: completion == Some("DELETE"),
            start,
            end,
            target_arn: target.arn.to_owned(),
            role_arn: target.role_arn.to_owned(),
            dead_letter_queue: target.dead_letter_queue.map(str::to_owned),
            retry_attempts: u32::try_from(target.retry_attempts).unwrap_or_default(),
            event_age: SignedDuration::from_secs(target.event_age),
            body: body.clone(),
        })
    }

    /// What the target is handed, if the schedule says.
    pub(in crate::scheduler) fn input(&self) -> Option<&str> {
        self.body.get("Target")?.get("Input")?.as_str()
    }

    /// The members of `GetSchedule`'s answer that the definition gives, defaults included.
    pub(super) fn describe(&self) -> Map<String, Value> {
        let mut described = Map::new();
        for name in [
            "Description",
            "FlexibleTimeWindow",
            "KmsKeyArn",
            "ScheduleExpression",
        ] {
            insert(&mut described, name, self.body.get(name).cloned());
        }
        let text = |name: &str, default: &str| {
            let given = self.body.get(name).and_then(Value::as_str);
            Some(json!(given.unwrap_or(default)))
        };
        for (name, default) in [
            ("ActionAfterCompletion", "NONE"),
            ("ScheduleExpressionTimezone", "UTC"),
            ("State", "ENABLED"),
        ] {
            insert(&mut described, name, text(name, default));
        }
        insert(&mut described, "StartDate", self.start.map(epoch));
        insert(&mut described, "EndDate", self.end.map(epoch));
        let mut target = self.body.get("Target").cloned().unwrap_or_default();
        target["RetryPolicy"] = json!({
            "MaximumEventAgeInSeconds": self.event_age.as_secs(),
            "MaximumRetryAttempts": self.retry_attempts,
        });
        insert(&mut described, "Target", Some(target));
        described
    }
}

const NAME_PATTERN: &str = "^[0-9a-zA-Z-_.]+$";

/// Whether a schedule or group may have this name.
pub(in crate::scheduler) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn is_token(token: &str) -> bool {
    !token.is_empty()
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn invalid(expression: &str) -> Refusal {
    Refusal::validation(format!("Invalid Schedule Expression {expression}."))
}
