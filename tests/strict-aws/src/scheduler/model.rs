//! Schedules and the rules for them: no I/O, no clock of its own.
//!
//! Only what the product uses is played: one-time schedules in UTC at exact times. A request for
//! anything else is refused with words that say so.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Past, ScheduleSummary};
use crate::ministack::{ACCOUNT_ID, REGION};

const INPUT_LIMIT: usize = 256 * 1024;
/// The most retries and the greatest age of an event in seconds, which are also the defaults.
const RETRY_ATTEMPTS: u32 = 185;
const EVENT_AGE: u32 = 86_400;
const NAME_PATTERN: &str = "^[0-9a-zA-Z-_.]{1,64}$";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "ValidationException",
            message: message.into(),
        }
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: "ResourceNotFoundException",
            message: message.into(),
        }
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::CONFLICT,
            code: "ConflictException",
            message: message.into(),
        }
    }
}

/// What `CreateSchedule` and `UpdateSchedule` are asked for, with AWS's defaults.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Definition {
    #[serde(default = "default_group")]
    group_name: String,
    #[serde(skip_serializing)]
    client_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    schedule_expression: String,
    #[serde(default = "utc")]
    schedule_expression_timezone: String,
    #[serde(default)]
    state: State,
    #[serde(default)]
    action_after_completion: Completion,
    flexible_time_window: Window,
    pub(super) target: TargetDefinition,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum State {
    #[default]
    Enabled,
    Disabled,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Completion {
    #[default]
    None,
    Delete,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Window {
    mode: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TargetDefinition {
    pub(super) arn: String,
    pub(super) role_arn: String,
    pub(super) input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dead_letter_config: Option<DeadLetters>,
    #[serde(default)]
    pub(super) retry_policy: Retries,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeadLetters {
    pub(super) arn: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Retries {
    pub(super) maximum_event_age_in_seconds: u32,
    pub(super) maximum_retry_attempts: u32,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            maximum_event_age_in_seconds: EVENT_AGE,
            maximum_retry_attempts: RETRY_ATTEMPTS,
        }
    }
}

impl Retries {
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.maximum_event_age_in_seconds.into())
    }
}

fn default_group() -> String {
    "default".to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Definition {
    /// Checks a request's body; with the time for which it asks.
    fn parse(name: &str, body: &Value) -> Result<(Self, Timestamp), Refusal> {
        check_name("name", name)?;
        for member in ["StartDate", "EndDate", "KmsKeyArn"] {
            if body.get(member).is_some_and(|value| !value.is_null()) {
                return Err(not_played(member));
            }
        }
        if body["Target"].is_object() && body["Target"]["Input"].is_null() {
            return Err(not_played("a Target without Input"));
        }
        let it: Self = serde_json::from_value(body.clone()).map_err(|error| {
            Refusal::validation(format!("1 validation error detected: {error}"))
        })?;
        check_name("groupName", &it.group_name)?;
        if let Some(token) = &it.client_token {
            check_name("clientToken", token)?;
        }
        if it.schedule_expression_timezone != "UTC" {
            return Err(not_played("a ScheduleExpressionTimezone other than UTC"));
        }
        if it.flexible_time_window.mode != "OFF" {
            return Err(not_played("a FlexibleTimeWindow other than OFF"));
        }
        it.target.check()?;
        let at = parse_at(&it.schedule_expression)?;
        Ok((it, at))
    }

    fn first(&self, at: Timestamp, now: Timestamp, past: Past) -> Option<Timestamp> {
        if self.state == State::Disabled {
            return None;
        }
        // An `at` of this very second is still to fire.
        if at.as_second() >= now.as_second() {
            return Some(at);
        }
        match past {
            Past::AtOnce => Some(at),
            Past::After(wait) => now.checked_add(wait).ok(),
            Past::Never => None,
        }
    }
}

impl TargetDefinition {
    fn check(&self) -> Result<(), Refusal> {
        let Retries {
            maximum_event_age_in_seconds: age,
            maximum_retry_attempts: attempts,
        } = self.retry_policy;
        let queue = self.dead_letter_config.as_ref();
        let is_arn = |arn: &str, service: &str| arn.starts_with("arn:aws") && arn.contains(service);
        for (holds, path, constraint) in [
            (
                is_arn(&self.role_arn, ":iam::") && self.role_arn.contains(":role/"),
                "target.roleArn",
                r"satisfy regular expression pattern: ^arn:aws(-[a-z]+)?:iam::\d{12}:role\/[\w+=,.@\/-]+$",
            ),
            (
                queue.is_none_or(|queue| is_arn(&queue.arn, ":sqs:")),
                "target.deadLetterConfig.arn",
                r"satisfy regular expression pattern: ^arn:aws(-[a-z]+)?:sqs:[a-z0-9\-]+:\d{12}:[a-zA-Z0-9\-_]+$",
            ),
            (
                self.input.len() <= INPUT_LIMIT,
                "target.input",
                "have length less than or equal to 262144",
            ),
            (
                serde_json::from_str::<Value>(&self.input).is_ok(),
                "target.input",
                "be valid JSON",
            ),
            (
                attempts <= RETRY_ATTEMPTS,
                "target.retryPolicy.maximumRetryAttempts",
                "have value less than or equal to 185",
            ),
            (
                (60..=EVENT_AGE).contains(&age),
                "target.retryPolicy.maximumEventAgeInSeconds",
                "have value from 60 to 86400",
            ),
        ] {
            if !holds {
                return Err(failed(path, constraint));
            }
        }
        Ok(())
    }
}

/// `at(yyyy-mm-ddThh:mm:ss)`, which is UTC.
fn parse_at(expression: &str) -> Result<Timestamp, Refusal> {
    if expression.starts_with("rate(") || expression.starts_with("cron(") {
        return Err(not_played("a recurring schedule"));
    }
    let at = expression
        .strip_prefix("at(")
        .and_then(|rest| rest.strip_suffix(')'));
    // Neither a date alone nor a fraction of a second.
    at.filter(|at| at.len() == "yyyy-mm-ddThh:mm:ss".len() && at.as_bytes()[10] == b'T')
        .and_then(|at| at.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok())
        .map(|at| at.timestamp())
        .ok_or_else(|| Refusal::validation(format!("Invalid Schedule Expression {expression}.")))
}

fn failed(path: &str, constraint: &str) -> Refusal {
    Refusal::validation(format!(
        "1 validation error detected: Value at '{path}' failed to satisfy constraint: Member must {constraint}"
    ))
}

fn not_played(what: &str) -> Refusal {
    Refusal::validation(format!(
        "This stand-in of EventBridge Scheduler does not play {what}: the product does not use it."
    ))
}

/// Whether a schedule or group may have this name.
pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

pub(super) fn check_name(path: &str, name: &str) -> Result<(), Refusal> {
    if is_name(name) {
        return Ok(());
    }
    let constraint = format!("satisfy regular expression pattern: {NAME_PATTERN}");
    Err(failed(path, &constraint))
}

#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) name: String,
    pub(super) definition: Definition,
    created: Timestamp,
    modified: Timestamp,
    /// When it fires; `None` once it has, or while it is disabled.
    pub(super) next: Option<Timestamp>,
}

impl Schedule {
    pub(super) fn group(&self) -> &str {
        &self.definition.group_name
    }

    pub(super) fn arn(&self) -> String {
        schedule_arn(self.group(), &self.name)
    }

    pub(super) fn summary(&self) -> ScheduleSummary {
        ScheduleSummary {
            name: self.name.clone(),
            group: self.group().to_owned(),
            fires_at: self.next,
            input: self.definition.target.input.clone(),
        }
    }

    /// The answer of `GetSchedule`.
    pub(super) fn describe(&self) -> Value {
        let mut described = json!(self.definition);
        described["Arn"] = json!(self.arn());
        described["Name"] = json!(self.name);
        described["CreationDate"] = epoch(self.created);
        described["LastModificationDate"] = epoch(self.modified);
        described
    }

    /// Its entry in the answer of `ListSchedules`.
    pub(super) fn list_entry(&self) -> Value {
        let mut entry = self.describe();
        entry["Target"] = json!({ "Arn": self.definition.target.arn });
        if let Some(members) = entry.as_object_mut() {
            members.retain(|name, _| {
                !name.starts_with("ScheduleExpression")
                    && !["ActionAfterCompletion", "Description", "FlexibleTimeWindow"]
                        .contains(&name.as_str())
            });
        }
        entry
    }
}

#[derive(Debug, Default)]
pub(super) struct Schedules(BTreeMap<(String, String), Schedule>);

impl Schedules {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Schedule> {
        self.0.values()
    }

    pub(super) fn get(&self, group: &str, name: &str) -> Result<&Schedule, Refusal> {
        self.0.get(&key(group, name)).ok_or_else(|| missing(name))
    }

    /// `CreateSchedule`; the new schedule. The same request again, with the same token, is a success that
    /// changes nothing: `None`.
    pub(super) fn create(
        &mut self,
        name: &str,
        body: &Value,
        now: Timestamp,
        past: Past,
    ) -> Result<Option<ScheduleSummary>, Refusal> {
        let (definition, at) = Definition::parse(name, body)?;
        let key = key(&definition.group_name, name);
        if let Some(existing) = self.0.get(&key) {
            return if definition.client_token.is_some() && existing.definition == definition {
                Ok(None)
            } else {
                Err(Refusal::conflict(format!(
                    "Schedule {name} already exists."
                )))
            };
        }
        let schedule = Schedule {
            name: name.to_owned(),
            next: definition.first(at, now, past),
            definition,
            created: now,
            modified: now,
        };
        let summary = schedule.summary();
        self.0.insert(key, schedule);
        Ok(Some(summary))
    }

    /// `UpdateSchedule`: replaces all of it. What the request leaves out has its default again.
    pub(super) fn update(
        &mut self,
        name: &str,
        body: &Value,
        now: Timestamp,
        past: Past,
    ) -> Result<(), Refusal> {
        let (definition, at) = Definition::parse(name, body)?;
        let key = key(&definition.group_name, name);
        let schedule = self.0.get_mut(&key).ok_or_else(|| missing(name))?;
        schedule.next = definition.first(at, now, past);
        schedule.definition = definition;
        schedule.modified = now;
        Ok(())
    }

    pub(super) fn delete(&mut self, group: &str, name: &str) -> Result<(), Refusal> {
        let removed = self.0.remove(&key(group, name));
        removed.map(drop).ok_or_else(|| missing(name))
    }

    pub(super) fn bring_forward(&mut self, name: &str, now: Timestamp) -> bool {
        let mut found = false;
        for schedule in self.0.values_mut() {
            if schedule.name == name && schedule.next.is_some() {
                schedule.next = Some(now);
                found = true;
            }
        }
        found
    }

    pub(super) fn earliest(&self) -> Option<Timestamp> {
        self.0.values().filter_map(|schedule| schedule.next).min()
    }

    /// The schedules that are to fire by now. They fire once.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<Schedule> {
        let due = |schedule: &&mut Schedule| schedule.next.is_some_and(|next| next <= now);
        let all = self.0.values_mut().filter(due);
        all.map(|schedule| {
            schedule.next = None;
            schedule.clone()
        })
        .collect()
    }

    /// Removes a schedule that has fired and wants to be removed then, unless it was changed or replaced meanwhile.
    pub(super) fn complete(&mut self, fired: &Schedule) {
        let key = key(fired.group(), &fired.name);
        let completed = self.0.get(&key).is_some_and(|schedule| {
            schedule.definition.action_after_completion == Completion::Delete
                && schedule.created == fired.created
                && schedule.modified == fired.modified
        });
        if completed {
            self.0.remove(&key);
        }
    }
}

pub(super) fn schedule_arn(group: &str, name: &str) -> String {
    format!("arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule/{group}/{name}")
}

pub(super) fn group_arn(group: &str) -> String {
    format!("arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule-group/{group}")
}

fn missing(name: &str) -> Refusal {
    Refusal::not_found(format!("Schedule {name} does not exist."))
}

/// Seconds since 1970, as REST-JSON writes times.
fn epoch(time: Timestamp) -> Value {
    #[allow(clippy::cast_precision_loss)] // milliseconds fit an f64 for 285,000 years
    let seconds = time.as_millisecond() as f64 / 1000.0;
    json!(seconds)
}

fn key(group: &str, name: &str) -> (String, String) {
    (group.to_owned(), name.to_owned())
}
