//! The sweep: whatever waits for its revocation has a schedule, whatever was lost.

use std::collections::BTreeMap;

use addon_rotation::event::{SecretArn, VersionId};
use addon_rotation::instances::{Order, Sweep};
use axum::body::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use lambda_in_process::arn;
use serde_json::{Value, json};
use strict_aws::secrets_manager::Untidy;

use super::{assert_fires, assert_settled, fire, grace_period, revocation, schedule};
use crate::support::{
    Api, Crash, GRACE_PERIOD, Log, Stand, create_secret, of_the_stack, soon, version_id,
};

async fn sweep(stand: &Stand) {
    stand.lambda.invoke("sweep", json!({})).await.unwrap();
}

/// The names of all schedules and when they fire.
fn schedules(stand: &Stand) -> BTreeMap<String, String> {
    let schedules = stand.gateway.scheduler().schedules().into_iter();
    schedules
        .map(|schedule| (schedule.name, schedule.fires_at.unwrap().to_string()))
        .collect()
}

/// Somebody deletes the schedule of a try.
pub(super) async fn lose(stand: &Stand, version: &VersionId, attempt: u32) {
    let lost = schedule(stand, version, attempt).unwrap();
    let path = format!("/schedules/{}?groupName={}", lost.name, lost.group);
    let request = Request::delete(path).body(Bytes::new()).unwrap();
    let answer = stand.gateway.scheduler().handle(request).await;
    assert!(answer.status().is_success());
}

#[tokio::test]
async fn a_lost_schedule_is_made_anew_with_the_whole_grace_period() {
    let (stand, instance, first) = Stand::rotated(Api::V3).await;
    lose(&stand, &first, 0).await;
    sweep(&stand).await;
    // Nobody knows since when Heroku shows another one: soon somebody looks.
    let soon = schedule(&stand, &first, 0).unwrap().fires_at.unwrap();
    assert!(soon <= Timestamp::now() + SignedDuration::from_secs(61));
    let began = fire(&stand, &first, 0).await;
    assert!(stand.service.is_live(&instance.imported));
    let next = schedule(&stand, &first, 1).unwrap();
    assert_fires(&next, grace_period(), began);
    fire(&stand, &first, 1).await;
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn what_has_a_schedule_keeps_it_the_first_trys_or_a_later_ones() {
    let (stand, _, first) = Stand::rotated(Api::V1).await;
    let before = schedules(&stand);
    sweep(&stand).await;
    assert_eq!(schedules(&stand), before);

    // The service is out of order when the time has come: the next try is scheduled.
    stand.store_administrator(&json!({})).await;
    fire(&stand, &first, 0).await;
    let before = schedules(&stand);
    assert!(schedule(&stand, &first, 1).is_some());
    sweep(&stand).await;
    assert_eq!(schedules(&stand), before);
}

#[tokio::test]
async fn a_rotation_that_was_abandoned_leaves_nothing_alive() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V1).await;
    stand.lambda.crash_next(Crash::before("publish-to-heroku"));
    let version = stand.start_rotation(&instance).await;
    stand.step_failed().await;
    // Under way, if only in name: Secrets Manager may try it again.
    sweep(&stand).await;
    assert!(schedules(&stand).is_empty());

    let secret = instance.secret.as_str();
    let cancelled = stand.call("CancelRotateSecret", json!({ "SecretId": secret }));
    cancelled.await.unwrap();
    let taken_off = stand.move_label(&instance, "AWSPENDING", Some(&version), None);
    taken_off.await;
    assert!(stand.is_labelled_live(&instance, &version));
    sweep(&stand).await;
    fire(&stand, &version, 0).await;
    fire(&stand, &version, 1).await;
    assert!(!stand.is_labelled_live(&instance, &version));
    assert_eq!(stand.service.live(), [instance.imported.as_str()]);
}

/// Whether AWS shows the function then is open.
#[tokio::test]
async fn what_waits_ends_while_rotation_is_off() {
    for cancelling_forgets_the_function in [false, true] {
        let stand = Stand::start().await;
        stand.gateway.secrets_manager().be(Untidy {
            cancelling_forgets_the_function,
            ..Untidy::default()
        });
        let instance = stand.enrolled(Api::V1).await;
        let first = stand.current(&instance);
        stand.rotate(&instance).await;
        let secret = json!({ "SecretId": instance.secret.as_str() });
        stand.call("CancelRotateSecret", secret).await.unwrap();
        lose(&stand, &first, 0).await;
        sweep(&stand).await;
        fire(&stand, &first, 0).await;
        fire(&stand, &first, 1).await;
        assert_settled(&stand, &instance).await;
    }
}

#[tokio::test]
async fn other_stacks_secrets_and_deleted_ones_are_left_alone() {
    let stand = Stand::start().await;
    for (name, tags) in [
        ("acme/credentials/untagged", json!([])),
        (
            "acme/credentials/other",
            json!([{ "Key": "rotation:stack", "Value": "another" }]),
        ),
        // The filters match beginnings.
        (
            "acme/credentials/longer",
            json!([{ "Key": "rotation:stack", "Value": "addon-rotation-2" }]),
        ),
        (
            "acme/credentials/key",
            json!([
                { "Key": "rotation:stack-of", "Value": "addon-rotation" },
            ]),
        ),
    ] {
        waiting(&stand, name, &tags, &arn("rotate")).await;
    }
    let (name, function) = ("acme/credentials/deleted", arn("rotate"));
    let (deleted, _) = waiting(&stand, name, &of_the_stack(), &function).await;
    let parameters = json!({ "SecretId": deleted.as_str(), "RecoveryWindowInDays": 7 });
    stand.call("DeleteSecret", parameters).await.unwrap();
    sweep(&stand).await;
    assert!(schedules(&stand).is_empty());
}

/// No try of a revocation may be scheduled that would find it. Of a deprovisioned instance nothing is alive.
#[tokio::test]
async fn a_secret_that_was_deleted_with_a_credential_alive_is_told_of() {
    for (is_rotated, is_deprovisioned) in [(false, false), (true, false), (true, true)] {
        let stand = Stand::start().await;
        let instance = stand.enrolled(Api::V1).await;
        if is_rotated {
            stand.rotate(&instance).await;
        }
        if is_deprovisioned {
            let addon = json!({ "AddonId": instance.addon });
            let ended = stand.lambda.invoke("deprovision-addon", addon);
            ended.await.unwrap();
        } else {
            let deleted = json!({ "SecretId": instance.secret.as_str() });
            stand.call("DeleteSecret", deleted).await.unwrap();
        }
        let log = Log::new();
        let function: Sweep = stand.lambda.environment().start("sweep");
        function.sweep(Order::OldestFirst, soon()).await.unwrap();
        let told = log.text();
        let expected = "marked for deletion, and the service may accept its credentials";
        let is_told = told.contains(expected) && told.contains(instance.secret.as_str());
        assert_eq!(is_told, !is_deprovisioned, "{told}");
    }
}

#[tokio::test]
async fn anothers_secret_is_left_alone_however_it_is_tagged() {
    let stand = Stand::start().await;
    for (name, function) in [
        ("payroll/database", arn("rotate")),
        ("acme/database", arn("rotate")),
        (
            "acme/credentials/theirs",
            "arn:aws:lambda:us-east-1:000000000000:function:payroll-rotate".to_owned(),
        ),
        (
            "acme/credentials/elsewhere",
            arn("rotate").replace("000000000000", "111111111111"),
        ),
    ] {
        waiting(&stand, name, &of_the_stack(), &function).await;
    }
    let nobodys = create_secret(
        &stand.gateway,
        "acme/credentials/none",
        &json!({}),
        &of_the_stack(),
    )
    .await;
    label(&stand, &nobodys).await;
    sweep(&stand).await;
    assert!(schedules(&stand).is_empty());
    // The stack's own is not.
    waiting(
        &stand,
        "acme/credentials/own",
        &of_the_stack(),
        &arn("rotate"),
    )
    .await;
    sweep(&stand).await;
    assert_eq!(schedules(&stand).len(), 1);
}

/// Somebody has taken the tags off, or the prefix is another.
#[tokio::test]
async fn a_sweep_that_sees_no_secret_fails_while_rotations_schedule_revocations() {
    let stand = Stand::start().await;
    sweep(&stand).await;
    let instance = stand.enrolled(Api::V1).await;
    stand.rotate(&instance).await;
    sweep(&stand).await;
    let tag = json!({ "SecretId": instance.secret.as_str(), "TagKeys": ["rotation:stack"] });
    stand.call("UntagResource", tag).await.unwrap();
    let failed = stand.lambda.invoke("sweep", json!({})).await.unwrap_err();
    for part in [
        "no secret of this stack is listed",
        "acme/credentials/*",
        "SECRET_NAME_PREFIX",
    ] {
        assert!(
            failed.error_message.contains(part),
            "{}",
            failed.error_message
        );
    }
}

#[tokio::test]
async fn more_than_a_page_of_secrets_and_of_schedules() {
    let stand = Stand::start().await;
    let own_schedules = stand.lambda.schedules();
    for number in 0..105 {
        let name = format!("acme/credentials/{number}");
        let (secret, version) = waiting(&stand, &name, &of_the_stack(), &arn("rotate")).await;
        let later_try = revocation(&secret, &version, 1);
        let scheduled = own_schedules.revoke_after(later_try, GRACE_PERIOD, None, soon());
        scheduled.await.unwrap();
        let name = format!("{name}/unscheduled");
        waiting(&stand, &name, &of_the_stack(), &arn("rotate")).await;
    }
    sweep(&stand).await;
    let before = schedules(&stand);
    assert_eq!(before.len(), 210);
    sweep(&stand).await;
    assert_eq!(schedules(&stand), before);
}

/// A secret with a version that waits for its revocation, and the function that rotates it.
async fn waiting(
    stand: &Stand,
    name: &str,
    tags: &Value,
    function: &str,
) -> (SecretArn, VersionId) {
    let secret = create_secret(&stand.gateway, name, &json!({}), tags).await;
    // To be enrolled, its function would be tried.
    let secrets = stand.gateway.secrets_manager();
    secrets.rotated_by(secret.as_str(), function);
    let version = label(stand, &secret).await;
    (secret, version)
}

/// Stores a version that is neither current nor pending, and may be alive.
async fn label(stand: &Stand, secret: &SecretArn) -> VersionId {
    let version = version_id();
    let labels = json!([format!("LIVE-{version}")]);
    stand.store_as(secret, "{}", version.as_str(), labels).await
}
