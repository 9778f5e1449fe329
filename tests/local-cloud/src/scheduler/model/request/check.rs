//! What is wrong with a request, all of it at once and in AWS's words.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::scheduler::model::Refusal;

/// The longest input in bytes.
const INPUT_LIMIT: usize = 256 * 1024;
/// The most retries and the greatest age of an event in seconds, which are also the defaults.
const RETRY_ATTEMPTS: i64 = 185;
const EVENT_AGE: i64 = 86_400;

/// What a schedule's target says, with AWS's defaults.
pub(super) struct TargetParts<'a> {
    pub(super) arn: &'a str,
    pub(super) role_arn: &'a str,
    pub(super) dead_letter_queue: Option<&'a str>,
    pub(super) retry_attempts: i64,
    pub(super) event_age: i64,
}

/// Collects what is wrong with a request, in AWS's words.
#[derive(Default)]
pub(super) struct Check(Vec<String>);

impl Check {
    fn fail(&mut self, value: &str, path: &str, constraint: &str) {
        self.0.push(format!(
            "Value{value} at '{path}' failed to satisfy constraint: {constraint}"
        ));
    }

    pub(super) fn pattern(&mut self, value: &str, path: &str, pattern: &str) {
        self.fail(
            &format!(" '{value}'"),
            path,
            &format!("Member must satisfy regular expression pattern: {pattern}"),
        );
    }

    pub(super) fn finish(self) -> Result<(), Refusal> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(Refusal::validation(format!(
                "1 validation error detected: {}",
                self.0[0]
            ))),
            count => Err(Refusal::validation(format!(
                "{count} validation errors detected: {}",
                self.0.join("; ")
            ))),
        }
    }

    /// A member that is not null, if there is one.
    fn member<'a>(
        &mut self,
        object: &'a Map<String, Value>,
        name: &str,
        path: &str,
        required: bool,
    ) -> Option<&'a Value> {
        let member = object.get(name).filter(|value| !value.is_null());
        if member.is_none() && required {
            self.fail("", path, "Member must not be null");
        }
        member
    }

    pub(super) fn text<'a>(
        &mut self,
        object: &'a Map<String, Value>,
        name: &str,
        path: &str,
        longest: usize,
        required: bool,
    ) -> Option<&'a str> {
        let member = self.member(object, name, path, required)?;
        let Some(text) = member.as_str() else {
            self.fail("", path, "Member must be a string");
            return None;
        };
        self.length_of(text, path, 1, longest);
        Some(text)
    }

    pub(super) fn length(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
        path: &str,
        shortest: usize,
        longest: usize,
    ) {
        if let Some(text) = object.get(name).and_then(Value::as_str) {
            self.length_of(text, path, shortest, longest);
        }
    }

    fn length_of(&mut self, text: &str, path: &str, shortest: usize, longest: usize) {
        let length = text.chars().count();
        if length < shortest {
            let constraint = format!("Member must have length greater than or equal to {shortest}");
            self.fail(&format!(" '{text}'"), path, &constraint);
        } else if length > longest {
            let constraint = format!("Member must have length less than or equal to {longest}");
            self.fail("", path, &constraint);
        }
    }

    pub(super) fn one_of<'a>(
        &mut self,
        object: &'a Map<String, Value>,
        name: &str,
        path: &str,
        values: [&str; 2],
    ) -> Option<&'a str> {
        let text = self.text(object, name, path, usize::MAX, false)?;
        if !values.contains(&text) {
            let constraint = format!(
                "Member must satisfy enum value set: [{}]",
                values.join(", ")
            );
            self.fail(&format!(" '{text}'"), path, &constraint);
        }
        Some(text)
    }

    pub(super) fn time(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
        path: &str,
    ) -> Option<Timestamp> {
        let member = self.member(object, name, path, false)?;
        #[allow(clippy::cast_possible_truncation)] // a float out of range saturates: refused below
        let time = member
            .as_f64()
            .and_then(|seconds| Timestamp::from_millisecond((seconds * 1000.0) as i64).ok());
        if time.is_none() {
            self.fail("", path, "Member must be a timestamp in epoch seconds");
        }
        time
    }

    pub(super) fn object<'a>(
        &mut self,
        object: &'a Map<String, Value>,
        name: &str,
        path: &str,
        required: bool,
    ) -> Option<&'a Map<String, Value>> {
        let member = self.member(object, name, path, required)?.as_object();
        if member.is_none() {
            self.fail("", path, "Member must be a structure");
        }
        member
    }

    fn number(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
        path: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let number = self.member(object, name, path, false)?.as_i64();
        match number {
            None => self.fail("", path, "Member must be an integer"),
            Some(number) if number < *range.start() => {
                let least = range.start();
                let constraint = format!("Member must have value greater than or equal to {least}");
                self.fail(&format!(" '{number}'"), path, &constraint);
            }
            Some(number) if number > *range.end() => {
                let most = range.end();
                let constraint = format!("Member must have value less than or equal to {most}");
                self.fail(&format!(" '{number}'"), path, &constraint);
            }
            Some(_) => {}
        }
        number
    }

    pub(super) fn window<'a>(
        &mut self,
        window: &'a Map<String, Value>,
    ) -> Option<(&'a str, Option<i64>)> {
        let minutes = self.number(
            window,
            "MaximumWindowInMinutes",
            "flexibleTimeWindow.maximumWindowInMinutes",
            1..=1440,
        );
        let path = "flexibleTimeWindow.mode";
        self.member(window, "Mode", path, true)?;
        let mode = self.one_of(window, "Mode", path, ["OFF", "FLEXIBLE"])?;
        Some((mode, minutes))
    }

    pub(super) fn target<'a>(&mut self, target: &'a Map<String, Value>) -> TargetParts<'a> {
        let arn = self.text(target, "Arn", "target.arn", 1600, true);
        let role = self.text(target, "RoleArn", "target.roleArn", 1600, true);
        if let Some(role) = role
            && !(role.starts_with("arn:aws") && role.contains(":iam::") && role.contains(":role/"))
        {
            let pattern = r"^arn:aws(-[a-z]+)?:iam::\d{12}:role\/[\w+=,.@\/-]+$";
            self.pattern(role, "target.roleArn", pattern);
        }
        if let Some(input) = self.text(target, "Input", "target.input", usize::MAX, false) {
            if input.len() > INPUT_LIMIT {
                let constraint =
                    format!("Member must have length less than or equal to {INPUT_LIMIT}");
                self.fail("", "target.input", &constraint);
            } else if serde_json::from_str::<Value>(input).is_err() {
                self.fail("", "target.input", "Member must be valid JSON");
            }
        }
        let dead_letters =
            self.object(target, "DeadLetterConfig", "target.deadLetterConfig", false);
        let queue = dead_letters.and_then(|config| {
            self.text(config, "Arn", "target.deadLetterConfig.arn", 1600, false)
        });
        if let Some(queue) = queue
            && !(queue.starts_with("arn:aws") && queue.contains(":sqs:"))
        {
            let pattern = r"^arn:aws(-[a-z]+)?:sqs:[a-z0-9\-]+:\d{12}:[a-zA-Z0-9\-_]+$";
            self.pattern(queue, "target.deadLetterConfig.arn", pattern);
        }
        let retry = self.object(target, "RetryPolicy", "target.retryPolicy", false);
        let mut number = |name, path, range: std::ops::RangeInclusive<i64>| {
            let default = *range.end();
            retry
                .and_then(|retry| self.number(retry, name, path, range))
                .unwrap_or(default)
        };
        TargetParts {
            arn: arn.unwrap_or_default(),
            role_arn: role.unwrap_or_default(),
            dead_letter_queue: queue,
            retry_attempts: number(
                "MaximumRetryAttempts",
                "target.retryPolicy.maximumRetryAttempts",
                0..=RETRY_ATTEMPTS,
            ),
            event_age: number(
                "MaximumEventAgeInSeconds",
                "target.retryPolicy.maximumEventAgeInSeconds",
                60..=EVENT_AGE,
            ),
        }
    }
}
