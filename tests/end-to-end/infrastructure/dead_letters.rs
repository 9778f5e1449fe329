//! What could not be revoked waits in the dead-letter queue, and begins anew when an operator enables
//! the redrive.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use serde_json::json;
use strict_aws::ministack::InvocationType;

use crate::TestResult;
use crate::permissions::delete_schedule;
use crate::support::{aws, check, current, fire, live_versions, rotate, schedule, spec, wait_for};

pub(super) async fn tried_again(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("redriven", Api::V1, Engine::Http)).await?;
    let old = current(&cloud, &instance)?;
    let imported = cloud.heroku.config(&instance.addon)?;
    rotate(&cloud, &instance).await?;
    let rotated = cloud.heroku.config(&instance.addon)?;
    // By the time of the last try the first one's schedule is long gone. Heroku still shows the old
    // credential then: Lambda buries the event.
    delete_schedule(&cloud, &old).await?;
    cloud.heroku.set_config(&instance.addon, &imported)?;
    let event = json!({ "SecretId": instance.secret_arn, "VersionId": old, "Attempt": 40 });
    let function = cloud.function_arn("revoke-secret");
    let invoked = cloud.root.invoke(&function, &event, InvocationType::Event);
    invoked.await?;
    let queue = cloud.output("DeadLetterQueueUrl")?;
    while !has_letter(&cloud, queue, &old).await? {}
    check(live_versions(&cloud, &instance)?.contains(&old), || {
        "the label is off".to_owned()
    })?;

    cloud.heroku.set_config(&instance.addon, &rotated)?;
    redrive(&cloud, "--enabled").await?;
    // Dynos may have been started with it meanwhile: it has the whole grace period once more.
    let found = wait_for(&cloud, "the revocation's new beginning", |_| {
        schedule(&cloud, &old, 1).map(drop)
    });
    let found = found.await;
    redrive(&cloud, "--no-enabled").await?;
    found?;
    fire(&cloud, &old, 1).await?;
    wait_for(&cloud, "the revocation", |_| {
        let live = live_versions(&cloud, &instance);
        live.is_ok_and(|live| !live.contains(&old)).then_some(())
    })
    .await?;
    let left = has_letter(&cloud, queue, &old).await?;
    check(!left, || "the letter is still in the queue".to_owned())
}

async fn redrive(cloud: &Cloud, switch: &str) -> TestResult {
    let id = cloud.output("DeadLetterRedriveId")?;
    let update = "lambda update-event-source-mapping --uuid";
    aws(cloud, update, &[id, switch]).await.map(drop)
}

/// Whether the queue holds a message about this version; waits some seconds for one.
async fn has_letter(
    cloud: &Cloud,
    queue: &str,
    version: &str,
) -> Result<bool, libtest_mimic::Failed> {
    let options = "--max-number-of-messages 10 --wait-time-seconds 3 --visibility-timeout 0";
    let receive = format!("sqs receive-message {options} --queue-url");
    let received = aws(cloud, &receive, &[queue]).await?;
    Ok(received.to_string().contains(version))
}
