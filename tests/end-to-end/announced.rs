//! Whoever wants to follow a rotation makes a rule on the account's default event bus, as
//! `infra/README.md` shows.

use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, Instance};
use local_cloud::credential_service::{Fault, FaultRule};
use serde_json::{Value, json};

use crate::support::{check, current, fire, rotate, spec};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("announced::followed_to_the_end", followed);
}

/// Shown by a queue, which a rule of this instance's events feeds.
async fn followed(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("followed", Api::V1, Engine::Http)).await?;
    let first = current(&cloud, &instance)?;
    let queue = subscribe(&cloud, &instance).await?;

    rotate(&cloud, &instance).await?;
    let second = current(&cloud, &instance)?;
    let event = next(&cloud, &queue).await?;
    is(&event, "Credential Rotation Succeeded", &second)?;
    fire(&cloud, &first, 0).await?;
    let event = next(&cloud, &queue).await?;
    is(&event, "Credential Revoked", &first)?;

    cloud.credential_service.fail_next(FaultRule {
        method: Some(http::Method::PUT),
        path_prefix: "/v1/credentials/".to_owned(),
        count: 1,
        fault: Fault::Status {
            status: 403,
            retry_after: None,
        },
    });
    rotate(&cloud, &instance).await?;
    let third = current(&cloud, &instance)?;
    let event = next(&cloud, &queue).await?;
    is(&event, "Credential Rotation Step Failed", &third)?;
    check(event["detail"]["Step"] == "createSecret", || {
        event.to_string()
    })?;
    let event = next(&cloud, &queue).await?;
    is(&event, "Credential Rotation Succeeded", &third)?;
    Ok(())
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
        let arguments = [
            "sqs",
            "receive-message",
            "--queue-url",
            queue,
            "--wait-time-seconds",
            "3",
        ];
        let received = cloud.aws(&arguments).await?;
        let message = &received["Messages"][0];
        let Some(body) = message["Body"].as_str() else {
            continue;
        };
        let handle = message["ReceiptHandle"].as_str().unwrap_or_default();
        let delete = ["sqs", "delete-message", "--queue-url", queue];
        let delete = [&delete[..], &["--receipt-handle", handle]].concat();
        cloud.aws(&delete).await?;
        return Ok(serde_json::from_str(body)?);
    }
}
