//! AWS with as many secrets as one stack may have.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use addon_rotation::schedule::{ScheduleConfiguration, ScheduleGroup, Schedules};
use addon_rotation::secrets::Secrets;
use addon_rotation::start::Start;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use jiff::civil::DateTime;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// The most that `ListSecrets` and `ListSchedules` show at once.
pub(crate) const PAGE: usize = 100;

pub(crate) const STACK: &str = "addon-rotation";

pub(crate) const PREFIX: &str = "addon/credentials/";

/// So many secrets, each with a version that waits for its revocation.
pub(crate) struct Cloud {
    /// Whether the waiting version of each has a schedule.
    pub(crate) scheduled: Vec<bool>,
    /// What the schedule of each is called, in order.
    names: Vec<(String, usize)>,
    /// When each schedule that was made fires.
    pub(crate) times: Vec<DateTime>,
    pub(crate) requests: Requests,
    /// What is answered; the rest never is.
    pub(crate) answered: Requests,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    pub(crate) secrets: usize,
    pub(crate) schedules: usize,
    pub(crate) created: usize,
    /// `DescribeSecret` and `GetSchedule`.
    pub(crate) single: usize,
}

pub(crate) const ALL: Requests = Requests {
    secrets: usize::MAX,
    schedules: usize::MAX,
    created: usize::MAX,
    single: usize::MAX,
};

#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) cloud: Arc<Mutex<Cloud>>,
    /// Told when more is asked or answered.
    more: watch::Sender<()>,
}

pub(crate) fn arn(number: usize) -> String {
    format!(
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:addon/credentials/{number:08x}-0000-4000-8000-000000000000-AbCdEf"
    )
}

pub(crate) fn version(number: usize, generation: u8) -> String {
    format!("{number:08x}-0000-4000-8000-{generation:012}")
}

/// What the library calls the schedule of the first try.
pub(crate) fn name(number: usize) -> String {
    let revocation = format!("{}\n{}", arn(number), version(number, 1));
    let digest = digest(&SHA256, revocation.as_bytes());
    let mut name = String::from("revoke-");
    for byte in &digest.as_ref()[..20] {
        write!(name, "{byte:02x}").unwrap();
    }
    name + "-0"
}

pub(crate) fn secret(number: usize) -> Value {
    json!({
        "ARN": arn(number),
        "Name": format!("{PREFIX}{number}"),
        "RotationEnabled": true,
        "RotationLambdaARN": format!("arn:aws:lambda:us-east-1:123456789012:function:{STACK}-rotate"),
        "LastChangedDate": 1_700_000_000.0,
        "Tags": [{ "Key": "rotation:stack", "Value": STACK }],
        "SecretVersionsToStages": {
            version(number, 1): ["AWSPREVIOUS", format!("LIVE-{}", version(number, 1))],
            version(number, 2): ["AWSCURRENT", format!("LIVE-{}", version(number, 2))],
        },
    })
}

/// The items of a page, and the token of the next.
pub(crate) fn page(
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
        self.more.send_replace(());
        while *of(&mut self.cloud.lock().unwrap().answered) <= number {
            told.changed().await.unwrap();
        }
    }
}

pub(crate) async fn secrets_manager(
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

pub(crate) async fn list_secrets(shared: Shared, request: &Value) -> Json<Value> {
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

pub(crate) async fn list_schedules(
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
    let first = cloud
        .names
        .partition_point(|(name, _)| name.as_str() < prefix);
    let named = cloud.names.iter().enumerate().skip(first);
    let places = named
        .take_while(|(_, (name, _))| name.starts_with(prefix))
        .filter(|(_, (_, number))| cloud.scheduled[*number])
        .map(|(place, _)| place);
    let (places, next) = page(places, parameter("NextToken"));
    let schedules: Vec<_> = places
        .into_iter()
        .map(|place| {
            let written = jiff::Timestamp::now().as_second();
            json!({ "Name": cloud.names[place].0, "GroupName": STACK, "LastModificationDate": written })
        })
        .collect();
    Json(json!({ "Schedules": schedules, "NextToken": next }))
}

pub(crate) async fn get_schedule(
    State(shared): State<Shared>,
    Path(name): Path<String>,
) -> Json<Value> {
    shared.count(|requests| &mut requests.single).await;
    Json(json!({ "Name": name, "ScheduleExpression": "at(2030-01-01T00:00:00)" }))
}

pub(crate) async fn create_schedule(
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

pub(crate) struct Stand {
    pub(crate) shared: Shared,
    pub(crate) secrets: Secrets,
    pub(crate) schedules: Schedules,
    pub(crate) group: ScheduleGroup,
    _serving: AbortOnDropHandle<()>,
}

impl Stand {
    pub(crate) async fn start(scheduled: Vec<bool>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut names: Vec<_> = (0..scheduled.len()).map(|it| (name(it), it)).collect();
        names.sort_unstable();
        let cloud = Arc::new(Mutex::new(Cloud {
            names,
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
        let variables = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL", &endpoint),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let start = Start::new(variables, None).unwrap();
        let configuration = ScheduleConfiguration {
            group: STACK.to_owned(),
            role: "arn:aws:iam::123456789012:role/scheduler".to_owned(),
            function: "arn:aws:lambda:us-east-1:123456789012:function:revoke-secret".to_owned(),
            dead_letter_queue: "arn:aws:sqs:us-east-1:123456789012:dead-letters".to_owned(),
            soonest: std::time::Duration::ZERO,
        };
        Self {
            shared,
            secrets: Secrets::new(&start.aws),
            schedules: Schedules::new(&start, configuration),
            group: ScheduleGroup::new(&start.aws, STACK),
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    pub(crate) fn answer(&self, answered: Requests) {
        self.shared.cloud.lock().unwrap().answered = answered;
        self.shared.more.send_replace(());
    }

    /// Waits until so much was asked.
    pub(crate) async fn asked(&self, enough: impl Fn(Requests) -> bool) {
        let mut told = self.shared.more.subscribe();
        while !enough(self.shared.cloud.lock().unwrap().requests) {
            told.changed().await.unwrap();
        }
    }

    pub(crate) fn scheduled(&self) -> Vec<usize> {
        let cloud = self.shared.cloud.lock().unwrap();
        let scheduled = cloud.scheduled.iter().enumerate();
        scheduled
            .filter_map(|(number, is)| is.then_some(number))
            .collect()
    }
}

/// What is assumed of AWS: how long a page takes, each of which waits for the one before it, and a
/// schedule, some of which are made at once. That is below its quotas: 100 `ListSecrets` a second, 250
/// `CreateSchedule` in the smallest regions.
pub(crate) const ONE_PAGE: Duration = Duration::from_millis(200);
pub(crate) const ONE_SCHEDULE: Duration = Duration::from_millis(100);
pub(crate) const AT_ONCE: u32 = 8;

/// An invocation of a test, far longer than the slowest machine takes.
pub(crate) const PATIENCE: Duration = stand_in::patience::PATIENCE;

pub(crate) const SECRETS: usize = 100_000;
