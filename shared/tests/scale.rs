//! The sweep and the survey of as many secrets as one stack may have, against a stand-in of that size: in
//! a process of its own, whose memory is measured.

#![cfg(test)]

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use addon_rotation::Error;
use addon_rotation::aws::sdk_config_with;
use addon_rotation::configuration::ScheduleConfiguration;
use addon_rotation::deadline::Deadline;
use addon_rotation::fleet::{State as InState, Survey};
use addon_rotation::schedule::{Schedules, Timetable};
use addon_rotation::secrets::Secrets;
use addon_rotation::steps::{self, Order};
use aws_credential_types::Credentials;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

const TEMPLATE: &str = include_str!("../../infra/template.yaml");

/// The most that `ListSecrets` and `ListSchedules` show at once.
const PAGE: usize = 100;

const STACK: &str = "addon-rotation";

/// So many secrets, each with a version that waits for its revocation.
struct Cloud {
    /// Whether the waiting version of each has a schedule.
    scheduled: Vec<bool>,
    /// What the schedule of each is called.
    names: Vec<String>,
    /// When each schedule that was made fires.
    times: Vec<DateTime>,
    requests: Requests,
    /// What is answered; the rest never is.
    answered: Requests,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Requests {
    secrets: usize,
    schedules: usize,
    created: usize,
    /// `DescribeSecret` and `GetSchedule`.
    single: usize,
}

const ALL: Requests = Requests {
    secrets: usize::MAX,
    schedules: usize::MAX,
    created: usize::MAX,
    single: usize::MAX,
};

#[derive(Clone)]
struct Shared {
    cloud: Arc<Mutex<Cloud>>,
    /// Told when more is answered.
    more: watch::Sender<()>,
}

fn arn(number: usize) -> String {
    format!(
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:addon/credentials/{number:08x}-0000-4000-8000-000000000000-AbCdEf"
    )
}

fn version(number: usize, generation: u8) -> String {
    format!("{number:08x}-0000-4000-8000-{generation:012}")
}

/// What the library calls the schedule of the first try.
fn name(number: usize) -> String {
    let revocation = format!("{}\n{}", arn(number), version(number, 1));
    let digest = digest(&SHA256, revocation.as_bytes());
    let mut name = String::from("revoke-");
    for byte in &digest.as_ref()[..20] {
        write!(name, "{byte:02x}").unwrap();
    }
    name + "-0"
}

fn secret(number: usize) -> Value {
    json!({
        "ARN": arn(number),
        "Name": "addon/credentials",
        "RotationEnabled": true,
        "LastChangedDate": 1_700_000_000.0,
        "Tags": [{ "Key": "rotation:stack", "Value": STACK }],
        "SecretVersionsToStages": {
            version(number, 1): ["AWSPREVIOUS", format!("LIVE-{}", version(number, 1))],
            version(number, 2): ["AWSCURRENT", format!("LIVE-{}", version(number, 2))],
        },
    })
}

/// The items of a page, and the token of the next.
fn page(
    mut items: impl Iterator<Item = usize>,
    token: Option<&str>,
) -> (Vec<usize>, Option<String>) {
    let begin: usize = token.map_or(0, |token| {
        token.strip_prefix("from-").unwrap().parse().unwrap()
    });
    let page = items.by_ref().skip(begin).take(PAGE).collect();
    let next = items.next().map(|_| format!("from-{}", begin + PAGE));
    (page, next)
}

impl Shared {
    /// Counts a request, and waits until as many are answered.
    async fn count(&self, of: impl Fn(&mut Requests) -> &mut usize) {
        let mut told = self.more.subscribe();
        let number = {
            let mut cloud = self.cloud.lock().unwrap();
            let count = of(&mut cloud.requests);
            *count += 1;
            *count - 1
        };
        while *of(&mut self.cloud.lock().unwrap().answered) <= number {
            told.changed().await.unwrap();
        }
    }
}

async fn secrets_manager(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    let request: Value = serde_json::from_slice(&body).unwrap();
    match headers["x-amz-target"].to_str().unwrap() {
        "secretsmanager.ListSecrets" => list_secrets(shared, &request).await,
        "secretsmanager.DescribeSecret" => {
            shared.count(|requests| &mut requests.single).await;
            let id = request["SecretId"].as_str().unwrap();
            let number = id.rsplit('/').next().unwrap().get(..8).unwrap();
            let mut described = secret(usize::from_str_radix(number, 16).unwrap());
            described["VersionIdsToStages"] = described["SecretVersionsToStages"].take();
            Json(described)
        }
        other => panic!("{other} is not asked for"),
    }
}

async fn list_secrets(shared: Shared, request: &Value) -> Json<Value> {
    assert_eq!(request["MaxResults"], PAGE);
    shared.count(|requests| &mut requests.secrets).await;
    let count = shared.cloud.lock().unwrap().scheduled.len();
    let token = request["NextToken"].as_str();
    let (numbers, next) = match request["SortOrder"].as_str().unwrap() {
        "asc" => page(0..count, token),
        "desc" => page((0..count).rev(), token),
        other => panic!("{other}"),
    };
    let secrets: Vec<_> = numbers.into_iter().map(secret).collect();
    Json(json!({ "SecretList": secrets, "NextToken": next }))
}

async fn list_schedules(
    State(shared): State<Shared>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Json<Value> {
    let parameter = |name: &str| {
        let found = parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(parameter("MaxResults"), Some("100"));
    let prefix = parameter("NamePrefix").unwrap();
    assert!(prefix.starts_with("revoke-"), "{prefix}");
    shared.count(|requests| &mut requests.schedules).await;
    let cloud = shared.cloud.lock().unwrap();
    let scheduled = cloud.scheduled.iter().enumerate();
    let numbers = scheduled.filter_map(|(number, is)| is.then_some(number));
    let numbers = numbers.filter(|number| cloud.names[*number].starts_with(prefix));
    let (numbers, next) = page(numbers, parameter("NextToken"));
    let schedules: Vec<_> = numbers
        .into_iter()
        .map(|number| json!({ "Name": cloud.names[number], "GroupName": STACK }))
        .collect();
    Json(json!({ "Schedules": schedules, "NextToken": next }))
}

async fn get_schedule(State(shared): State<Shared>, Path(name): Path<String>) -> Json<Value> {
    shared.count(|requests| &mut requests.single).await;
    Json(json!({ "Name": name, "ScheduleExpression": "at(2030-01-01T00:00:00)" }))
}

async fn create_schedule(
    State(shared): State<Shared>,
    Path(created): Path<String>,
    body: Bytes,
) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    let input: Value = serde_json::from_str(request["Target"]["Input"].as_str().unwrap()).unwrap();
    let number = &input["VersionId"].as_str().unwrap()[..8];
    let number = usize::from_str_radix(number, 16).unwrap();
    assert_eq!(created, name(number));
    assert_eq!(input["WasInUse"], true, "the whole grace period");
    shared.count(|requests| &mut requests.created).await;
    let at = request["ScheduleExpression"].as_str().unwrap();
    let at = at.strip_prefix("at(").and_then(|at| at.strip_suffix(')'));
    let mut cloud = shared.cloud.lock().unwrap();
    cloud.times.push(at.unwrap().parse().unwrap());
    // A request whose answer nobody waited for may have taken effect.
    if std::mem::replace(&mut cloud.scheduled[number], true) {
        let conflict = [("x-amzn-errortype", "ConflictException")];
        return (StatusCode::CONFLICT, conflict, Json(json!({}))).into_response();
    }
    Json(json!({ "ScheduleArn": "arn:aws:scheduler:us-east-1:123456789012:schedule/x/y" }))
        .into_response()
}

struct Stand {
    shared: Shared,
    secrets: Secrets,
    schedules: Schedules,
    timetable: Timetable,
    _serving: AbortOnDropHandle<()>,
}

impl Stand {
    async fn start(scheduled: Vec<bool>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let cloud = Arc::new(Mutex::new(Cloud {
            names: (0..scheduled.len()).map(name).collect(),
            scheduled,
            times: Vec::new(),
            requests: Requests::default(),
            answered: ALL,
        }));
        let (more, _) = watch::channel(());
        let shared = Shared { cloud, more };
        let router = Router::new()
            .route("/", post(secrets_manager))
            .route("/schedules", get(list_schedules))
            .route("/schedules/{name}", post(create_schedule).get(get_schedule))
            .with_state(shared.clone());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let http = addon_rotation::net::http_client().unwrap();
        let aws = sdk_config_with(&http, "us-east-1".to_owned(), credentials, Some(endpoint));
        let configuration = ScheduleConfiguration {
            group: STACK.to_owned(),
            role: "arn:aws:iam::123456789012:role/scheduler".to_owned(),
            function: "arn:aws:lambda:us-east-1:123456789012:function:revoke-secret".to_owned(),
            dead_letter_queue: "arn:aws:sqs:us-east-1:123456789012:dead-letters".to_owned(),
        };
        Self {
            shared,
            secrets: Secrets::new(&aws),
            schedules: Schedules::new(&aws, configuration),
            timetable: Timetable::new(&aws, STACK),
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    /// The requests that a sweep makes, and what comes of it.
    async fn sweep(&self, order: Order, left: Duration) -> (Requests, Result<(), Error>) {
        self.shared.cloud.lock().unwrap().requests = Requests::default();
        let deadline = Deadline::after(left);
        let (secrets, schedules) = (&self.secrets, &self.schedules);
        let result = steps::sweep(secrets, schedules, STACK, 7200, order, deadline).await;
        (self.shared.cloud.lock().unwrap().requests, result)
    }

    fn answer(&self, answered: Requests) {
        self.shared.cloud.lock().unwrap().answered = answered;
        self.shared.more.send_replace(());
    }

    fn scheduled(&self) -> Vec<usize> {
        let cloud = self.shared.cloud.lock().unwrap();
        let scheduled = cloud.scheduled.iter().enumerate();
        scheduled
            .filter_map(|(number, is)| is.then_some(number))
            .collect()
    }
}

/// The most memory that this process has had, in bytes.
fn most_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<usize>().unwrap() * 1024
}

/// The number after the last of `keys` in the template, each looked for after the one before.
fn setting(keys: &[&str]) -> usize {
    let rest = keys.iter().fold(TEMPLATE, |rest, key| {
        rest.split_once(key).unwrap_or_else(|| panic!("{key}")).1
    });
    rest.lines().next().unwrap().trim().parse().unwrap()
}

/// What is assumed of AWS: how long a page takes, each of which waits for the one before it, and a
/// schedule, some of which are made at once. That is below its quotas: 100 `ListSecrets` a second, 250
/// `CreateSchedule` in the smallest regions.
const ONE_PAGE: Duration = Duration::from_millis(200);
const ONE_SCHEDULE: Duration = Duration::from_millis(100);
const AT_ONCE: u32 = 8;

fn time(requests: Requests) -> Duration {
    let count = |requests: usize| u32::try_from(requests).unwrap();
    ONE_PAGE * count(requests.secrets + requests.schedules)
        + ONE_SCHEDULE * count(requests.created) / AT_ONCE
}

/// An invocation of a test, far longer than the slowest machine takes.
const PATIENCE: Duration = Duration::from_mins(15);

const SECRETS: usize = 100_000;

#[tokio::test]
async fn a_hundred_thousand_secrets_are_swept_in_one_invocation() {
    // One in a hundred has lost its schedule.
    let lost = SECRETS / 100;
    let stand = Stand::start((0..SECRETS).map(|number| number % 100 != 17).collect()).await;
    let (requests, result) = stand.sweep(Order::OldestFirst, PATIENCE).await;
    result.unwrap();
    let expected = Requests {
        secrets: SECRETS / PAGE,
        schedules: (SECRETS - lost).div_ceil(PAGE),
        created: lost,
        single: 0,
    };
    assert_eq!(requests, expected);
    assert_eq!(stand.scheduled().len(), SECRETS);

    let timeout = Duration::from_secs(setting(&["\n  SweepFunction:", "Timeout: "]) as u64);
    assert!(time(requests) < timeout, "{:?}", time(requests));
    // The stand-in is in this process as well.
    let memory = setting(&["Globals:", "MemorySize: "]) * 1024 * 1024;
    let most = most_memory();
    assert!(most < memory, "{most} bytes of {memory}");

    // With no schedule left at all, each sweep makes what it has time for.
    let left = timeout.saturating_sub(ONE_PAGE * u32::try_from(2 * SECRETS / PAGE).unwrap());
    let made = left.as_millis() * u128::from(AT_ONCE) / ONE_SCHEDULE.as_millis();
    let sweeps = u128::try_from(SECRETS).unwrap().div_ceil(made);
    assert!(sweeps <= 3, "{sweeps}");
}

#[tokio::test]
async fn what_a_sweep_schedules_is_not_looked_at_all_at_once() {
    let stand = Stand::start(vec![false; 300]).await;
    let (_, result) = stand.sweep(Order::OldestFirst, PATIENCE).await;
    result.unwrap();
    let mut times = std::mem::take(&mut stand.shared.cloud.lock().unwrap().times);
    times.sort_unstable();
    // Of the 4,500 requests an hour that Heroku answers for v1, 1,800.
    let between = times[299].duration_since(times[0]);
    assert!(between.as_secs() >= 299 * 2, "{between}");
    // One that waits alone is looked at soon.
    let (first, now) = (times[0].to_zoned(TimeZone::UTC), Timestamp::now());
    let soon = first.unwrap().timestamp().duration_since(now).as_secs();
    assert!(soon <= 61, "{soon}");
}

#[tokio::test]
async fn what_a_sweep_has_no_time_for_the_next_ones_do() {
    let stand = Stand::start(vec![false; 500]).await;
    let scarce = Duration::from_secs(2);
    // The third page never comes: the first two are swept all the same.
    stand.answer(Requests { secrets: 2, ..ALL });
    let (_, result) = stand.sweep(Order::OldestFirst, scarce * 2).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("secretsmanager:ListSecrets"), "{error}");
    assert!(stand.scheduled().into_iter().eq(0..200));
    // The next one begins at the other end.
    let (_, result) = stand.sweep(Order::NewestFirst, scarce * 2).await;
    assert!(result.is_err());
    assert!(stand.scheduled().into_iter().eq((0..200).chain(300..500)));

    // All pages come, and time is over while schedules are made: it ends, and says so.
    stand.answer(Requests { created: 30, ..ALL });
    let (requests, result) = stand.sweep(Order::OldestFirst, scarce).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("scheduler:CreateSchedule"), "{error}");
    assert_eq!(stand.scheduled().len(), 430);
    assert!(requests.created < 60, "{requests:?}");
    stand.answer(ALL);
    let (_, result) = stand.sweep(Order::NewestFirst, PATIENCE).await;
    result.unwrap();
    assert_eq!(stand.scheduled().len(), 500);
    let (requests, result) = stand.sweep(Order::OldestFirst, PATIENCE).await;
    result.unwrap();
    assert_eq!(requests.created, 0);
}

/// Each list of the survey's in turn, and what is listed side by side: two lists of secrets and four of
/// schedules. Then eight single requests at a time.
fn time_of_survey(requests: Requests) -> Duration {
    let pages = (requests.secrets.div_ceil(2)).max(requests.schedules.div_ceil(4));
    let count = |requests: usize| u32::try_from(requests).unwrap();
    ONE_PAGE * count(pages) + ONE_SCHEDULE * count(requests.single) / AT_ONCE
}

#[tokio::test]
async fn a_hundred_thousand_secrets_are_surveyed_in_two_minutes() {
    // All wait for a revocation: as many schedules as there can be. Some have none.
    let lost = 20;
    let stand = Stand::start((0..SECRETS).map(|number| number >= lost).collect()).await;
    let survey = Survey {
        secrets: &stand.secrets,
        timetable: &stand.timetable,
        stack: STACK,
        grace_period_seconds: 7200,
        revocation: Duration::ZERO,
    };
    let deadline = Deadline::after(PATIENCE);
    let mut rows = survey.look(deadline).await.unwrap();
    assert_eq!(rows.len(), SECRETS);
    let unscheduled = rows.iter().filter(|row| row.state == InState::Unscheduled);
    assert_eq!(unscheduled.count(), lost);
    // Those come first; the secrets have not changed for years.
    assert_eq!(rows[lost].state, InState::Overdue);
    rows.truncate(200);
    survey.times(&mut rows, deadline).await.unwrap();
    let times = rows.iter().flat_map(|row| &row.revocations);
    assert_eq!(times.filter(|it| it.at.is_some()).count(), 200 - lost);

    let requests = stand.shared.cloud.lock().unwrap().requests;
    // Neither end goes on where the other has been, but for the page that shows it.
    let pages = SECRETS / PAGE;
    assert!(
        (pages..=pages + 3).contains(&requests.secrets),
        "{requests:?}"
    );
    // What seems lost is described and listed by itself, twice; the others' times are asked for.
    assert_eq!(requests.single, 2 * lost + 200 - lost, "{requests:?}");
    assert!(
        requests.schedules <= SECRETS / PAGE + 16 + 2 * lost,
        "{requests:?}"
    );
    let time = time_of_survey(requests);
    assert!(time < Duration::from_mins(2), "{time:?}");
    // 100 ListSecrets a second.
    let a_second = requests.secrets as u64 / time.as_secs();
    assert!(a_second <= 100, "{a_second}");
}
