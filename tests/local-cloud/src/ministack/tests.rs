//! Against a real MiniStack.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_credential_types::Credentials;
use axum::body::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::*;
use crate::patience::eventually;
use crate::tools::{Tools, target_directory};

async fn python() -> PathBuf {
    let workspace = crate::tools::workspace();
    let progress = Arc::new(|line: &str| println!("{line}"));
    let tools = Tools::ensure(&target_directory(&workspace), progress).await;
    tools.unwrap().ministack()
}

/// A MiniStack whose functions know no gateway.
pub(crate) async fn start() -> (MiniStack, tempfile::TempDir) {
    let logs = tempfile::tempdir().unwrap();
    let gateway = "http://127.0.0.1:9".parse().unwrap();
    let options = MiniStackOptions::new(python().await, gateway, logs.path().to_owned());
    (MiniStack::start(options).await.unwrap(), logs)
}

impl Client {
    pub(crate) async fn create_role(&self, name: &str, trust: &Value) {
        let parameters = [
            ("RoleName", name),
            ("AssumeRolePolicyDocument", &trust.to_string()),
        ];
        self.iam("CreateRole", &parameters).await.unwrap();
    }

    pub(crate) async fn put_role_policy(&self, role: &str, policy: &Value) {
        let policy = policy.to_string();
        let parameters = [
            ("RoleName", role),
            ("PolicyName", "p"),
            ("PolicyDocument", &policy),
        ];
        self.iam("PutRolePolicy", &parameters).await.unwrap();
    }

    pub(crate) fn sign_as_root(
        &self,
        service: &str,
        mut request: Request<Bytes>,
    ) -> Request<Bytes> {
        self.sign(&client::root(), service, &mut request).unwrap();
        request
    }
}

/// A function that logs its event and gives its credentials away.
pub(crate) struct Function {
    pub(crate) arn: String,
    client: Client,
    credentials: Credentials,
}

const BOOTSTRAP: &str = r#"
import json, os, urllib.request as http
base = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/"
names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"]
while True:
    with http.urlopen(base + "next") as answer:
        request = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(answer)
    print("event", json.dumps(event), flush=True)
    kind = "error" if event.get("fail") else "response"
    body = json.dumps({name: os.environ[name] for name in names} if kind == "response" else
                      {"errorType": "Failed", "errorMessage": "as told"})
    http.urlopen(http.Request(f"{base}{request}/{kind}", body.encode())).read()
"#;

impl Function {
    pub(crate) async fn create(client: &Client, name: &str, role_arn: &str) -> Self {
        let python = python().await;
        let zip = "import base64, io, sys, zipfile\n\
            data = io.BytesIO()\n\
            with zipfile.ZipFile(data, 'w') as archive:\n\
            \x20   entry = zipfile.ZipInfo('bootstrap'); entry.external_attr = 0o755 << 16\n\
            \x20   archive.writestr(entry, sys.argv[1])\n\
            print(base64.b64encode(data.getvalue()).decode())";
        let bootstrap = format!("#!{}{BOOTSTRAP}", python.display());
        let output = std::process::Command::new(&python)
            .args(["-c", zip, &bootstrap])
            .output()
            .unwrap();
        let body = json!({"FunctionName": name, "Runtime": "provided.al2023", "Role": role_arn,
            "Handler": "bootstrap", "Timeout": 10,
            "Code": {"ZipFile": String::from_utf8(output.stdout).unwrap().trim()}});
        let request = Request::post("/2015-03-31/functions")
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        client
            .call("lambda", "lambda:CreateFunction", request)
            .await
            .unwrap();
        let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{name}");
        let kind = InvocationType::RequestResponse;
        let answer = client.invoke(&arn, &json!({}), kind).await.unwrap();
        assert_eq!(answer.function_error, None, "{answer:?}");
        let value = |name: &str| answer.payload[name].as_str().unwrap().to_owned();
        assert_eq!(value("AWS_ENDPOINT_URL"), "http://127.0.0.1:9");
        let credentials = Credentials::new(
            value("AWS_ACCESS_KEY_ID"),
            value("AWS_SECRET_ACCESS_KEY"),
            Some(value("AWS_SESSION_TOKEN")),
            None,
            "function",
        );
        Self {
            arn,
            client: client.clone(),
            credentials,
        }
    }

    /// Signs as the function does.
    pub(crate) fn sign(&self, service: &str, mut request: Request<Bytes>) -> Request<Bytes> {
        self.client
            .sign(&self.credentials, service, &mut request)
            .unwrap();
        request
    }
}

fn trust(service: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]})
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn the_simulator_tells_what_a_role_may_do() {
    let (ministack, _logs) = start().await;
    let client = ministack.client();
    let scheduler = "scheduler.amazonaws.com";
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/r");
    client.create_role("r", &trust(scheduler)).await;
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:*:*:a"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
         "Condition": {"StringEquals": {"iam:PassedToService": scheduler}}}]});
    client.put_role_policy("r", &policy).await;

    let told = client.role_trust_policy(&role).await.unwrap();
    assert_eq!(told, Some(trust(scheduler)));
    let queue = |name: &str| format!("arn:aws:sqs:us-east-1:{ACCOUNT_ID}:{name}");
    let action = "sqs:SendMessage";
    assert!(client.is_allowed(&role, action, &queue("a")).await.unwrap());
    assert!(!client.is_allowed(&role, action, &queue("b")).await.unwrap());
    let pass = async |service: &str| {
        let context = [("iam:PassedToService", service)];
        let allowed = client.is_allowed_in(&role, "iam:PassRole", &role, &context);
        allowed.await.unwrap()
    };
    assert!(pass(scheduler).await);
    assert!(!pass("ec2.amazonaws.com").await);

    let missing = format!("arn:aws:iam::{ACCOUNT_ID}:role/none");
    assert_eq!(client.role_trust_policy(&missing).await.unwrap(), None);

    // The role's trust policy, and conditions on what the stand says of a request.
    let trusts = async |condition: Value, service: &str, action: &str| {
        let mut trust = trust(scheduler);
        trust["Statement"][0]["Condition"] = condition;
        let group = "arn:aws:scheduler:us-east-1:000000000000:schedule-group/g";
        let context = [("aws:SourceAccount", ACCOUNT_ID), ("aws:SourceArn", group)];
        let trusted = client.lets_service((&trust, None), service, action, &context);
        trusted.await.unwrap()
    };
    let assume = "sts:AssumeRole";
    let groups = "arn:aws:scheduler:*:*:schedule-group/*";
    for (condition, is_trusted) in [
        (json!({}), true),
        (
            json!({"StringEquals": {"AWS:sourceaccount": ACCOUNT_ID}}),
            true,
        ),
        (
            json!({"StringEquals": {"aws:SourceAccount": "111111111111"}}),
            false,
        ),
        (json!({"ArnLike": {"aws:SourceArn": groups}}), true),
        (
            json!({"ArnLike": {"aws:SourceArn": "arn:aws:scheduler:*:*:schedule-group/f"}}),
            false,
        ),
        (json!({"StringEquals": {"aws:SourceOrgID": "o-1"}}), false),
        (
            json!({"StringEqualsIfExists": {"aws:SourceOrgID": "o-1"}}),
            true,
        ),
    ] {
        let told = condition.to_string();
        assert_eq!(
            trusts(condition, scheduler, assume).await,
            is_trusted,
            "{told}"
        );
    }
    assert!(!trusts(json!({}), "lambda.amazonaws.com", assume).await);
    assert!(!trusts(json!({}), scheduler, "sts:TagSession").await);
    let empty = json!({});
    let nobody = client.lets_service((&empty, None), scheduler, assume, &[]);
    assert!(!nobody.await.unwrap());
    conditions(client).await;
}

/// Each operator that the template's policies use, met and not.
async fn conditions(client: &Client) {
    const TAG: (&str, &str) = ("aws:TagKeys", "a");
    const OTHER_TAG: (&str, &str) = ("aws:TagKeys", "c");
    const SECRET: &[(&str, &str)] = &[
        ("secretsmanager:ForceDeleteWithoutRecovery", "false"),
        ("secretsmanager:RecoveryWindowInDays", "30"),
        (
            "secretsmanager:resource/AllowRotationLambdaArn",
            "arn:aws:lambda:::function:rotate",
        ),
    ];
    let of_tags = json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}});
    let tagged = json!({"Null": {"aws:TagKeys": "false"}});
    let untagged = json!({"Null": {"aws:TagKeys": "true"}});
    let days = |operator: &str, days: Value| json!({ operator: {"secretsmanager:RecoveryWindowInDays": days} });
    let forced =
        |forced: Value| json!({"Bool": {"secretsmanager:ForceDeleteWithoutRecovery": forced}});
    let rotated_by = |function: &str| json!({"ArnLike": {"secretsmanager:resource/AllowRotationLambdaArn": function}});
    for (context, condition, is_met) in [
        (&[][..], &of_tags, true),
        (&[TAG], &of_tags, true),
        (&[TAG, OTHER_TAG], &of_tags, false),
        (&[], &tagged, false),
        (&[TAG], &tagged, true),
        (&[], &untagged, true),
        (&[TAG], &untagged, false),
        (SECRET, &days("NumericGreaterThanEquals", json!("30")), true),
        (SECRET, &days("NumericGreaterThanEquals", json!(31)), false),
        (&[], &days("NumericGreaterThanEquals", json!(7)), false),
        (SECRET, &days("NumericLessThan", json!("31")), true),
        (SECRET, &days("NumericEquals", json!(30)), true),
        (SECRET, &forced(json!("false")), true),
        (SECRET, &forced(json!(true)), false),
        (&[], &forced(json!("false")), false),
        (
            SECRET,
            &rotated_by("arn:aws:lambda:::function:rotate"),
            true,
        ),
        (
            SECRET,
            &rotated_by("arn:aws:lambda:::function:another"),
            false,
        ),
        (&[], &rotated_by("*"), false),
        (
            SECRET,
            &json!({"Unknown": {"secretsmanager:RecoveryWindowInDays": "30"}}),
            false,
        ),
    ] {
        let action = "secretsmanager:TagResource";
        let statement = |effect: &str, condition: &Value| json!({"Effect": effect, "Action": action, "Resource": "*", "Condition": condition});
        let allow = json!({"Statement": [statement("Allow", condition)]}).to_string();
        let (policies, actions) = ([allow], [action]);
        let allowed = client.allowed_by(&policies, &actions, "*", context);
        assert_eq!(!allowed.await.unwrap().is_empty(), is_met, "{condition}");
        // A denial outweighs.
        let both = [statement("Allow", &json!({})), statement("Deny", condition)];
        let both = json!({ "Statement": both }).to_string();
        let policies = [both];
        let allowed = client.allowed_by(&policies, &actions, "*", context);
        assert_eq!(allowed.await.unwrap().is_empty(), is_met, "{condition}");
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn services_are_called_as_root_and_their_errors_told_apart() {
    let (ministack, _logs) = start().await;
    let client = ministack.client();
    let secret = json!({"Name": "s", "SecretString": "v"});
    let created = client
        .json_call("secretsmanager", "secretsmanager.CreateSecret", &secret)
        .await
        .unwrap();
    assert!(created["ARN"].as_str().unwrap().contains(":secret:s-"));
    let error = client
        .json_call(
            "secretsmanager",
            "secretsmanager.DescribeSecret",
            &json!({"SecretId": "none"}),
        )
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("ResourceNotFoundException"));

    let queue = json!({"QueueName": "q"});
    client
        .json_call("sqs", "AmazonSQS.CreateQueue", &queue)
        .await
        .unwrap();
    let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:q");
    client.send_message(&arn, "hello").await.unwrap();
    let url = client
        .json_call("sqs", "AmazonSQS.GetQueueUrl", &queue)
        .await
        .unwrap();
    let received = client
        .json_call(
            "sqs",
            "AmazonSQS.ReceiveMessage",
            &json!({"QueueUrl": url["QueueUrl"]}),
        )
        .await
        .unwrap();
    assert_eq!(received["Messages"][0]["Body"], "hello");

    let function = format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:none");
    let error = client
        .invoke(&function, &json!({}), InvocationType::RequestResponse)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("ResourceNotFoundException"), "{error}");
    assert_eq!(client.function_policy(&function).await.unwrap(), None);
    assert_eq!(client.all_log_events().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn whoever_signs_is_known_and_the_rest_is_refused() {
    let (ministack, _logs) = start().await;
    let client = ministack.client();
    client
        .create_role("r", &trust("lambda.amazonaws.com"))
        .await;
    let role_arn = format!("arn:aws:iam::{ACCOUNT_ID}:role/r");
    let function = Function::create(client, "f", &role_arn).await;
    let key = function.credentials.access_key_id();
    let principal = Principal::Role {
        role_arn: role_arn.clone(),
        session: "f".to_owned(),
    };
    assert_eq!(client.principal(key).await.unwrap(), principal);
    let account = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT_ID}:root")}, "Action": "sts:AssumeRole"}]});
    client.create_role("on-call", &account).await;
    let role_arn = format!("arn:aws:iam::{ACCOUNT_ID}:role/on-call");
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", role_arn.as_str()),
            ("RoleSessionName", "paula"),
        ])
        .finish();
    let assume = Request::post("/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(body))
        .unwrap();
    let answer = client.signed("sts", assume).await.unwrap();
    let answer = String::from_utf8_lossy(answer.body()).into_owned();
    let assumed = super::xml::text(&answer, "AccessKeyId").expect(&answer);
    let principal = Principal::Role {
        role_arn,
        session: "paula".to_owned(),
    };
    // Whoever has the client knows it.
    let found = client.clone().principal(&assumed).await.unwrap();
    assert_eq!(found, principal);
    assert_eq!(
        client.principal(ROOT_ACCESS_KEY_ID).await.unwrap(),
        Principal::Root
    );
    let nobody = client.principal("AKIANOBODY0000000000").await.unwrap();
    assert_eq!(nobody, Principal::Unknown);

    let list = || {
        Request::post("/")
            .header("x-amz-target", "secretsmanager.ListSecrets")
            .header("content-type", "application/x-amz-json-1.1")
            .body(Bytes::from("{}"))
            .unwrap()
    };
    let answer = client
        .forward(function.sign("secretsmanager", list()))
        .await
        .unwrap();
    assert_eq!(error_of(&answer).0, "AccessDeniedException");
    let allow = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Action": "secretsmanager:ListSecrets", "Resource": "*"}]});
    client.put_role_policy("r", &allow).await;
    let answer = client
        .forward(function.sign("secretsmanager", list()))
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    let mut forged = function.sign("secretsmanager", list());
    *forged.body_mut() = Bytes::from("{ }");
    let answer = client.forward(forged).await.unwrap();
    assert!(answer.status().is_client_error(), "{answer:?}");
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_functions_answer_error_and_output_are_told() {
    let (ministack, _logs) = start().await;
    let client = ministack.client();
    client
        .create_role("r", &trust("lambda.amazonaws.com"))
        .await;
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/r");
    let function = Function::create(client, "f", &role).await;
    let invoke =
        async |event: Value, kind| client.invoke(&function.arn, &event, kind).await.unwrap();
    let failed = invoke(json!({"fail": true}), InvocationType::RequestResponse).await;
    assert!(failed.function_error.is_some());
    assert_eq!(failed.payload["errorMessage"], "as told");
    let handed = invoke(json!({"mark": "in the background"}), InvocationType::Event).await;
    assert_eq!(
        handed,
        Invocation {
            payload: Value::Null,
            function_error: None
        }
    );

    let logged = async || {
        let events = client.all_log_events().await.unwrap();
        let logged = |text: &str| events.iter().any(|event| event.contains(text));
        logged("in the background") && logged("\"fail\": true")
    };
    assert!(eventually(logged).await);
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn it_ends_with_its_functions_when_dropped() {
    let (ministack, _logs) = start().await;
    let client = ministack.client().clone();
    client
        .create_role("r", &trust("lambda.amazonaws.com"))
        .await;
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/r");
    Function::create(&client, "f", &role).await;
    let directory = ministack.directory().to_owned();
    assert!(running_in(&directory) >= 2, "MiniStack and the function");
    drop(ministack);
    assert_eq!(running_in(&directory), 0);
    assert!(!directory.exists());
    let root = Request::get("/").body(Bytes::new()).unwrap();
    client.forward(root).await.unwrap_err();
}

/// How many processes have this directory in their environment.
fn running_in(directory: &Path) -> usize {
    let directory = directory.to_str().unwrap().to_owned();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("environ")).ok())
        .filter(|environment| String::from_utf8_lossy(environment).contains(&directory))
        .count()
}
