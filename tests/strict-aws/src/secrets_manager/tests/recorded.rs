//! What is known of AWS's own answers. Each test names where it is known from: recorded (answers of AWS in
//! public test suites) or AWS's API reference. What is open is an option of [`Untidy`].
//!
//! `LocalStack`: localstack/localstack, `tests/aws/services/secretsmanager/test_secretsmanager.py` with its
//! snapshot, validated against AWS in 2024 and 2025. moto: getmoto/moto,
//! `tests/test_secretsmanager`, marked `aws_verified`.
//! Elsewhere: a token that stands for one value (`values`), filters (`listing`), retries (`rotation`), the next date
//! (`schedule`), late reads (`untidy`); the Scheduler's facts, Lambda's and IAM's with their stand-ins.

use serde_json::{Value, json};

use super::harness::{Cloud, FUNCTION, code, id};
use crate::secrets_manager::{Probe, Untidy};

fn without_rotating() -> Value {
    let mut request = Cloud::rotation_request(2);
    request["RotateImmediately"] = json!(false);
    request
}

/// Recorded (`LocalStack`, `test_rotate_secret_with_lambda_success`).
#[tokio::test]
async fn a_rotation_is_answered_with_its_version_before_it_is_done() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let answer = cloud.rotate(2).await.unwrap();
    assert_eq!(answer["VersionId"], id(2));
    cloud.wait_for_success(&id(2)).await;
}

/// Recorded (`LocalStack`, `test_update_secret_version_stages_current_pending_cycle_custom_stages_1` to `_3`).
#[tokio::test]
async fn a_custom_label_stays_whatever_its_version_becomes() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSCURRENT", "LIVE-2"]).await;
    cloud.put(3, &["AWSCURRENT"]).await;
    assert_eq!(
        cloud.labels().await[id(2)],
        json!(["AWSPREVIOUS", "LIVE-2"])
    );
    cloud.put(4, &["AWSCURRENT"]).await;
    assert_eq!(cloud.labels().await[id(2)], json!(["LIVE-2"]));
}

/// Recorded (`LocalStack`, `test_update_secret_version_stages_current_pending`).
#[tokio::test]
async fn what_was_current_and_pending_is_previous_alone_when_a_value_is_stored() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.stage("AWSPENDING", None, Some(1)).await.unwrap();
    assert_eq!(
        cloud.labels().await,
        json!({id(1): ["AWSCURRENT", "AWSPENDING"]})
    );
    cloud.put(2, &["AWSCURRENT"]).await;
    assert_eq!(
        cloud.labels().await,
        json!({id(1): ["AWSPREVIOUS"], id(2): ["AWSCURRENT"]})
    );
}

/// API reference, `PutSecretValue`: "If this is the first version … Secrets Manager automatically attaches
/// AWSCURRENT".
#[tokio::test]
async fn a_first_value_is_current_whatever_labels_it_comes_with() {
    let cloud = Cloud::start().await;
    cloud.call("CreateSecret", json!({"Name": "s"})).await;
    cloud.put(1, &["AWSPENDING"]).await;
    assert_eq!(
        cloud.labels().await,
        json!({id(1): ["AWSCURRENT", "AWSPENDING"]})
    );
}

/// API reference, `RotateSecret`: a `ClientRequestToken` has 32 to 64 characters. moto answers the same
/// (`test_rotate_secret_client_request_token_too_short`).
#[tokio::test]
async fn a_token_that_is_too_short_is_an_invalid_parameter() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let mut request = Cloud::rotation_request(2);
    request["ClientRequestToken"] = json!("short");
    let refusal = cloud.refused("RotateSecret", request).await;
    assert_eq!(code(&refusal), "InvalidParameterException");
}

/// Recorded (moto): the rules stay. API reference, `DescribeSecret`: `LastRotatedDate` is null
/// where "rotation has been disabled". Whether the function's ARN stays is open.
#[tokio::test]
async fn cancelled_the_rules_stay_and_the_last_rotation_is_not_told() {
    for forgets in [false, true] {
        let cloud = Cloud::start().await;
        cloud.create().await;
        cloud.rotate(2).await.unwrap();
        cloud.wait_for_success(&id(2)).await;
        cloud.be(Untidy {
            cancelling_forgets_the_function: forgets,
            ..Untidy::default()
        });
        let secret = json!({"SecretId": "s"});
        let before = cloud.call("DescribeSecret", secret.clone()).await;
        assert!(before.get("LastRotatedDate").is_some());
        cloud.call("CancelRotateSecret", secret.clone()).await;
        let after = cloud.call("DescribeSecret", secret).await;
        assert!(after.get("LastRotatedDate").is_none());
        assert_eq!(after["RotationRules"], before["RotationRules"]);
        assert_eq!(after.get("RotationLambdaARN").is_none(), forgets);
    }
}

/// Recorded: the version that is tested holds the current value under an id of its own. That it holds none, or is tested
/// after the answer, is open. That testSecret alone is called is the API reference's (`RotateImmediately`).
#[tokio::test]
async fn what_is_tested_without_rotating_holds_the_current_value() {
    for (probe, expected) in [
        (Probe::CurrentValue, "one"),
        (Probe::NoValue, "ResourceNotFoundException"),
    ] {
        for probe_comes_later in [false, true] {
            let cloud = Cloud::start().await;
            cloud.create().await;
            cloud.be(Untidy {
                probe,
                probe_comes_later,
                ..Untidy::default()
            });
            cloud.function.on("testSecret", |api, event| async move {
                assert_ne!(event.version, id(1));
                let pending = json!({"SecretId": event.secret, "VersionStage": "AWSPENDING"});
                let found = api.call_as(FUNCTION, "GetSecretValue", pending).await;
                Err(match found {
                    Ok(value) => value["SecretString"].as_str().unwrap().to_owned(),
                    Err((code, _)) => code,
                })
            });
            let answer = cloud.try_call("RotateSecret", without_rotating()).await;
            assert_eq!(answer.is_ok(), probe_comes_later, "{answer:?}");
            let told = cloud.events.wait_for(|events| {
                events.iter().find_map(|event| match &event.kind {
                    stand_in::events::EventKind::StepFailed { message, .. } => {
                        Some(message.clone())
                    }
                    _ => None,
                })
            });
            let told = told.await;
            assert!(told.contains(expected), "{told}");
        }
    }
}

/// Recorded (`LocalStack`, `test_can_recreate_delete_secret`, waits for up to some ten seconds).
#[tokio::test]
async fn a_secret_deleted_by_force_lingers() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.be(Untidy {
        lingering: 3,
        ..Untidy::default()
    });
    let force = json!({"SecretId": "s", "ForceDeleteWithoutRecovery": true});
    cloud.call("DeleteSecret", force).await;
    let described = cloud.describe().await;
    assert!(described.get("DeletedDate").is_some());
    let create = json!({"Name": "s", "SecretString": "x", "ClientRequestToken": id(2)});
    let refusal = cloud.refused("CreateSecret", create.clone()).await;
    assert_eq!(code(&refusal), "InvalidRequestException");
    let read = cloud
        .refused("GetSecretValue", json!({"SecretId": "s"}))
        .await;
    assert_eq!(code(&read), "InvalidRequestException");
    cloud.call("CreateSecret", create).await;
    assert_eq!(cloud.labels().await, json!({id(2): ["AWSCURRENT"]}));
}
