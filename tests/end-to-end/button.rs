//! The "rotate" button of a partner's dashboard: its backend invokes `start-rotation`, and follows the rotation by a
//! rule on the account's default event bus, as `infra/backend.md` shows.

use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, Instance};
use serde_json::{Value, json};

use crate::fleet::{answer, enrolled, invoke};
use crate::support::{aws, check, current, faults, names};
use crate::{Suite, TestResult};

const FUNCTION: &str = "start-rotation";

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("button::pressed_and_followed_to_the_end", followed);
    suite.test("button::refused_for_who_is_not_enrolled", stranger);
}

async fn press(cloud: &Cloud, instance: &Instance) -> Result<Value, Failed> {
    answer(cloud, FUNCTION, &json!({ "AddonId": instance.addon })).await
}

/// By a queue, which a rule of this instance's events feeds.
async fn followed(cloud: Arc<Cloud>) -> TestResult {
    let instance = enrolled(&cloud, "followed", Api::V1, Engine::Http).await?;
    let queue = subscribe(&cloud, &instance).await?;
    faults::at_aws(&cloud, &instance, "create-secret", faults::status(500));
    let started = press(&cloud, &instance).await?;
    check(started["Outcome"] == "started", || started.to_string())?;
    check(started["SecretArn"] == *instance.secret_arn, || {
        started.to_string()
    })?;
    let version = started["VersionId"].as_str().ok_or("no version")?;
    let event = next(&cloud, &queue).await?;
    is(&event, "Credential Rotation Step Failed", version)?;
    check(event["detail"]["Step"] == "createSecret", || {
        event.to_string()
    })?;
    // Secrets Manager's next attempt.
    let event = next(&cloud, &queue).await?;
    is(&event, "Credential Rotation Succeeded", version)?;
    check(current(&cloud, &instance)? == version, || {
        "the event came too soon".to_owned()
    })?;

    // The event is a moment ahead of Secrets Manager, which then says when it was.
    let again = press(&cloud, &instance).await?;
    let wait = again["RetryAfterSeconds"].as_u64();
    let told = again["Outcome"] == "too-soon" && wait.is_some_and(|it| it > 3_000 && it <= 3_600);
    let told = told || again["Outcome"] == "under-way";
    check(told, || again.to_string())?;
    check(current(&cloud, &instance)? == version, || {
        "another rotation".to_owned()
    })
}

/// What is not there has no tag that a condition could ask for.
async fn stranger(cloud: Arc<Cloud>) -> TestResult {
    let event = json!({ "AddonId": "01234567-89ab-cdef-0123-456789abcdef" });
    let error = invoke(&cloud, FUNCTION, &event).await?.err();
    names(
        &error.ok_or("it starts something")?,
        &["Enrol the instance first"],
    )
}

fn is(event: &Value, kind: &str, version: &str) -> TestResult {
    let schema = include_str!("../../infra/rotation-events.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema)?)?;
    schema
        .validate(event)
        .map_err(|error| format!("{event} is not as the schema says: {error}"))?;
    let seen = (&event["detail-type"], &event["detail"]["VersionId"]);
    check(*seen.0 == kind && *seen.1 == version, || {
        format!("{event} is not {kind} of {version}")
    })
}

/// A queue that has this instance's events. Its URL.
async fn subscribe(cloud: &Cloud, instance: &Instance) -> Result<String, Failed> {
    let name = "followed";
    let made = cloud
        .aws(&["sqs", "create-queue", "--queue-name", name])
        .await?;
    let url = made["QueueUrl"].as_str().ok_or("no queue")?.to_owned();
    let pattern = json!({
        "source": ["heroku-addon-rotation"],
        "resources": [instance.secret_arn],
    });
    let pattern = pattern.to_string();
    let rule = ["events", "put-rule", "--name", name, "--event-pattern"];
    cloud.aws(&[&rule[..], &[&pattern]].concat()).await?;
    let target = format!("Id=queue,Arn=arn:aws:sqs:us-east-1:000000000000:{name}");
    let targets = ["events", "put-targets", "--rule", name, "--targets"];
    cloud.aws(&[&targets[..], &[&target]].concat()).await?;
    Ok(url)
}

/// Waits for the next event.
async fn next(cloud: &Cloud, queue: &str) -> Result<Value, Failed> {
    loop {
        let receive = "sqs receive-message --wait-time-seconds 3 --queue-url";
        let received = aws(cloud, receive, &[queue]).await?;
        let message = &received["Messages"][0];
        let Some(body) = message["Body"].as_str() else {
            continue;
        };
        let handle = message["ReceiptHandle"].as_str().unwrap_or_default();
        let delete = format!("sqs delete-message --queue-url {queue} --receipt-handle");
        aws(cloud, &delete, &[handle]).await?;
        return Ok(serde_json::from_str(body)?);
    }
}
