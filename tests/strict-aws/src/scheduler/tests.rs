//! The scheduler, asked by requests.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use stand_in::events::EventKind;
use stand_in::patience::PATIENCE;

use super::*;

/// Counts what it is handed, and refuses the first few.
#[derive(Default)]
struct Recorder {
    refusals: AtomicU32,
    inputs: Mutex<Vec<String>>,
}

impl Target for Recorder {
    fn invoke(&self, _function_arn: String, _role_arn: String, input: String) -> HandOver<'_> {
        Box::pin(async move {
            self.inputs.lock().unwrap().push(input);
            let refuse = |left: u32| left.checked_sub(1);
            match self
                .refusals
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuse)
            {
                Ok(_) => Err("refused".to_owned()),
                Err(_) => Ok(()),
            }
        })
    }
}

struct Stand {
    scheduler: Scheduler,
    events: EventLog,
    target: Arc<Recorder>,
}

impl Stand {
    fn new() -> Self {
        let events = EventLog::default();
        let target = Arc::new(Recorder::default());
        let scheduler = Scheduler::new(None, events.clone(), target.clone());
        Self {
            scheduler,
            events,
            target,
        }
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> (StatusCode, String, Value) {
        let sent = if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        };
        let request = http::Request::builder().method(method).uri(path);
        let answer = self.scheduler.handle(request.body(sent).unwrap()).await;
        let header = |name| answer.headers().get(name).map(|it| it.to_str().unwrap());
        assert!(header("x-amzn-requestid").is_some());
        let error = header("x-amzn-errortype").unwrap_or_default().to_owned();
        let body = serde_json::from_slice(answer.body()).unwrap();
        (answer.status(), error, body)
    }

    async fn create(&self, name: &str, body: &Value) -> (StatusCode, String, Value) {
        self.call(Method::POST, &format!("/schedules/{name}"), body)
            .await
    }

    async fn created(&self, name: &str, body: &Value) {
        let (status, _, answer) = self.create(name, body).await;
        assert_eq!(status, 200, "{answer}");
        assert!(answer["ScheduleArn"].is_string(), "{answer}");
    }

    /// The message of a creation that must be refused with this error.
    async fn refused(&self, name: &str, body: &Value, code: &str) -> String {
        let (status, error, answer) = self.create(name, body).await;
        assert!(status.is_client_error(), "{body} was accepted: {answer}");
        assert_eq!(error, code, "{answer}");
        answer["Message"].as_str().unwrap().to_owned()
    }

    async fn fired(&self, name: &str) {
        let fired = |kind: &EventKind| matches!(kind, EventKind::ScheduleFired { name: it, .. } if it == name);
        event(&self.events, |kind| fired(kind).then_some(())).await;
    }
}

async fn event<T>(events: &EventLog, mut found: impl FnMut(&EventKind) -> Option<T>) -> T {
    let wait = events.wait_for(|events| events.iter().find_map(|event| found(&event.kind)));
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("no such event in time")
}

fn at(time: Timestamp) -> String {
    format!("at({})", time.strftime("%Y-%m-%dT%H:%M:%S"))
}

fn in_two_hours() -> String {
    at(Timestamp::now() + Duration::from_hours(2))
}

fn request() -> Value {
    json!({
        "ScheduleExpression": in_two_hours(),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "RoleArn": "arn:aws:iam::000000000000:role/r",
            "Input": "{\"a\":1}",
        },
    })
}

/// A complete request with one thing changed; null takes it away.
fn with(path: &str, value: Value) -> Value {
    let mut request = request();
    let (parents, name) = path.rsplit_once('/').unwrap();
    let parent = request.pointer_mut(parents).unwrap();
    if value.is_null() {
        parent.as_object_mut().unwrap().remove(name);
    } else {
        parent[name] = value;
    }
    request
}

#[tokio::test]
async fn a_schedule_fires_on_time_and_is_gone() {
    let stand = Stand::new();
    // Later, on a machine on which the time is past before the request is there.
    let mut wait = Duration::from_secs(2);
    let due = loop {
        let due = Timestamp::now() + wait;
        let request = with("/ScheduleExpression", json!(at(due)));
        if stand.create("s", &request).await.0 == 200 {
            break due;
        }
        wait *= 2;
        assert!(wait < PATIENCE);
    };
    let due = Timestamp::from_second(due.as_second()).unwrap();
    let summary = ScheduleSummary {
        name: "s".to_owned(),
        group: "default".to_owned(),
        fires_at: Some(due),
        input: "{\"a\":1}".to_owned(),
    };
    assert_eq!(stand.scheduler.schedules(), [summary]);

    stand.fired("s").await;
    let now = Timestamp::now();
    assert!(now >= due, "fired at {now}, not at {due}");
    assert_eq!(*stand.target.inputs.lock().unwrap(), ["{\"a\":1}"]);
    assert_eq!(stand.scheduler.schedules(), []);
    let (status, error, _) = stand.call(Method::GET, "/schedules/s", &Value::Null).await;
    assert_eq!(
        (status.as_u16(), error.as_str()),
        (404, "ResourceNotFoundException")
    );
}

#[tokio::test]
async fn bringing_forward_fires_now() {
    let stand = Stand::new();
    stand
        .created("s", &with("/ActionAfterCompletion", json!("NONE")))
        .await;
    assert!(!stand.scheduler.bring_forward("other"));
    assert!(stand.scheduler.bring_forward("s"));
    stand.fired("s").await;
    // Without DELETE it stays, never fires again, and its name stays taken.
    assert_eq!(stand.scheduler.schedules()[0].fires_at, None);
    assert!(!stand.scheduler.bring_forward("s"));
    stand.refused("s", &request(), "ConflictException").await;
}

#[tokio::test]
async fn a_disabled_schedule_does_not_fire_until_enabled() {
    let stand = Stand::new();
    stand.created("s", &with("/State", json!("DISABLED"))).await;
    assert_eq!(stand.scheduler.schedules()[0].fires_at, None);
    assert!(!stand.scheduler.bring_forward("s"));
    let (status, ..) = stand.call(Method::PUT, "/schedules/s", &request()).await;
    assert_eq!(status, 200);
    assert!(stand.scheduler.bring_forward("s"));
    stand.fired("s").await;
}

#[tokio::test]
async fn a_failed_hand_over_is_retried_with_the_same_input() {
    let stand = Stand::new();
    stand.target.refusals.store(3, Ordering::SeqCst);
    stand.created("s", &request()).await;
    assert!(stand.scheduler.bring_forward("s"));
    stand.fired("s").await;
    assert_eq!(*stand.target.inputs.lock().unwrap(), ["{\"a\":1}"; 4]);
}

#[tokio::test]
async fn retries_end_with_the_policy() {
    let stand = Stand::new();
    stand.target.refusals.store(99, Ordering::SeqCst);
    let policy = json!({"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60});
    stand
        .created("s", &with("/Target/RetryPolicy", policy))
        .await;
    assert!(stand.scheduler.bring_forward("s"));
    let buried = |kind: &EventKind| match kind {
        EventKind::ScheduleDeadLettered { message, .. } => Some(message.clone()),
        _ => None,
    };
    let message = event(&stand.events, buried).await;
    assert_eq!(message, "refused");
    assert_eq!(stand.target.inputs.lock().unwrap().len(), 3);
    assert_eq!(stand.scheduler.schedules(), []);
}

#[tokio::test]
async fn names_are_unique_in_a_group_and_tokens_make_creation_repeatable() {
    let stand = Stand::new();
    let first = with("/ClientToken", json!("token-1"));
    stand.created("s", &first).await;
    stand.created("s", &first).await;
    let message = stand.refused("s", &request(), "ConflictException").await;
    assert_eq!(message, "Schedule s already exists.");
    let other_token = with("/ClientToken", json!("token-2"));
    stand.refused("s", &other_token, "ConflictException").await;
    let mut other_body = first.clone();
    other_body["Description"] = json!("other");
    stand.refused("s", &other_body, "ConflictException").await;
    let mut other_group = first.clone();
    other_group["GroupName"] = json!("g");
    stand.created("s", &other_group).await;
    assert_eq!(stand.scheduler.schedules().len(), 2);
    let creations = stand.events.since(0).len();
    assert_eq!(creations, 2, "a repeated creation is none");
}

/// Recorded on AWS in 2025 (localstack/localstack, tests/aws/services/scheduler): it is accepted. When it
/// fires, if ever, is recorded nowhere.
#[tokio::test]
async fn a_time_that_is_over_is_accepted_and_fires_at_once_or_later_or_never() {
    for (past, fires) in [
        (Past::AtOnce, true),
        (Past::After(Duration::from_hours(1)), false),
        (Past::Never, false),
    ] {
        let stand = Stand::new();
        stand.scheduler.be(Untidy {
            past,
            ..Untidy::default()
        });
        let over = at(Timestamp::now() - Duration::from_mins(1));
        stand
            .created("s", &with("/ScheduleExpression", json!(over)))
            .await;
        if fires {
            stand.fired("s").await;
            assert_eq!(stand.scheduler.schedules(), []);
            continue;
        }
        let fires_at = stand.scheduler.schedules()[0].fires_at;
        assert_eq!(fires_at.is_some(), past != Past::Never, "{past:?}");
        assert!(fires_at.is_none_or(|at| at > Timestamp::now()));
        assert_eq!(stand.scheduler.bring_forward("s"), fires_at.is_some());
        if fires_at.is_some() {
            stand.fired("s").await;
        }
    }
}

/// API reference of `CreateSchedule`, `UpdateSchedule` and `DeleteSchedule`: "Updating or deleting the resource
/// can cause an inconsistent state."
#[tokio::test]
async fn a_conflict_is_no_proof_that_a_schedule_is_there() {
    let stand = Stand::new();
    let busy = |busy| Untidy {
        busy,
        ..Untidy::default()
    };
    stand.scheduler.be(busy(1));
    let message = stand.refused("s", &request(), "ConflictException").await;
    assert!(message.contains("being changed or deleted"), "{message}");
    assert_eq!(stand.scheduler.schedules(), []);
    stand.created("s", &request()).await;
    for method in [Method::PUT, Method::DELETE] {
        stand.scheduler.be(busy(1));
        let (status, error, _) = stand.call(method.clone(), "/schedules/s", &request()).await;
        assert_eq!(
            (status.as_u16(), error.as_str()),
            (409, "ConflictException")
        );
        let (status, _, _) = stand.call(method, "/schedules/s", &request()).await;
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn what_aws_refuses_and_what_is_not_played_is_refused_and_named() {
    let stand = Stand::new();
    let too_long = "x".repeat(65);
    let too_big = format!("\"{}\"", "x".repeat(256 * 1024));
    let (expression, mode, input) = (
        "/ScheduleExpression",
        "/FlexibleTimeWindow/Mode",
        "/Target/Input",
    );
    let missing = |path: &str| {
        (
            with(path, Value::Null),
            format!("`{}`", path.rsplit('/').next().unwrap()),
        )
    };
    let at = |text: &str| (with(expression, json!(text)), "Invalid Schedule".to_owned());
    let failed = |path, value, told: &str| (with(path, value), told.to_owned());
    let retries = |name: &str, value: i64| {
        let policy = json!({ name: value });
        let told = name[1..].to_owned();
        (with("/Target/RetryPolicy", policy), told)
    };
    let not_played = |path, value| (with(path, value), "does not play".to_owned());
    for (request, told) in [
        missing(expression),
        missing("/FlexibleTimeWindow"),
        missing(mode),
        missing("/Target"),
        missing("/Target/Arn"),
        missing("/Target/RoleArn"),
        at("at(tomorrow)"),
        at("at(2026-07-01)"),
        at("at(2026-07-01T12:00)"),
        at("at(2026-07-01 12:00:00)"),
        at("at(2026-13-01T12:00:00)"),
        failed("/GroupName", json!("a b"), "'groupName'"),
        failed("/ClientToken", json!(too_long), "'clientToken'"),
        failed("/ActionAfterCompletion", json!("KEEP"), "`KEEP`"),
        failed("/State", json!("ON"), "`ON`"),
        failed(
            "/Target/RoleArn",
            json!("arn:aws:iam::0:user/u"),
            "'target.roleArn'",
        ),
        failed(input, json!("{"), "'target.input'"),
        failed(input, json!(too_big), "'target.input'"),
        failed(
            "/Target/DeadLetterConfig",
            json!({"Arn": "queue"}),
            "'target.deadLetterConfig.arn'",
        ),
        retries("MaximumRetryAttempts", 186),
        retries("MaximumEventAgeInSeconds", 59),
        retries("MaximumEventAgeInSeconds", 86401),
        not_played(expression, json!("rate(1 hours)")),
        not_played(expression, json!("cron(0 3 * * ? *)")),
        not_played("/ScheduleExpressionTimezone", json!("Europe/Berlin")),
        not_played("/StartDate", json!(1)),
        not_played("/EndDate", json!(1)),
        not_played(mode, json!("FLEXIBLE")),
        not_played(input, Value::Null),
    ] {
        let message = stand.refused("s", &request, "ValidationException").await;
        assert!(message.contains(&told), "{told}: {message}");
    }
    for name in ["a%20b", "a%2Fb", too_long.as_str()] {
        stand.refused(name, &request(), "ValidationException").await;
    }
    assert_eq!(stand.scheduler.schedules(), []);
}

#[tokio::test]
async fn a_schedule_is_described_with_aws_defaults() {
    let stand = Stand::new();
    let mut body = with("/ActionAfterCompletion", Value::Null);
    body["GroupName"] = json!("g");
    stand.created("s", &body).await;
    let path = "/schedules/s?groupName=g";
    let (status, _, described) = stand.call(Method::GET, path, &Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(described["ActionAfterCompletion"], "NONE");
    assert_eq!(described["State"], "ENABLED");
    assert_eq!(described["ScheduleExpressionTimezone"], "UTC");
    assert_eq!(described["ScheduleExpression"], body["ScheduleExpression"]);
    assert_eq!(described["GroupName"], "g");
    assert_eq!(
        described["Arn"],
        "arn:aws:scheduler:us-east-1:000000000000:schedule/g/s"
    );
    assert_eq!(
        described["Target"]["RetryPolicy"],
        json!({"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185})
    );
    let created = described["CreationDate"].as_f64().unwrap();
    #[allow(clippy::cast_precision_loss)]
    let now = Timestamp::now().as_second() as f64;
    assert!(
        (now - created).abs() < 60.0,
        "{created} is not in epoch seconds"
    );
    assert!(described.get("ClientToken").is_none());
}

#[tokio::test]
async fn an_update_replaces_all_and_a_deletion_removes() {
    let stand = Stand::new();
    let path = "/schedules/s";
    let (status, ..) = stand.call(Method::PUT, path, &request()).await;
    assert_eq!(status, 404);
    stand
        .created("s", &with("/Description", json!("first")))
        .await;
    let later = at(Timestamp::now() + Duration::from_hours(24));
    let update = with("/ScheduleExpression", json!(later));
    let (status, ..) = stand.call(Method::PUT, path, &update).await;
    assert_eq!(status, 200);
    let (_, _, described) = stand.call(Method::GET, path, &Value::Null).await;
    assert_eq!(described["ScheduleExpression"], later);
    assert!(described.get("Description").is_none());

    let (status, ..) = stand.call(Method::DELETE, path, &Value::Null).await;
    assert_eq!(status, 200);
    let (status, ..) = stand.call(Method::DELETE, path, &Value::Null).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn lists_come_in_pages_and_filtered() {
    let stand = Stand::new();
    for name in ["a-1", "a-2", "a-3", "b-1"] {
        stand.created(name, &request()).await;
    }
    stand.created("a-4", &with("/GroupName", json!("g"))).await;
    let list = async |query: &str| {
        let path = format!("/schedules?{query}");
        let (status, _, list) = stand.call(Method::GET, &path, &Value::Null).await;
        assert_eq!(status, 200, "{list}");
        let schedules = list["Schedules"].as_array().unwrap().iter();
        let names: Vec<_> = schedules
            .map(|it| it["Name"].as_str().unwrap().to_owned())
            .collect();
        (names, list["NextToken"].as_str().map(str::to_owned))
    };
    assert_eq!(list("ScheduleGroup=g").await.0, ["a-4"]);
    let (page, token) = list("ScheduleGroup=default&NamePrefix=a&MaxResults=2").await;
    assert_eq!(page, ["a-1", "a-2"]);
    let token = token.unwrap();
    let rest = format!("ScheduleGroup=default&NamePrefix=a&MaxResults=2&NextToken={token}");
    assert_eq!(list(&rest).await, (vec!["a-3".to_owned()], None));
    assert_eq!(list("State=DISABLED").await.0, Vec::<String>::new());
}

#[tokio::test]
async fn firing_stops_with_the_last_scheduler() {
    let Stand { scheduler, .. } = Stand::new();
    let stopped = scheduler.state.stopped.clone();
    let clone = scheduler.clone();
    drop(scheduler);
    assert!(!stopped.is_cancelled());
    drop(clone);
    assert!(stopped.is_cancelled());
}
