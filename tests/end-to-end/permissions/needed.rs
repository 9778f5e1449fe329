//! Each permission is needed: without it, its function fails and names it; given back, the same
//! rotation or revocation completes.

use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, Instance};
use serde_json::{Value, json};
use strict_heroku::Renewal;

use super::roles::{role, roles};
use super::{delete_schedule, switch_schedule_off};
use crate::TestResult;
use crate::support::{
    aws, check, current, document, failed, fire, invoke, live_versions, named, names, rotate,
    rotated, schedule, spec, store, wait_for,
};

/// Has every refresh answer a new refresh token, so that storing one is tried as well.
pub(super) fn renew_refresh_tokens(cloud: &Cloud, renew: bool) {
    cloud.heroku.set_renewal(if renew {
        Renewal::EndsOld
    } else {
        Renewal::Never
    });
}

pub(super) async fn step_functions(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("privileges", Api::V3, Engine::Http))
        .await?;
    let old = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    let current = current(&cloud, &instance)?;
    renew_refresh_tokens(&cloud, true);
    let roles = roles(&cloud).await?;
    for (id, function, step) in [
        ("CreateSecretRole", "create-secret", "createSecret"),
        ("PublishToHerokuRole", "publish-to-heroku", "setSecret"),
        ("TestSecretRole", "test-secret", "testSecret"),
        ("FinishSecretRole", "finish-secret", "finishSecret"),
        ("SweepRole", "sweep", "sweep"),
    ] {
        let role = role(&roles, id)?;
        // finish-secret twice: the second finds the schedule and moves it.
        let version = if function == "finish-secret" {
            &old
        } else {
            &current
        };
        let event = json!({ "Step": step, "SecretId": instance.secret_arn, "VersionId": version });
        let error = invoke(&cloud, function, &event).await?;
        check(error.is_none(), || {
            format!("{function} fails with its own policy: {error:?}")
        })?;
        for removed in role.without_each() {
            if removed.is_used_by_aws() || removed.is_for_earlier_tokens() {
                continue;
            }
            let action = removed.action.as_str();
            if action == "scheduler:CreateSchedule" || action == "iam:PassRole" {
                delete_schedule(&cloud, &old).await?;
            }
            let mut event = event.clone();
            match function {
                // What is scheduled already is looked at before it is kept.
                "finish-secret" => {
                    event["OnlyIfUnscheduled"] = (action == "scheduler:GetSchedule").into();
                }
                // What is switched off is moved.
                "sweep"
                    if action == "scheduler:GetSchedule"
                        || action == "scheduler:UpdateSchedule" =>
                {
                    switch_schedule_off(&cloud, &old).await?;
                }
                _ => {}
            }
            let what = role.needs(&cloud, &removed, function, &event).await?;
            // One that was renewed and could not be stored is lost.
            cloud.store_token(&instance.addon).await?;
            let error = invoke(&cloud, function, &event).await?;
            check(error.is_none(), || format!("{what}, given back: {error:?}"))?;
        }
    }
    renew_refresh_tokens(&cloud, false);
    Ok(())
}

pub(super) async fn rotate_function(cloud: Arc<Cloud>) -> TestResult {
    let roles = roles(&cloud).await?;
    let role = role(&roles, "RotateRole")?;
    for (index, removed) in role.without_each().into_iter().enumerate() {
        if removed.is_used_by_aws() || removed.is_dispensable() || removed.is_for_earlier_tokens() {
            continue;
        }
        let instance = cloud
            .enrol(spec(
                &format!("privileges-rotate-{index}"),
                Api::V1,
                Engine::Http,
            ))
            .await?;
        let before = current(&cloud, &instance)?;
        role.put(&cloud, &removed.policy).await?;
        let version = cloud.rotate_now(&instance).await?;
        let error = failed(&cloud, &instance).await;
        role.restore(&cloud).await?;
        let what = removed.is_named("rotate", Some(error?))?;
        // Given back, Secrets Manager's own retry completes the same rotation.
        rotated(&cloud, &instance, &version).await?;
        check(current(&cloud, &instance)? != before, || {
            format!("{what}: never completed")
        })?;
        let releases = cloud.heroku.releases(&instance.apps[0])?.len() - 2;
        check(releases == 1, || {
            format!("{what}: one rotation made {releases} releases")
        })?;
    }
    Ok(())
}

pub(super) async fn revoke_function(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("privileges-revoke", Api::V3, Engine::Http))
        .await?;
    let old = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    let current = current(&cloud, &instance)?;
    renew_refresh_tokens(&cloud, true);
    let roles = roles(&cloud).await?;
    let role = role(&roles, "RevokeSecretRole")?;
    // A try leaves the revocation to one that was scheduled later.
    delete_schedule(&cloud, &old).await?;
    let event = |version: &str, attempt: u32| json!({ "SecretId": instance.secret_arn, "VersionId": version, "Attempt": attempt, "ScheduledAt": "2026-01-01T00:00:00Z" });
    for removed in role.without_each() {
        if removed.is_used_by_aws() || removed.is_dispensable() || removed.is_for_earlier_tokens() {
            continue;
        }
        role.put(&cloud, &removed.policy).await?;
        let scheduling = [
            "scheduler:CreateSchedule",
            "scheduler:UpdateSchedule",
            "iam:PassRole",
        ]
        .contains(&removed.action.as_str());
        let error = if removed.action == "secretsmanager:TagResource" {
            label_follows(&cloud, &instance, &current, &event(&current, 40)).await?
        } else if scheduling {
            // What must wait has to be scheduled: the current version is in use. Twice, so that the
            // schedule is moved as well.
            let attempt = 3;
            let first = invoke(&cloud, "revoke-secret", &event(&current, attempt)).await?;
            let second = invoke(&cloud, "revoke-secret", &event(&current, attempt)).await?;
            if let Some(next) = schedule(&cloud, &current, attempt + 1) {
                let delete = format!("scheduler delete-schedule {}", named(&next));
                aws(&cloud, &delete, &[]).await?;
            }
            first.or(second)
        } else {
            // The last try says why it failed, and schedules none.
            invoke(&cloud, "revoke-secret", &event(&old, 40)).await?
        };
        role.restore(&cloud).await?;
        // One that was renewed and could not be stored is lost.
        cloud.store_token(&instance.addon).await?;
        let what = removed.is_named("revoke-secret", error)?;
        let live = live_versions(&cloud, &instance)?;
        check(live.contains(&old), || format!("{what}: the label is off"))?;
    }
    renew_refresh_tokens(&cloud, false);
    let error = invoke(&cloud, "revoke-secret", &event(&old, 0)).await?;
    check(error.is_none(), || {
        format!("revoke-secret fails after all: {error:?}")
    })?;
    let live = live_versions(&cloud, &instance)?;
    check(!live.contains(&old), || "the label is still on".to_owned())
}

/// Somebody has stored the current version's value again when its revocation comes, whose label is to follow it there.
async fn label_follows(
    cloud: &Cloud,
    instance: &Instance,
    version: &str,
    event: &Value,
) -> Result<Option<String>, Failed> {
    let value = document(cloud, instance).await?;
    store(cloud, instance, &value).await?;
    let stored = current(cloud, instance)?;
    let error = invoke(cloud, "revoke-secret", event).await?;
    let secret = &instance.secret_arn;
    let back = format!("--move-to-version-id {version} --remove-from-version-id {stored}");
    let label = format!("--secret-id {secret} --version-stage AWSCURRENT {back}");
    let label = format!("secretsmanager update-secret-version-stage {label}");
    aws(cloud, &label, &[]).await?;
    Ok(error)
}

pub(super) async fn scheduler_role(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("privileges-scheduler", Api::V1, Engine::Http))
        .await?;
    let old = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    let roles = roles(&cloud).await?;
    let role = role(&roles, "SchedulerRole")?;
    let removed = role.without_each();
    let removed = removed
        .iter()
        .find(|removed| removed.action == "lambda:InvokeFunction")
        .ok_or("it may not invoke")?;
    let name = schedule(&cloud, &old, 0)
        .ok_or("nothing is scheduled")?
        .name;
    role.put(&cloud, &removed.policy).await?;
    fire(&cloud, &old, 0).await?;
    let buried = wait_for(&cloud, "the dead letter", |events| {
        events.iter().find_map(|event| match &event.kind {
            stand_in::events::EventKind::ScheduleDeadLettered {
                name: schedule,
                message,
            } => (*schedule == name).then(|| message.clone()),
            _ => None,
        })
    })
    .await;
    role.restore(&cloud).await?;
    names(&buried?, &["lambda:InvokeFunction"])?;
    let queue = cloud.output("DeadLetterQueueUrl")?;
    let receive = "sqs receive-message --queue-url";
    let message = aws(&cloud, receive, &[queue]).await?;
    names(&message.to_string(), &[&old])?;
    check(live_versions(&cloud, &instance)?.contains(&old), || {
        "the label is off".to_owned()
    })
}
