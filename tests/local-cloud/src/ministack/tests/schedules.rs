//! The strict scheduler with a MiniStack behind it, which knows groups and roles. What IAM lets whom do is shown by the end-to-end
//! tests.

use strict_aws::gateway::{Gateway, GatewayOptions};

use super::*;

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT_ID}:role/{name}")
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_missing_group_or_a_role_that_cannot_be_assumed_is_refused() {
    let (ministack, _logs) = start().await;
    let client = ministack.client();
    let gateway = Gateway::start(GatewayOptions {
        upstream: Some(client.clone()),
        ..GatewayOptions::default()
    });
    let gateway = gateway.await.unwrap();
    let through = Client::new(gateway.endpoint().clone()).unwrap();
    let group = http::Request::post("/schedule-groups/g").body("{}".into());
    let made = client.signed("scheduler", group.unwrap()).await.unwrap();
    assert!(made.status().is_success());
    let of_group = format!("arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule-group/g");
    let here = json!({"aws:SourceAccount": ACCOUNT_ID, "aws:SourceArn": of_group});
    let elsewhere = json!({"aws:SourceAccount": "111111111111"});
    for (name, service, whence) in [
        ("hand", "scheduler", &here),
        ("lambdas", "lambda", &json!({})),
        ("elsewhere", "scheduler", &elsewhere),
    ] {
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Principal": {"Service": format!("{service}.amazonaws.com")},
            "Action": "sts:AssumeRole", "Condition": {"StringEquals": whence}}]});
        create_role(client, name, &trust).await;
    }
    let send = async |request: http::request::Builder, body: &Value| {
        let request = request.body(Bytes::from(body.to_string())).unwrap();
        let answer = through.signed("scheduler", request).await.unwrap();
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        (answer.status().as_u16(), body)
    };
    let create = async |group: &str, name: &str| {
        let body = json!({
            "GroupName": group, "ScheduleExpression": "at(2100-01-01T00:00:00)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "RoleArn": role(name), "Input": "{}"},
        });
        let path = format!("/schedules/s?groupName={group}");
        send(http::Request::post(path), &body).await
    };
    let no_group = "Schedule group none does not exist.";
    let untrusted = "must allow AWS EventBridge Scheduler to assume the role";
    for (group, role, status, told) in [
        ("none", "hand", 404, no_group),
        ("g", "lambdas", 400, untrusted),
        ("g", "elsewhere", 400, untrusted),
        ("g", "missing", 400, untrusted),
    ] {
        let (answered, message) = create(group, role).await;
        assert_eq!(answered, status, "{message}");
        assert!(message.contains(told), "{message}");
    }
    let list = http::Request::get("/schedules?ScheduleGroup=none");
    assert_eq!(send(list, &json!({})).await.0, 404);
    assert_eq!(gateway.scheduler().schedules(), []);
    let (answered, message) = create("g", "hand").await;
    assert_eq!(answered, 200, "{message}");
}
