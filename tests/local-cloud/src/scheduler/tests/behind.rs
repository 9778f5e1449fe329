//! With a MiniStack behind it: whom it lets, and what its role must be allowed.

use std::sync::Arc;

use super::*;
use crate::ministack::tests::{Function, start};
use crate::ministack::{ACCOUNT_ID, Client, MiniStack, REGION};

struct Behind {
    scheduler: Scheduler,
    events: EventLog,
    client: Client,
    _ministack: MiniStack,
    _logs: tempfile::TempDir,
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT_ID}:role/{name}")
}

fn schedule(name: &str) -> String {
    format!("arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule/g/{name}")
}

fn function() -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:f")
}

fn queue() -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:dead")
}

impl Behind {
    async fn new() -> Self {
        let (ministack, logs) = start().await;
        let client = ministack.client().clone();
        let events = EventLog::default();
        let target = Arc::new(client.clone());
        let scheduler = Scheduler::new(Some(client.clone()), events.clone(), target);
        let group = http::Request::post("/schedule-groups/g")
            .body("{}".into())
            .unwrap();
        assert!(
            client
                .signed("scheduler", group)
                .await
                .unwrap()
                .status()
                .is_success()
        );
        let behind = Self {
            scheduler,
            events,
            client,
            _ministack: ministack,
            _logs: logs,
        };
        // What the scheduler assumes: for this account and group only.
        let trust = json!({"StringEquals": {"aws:SourceAccount": ACCOUNT_ID, "aws:SourceArn":
            format!("arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule-group/g")}});
        behind.role("hand", "scheduler.amazonaws.com", &trust).await;
        behind
    }

    async fn role(&self, name: &str, service: &str, condition: &Value) {
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Principal": {"Service": service}, "Action": "sts:AssumeRole", "Condition": condition}]});
        self.client.create_role(name, &trust).await;
    }

    async fn allow(&self, role: &str, statements: &[Value]) {
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        self.client.put_role_policy(role, &policy).await;
    }

    async fn as_root(&self, method: Method, name: &str, body: &Value) -> (StatusCode, String) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = http::Request::builder()
            .method(method)
            .uri(format!("/schedules/{name}?groupName=g"))
            .body(Bytes::from(body))
            .unwrap();
        let signed = self.client.sign_as_root("scheduler", request);
        self.send(signed).await
    }

    async fn send(&self, request: http::Request<Bytes>) -> (StatusCode, String) {
        let answer = self.scheduler.handle(request).await;
        let error = answer.headers().get("x-amzn-errortype");
        let error = error.map_or("", |error| error.to_str().unwrap()).to_owned();
        let message = String::from_utf8_lossy(answer.body()).into_owned();
        (answer.status(), format!("{error}: {message}"))
    }

    async fn dead_lettered(&self) -> String {
        event(&self.events, |kind| match kind {
            EventKind::ScheduleDeadLettered { message, .. } => Some(message.clone()),
            _ => None,
        })
        .await
    }
}

fn request_in_group() -> Value {
    let mut body = with("/GroupName", json!("g"));
    body["Target"]["Arn"] = json!(function());
    body["Target"]["RoleArn"] = json!(role("hand"));
    body["Target"]["DeadLetterConfig"] = json!({"Arn": queue()});
    body["Target"]["RetryPolicy"] = json!({"MaximumRetryAttempts": 0});
    body
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn iam_is_asked_on_the_schedules_own_group_and_for_the_passed_role() {
    let behind = Behind::new().await;
    behind
        .role("creator", "lambda.amazonaws.com", &json!({}))
        .await;
    let function = Function::create(&behind.client, "creator-function", &role("creator")).await;
    let create = async || {
        let body = request_in_group().to_string();
        let request = http::Request::post("/schedules/s")
            .body(Bytes::from(body))
            .unwrap();
        behind.send(function.sign("scheduler", request)).await
    };
    let may_create = |resource: String| json!({"Effect": "Allow", "Action": "scheduler:CreateSchedule", "Resource": resource});
    let may_pass = |service: &str| {
        json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": role("hand"),
            "Condition": {"StringEquals": {"iam:PassedToService": service}}})
    };
    let scheduler = "scheduler.amazonaws.com";

    behind.allow("creator", &[may_pass(scheduler)]).await;
    let (status, error) = create().await;
    assert_eq!(status, 403, "{error}");
    assert!(error.starts_with("AccessDeniedException"), "{error}");
    let told = format!(
        "is not authorized to perform: scheduler:CreateSchedule on resource: {}",
        schedule("s")
    );
    assert!(error.contains(&told), "{error}");

    // The default group's schedule, which MiniStack asks about, is another one.
    let other = schedule("s").replace("/g/", "/default/");
    behind
        .allow("creator", &[may_create(other), may_pass(scheduler)])
        .await;
    assert_eq!(create().await.0, 403);

    behind
        .allow(
            "creator",
            &[may_create(schedule("*")), may_pass("ec2.amazonaws.com")],
        )
        .await;
    let (status, error) = create().await;
    assert_eq!(status, 403);
    assert!(
        error.contains("is not authorized to perform: iam:PassRole"),
        "{error}"
    );
    assert_eq!(behind.scheduler.schedules(), []);

    behind
        .allow("creator", &[may_create(schedule("*")), may_pass(scheduler)])
        .await;
    let (status, error) = create().await;
    assert_eq!(status, 200, "{error}");
    assert_eq!(behind.scheduler.schedules().len(), 1);
    // MiniStack is not left with one of its own.
    let list = http::Request::get("/schedules").body(Bytes::new()).unwrap();
    let list = behind.client.signed("scheduler", list).await.unwrap();
    let list: Value = serde_json::from_slice(list.body()).unwrap();
    assert_eq!(list["Schedules"], json!([]));
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn who_is_not_authenticated_is_refused() {
    let behind = Behind::new().await;
    let post = || {
        let body = Bytes::from(request_in_group().to_string());
        http::Request::post("/schedules/s").body(body).unwrap()
    };
    let (status, error) = behind.send(post()).await;
    assert!(status.is_client_error(), "{status} {error}");
    // Only others than root: MiniStack takes root's key id for root, whatever the signature.
    let lambda = "lambda.amazonaws.com";
    behind.role("creator", lambda, &json!({})).await;
    let allowed = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    behind.allow("creator", &[allowed]).await;
    let function = Function::create(&behind.client, "creator-function", &role("creator")).await;
    let mut forged = function.sign("scheduler", post());
    *forged.body_mut() =
        Bytes::from(request_in_group().to_string().replace("{\"a\":1}", "{}") + " ");
    let (status, error) = behind.send(forged).await;
    assert!(status.is_client_error(), "{status} {error}");
    assert_eq!(behind.scheduler.schedules(), []);
}

/// API reference, `ListSchedules` and `CreateSchedule`: `ResourceNotFoundException` for a group that is not there.
#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_missing_group_or_a_role_that_cannot_be_assumed_is_refused() {
    let behind = Behind::new().await;
    let create = async |path: &str, value: Value| {
        let mut body = request_in_group();
        *body.pointer_mut(path).unwrap() = value;
        behind.as_root(Method::POST, "s", &body).await
    };
    let (status, error) = create("/GroupName", json!("none")).await;
    assert_eq!(status, 404);
    assert!(
        error.contains("Schedule group none does not exist."),
        "{error}"
    );
    let listed = behind.as_root(Method::GET, "?ScheduleGroup=none", &Value::Null);
    assert_eq!(listed.await.0, 404);

    behind
        .role("lambdas", "lambda.amazonaws.com", &json!({}))
        .await;
    let elsewhere = json!({"StringEquals": {"aws:SourceAccount": "111111111111"}});
    behind
        .role("elsewhere", "scheduler.amazonaws.com", &elsewhere)
        .await;
    for name in ["lambdas", "elsewhere", "missing"] {
        let (status, error) = create("/Target/RoleArn", json!(role(name))).await;
        assert_eq!(status, 400, "{error}");
        assert!(
            error.contains("must allow AWS EventBridge Scheduler to assume the role"),
            "{error}"
        );
    }
    assert_eq!(behind.scheduler.schedules(), []);
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn the_role_needs_the_right_to_invoke_and_the_dead_letter_gets_the_input() {
    let behind = Behind::new().await;
    let make_queue = json!({"QueueName": "dead"});
    behind
        .client
        .json_call("sqs", "AmazonSQS.CreateQueue", &make_queue)
        .await
        .unwrap();
    let send = json!({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue()});
    behind.allow("hand", &[send]).await;
    let (status, error) = behind.as_root(Method::POST, "s", &request_in_group()).await;
    assert_eq!(status, 200, "{error}");
    assert!(behind.scheduler.bring_forward("s"));
    let message = behind.dead_lettered().await;
    assert!(
        message.ends_with(&format!(
            "lambda:InvokeFunction on resource: {}",
            function()
        )),
        "{message}"
    );

    let url = behind
        .client
        .json_call("sqs", "AmazonSQS.GetQueueUrl", &make_queue)
        .await
        .unwrap();
    let receive = json!({"QueueUrl": url["QueueUrl"], "MessageAttributeNames": ["All"]});
    let received = behind
        .client
        .json_call("sqs", "AmazonSQS.ReceiveMessage", &receive)
        .await
        .unwrap();
    let letter = &received["Messages"][0];
    assert_eq!(letter["Body"], "{\"a\":1}");
    let attribute = |name: &str| letter["MessageAttributes"][name]["StringValue"].clone();
    assert_eq!(attribute("SCHEDULE_ARN"), schedule("s"));
    assert_eq!(attribute("TARGET_ARN"), function());
}
