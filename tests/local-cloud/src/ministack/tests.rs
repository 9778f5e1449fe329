//! Against a real MiniStack.

mod schedules;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tools::{Tools, target_directory};

use super::*;

async fn python() -> PathBuf {
    let workspace = tools::workspace();
    let progress = Arc::new(|line: &str| println!("{line}"));
    let tools = Tools::ensure(&target_directory(&workspace), progress).await;
    tools.unwrap().ministack()
}

/// A MiniStack whose functions know no gateway.
pub(crate) async fn start() -> (MiniStack, tempfile::TempDir) {
    let logs = tempfile::tempdir().unwrap();
    let gateway = "http://127.0.0.1:9".parse().unwrap();
    let python = python().await;
    let ministack = MiniStack::start(&python, &gateway, logs.path());
    (ministack.await.unwrap(), logs)
}

const IAM: (&str, &str) = ("iam", "2010-05-08");

async fn create_role(client: &Client, name: &str, trust: &Value) {
    let trust = trust.to_string();
    let parameters = [("RoleName", name), ("AssumeRolePolicyDocument", &trust)];
    let made = client.make(IAM, "CreateRole", &parameters, "Arn");
    made.await.unwrap();
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
    create_role(client, "r", &trust(scheduler)).await;
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:*:*:a"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
         "Condition": {"StringEquals": {"iam:PassedToService": scheduler}}}]});
    let policy = policy.to_string();
    let parameters = [
        ("RoleName", "r"),
        ("PolicyName", "p"),
        ("PolicyDocument", &policy),
    ];
    let made = client.make(IAM, "PutRolePolicy", &parameters, "RequestId");
    made.await.unwrap();

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
async fn of_what_the_gateway_answers_it_says_who_signed_and_refuses_nobodys_key() {
    let (ministack, _logs) = start().await;
    let client = ministack.client();
    let secrets = || Request::post("/").header("x-amz-target", "secretsmanager.ListSecrets");
    for (service, request) in [
        ("secretsmanager", secrets()),
        ("scheduler", Request::get("/schedules")),
    ] {
        let request = request.body(Bytes::from("{}")).unwrap();
        let answer = client.signed(service, request).await.unwrap();
        let told: Value = serde_json::from_slice(answer.body()).unwrap();
        let root = format!("arn:aws:iam::{ACCOUNT_ID}:root");
        assert_eq!(told, json!({ "Arn": root }));
    }
    let nobodys = secrets().header(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIANOBODY0000000000/20261123/us-east-1/secretsmanager/aws4_request, \
         SignedHeaders=host, Signature=00",
    );
    let nobodys = nobodys.body(Bytes::from("{}")).unwrap();
    assert!(client.authenticate(nobodys).await.unwrap().is_err());
}
