//! What the tests share: instances, waits on events, and questions to the cloud.

pub(crate) mod customer;
pub(crate) mod faults;
pub(crate) mod person;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, Instance, InstanceSpec};
use serde_json::{Value, json};
use stand_in::events::{Event, EventKind};
use stand_in::patience::PATIENCE;
use strict_aws::ministack::InvocationType;
use strict_aws::scheduler::ScheduleSummary;
use strict_aws::secrets_manager::SecretSnapshot;
use strict_heroku::{AppSpec, RestartSpeed};
pub(crate) use tools::workspace;

pub(crate) fn app(name: &str, first: Duration) -> AppSpec {
    let restart = RestartSpeed {
        first,
        stagger: Duration::from_millis(100),
    };
    AppSpec {
        name: name.to_owned(),
        dynos: 2,
        restart,
    }
}

/// An instance with one app whose dynos restart at once.
pub(crate) fn spec(name: &str, api: Api, engine: Engine) -> InstanceSpec {
    InstanceSpec {
        name: name.to_owned(),
        api,
        engine,
        apps: vec![app(&format!("{name}-app"), Duration::from_millis(300))],
        tags: Vec::new(),
    }
}

/// A command of the AWS CLI: its words, and after them what may hold spaces.
pub(crate) async fn aws(cloud: &Cloud, words: &str, more: &[&str]) -> Result<Value, Failed> {
    let words = words.split(' ').chain(more.iter().copied());
    Ok(cloud.aws(&words.collect::<Vec<_>>()).await?)
}

/// What a managed policy says.
pub(crate) async fn managed_policy(cloud: &Cloud, arn: &str) -> Result<Value, Failed> {
    let of = ["--policy-arn", arn];
    let policy = aws(cloud, "iam get-policy", &of).await?;
    let version = policy["Policy"]["DefaultVersionId"].as_str();
    let version = version.ok_or("no version")?;
    let get = format!("iam get-policy-version --version-id {version}");
    let policy = aws(cloud, &get, &of).await?;
    Ok(policy["PolicyVersion"]["Document"].clone())
}

/// The name of a schedule and its group, as the AWS CLI is told them.
pub(crate) fn named(schedule: &ScheduleSummary) -> String {
    format!("--name {} --group-name {}", schedule.name, schedule.group)
}

/// Waits for an event.
pub(crate) async fn wait_for<T>(
    cloud: &Cloud,
    what: &str,
    found: impl FnMut(&[Event]) -> Option<T>,
) -> Result<T, Failed> {
    let waiting = cloud.events.wait_for(found);
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .map_err(|_| format!("in vain waited for {what}").into())
}

/// Waits until a rotation has succeeded. A failed attempt does not end the wait.
pub(crate) async fn rotated(
    cloud: &Cloud,
    instance: &Instance,
    expected: &str,
) -> Result<(), Failed> {
    wait_for(
        cloud,
        &format!("the rotation of {}", instance.name),
        |events| {
            events.iter().find_map(|event| match &event.kind {
                EventKind::RotationSucceeded { secret, version } => {
                    (*secret == instance.secret_name && version == expected).then_some(())
                }
                _ => None,
            })
        },
    )
    .await
}

/// Waits until an attempt of a rotation has failed; what the function said.
pub(crate) async fn failed(cloud: &Cloud, instance: &Instance) -> Result<String, Failed> {
    wait_for(
        cloud,
        &format!("the failure of {}", instance.name),
        |events| {
            events.iter().find_map(|event| match &event.kind {
                EventKind::StepFailed {
                    secret, message, ..
                } => (*secret == instance.secret_name).then(|| message.clone()),
                _ => None,
            })
        },
    )
    .await
}

/// What failed steps of the instance's rotations said.
pub(crate) fn failures(cloud: &Cloud, instance: &Instance) -> Vec<String> {
    let failure = |event: Event| match event.kind {
        EventKind::StepFailed {
            secret, message, ..
        } if secret == instance.secret_name => Some(message),
        _ => None,
    };
    cloud
        .events
        .since(0)
        .into_iter()
        .filter_map(failure)
        .collect()
}

/// Rotates now and waits for the end; the new version.
pub(crate) async fn rotate(cloud: &Cloud, instance: &Instance) -> Result<String, Failed> {
    let version = cloud.rotate_now(instance).await?;
    rotated(cloud, instance, &version).await?;
    Ok(version)
}

/// The schedule of a version's revocation; `attempt` counts from 0.
pub(crate) fn schedule(cloud: &Cloud, version: &str, attempt: u32) -> Option<ScheduleSummary> {
    cloud
        .gateway
        .scheduler()
        .schedules()
        .into_iter()
        .find(|schedule| {
            schedule.input.contains(version)
                && schedule.input.contains(&format!("\"Attempt\":{attempt}"))
        })
}

/// Has a version's revocation happen now, and waits until its label is off.
pub(crate) async fn revoke(cloud: &Cloud, version: &str) -> Result<(), Failed> {
    revoke_at(cloud, version, 0).await
}

/// As [`revoke`], by a later try.
pub(crate) async fn revoke_at(cloud: &Cloud, version: &str, attempt: u32) -> Result<(), Failed> {
    fire(cloud, version, attempt).await?;
    let live = format!("LIVE-{version}");
    wait_for(cloud, &format!("the end of {live}"), |events| {
        events.iter().find_map(|event| match &event.kind {
            EventKind::LabelRemoved { label, .. } => (*label == live).then_some(()),
            _ => None,
        })
    })
    .await
}

/// Has a try of a version's revocation happen now.
pub(crate) async fn fire(cloud: &Cloud, version: &str, attempt: u32) -> Result<(), Failed> {
    wait_for(cloud, &format!("a schedule for {version}"), |_| {
        schedule(cloud, version, attempt).map(drop)
    })
    .await?;
    let schedule = schedule(cloud, version, attempt).ok_or("the schedule is gone")?;
    if cloud.gateway.scheduler().bring_forward(&schedule.name) {
        Ok(())
    } else {
        Err(format!("the schedule {} cannot be brought forward", schedule.name).into())
    }
}

/// Waits until every dyno of the instance's apps runs with the newest release.
pub(crate) async fn restarted(cloud: &Cloud, instance: &Instance) -> Result<(), Failed> {
    let up_to_date = || {
        instance.apps.iter().all(|app| {
            let newest = cloud
                .heroku
                .releases(app)
                .ok()
                .and_then(|releases| Some(releases.last()?.version));
            cloud.heroku.dynos(app).is_ok_and(|dynos| {
                dynos
                    .iter()
                    .all(|dyno| !dyno.restarting && Some(dyno.release) == newest)
            })
        })
    };
    wait_for(cloud, &format!("the dynos of {}", instance.name), |_| {
        up_to_date().then_some(())
    })
    .await
}

pub(crate) fn snapshot(cloud: &Cloud, instance: &Instance) -> Result<SecretSnapshot, Failed> {
    let secret = cloud
        .gateway
        .secrets_manager()
        .secret(&instance.secret_name);
    secret.ok_or_else(|| format!("there is no secret {}", instance.secret_name).into())
}

pub(crate) fn current(cloud: &Cloud, instance: &Instance) -> Result<String, Failed> {
    let secret = snapshot(cloud, instance)?;
    secret
        .labelled("AWSCURRENT")
        .map(ToOwned::to_owned)
        .ok_or_else(|| "no version is current".into())
}

/// The versions that carry a label `LIVE-…`.
pub(crate) fn live_versions(
    cloud: &Cloud,
    instance: &Instance,
) -> Result<BTreeSet<String>, Failed> {
    let secret = snapshot(cloud, instance)?;
    let labels = secret.versions.iter().flat_map(|version| &version.labels);
    Ok(labels
        .filter_map(|label| label.strip_prefix("LIVE-"))
        .map(ToOwned::to_owned)
        .collect())
}

/// Fails unless `condition` holds.
pub(crate) fn check(condition: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if condition {
        Ok(())
    } else {
        Err(otherwise().into())
    }
}

/// Fails unless `text` names all of `words`.
pub(crate) fn names(text: &str, words: &[&str]) -> Result<(), Failed> {
    words.iter().try_for_each(|word| {
        check(text.contains(word), || {
            format!("{text:?} does not name {word:?}")
        })
    })
}

/// The value of the current version's document.
pub(crate) async fn document(cloud: &Cloud, instance: &Instance) -> Result<Value, Failed> {
    let request = json!({ "SecretId": instance.secret_arn });
    let answer = cloud
        .root
        .json_call("secretsmanager", "secretsmanager.GetSecretValue", &request)
        .await?;
    Ok(serde_json::from_str(
        answer["SecretString"].as_str().ok_or("no SecretString")?,
    )?)
}

/// Stores another document as the current version, as an operator does.
pub(crate) async fn store(
    cloud: &Cloud,
    instance: &Instance,
    document: &Value,
) -> Result<(), Failed> {
    let request = json!({
        "SecretId": instance.secret_arn,
        "ClientRequestToken": token(),
        "SecretString": document.to_string(),
    });
    cloud
        .root
        .json_call("secretsmanager", "secretsmanager.PutSecretValue", &request)
        .await?;
    Ok(())
}

/// A version id that no version has.
pub(crate) fn token() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!(
        "00000000-0000-4000-8000-{:012}",
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Invokes one of the stack's functions; its error, if it fails.
pub(crate) async fn invoke(
    cloud: &Cloud,
    function: &str,
    event: &Value,
) -> Result<Option<String>, Failed> {
    let arn = cloud.function_arn(function);
    let answer = cloud
        .root
        .invoke(&arn, event, InvocationType::RequestResponse)
        .await?;
    let message = answer.payload["errorMessage"]
        .as_str()
        .unwrap_or("no message")
        .to_owned();
    Ok(answer.function_error.map(|_| message))
}

/// Writes all events to a file, a line each, for whoever looks into a failure.
pub(crate) fn write_events(cloud: &Cloud) -> std::io::Result<PathBuf> {
    let path = cloud.logs().join("events.jsonl");
    let lines: Result<Vec<_>, _> = cloud
        .events
        .since(0)
        .iter()
        .map(serde_json::to_string)
        .collect();
    std::fs::write(&path, lines?.join("\n"))?;
    Ok(path)
}
