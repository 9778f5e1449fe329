//! The "rotate" button of a partner's dashboard.

use addon_rotation::event::VersionId;
use jiff::SignedDuration;
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use stand_in::Fault;
use stand_in::events::EventKind;
use strict_aws::secrets_manager::{Caller, RotationOptions, Untidy};

use super::enrollment::enrolled;
use super::{assert_settled, fire};
use crate::support::{Api, Crash, Instance, Provisioned, Stand, create_secret, failure};

const FUNCTION: &str = "start-rotation";

async fn press(stand: &Stand, addon: &str) -> Result<Value, Diagnostic> {
    let answer = stand
        .lambda
        .ask(FUNCTION, json!({ "AddonId": addon }))
        .await;
    if let Ok(answer) = &answer {
        stand.assert_holds_no_secret(&answer.to_string());
    }
    answer
}

async fn succeeded(stand: &Stand) {
    stand
        .wait_for("the rotation's success", |event| {
            matches!(event, EventKind::RotationSucceeded { .. }).then_some(())
        })
        .await;
}

/// Until the rotation that was begun is over, and the old credential as well.
async fn over(stand: &Stand, instance: &Instance, old: &VersionId) {
    succeeded(stand).await;
    fire(stand, old, 0).await;
    assert_settled(stand, instance).await;
}

#[tokio::test]
async fn the_button_starts_a_rotation_and_the_bus_says_when_it_is_done() {
    for api in [Api::V1, Api::V3] {
        let stand = Stand::start().await;
        let instance = enrolled(&stand, api).await;
        let old = stand.current(&instance);
        let started = press(&stand, &instance.addon).await.unwrap();
        assert_eq!(started["Outcome"], "started");
        assert_eq!(started["SecretArn"], instance.secret.as_str());
        assert!(started.get("RetryAfterSeconds").is_none());
        over(&stand, &instance, &old).await;
        let version = stand.current(&instance);
        assert_eq!(started["VersionId"], version.as_str());
        let told = stand.gateway.bus_events().into_iter();
        let mut done = told.filter(|it| it["detail-type"] == "Credential Rotation Succeeded");
        let done = done.next_back().unwrap();
        assert_eq!(done["detail"]["VersionId"], version.as_str());
    }
}

#[tokio::test]
async fn pressed_again_it_says_how_long_to_wait_and_starts_nothing() {
    // AWSPENDING on what a finished rotation made is no rotation under way.
    for pending_stays in [false, true] {
        let stand = Stand::start().await;
        let instance = enrolled(&stand, Api::V1).await;
        stand.gateway.secrets_manager().be(Untidy {
            pending_stays,
            ..Untidy::default()
        });
        let old = stand.current(&instance);
        press(&stand, &instance.addon).await.unwrap();
        if pending_stays {
            succeeded(&stand).await;
        } else {
            over(&stand, &instance, &old).await;
        }
        let snapshot = stand.snapshot(&instance);
        assert_eq!(snapshot.labelled("AWSPENDING").is_some(), pending_stays);
        let called = stand.lambda.records().len();
        let answer = press(&stand, &instance.addon).await.unwrap();
        assert_eq!(answer["Outcome"], "too-soon");
        let wait = answer["RetryAfterSeconds"].as_u64().unwrap();
        assert!((3_500..=3_600).contains(&wait), "{wait}");
        let later = stand.lambda.records().split_off(called);
        assert!(later.iter().all(|it| it.function == FUNCTION), "{later:?}");
    }
}

#[tokio::test]
async fn a_rotation_that_no_look_shows_yet_is_told_and_no_other_begun() {
    let stand = Stand::start_without_retries().await;
    let instance = enrolled(&stand, Api::V1).await;
    stand.gateway.secrets_manager().be(Untidy {
        late_reads: 3,
        late_for: Some(FUNCTION),
        ..Untidy::default()
    });
    let caller = Caller(FUNCTION.to_owned());
    let secret = json!({ "SecretId": instance.secret.as_str() });
    for _ in 0..4 {
        let secrets = stand.gateway.secrets_manager();
        let described = secrets.handle(&caller, "DescribeSecret", secret.clone());
        described.await.unwrap();
    }
    stand
        .lambda
        .answer_with("create-secret", |_| Err(failure("the service is down")));
    stand.start_rotation(&instance).await;
    let answer = press(&stand, &instance.addon).await.unwrap();
    assert_eq!(answer["Outcome"], "under-way");
    assert!(answer.get("VersionId").is_none());
    assert_eq!(stand.snapshot(&instance).versions.len(), 2);
}

#[tokio::test]
async fn a_rotation_that_is_under_way_is_told_and_no_other_begun() {
    let stand = Stand::start_without_retries().await;
    let instance = enrolled(&stand, Api::V1).await;
    stand
        .lambda
        .answer_with("create-secret", |_| Err(failure("the service is down")));
    // As well as where another one's was faster.
    stand.aws_fails("secretsmanager:RotateSecret", "", Fault::LoseAnswer);
    let answer = press(&stand, &instance.addon).await.unwrap();
    assert_eq!(answer["Outcome"], "under-way");
    assert_eq!(press(&stand, &instance.addon).await.unwrap(), answer);
    let snapshot = stand.snapshot(&instance);
    assert_eq!(
        answer["VersionId"],
        snapshot.labelled("AWSPENDING").unwrap()
    );
    assert_eq!(snapshot.versions.len(), 2);
}

/// Whether Secrets Manager has given it up nothing says: asked for a rotation, it tries this one again.
#[tokio::test]
async fn a_rotation_that_stands_still_is_tried_again() {
    let stand = Stand::with(RotationOptions {
        attempts: 1,
        ..RotationOptions::default()
    })
    .await;
    let instance = enrolled(&stand, Api::V1).await;
    let old = stand.current(&instance);
    stand.lambda.crash_next(Crash::before("publish-to-heroku"));
    let started = press(&stand, &instance.addon).await.unwrap();
    stand.rotation_failed().await;
    let tried = || stand.lambda.records_of("publish-to-heroku").len();
    let before = tried();
    let answer = press(&stand, &instance.addon).await.unwrap();
    assert_eq!(answer["Outcome"], "under-way");
    assert_eq!(tried(), before);
    let secrets = stand.gateway.secrets_manager();
    secrets.grow_older(SignedDuration::from_mins(11));
    let answer = press(&stand, &instance.addon).await.unwrap();
    assert_eq!(answer["VersionId"], started["VersionId"]);
    over(&stand, &instance, &old).await;
    assert_eq!(started["VersionId"], stand.current(&instance).as_str());
}

#[tokio::test]
async fn a_rotation_that_secrets_manager_has_yet_to_complete_is_under_way() {
    let stand = Stand::start_without_retries().await;
    let instance = enrolled(&stand, Api::V1).await;
    // Promoted, and no answer to Secrets Manager.
    stand
        .lambda
        .crash_next(Crash::after("rotate", "finishSecret"));
    let started = press(&stand, &instance.addon).await.unwrap();
    let version = started["VersionId"].as_str().unwrap();
    stand.rotation_failed().await;
    assert_eq!(stand.current(&instance).as_str(), version);
    let answer = press(&stand, &instance.addon).await.unwrap();
    assert_eq!(answer["Outcome"], "under-way");
    assert_eq!(answer["VersionId"], version);
}

#[tokio::test]
async fn who_is_not_enrolled_is_told_so() {
    let stand = Stand::start().await;
    let refused = async |addon: &Provisioned| {
        let error = press(&stand, &addon.addon).await.unwrap_err();
        let wanted = error.error_message.contains("Enrol the instance first");
        assert!(wanted, "{error:?}");
    };
    refused(&stand.provisioned(Api::V1)).await;
    // Of the stack and not rotated; rotated, and not of the stack.
    for (stack, rotated) in [("addon-rotation", false), ("another", true)] {
        let addon = stand.provisioned(Api::V1);
        let name = addon.name();
        let tags = json!([{ "Key": "rotation:stack", "Value": stack }]);
        let secret = create_secret(&stand.gateway, &name, &addon.document, &tags).await;
        if rotated {
            let instance = addon.enrolled(&json!({ "SecretArn": secret.as_str() }));
            stand.switch_on(&instance).await.unwrap();
        }
        refused(&addon).await;
    }
    for wrong in [
        json!({}),
        json!({ "AddonId": "../x" }),
        json!({ "AddonId": 7 }),
    ] {
        let error = stand.lambda.ask(FUNCTION, wrong).await.unwrap_err();
        assert!(error.error_message.contains("AddonId"), "{error:?}");
    }
}
