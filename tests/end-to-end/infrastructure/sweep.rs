//! The sweep, deployed: it measures what waits and schedules what has no schedule.

use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine};
use serde_json::{Value, json};

use crate::TestResult;
use crate::permissions::delete_schedule;
use crate::support::{
    check, current, fire, invoke, live_versions, revoke_at, rotate, schedule, spec,
};

pub(super) async fn finds(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("swept", Api::V1, Engine::Http)).await?;
    let old = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    delete_schedule(&cloud, &old).await?;

    let error = invoke(&cloud, "sweep", &json!({})).await?;
    check(error.is_none(), || format!("the sweep fails: {error:?}"))?;
    check(schedule(&cloud, &old, 0).is_some(), || {
        "what was lost is not scheduled".to_owned()
    })?;
    let lines = log_lines(&cloud).await?;
    let waits = |line: &Value| line["message"] == "waits for revocation" && line["version"] == old;
    let line = lines.iter().find(|line| waits(line));
    let line = line.ok_or("the log does not say what waits")?;
    // What the dashboard shows of it.
    for field in ["secret", "version", "since", "overdue", "scheduled"] {
        check(!line[field].is_null(), || format!("no {field} in {line}"))?;
    }
    check(
        line["scheduled"] == false && line["overdue"] == false,
        || line.to_string(),
    )?;
    // Each of the function's processes has a log of its own.
    let measured = lines
        .iter()
        .filter(|line| !line["RevocationsWaiting"].is_null())
        .max_by_key(|line| line["_aws"]["Timestamp"].as_u64());
    let measured = measured.ok_or("nothing is measured")?;
    // Other tests may have left some of theirs.
    let unscheduled = measured["RevocationsUnscheduled"].as_u64();
    check(unscheduled >= Some(1), || measured.to_string())?;
    // Nobody knows since when Heroku shows another one: the grace period begins at the first look.
    fire(&cloud, &old, 0).await?;
    check(live_versions(&cloud, &instance)?.contains(&old), || {
        "revoked without a grace period".to_owned()
    })?;
    revoke_at(&cloud, &old, 1).await
}

async fn log_lines(cloud: &Cloud) -> Result<Vec<Value>, Failed> {
    let lines = cloud.root.all_log_events().await?;
    Ok(lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}
