//! The stack is deleted: what stays behind is what infra/deploy.md says.

use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, STACK};
use serde_json::Value;
use stand_in::events::EventKind;

use crate::TestResult;
use crate::support::{
    aws, check, current, document, live_versions, rotate, schedule, spec, wait_for,
};

pub(super) async fn leaves_the_secrets(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("orphaned", Api::V3, Engine::Http)).await?;
    let old = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    let pending = schedule(&cloud, &old, 0).ok_or("nothing is scheduled")?;
    let value = document(&cloud, &instance).await?;

    for command in ["delete-stack", "wait stack-delete-complete"] {
        let command = format!("cloudformation {command} --stack-name");
        aws(&cloud, &command, &[STACK]).await?;
    }
    for (command, list) in [
        ("lambda list-functions", "Functions"),
        ("iam list-roles", "Roles"),
        ("logs describe-log-groups", "logGroups"),
        ("cloudwatch describe-alarms", "MetricAlarms"),
        ("cloudwatch list-dashboards", "DashboardEntries"),
        ("sqs list-queues", "QueueUrls"),
        ("lambda list-event-source-mappings", "EventSourceMappings"),
    ] {
        let left = listed(&cloud, command, list).await?;
        check(left.is_empty(), || format!("{command}: {left:?}"))?;
    }
    let groups = listed(&cloud, "scheduler list-schedule-groups", "ScheduleGroups").await?;
    check(groups.iter().all(|group| group["Name"] != STACK), || {
        format!("{groups:?}")
    })?;

    // The secret is as it was, the old credential alive: its revocation went with the stack.
    check(document(&cloud, &instance).await? == value, || {
        "the secret has another value".to_owned()
    })?;
    check(
        cloud.gateway.scheduler().bring_forward(&pending.name),
        || "no schedule".to_owned(),
    )?;
    wait_for(&cloud, "the schedule's end", |events| {
        events.iter().find_map(|event| match &event.kind {
            EventKind::ScheduleDeadLettered { name, .. } => (*name == pending.name).then_some(()),
            _ => None,
        })
    })
    .await?;
    check(live_versions(&cloud, &instance)?.contains(&old), || {
        "the label is off".to_owned()
    })?;
    let live = cloud.live_credentials(&instance).await?;
    check(live.len() == 2, || format!("the service accepts {live:?}"))
}

/// What there is of the stack's in a list.
async fn listed(cloud: &Cloud, command: &str, list: &str) -> Result<Vec<Value>, Failed> {
    let answer = aws(cloud, command, &[]).await?;
    let items = answer[list].as_array().cloned();
    let mut items = items.unwrap_or_default();
    items.retain(|item| item.to_string().contains(&format!("{STACK}-")));
    Ok(items)
}
