//! Schedules and the rules for them: no I/O, no clock of its own.

mod request;

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::expression::Expression;
use super::{Past, ScheduleSummary};
use crate::ministack::{ACCOUNT_ID, REGION};

pub(super) use request::{Definition, is_name};

/// An error as the API answers it.
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

/// A schedule as it stands.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) name: String,
    pub(super) group: String,
    pub(super) definition: Definition,
    /// The token and body it was created with.
    created_with: Option<(String, Value)>,
    created: Timestamp,
    modified: Timestamp,
    /// When it fires next.
    pub(super) next: Option<Timestamp>,
}

impl Schedule {
    pub(super) fn arn(&self) -> String {
        schedule_arn(&self.group, &self.name)
    }

    pub(super) fn summary(&self) -> ScheduleSummary {
        ScheduleSummary {
            name: self.name.clone(),
            group: self.group.clone(),
            fires_at: self.next,
            input: self.definition.input().unwrap_or_default().to_owned(),
        }
    }

    /// The answer of `GetSchedule`.
    pub(super) fn describe(&self) -> Value {
        let mut described = self.definition.describe();
        described.extend([
            ("Arn".to_owned(), json!(self.arn())),
            ("Name".to_owned(), json!(self.name)),
            ("GroupName".to_owned(), json!(self.group)),
            ("CreationDate".to_owned(), epoch(self.created)),
            ("LastModificationDate".to_owned(), epoch(self.modified)),
        ]);
        Value::Object(described)
    }

    /// Its entry in the answer of `ListSchedules`.
    pub(super) fn list_entry(&self) -> Value {
        json!({
            "Arn": self.arn(),
            "Name": self.name,
            "GroupName": self.group,
            "State": if self.definition.enabled { "ENABLED" } else { "DISABLED" },
            "CreationDate": epoch(self.created),
            "LastModificationDate": epoch(self.modified),
            "Target": { "Arn": self.definition.target_arn },
        })
    }

    fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let definition = &self.definition;
        if !definition.enabled {
            return None;
        }
        if definition.expression.is_one_time() {
            // AWS ignores both dates for one-time schedules.
            return definition.expression.next(self.created, time);
        }
        let start = definition.start.unwrap_or(self.created);
        definition
            .expression
            .next(start, time)
            .filter(|next| definition.end.is_none_or(|end| *next <= end))
    }
}

/// All schedules, by group and name.
#[derive(Debug, Default)]
pub(super) struct Schedules(BTreeMap<(String, String), Schedule>);

/// What a creation came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Created {
    /// A schedule that first fires then.
    New(Option<Timestamp>),
    /// Nothing: this very request had been fulfilled before.
    Before,
}

impl Schedules {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Schedule> {
        self.0.values()
    }

    pub(super) fn get(&self, group: &str, name: &str) -> Result<&Schedule, Refusal> {
        self.0
            .get(&key(group, name))
            .ok_or_else(|| Refusal::not_found(format!("Schedule {name} does not exist.")))
    }

    /// `CreateSchedule`. The same token with the same body is a success that changes nothing, as
    /// long as the schedule exists.
    pub(super) fn create(
        &mut self,
        name: &str,
        body: &Value,
        now: Timestamp,
        past: Past,
    ) -> Result<Created, Refusal> {
        let definition = Definition::parse(name, body)?;
        let group = definition.group.clone();
        let created_with = definition
            .client_token
            .clone()
            .map(|token| (token, body.clone()));
        if let Some(existing) = self.0.get(&key(&group, name)) {
            return if created_with.is_some() && existing.created_with == created_with {
                Ok(Created::Before)
            } else {
                Err(Refusal::conflict(format!(
                    "Schedule {name} already exists."
                )))
            };
        }
        let mut schedule = Schedule {
            name: name.to_owned(),
            group,
            definition,
            created_with,
            created: now,
            modified: now,
            next: None,
        };
        schedule.next = schedule.first(now, past);
        let next = schedule.next;
        self.0.insert(key(&schedule.group, name), schedule);
        Ok(Created::New(next))
    }

    /// `UpdateSchedule`: replaces all of it. What the request leaves out has its default again.
    pub(super) fn update(
        &mut self,
        name: &str,
        body: &Value,
        now: Timestamp,
        past: Past,
    ) -> Result<(), Refusal> {
        let definition = Definition::parse(name, body)?;
        let key = key(&definition.group, name);
        let Some(schedule) = self.0.get_mut(&key) else {
            return Err(Refusal::not_found(format!(
                "Schedule {name} does not exist."
            )));
        };
        schedule.definition = definition;
        schedule.modified = now;
        schedule.next = schedule.first(now, past);
        Ok(())
    }

    /// `DeleteSchedule`.
    pub(super) fn delete(&mut self, group: &str, name: &str) -> Result<(), Refusal> {
        self.0
            .remove(&key(group, name))
            .map(drop)
            .ok_or_else(|| Refusal::not_found(format!("Schedule {name} does not exist.")))
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

    /// When the next schedule fires.
    pub(super) fn earliest(&self) -> Option<Timestamp> {
        self.0.values().filter_map(|schedule| schedule.next).min()
    }

    /// The schedules that are to fire by now, each moved on to its next time.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<Schedule> {
        let mut due = Vec::new();
        for schedule in self.0.values_mut() {
            if schedule.next.is_some_and(|next| next <= now) {
                due.push(schedule.clone());
                schedule.next = schedule
                    .after(now)
                    .filter(|_| !schedule.definition.expression.is_one_time());
            }
        }
        due
    }

    /// Removes a schedule that has completed its last invocation and wants to be removed then,
    /// unless it was changed or replaced meanwhile.
    pub(super) fn complete(&mut self, fired: &Schedule) {
        let key = key(&fired.group, &fired.name);
        let completed = self.0.get(&key).is_some_and(|schedule| {
            schedule.definition.delete_after_completion
                && schedule.next.is_none()
                && schedule.created == fired.created
                && schedule.modified == fired.modified
        });
        if completed {
            self.0.remove(&key);
        }
    }
}

impl Schedule {
    /// The first time it fires, now being when it was made or changed.
    fn first(&self, now: Timestamp, past: Past) -> Option<Timestamp> {
        let definition = &self.definition;
        match &definition.expression {
            Expression::At(at) if definition.enabled && at.as_second() < now.as_second() => {
                match past {
                    Past::AtOnce => Some(*at),
                    Past::After(wait) => now.checked_add(wait).ok(),
                    Past::Never => None,
                }
            }
            // An `at` of this very second is still to fire.
            Expression::At(at) => definition.enabled.then_some(*at),
            // A rate without a start begins at once.
            Expression::Rate(_) if definition.start.is_none() => definition
                .enabled
                .then_some(now)
                .filter(|now| definition.end.is_none_or(|end| *now <= end)),
            _ => self.after(now),
        }
    }
}

/// A schedule's ARN.
pub(super) fn schedule_arn(group: &str, name: &str) -> String {
    format!("arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule/{group}/{name}")
}

/// A group's ARN.
pub(super) fn group_arn(group: &str) -> String {
    format!("arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule-group/{group}")
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

/// Adds a member unless it has no value.
fn insert(object: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value);
    }
}
