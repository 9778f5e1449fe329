//! The alarms and the dashboard name the metrics that the deployed functions emit: no other, and each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, Instance, STACK};
use serde_json::{Value, json};
use stand_in::Fault;

use crate::TestResult;
use crate::fleet;
use crate::permissions::{FUNCTIONS, without_permission};
use crate::support::{check, current, document, faults, invoke, rotate, spec, token};

const NAMESPACE: &str = "HerokuAddonRotation";

/// A metric's name, and its dimensions' names and values in order.
type Metric = (String, Vec<(String, String)>);

pub(super) async fn agree(cloud: Arc<Cloud>) -> TestResult {
    provoke(&cloud).await?;
    let mut emitted = emitted(&cloud).await?;
    let alarms = cloud.aws(&["cloudwatch", "describe-alarms"]).await?;
    let alarms = alarms["MetricAlarms"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    check(alarms.len() == 10, || format!("{} alarms", alarms.len()))?;
    let mut named: BTreeSet<Metric> = BTreeSet::new();
    for alarm in &alarms {
        let metric = alarm_metric(alarm).ok_or_else(|| format!("no metric in {alarm}"))?;
        known_to_aws(alarm["Namespace"].as_str(), &metric)?;
        if alarm["Namespace"] == NAMESPACE {
            named.insert(metric);
        }
        let actions = &alarm["AlarmActions"];
        check(
            actions[0]
                .as_str()
                .is_some_and(|arn| arn.ends_with(":alarms")),
            || format!("{} tells nobody", alarm["AlarmName"]),
        )?;
    }
    for (namespace, metric) in dashboard_metrics(&cloud).await? {
        known_to_aws(Some(&namespace), &metric)?;
        if namespace == NAMESPACE {
            named.insert(metric);
        }
    }
    // A token is lost only after all of a function's time, which few tests here wait for: the library's do.
    let is_lost = |(name, _): &Metric| name == "RefreshTokenLost";
    named.retain(|it| !is_lost(it));
    emitted.retain(|it| !is_lost(it));
    // What infra/costs.md reckons with.
    check(named.len() == 52, || format!("{} metrics", named.len()))?;
    let silent: Vec<_> = named.difference(&emitted).collect();
    check(silent.is_empty(), || format!("nothing emits {silent:?}"))?;
    let unseen: Vec<_> = emitted.difference(&named).collect();
    check(unseen.is_empty(), || format!("nobody looks at {unseen:?}"))
}

/// Has every function succeed and fail, and everything happen that is counted.
async fn provoke(cloud: &Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("measured", Api::V1, Engine::Http)).await?;
    let old = current(cloud, &instance)?;
    rotate(cloud, &instance).await?;
    let version = current(cloud, &instance)?;
    let (secret, unknown) = (&instance.secret_arn, token());
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        let event = json!({ "Step": step, "SecretId": secret, "ClientRequestToken": unknown });
        fails(cloud, "rotate", &event).await?;
    }
    for (function, step) in [
        ("create-secret", "createSecret"),
        ("publish-to-heroku", "setSecret"),
        ("test-secret", "testSecret"),
        ("test-secret", "createSecret"),
    ] {
        let event = json!({ "Step": step, "SecretId": secret, "VersionId": unknown });
        fails(cloud, function, &event).await?;
    }
    let event = json!({ "Step": "createSecret", "SecretId": secret, "VersionId": version });
    let error = invoke(cloud, "test-secret", &event).await?;
    check(error.is_none(), || format!("test-secret: {error:?}"))?;
    // Of the current version itself nothing is changed.
    let own = document(cloud, &instance).await?["credential_id"].clone();
    let event =
        json!({ "Step": "createSecret", "SecretId": secret, "VersionId": version, "Vouched": own });
    fleet::answer(cloud, "create-secret", &event).await?;
    let event = json!({ "SecretId": secret, "VersionId": unknown });
    without_permission(
        cloud,
        "FinishSecretRole",
        "scheduler:CreateSchedule",
        async || fails(cloud, "finish-secret", &event).await,
    )
    .await?;
    without_permission(
        cloud,
        "SweepRole",
        "secretsmanager:ListSecrets",
        async || fails(cloud, "sweep", &json!({})).await,
    )
    .await?;
    let sweep = invoke(cloud, "sweep", &json!({})).await?;
    check(sweep.is_none(), || format!("{sweep:?}"))?;

    for (function, step) in [
        ("publish-to-heroku", "setSecret"),
        ("test-secret", "testSecret"),
    ] {
        throttle(cloud, &instance);
        let event = json!({ "Step": step, "SecretId": secret, "VersionId": version });
        let error = invoke(cloud, function, &event).await?;
        check(error.is_none(), || format!("{function}: {error:?}"))?;
    }
    // Current, and so postponed; then throttled, and revoked; then the secret is deleted.
    let revocation = |version: &str, attempt: u32| json!({ "SecretId": secret, "VersionId": version, "Attempt": attempt });
    let error = invoke(cloud, "revoke-secret", &revocation(&version, 0)).await?;
    check(error.is_none(), || format!("{error:?}"))?;
    throttle(cloud, &instance);
    let error = invoke(cloud, "revoke-secret", &revocation(&old, 0)).await?;
    check(error.is_none(), || format!("{error:?}"))?;
    let deletion = ["secretsmanager", "delete-secret", "--secret-id", secret];
    cloud.aws(&deletion).await?;
    let sweep = invoke(cloud, "sweep", &json!({})).await?;
    check(sweep.is_none(), || format!("{sweep:?}"))?;
    let stack = ("Stack".to_owned(), STACK.to_owned());
    let impossible = ("RevocationImpossible".to_owned(), vec![stack]);
    let is_counted = emitted(cloud).await?.contains(&impossible);
    check(is_counted, || "a sweep counts no deleted secret".to_owned())?;
    // After a day of tries.
    fails(cloud, "revoke-secret", &revocation(&version, 40)).await?;

    let addon = cloud.provision_add_on(spec("measured-life", Api::V1, Engine::Http));
    let addon = addon.await?;
    let event = json!({ "AddonId": addon.instance.addon });
    let enrolment = fleet::enrolment(&addon);
    for (role, function, event) in [
        ("StartRotationRole", "start-rotation", &event),
        ("EnrollAddonRole", "enroll-addon", &enrolment),
        ("DeprovisionAddonRole", "deprovision-addon", &event),
    ] {
        let look = "secretsmanager:DescribeSecret";
        without_permission(cloud, role, look, async || {
            fails(cloud, function, event).await
        })
        .await?;
    }
    throttle(cloud, &addon.instance);
    fleet::answer(cloud, "enroll-addon", &enrolment).await?;
    fleet::answer(cloud, "start-rotation", &event).await?;
    fleet::answer(cloud, "deprovision-addon", &event).await?;
    Ok(())
}

fn throttle(cloud: &Cloud, instance: &Instance) {
    let throttled = Fault::Status {
        status: 429,
        retry_after: Some(Duration::from_secs(1)),
    };
    faults::at_heroku(cloud, instance, Some(http::Method::GET), 1, throttled);
}

async fn fails(cloud: &Cloud, function: &str, event: &Value) -> TestResult {
    let error = invoke(cloud, function, event).await?;
    check(error.is_some(), || {
        format!("{function} succeeds with {event}")
    })
}

/// What all functions have emitted so far.
async fn emitted(cloud: &Cloud) -> Result<BTreeSet<Metric>, Failed> {
    let mut metrics = BTreeSet::new();
    for line in cloud.root.all_log_events().await? {
        let Ok(line) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        for directive in line["_aws"]["CloudWatchMetrics"]
            .as_array()
            .into_iter()
            .flatten()
        {
            check(directive["Namespace"] == NAMESPACE, || {
                directive.to_string()
            })?;
            let dimensions = directive["Dimensions"][0].as_array().into_iter().flatten();
            let dimensions: Option<Vec<_>> = dimensions
                .map(|name| {
                    let name = name.as_str()?;
                    Some((name.to_owned(), line[name].as_str()?.to_owned()))
                })
                .collect();
            let mut dimensions =
                dimensions.ok_or_else(|| format!("a dimension is missing in {line}"))?;
            dimensions.sort();
            for metric in directive["Metrics"].as_array().into_iter().flatten() {
                let name = metric["Name"].as_str().unwrap_or_default();
                check(line[name].is_u64(), || format!("no {name} in {line}"))?;
                metrics.insert((name.to_owned(), dimensions.clone()));
            }
        }
    }
    Ok(metrics)
}

fn alarm_metric(alarm: &Value) -> Option<Metric> {
    let dimensions = alarm["Dimensions"].as_array()?.iter();
    let mut dimensions = dimensions
        .map(|dimension| {
            let text = |name: &str| Some(dimension[name].as_str()?.to_owned());
            Some((text("Name")?, text("Value")?))
        })
        .collect::<Option<Vec<_>>>()?;
    dimensions.sort();
    Some((alarm["MetricName"].as_str()?.to_owned(), dimensions))
}

/// The namespaces and metrics in all of the dashboard's widgets.
async fn dashboard_metrics(cloud: &Cloud) -> Result<Vec<(String, Metric)>, Failed> {
    let name = format!("{STACK}-us-east-1");
    let answer = cloud
        .aws(&["cloudwatch", "get-dashboard", "--dashboard-name", &name])
        .await?;
    let body = answer["DashboardBody"].as_str().ok_or("no DashboardBody")?;
    let body: Value = serde_json::from_str(body)?;
    let mut found = Vec::new();
    for widget in body["widgets"].as_array().into_iter().flatten() {
        for metric in widget["properties"]["metrics"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let texts = metric.as_array().into_iter().flatten();
            let texts: Vec<_> = texts
                .filter_map(Value::as_str)
                .map(ToOwned::to_owned)
                .collect();
            let [namespace, name, dimensions @ ..] = texts.as_slice() else {
                return Err(format!("no metric: {metric}").into());
            };
            let (pairs, rest) = dimensions.as_chunks::<2>();
            check(rest.is_empty(), || format!("no metric: {metric}"))?;
            let mut pairs: Vec<_> = pairs
                .iter()
                .map(|[name, value]| (name.clone(), value.clone()))
                .collect();
            pairs.sort();
            found.push((namespace.clone(), (name.clone(), pairs)));
        }
    }
    check(found.len() > 40, || format!("{} metrics", found.len()))?;
    Ok(found)
}

/// AWS's own metrics, of the stack's own functions and queue.
fn known_to_aws(namespace: Option<&str>, (name, dimensions): &Metric) -> TestResult {
    let known: &[&str] = match namespace {
        Some(NAMESPACE) => return Ok(()),
        Some("AWS/Lambda") => &["Duration", "Errors", "Throttles"],
        Some("AWS/SQS") => &["ApproximateNumberOfMessagesVisible"],
        _ => &[],
    };
    let of_the_stack = match dimensions.as_slice() {
        [(dimension, value)] if dimension == "FunctionName" => FUNCTIONS
            .iter()
            .any(|function| *value == format!("{STACK}-{function}")),
        [(dimension, value)] if dimension == "QueueName" => value.starts_with(STACK),
        _ => false,
    };
    check(known.contains(&name.as_str()) && of_the_stack, || {
        format!("{namespace:?} {name} {dimensions:?}")
    })
}
