//! finish-secret: one schedule for one revocation, at the right time.

use std::time::Duration;

use addon_rotation::event::{FinishEvent, VersionId};
use addon_rotation::function::Function as _;
use addon_rotation::steps::FinishSecret;
use jiff::Timestamp;
use serde_json::json;
use strict_aws::scheduler::{Past, Untidy};

use super::{assert_fires, assert_settled, fire, grace_period, schedule};
use crate::support::{Api, Instance, Stand, soon, version_id};

/// The event of a version's end.
pub(super) fn finishing(instance: &Instance, version: &VersionId) -> FinishEvent {
    FinishEvent {
        secret: instance.secret.clone(),
        version: version.clone(),
        revoke_after_seconds: None,
        only_if_unscheduled: false,
        was_in_use: None,
        even_if_in_use: false,
    }
}

pub(super) async fn finish(stand: &Stand, event: FinishEvent) {
    let function: FinishSecret = stand.lambda.environment().start("finish-secret");
    function.handle(event, soon()).await.unwrap();
}

#[tokio::test]
async fn a_schedule_that_exists_is_moved_and_not_doubled() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V1).await;
    let version = version_id();
    for (revoke_after_seconds, expected) in [(Some(3_600), 3_600), (None, 7_200), (Some(60), 60)] {
        let began = Timestamp::now();
        let event = FinishEvent {
            revoke_after_seconds,
            ..finishing(&instance, &version)
        };
        finish(&stand, event).await;
        assert_eq!(stand.gateway.scheduler().schedules().len(), 1);
        assert_fires(&schedule(&stand, &version, 0).unwrap(), expected, began);
    }
}

/// testSecret has seen it, or an operator says otherwise.
#[tokio::test]
async fn what_a_schedule_knows_of_the_credentials_use_it_knows_when_it_is_moved() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V1).await;
    let version = version_id();
    for (was_in_use, expected) in [
        (None, false),
        (Some(true), true),
        (None, true),
        (Some(false), false),
        (None, false),
    ] {
        let event = FinishEvent {
            was_in_use,
            ..finishing(&instance, &version)
        };
        finish(&stand, event).await;
        let input = schedule(&stand, &version, 0).unwrap().input;
        let input: serde_json::Value = serde_json::from_str(&input).unwrap();
        assert_eq!(input["WasInUse"], expected, "{was_in_use:?}");
    }
}

/// API reference of `CreateSchedule`: a conflict may be another change of the schedule. What becomes of a time that is
/// over is open.
#[tokio::test]
async fn a_schedule_that_is_being_changed_or_deleted_is_made_all_the_same() {
    let pasts = [
        Past::AtOnce,
        Past::After(Duration::from_hours(1)),
        Past::Never,
    ];
    for (busy, past) in (1..).zip(pasts) {
        let stand = Stand::start().await;
        let instance = stand.enrolled(Api::V1).await;
        stand.gateway.scheduler().be(Untidy { past, busy });
        let old = stand.current(&instance);
        let began = Timestamp::now();
        stand.rotate(&instance).await;
        assert_fires(&schedule(&stand, &old, 0).unwrap(), grace_period(), began);
        fire(&stand, &old, 0).await;
        assert_settled(&stand, &instance).await;
    }
}

#[tokio::test]
async fn a_secret_may_have_a_grace_period_of_its_own() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    tag(&stand, instance.secret.as_str(), "14400").await;
    let first = stand.current(&instance);
    let began = Timestamp::now();
    stand.rotate(&instance).await;
    assert_fires(&schedule(&stand, &first, 0).unwrap(), 14_400, began);
}

/// Sets the secret's tag for its own grace period.
pub(super) async fn tag(stand: &Stand, secret: &str, seconds: &str) {
    tag_with(stand, secret, "rotation:revoke-after", seconds).await;
}

pub(crate) async fn tag_with(stand: &Stand, secret: &str, key: &str, value: &str) {
    let tags = json!([{ "Key": key, "Value": value }]);
    stand
        .call("TagResource", json!({ "SecretId": secret, "Tags": tags }))
        .await
        .unwrap();
}
