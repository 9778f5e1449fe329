//! The scheduler's HTTP interface (REST-JSON).

use std::collections::HashMap;

use anyhow::ensure;
use axum::body::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use stand_in::events::EventKind;

use super::access::{self, Need, SERVICE};
use super::model::{Refusal, Schedules, check_name, group_arn, is_name, schedule_arn};
use super::{Scheduler, State};
use crate::gateway::answer;
use crate::ministack::ACCOUNT_ID;

struct Call {
    method: Method,
    /// The schedule's name; empty for `ListSchedules`.
    name: String,
    query: HashMap<String, String>,
    body: Value,
}

impl Scheduler {
    /// Answers a request whose path starts with `/schedules`.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let call = match Call::parse(&request) {
            Ok(call) => call,
            Err(error) => return refusal(&error),
        };
        let Some(action) = call.action() else {
            return refusal(&Refusal {
                status: StatusCode::NOT_FOUND,
                code: "UnknownOperationException",
                message: format!("{} is no operation of schedules.", request.method()),
            });
        };
        let group = call.group().to_owned();
        let resource = match call.name.as_str() {
            "" => "*".to_owned(),
            name => schedule_arn(&group, name),
        };
        let passes = call.role().map(str::to_owned);
        if let Some(upstream) = &self.state.upstream {
            let need = Need {
                action,
                resource: &resource,
                passes: passes.as_deref(),
            };
            if let Err(answer) = access::check(upstream, request, &need).await {
                return answer;
            }
        }
        match self.state.answer(&call).await {
            Ok(body) => answer(StatusCode::OK, &body),
            Err(error) => refusal(&error),
        }
    }
}

impl Call {
    fn parse(request: &Request<Bytes>) -> Result<Self, Refusal> {
        let path = request.uri().path().trim_end_matches('/');
        let name = path.strip_prefix("/schedules").unwrap_or_default();
        let name = percent_encoding::percent_decode_str(name.trim_start_matches('/'))
            .decode_utf8_lossy()
            .into_owned();
        let query = request.uri().query().unwrap_or_default();
        let body = if request.body().is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(request.body())
                .map_err(|error| Refusal::validation(format!("The body is not JSON: {error}")))?
        };
        Ok(Self {
            method: request.method().clone(),
            name,
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            body,
        })
    }

    fn action(&self) -> Option<&'static str> {
        match (self.name.is_empty(), &self.method) {
            (true, &Method::GET) => Some("scheduler:ListSchedules"),
            (false, &Method::POST) => Some("scheduler:CreateSchedule"),
            (false, &Method::GET) => Some("scheduler:GetSchedule"),
            (false, &Method::PUT) => Some("scheduler:UpdateSchedule"),
            (false, &Method::DELETE) => Some("scheduler:DeleteSchedule"),
            _ => None,
        }
    }

    fn writes(&self) -> bool {
        self.method == Method::POST || self.method == Method::PUT
    }

    fn group(&self) -> &str {
        let group = if self.writes() {
            self.body.get("GroupName").and_then(Value::as_str)
        } else {
            self.query.get("groupName").map(String::as_str)
        };
        group.unwrap_or("default")
    }

    /// The role that the request passes to the scheduler.
    fn role(&self) -> Option<&str> {
        self.writes().then_some(())?;
        self.body.get("Target")?.get("RoleArn")?.as_str()
    }
}

impl State {
    async fn answer(&self, call: &Call) -> Result<Value, Refusal> {
        if call.name.is_empty() {
            if let Some(group) = call.query.get("ScheduleGroup") {
                self.check_group(group).await?;
            }
            return list(&self.schedules(), &call.query);
        }
        check_name("name", &call.name)?;
        let (group, name) = (call.group(), call.name.as_str());
        let arn = json!({ "ScheduleArn": schedule_arn(group, name) });
        if call.method != Method::GET {
            self.check_free(name)?;
        }
        let past = self.untidy().past;
        match call.method {
            Method::POST => {
                self.check_surroundings(call).await?;
                let now = Timestamp::now();
                if let Some(new) = self.schedules().create(name, &call.body, now, past)? {
                    if let Some(fires_at) = new.fires_at {
                        self.events.record(EventKind::ScheduleCreated {
                            name: new.name,
                            fires_at,
                            input: new.input,
                        });
                    }
                    self.changed.notify_one();
                }
                Ok(arn)
            }
            Method::PUT => {
                self.check_surroundings(call).await?;
                self.schedules()
                    .update(name, &call.body, Timestamp::now(), past)?;
                self.changed.notify_one();
                Ok(arn)
            }
            Method::DELETE => {
                self.schedules().delete(group, name)?;
                self.changed.notify_one();
                Ok(json!({}))
            }
            _ => Ok(self.schedules().get(group, name)?.describe()),
        }
    }

    /// `ConflictException` has another reason as well: "modified or deleted by another request".
    fn check_free(&self, name: &str) -> Result<(), Refusal> {
        let mut untidy = self.untidy();
        if untidy.busy == 0 {
            return Ok(());
        }
        untidy.busy -= 1;
        Err(Refusal::conflict(format!(
            "Schedule {name} is being changed or deleted by another request."
        )))
    }

    async fn check_group(&self, group: &str) -> Result<(), Refusal> {
        if self
            .group_exists(group)
            .await
            .map_err(|error| unavailable(&error))?
        {
            return Ok(());
        }
        Err(Refusal::not_found(format!(
            "Schedule group {group} does not exist."
        )))
    }

    /// That the group exists and that the scheduler may assume the role, which AWS looks at before it
    /// accepts a schedule.
    async fn check_surroundings(&self, call: &Call) -> Result<(), Refusal> {
        let group = call.group();
        self.check_group(group).await?;
        if let Some(role) = call.role()
            && !self
                .may_assume(role, group)
                .await
                .map_err(|error| unavailable(&error))?
        {
            return Err(Refusal::validation(
                "The execution role you provide must allow AWS EventBridge Scheduler to assume \
                 the role.",
            ));
        }
        Ok(())
    }

    /// Whether MiniStack has this group. Without a MiniStack every group exists.
    pub(super) async fn group_exists(&self, group: &str) -> anyhow::Result<bool> {
        let Some(upstream) = &self.upstream else {
            return Ok(true);
        };
        let path = format!("/schedule-groups/{group}");
        if !is_name(group) {
            return Ok(false);
        }
        let request = Request::get(path).body(Bytes::new())?;
        let answer = upstream.signed("scheduler", request).await?;
        let status = answer.status();
        let is_known = status.is_success() || status == StatusCode::NOT_FOUND;
        ensure!(is_known, "GetScheduleGroup answered {status}");
        Ok(status.is_success())
    }

    /// Whether the role's trust policy lets the scheduler assume it for this group.
    pub(super) async fn may_assume(&self, role_arn: &str, group: &str) -> anyhow::Result<bool> {
        let Some(upstream) = &self.upstream else {
            return Ok(true);
        };
        let group = group_arn(group);
        let context = [("aws:SourceAccount", ACCOUNT_ID), ("aws:SourceArn", &group)];
        let Some(trust) = upstream.role_trust_policy(role_arn).await? else {
            return Ok(false);
        };
        let let_in = upstream.lets_service((&trust, None), SERVICE, "sts:AssumeRole", &context);
        let_in.await
    }
}

fn list(schedules: &Schedules, query: &HashMap<String, String>) -> Result<Value, Refusal> {
    let get = |name: &str| query.get(name).map(String::as_str);
    let limit = match get("MaxResults").map(str::parse::<usize>) {
        None => 100,
        Some(Ok(limit)) if (1..=100).contains(&limit) => limit,
        Some(_) => {
            return Err(Refusal::validation(
                "1 validation error detected: Value at 'maxResults' failed to satisfy constraint: \
                 Member must be between 1 and 100",
            ));
        }
    };
    let entries: Vec<Value> = schedules
        .iter()
        .map(super::model::Schedule::list_entry)
        .filter(|entry| {
            let is = |member: &str, wanted: Option<&str>| {
                wanted.is_none_or(|wanted| entry[member] == wanted)
            };
            let prefix = get("NamePrefix").unwrap_or_default();
            is("GroupName", get("ScheduleGroup"))
                && is("State", get("State"))
                && entry["Name"]
                    .as_str()
                    .is_some_and(|name| name.starts_with(prefix))
        })
        .collect();
    // A token is the ARN of the last schedule of the page before.
    let start = match get("NextToken") {
        None => 0,
        Some(token) => entries
            .iter()
            .position(|entry| entry["Arn"] == token)
            .map(|last| last + 1)
            .ok_or_else(|| Refusal::validation("Invalid NextToken."))?,
    };
    let page: Vec<Value> = entries.iter().skip(start).take(limit).cloned().collect();
    let next = (start + page.len() < entries.len())
        .then(|| page.last().map(|entry| entry["Arn"].clone()))
        .flatten();
    Ok(match next {
        Some(next) => json!({ "Schedules": page, "NextToken": next }),
        None => json!({ "Schedules": page }),
    })
}

/// A request failed for no fault of the caller's.
pub(super) fn unavailable(error: &anyhow::Error) -> Refusal {
    tracing::error!(
        error = format!("{error:#}"),
        "the scheduler cannot reach MiniStack"
    );
    Refusal {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalServerException",
        message: "Unexpected error encountered while processing the request.".to_owned(),
    }
}

pub(super) fn refusal(error: &Refusal) -> Response<Bytes> {
    let mut response = answer(error.status, &json!({ "Message": error.message }));
    let code = HeaderValue::from_static(error.code);
    response.headers_mut().insert("x-amzn-errortype", code);
    response
}

fn answer(status: StatusCode, body: &Value) -> Response<Bytes> {
    answer::respond(status, "application/json", body.to_string())
}
