//! Instances come and go by the functions `enroll-addon` and `deprovision-addon`, which the unmodified AWS CLI
//! invokes.

use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{AddOn, Api, Cloud, Engine, Instance};
use serde_json::{Value, json};
use stand_in::events::EventKind;

use crate::support::{
    aws, check, current, failed, faults, live_versions, managed_policy, names, revoke, rotate,
    schedule, snapshot, spec, wait_for,
};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("fleet::enrolled_rotated_and_deprovisioned", whole_life);
    suite.test(
        "fleet::deprovisioned_while_a_rotation_is_under_way",
        under_rotation,
    );
    suite.test("fleet::a_backend_may_invoke_and_nothing_else", backend);
    suite.test("fleet::the_wait_is_as_long_as_a_step", longest_step);
}

/// What enrols an instance. A v3 one comes with Heroku's grant code.
pub(crate) fn enrolment(addon: &AddOn) -> Value {
    let mut event = json!({ "Document": addon.document });
    if addon.instance.api == Api::V3 {
        event["GrantCode"] = addon.grant_code.as_str().into();
    }
    event
}

/// Invokes a function by the AWS CLI, the event from a file; its answer, or its error's message.
pub(crate) async fn invoke(
    cloud: &Cloud,
    function: &str,
    event: &Value,
) -> Result<Result<Value, String>, Failed> {
    let directory = tempfile::tempdir()?;
    let (payload, answer) = (
        directory.path().join("event.json"),
        directory.path().join("answer.json"),
    );
    std::fs::write(&payload, event.to_string())?;
    let payload = format!("fileb://{}", payload.display());
    let arn = cloud.function_arn(function);
    let command = format!("lambda invoke --function-name {arn} --payload");
    let path = answer.display().to_string();
    let invoked = aws(cloud, &command, &[&payload, &path]).await?;
    let answer: Value = serde_json::from_slice(&std::fs::read(answer)?)?;
    Ok(if invoked["FunctionError"].is_null() {
        Ok(answer)
    } else {
        let message = answer["errorMessage"].as_str();
        Err(message.unwrap_or("no message").to_owned())
    })
}

pub(crate) async fn answer(cloud: &Cloud, function: &str, event: &Value) -> Result<Value, Failed> {
    let answer = invoke(cloud, function, event).await?;
    answer.map_err(|message| format!("{function}: {message}").into())
}

/// Enrols an instance that is new.
pub(crate) async fn enrolled(
    cloud: &Cloud,
    name: &str,
    api: Api,
    engine: Engine,
) -> Result<Instance, Failed> {
    let addon = cloud.provision_add_on(spec(name, api, engine)).await?;
    let enrolled = answer(cloud, "enroll-addon", &enrolment(&addon)).await?;
    check(enrolled["Outcome"] == "created", || enrolled.to_string())?;
    let arn = enrolled["SecretArn"].as_str().ok_or("no ARN")?.to_owned();
    Ok(Instance {
        secret_arn: arn,
        ..addon.instance
    })
}

async fn deprovision(cloud: &Cloud, instance: &Instance) -> Result<Value, Failed> {
    let event = json!({ "AddonId": instance.addon });
    answer(cloud, "deprovision-addon", &event).await
}

/// Nothing of the instance is alive, and its secrets are marked for deletion.
async fn gone(cloud: &Cloud, instance: &Instance) -> TestResult {
    let live = cloud.live_credentials(instance).await?;
    check(live.is_empty(), || format!("alive: {live:?}"))?;
    let labels = live_versions(cloud, instance)?;
    check(labels.is_empty(), || format!("labelled: {labels:?}"))?;
    let secrets = cloud.gateway.secrets_manager();
    let name = &instance.secret_name;
    let secret = secrets.secret(name).ok_or(format!("no {name}"))?;
    check(secret.deletion.is_some(), || format!("{name} is in use"))?;
    let tokens = cloud.tokens(&instance.addon).await?;
    check(tokens.is_empty(), || "there is a refresh token".to_owned())
}

async fn whole_life(cloud: Arc<Cloud>) -> TestResult {
    for (name, api, engine) in [
        ("life-one", Api::V1, Engine::Http),
        ("life-three", Api::V3, Engine::Postgres),
    ] {
        let addon = cloud.provision_add_on(spec(name, api, engine)).await?;
        let event = enrolment(&addon);
        let enrolled = answer(&cloud, "enroll-addon", &event).await?;
        let instance = &addon.instance;
        let first = current(&cloud, instance)?;
        let secret = snapshot(&cloud, instance)?;
        let expression = enrolled["ScheduleExpression"].as_str().unwrap_or_default();
        names(expression, &["cron("])?;
        let expected = json!({
            "SecretArn": secret.arn, "VersionId": first, "ScheduleExpression": expression,
            "Outcome": "created",
        });
        check(enrolled == expected, || enrolled.to_string())?;
        check(secret.kms_key_id.is_some(), || "no key".to_owned())?;
        check(secret.rotation_enabled, || "not rotated".to_owned())?;
        let again = answer(&cloud, "enroll-addon", &event).await?;
        check(again["Outcome"] == "unchanged", || again.to_string())?;

        let second = rotate(&cloud, instance).await?;
        revoke(&cloud, &first).await?;
        let third = rotate(&cloud, instance).await?;
        check(schedule(&cloud, &second, 0).is_some(), || {
            "no revocation is scheduled".to_owned()
        })?;
        cloud.heroku.deprovision(&instance.addon)?;
        let ended = deprovision(&cloud, instance).await?;
        let mut revoked = [second.as_str(), third.as_str()];
        revoked.sort_unstable();
        check(
            ended["Outcome"] == "deprovisioned" && ended["Revoked"] == json!(revoked),
            || format!("{name}: {ended}"),
        )?;
        gone(&cloud, instance).await?;
        for version in revoked {
            let left = schedule(&cloud, version, 0);
            check(left.is_none(), || format!("{name}: {left:?}"))?;
        }
        let again = deprovision(&cloud, instance).await?;
        check(again["Outcome"] == "unchanged", || again.to_string())?;
    }
    Ok(())
}

/// A rotation that cannot publish: its version is pending, its credential issued.
pub(crate) async fn rotate_in_vain(cloud: &Cloud, instance: &Instance) -> Result<String, Failed> {
    faults::at_heroku(cloud, instance, None, faults::ALWAYS, faults::status(403));
    let pending = cloud.rotate_now(instance).await?;
    failed(cloud, instance).await?;
    Ok(pending)
}

/// The schedule that the function has made for itself fires, and reaches it.
async fn under_rotation(cloud: Arc<Cloud>) -> TestResult {
    let instance = enrolled(&cloud, "life-hasty", Api::V1, Engine::Http).await?;
    let pending = rotate_in_vain(&cloud, &instance).await?;
    let ended = deprovision(&cloud, &instance).await?;
    check(ended["Outcome"] == "revoked", || ended.to_string())?;
    let next = cloud.gateway.scheduler().schedules();
    let next = next.iter().find(|it| it.input.contains(&instance.addon));
    let next = next.ok_or("it has not scheduled itself")?;
    check(cloud.gateway.scheduler().bring_forward(&next.name), || {
        "no schedule".to_owned()
    })?;
    let label = format!("LIVE-{pending}");
    wait_for(&cloud, "the pending version's end", |events| {
        events.iter().find_map(|event| match &event.kind {
            EventKind::LabelRemoved { label: gone, .. } => (*gone == label).then_some(()),
            _ => None,
        })
    })
    .await
}

/// The managed policies for a partner's backend, and the one to vouch by, name one action and one function each.
async fn backend(cloud: Arc<Cloud>) -> TestResult {
    for (policy, output, function) in [
        (
            "EnrollPolicyArn",
            Some("EnrollAddonFunctionArn"),
            "enroll-addon",
        ),
        (
            "StartRotationPolicyArn",
            Some("StartRotationFunctionArn"),
            "start-rotation",
        ),
        (
            "DeprovisionPolicyArn",
            Some("DeprovisionAddonFunctionArn"),
            "deprovision-addon",
        ),
        ("RecoverPolicyArn", None, "create-secret"),
    ] {
        let arn = cloud.output(policy)?;
        let policy = managed_policy(&cloud, arn).await?;
        let statements = &policy["Statement"];
        let [statement] = statements.as_array().map(Vec::as_slice).unwrap_or_default() else {
            return Err(format!("{statements}").into());
        };
        let function = cloud.function_arn(function);
        check(
            statement["Action"] == json!(["lambda:InvokeFunction"])
                && statement["Resource"] == *function
                && statement["Effect"] == "Allow",
            || format!("{statement}"),
        )?;
        if let Some(output) = output {
            check(cloud.output(output)? == function, || output.to_owned())?;
        }
    }
    Ok(())
}

/// What `deprovision-addon` waits for is `rotate`'s time-out and that of what it calls.
async fn longest_step(cloud: Arc<Cloud>) -> TestResult {
    let configuration = async |function: &str| {
        let arn = cloud.function_arn(function);
        aws(
            &cloud,
            "lambda get-function-configuration --function-name",
            &[&arn],
        )
        .await
    };
    let timeout = async |function: &str| {
        let timeout = configuration(function).await?["Timeout"].as_u64();
        timeout.ok_or_else(|| Failed::from("no time-out"))
    };
    let mut called = 0;
    for function in &crate::permissions::FUNCTIONS[..4] {
        called = called.max(timeout(function).await?);
    }
    let longest = timeout("rotate").await? + called;
    let variables = &configuration("deprovision-addon").await?["Environment"]["Variables"];
    let waits = variables["LONGEST_STEP_SECONDS"]
        .as_str()
        .unwrap_or_default();
    check(waits == longest.to_string(), || {
        format!("it waits {waits} s, a step takes {longest} s")
    })
}
