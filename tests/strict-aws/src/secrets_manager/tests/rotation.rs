//! Rotations that are asked for, and those by schedule.
//!
//! Recorded: answers of AWS in public test suites. `LocalStack`: localstack/localstack,
//! `tests/aws/services/secretsmanager/test_secretsmanager.py` with its snapshot, validated against AWS in 2024 and 2025.
//! moto: getmoto/moto, `tests/test_secretsmanager`, marked `aws_verified`. What is open is an option of
//! [`Untidy`](crate::secrets_manager::Untidy), and tried in `untidy`.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde_json::json;

use super::harness::{Cloud, FUNCTION_ARN, id};
use crate::secrets_manager::ServiceError;
use crate::secrets_manager::model::Model;
use crate::secrets_manager::request;

fn assert_previous(refusal: &ServiceError) {
    let told = "A previous rotation isn't complete. That rotation will be reattempted.";
    assert_eq!(
        (refusal.code, &*refusal.message),
        ("InvalidRequestException", told)
    );
}

/// Recorded (`LocalStack`, `test_rotate_secret_with_lambda_success`): the answer has the version before it is done.
#[tokio::test]
async fn the_four_steps_run_in_order_and_pending_is_taken_off() {
    let cloud = Cloud::new().await;
    let answer = cloud.rotate(2).await.unwrap();
    assert_eq!(answer["VersionId"], id(2));
    cloud.wait_for_success(2).await;
    assert_eq!(
        cloud.function.steps(),
        ["createSecret", "setSecret", "testSecret", "finishSecret"]
    );
    assert_eq!(
        cloud.labels().await,
        json!({id(1): ["AWSPREVIOUS"], id(2): ["AWSCURRENT", format!("LIVE-{}", id(2))]})
    );
    let described = cloud.describe().await;
    assert_eq!(described["RotationEnabled"], true);
    assert_eq!(described["RotationLambdaARN"], FUNCTION_ARN);
    let rules = json!({"AutomaticallyAfterDays": 30});
    assert_eq!(described["RotationRules"], rules);
    let days = |field: &str| {
        let now = Timestamp::now().as_duration().as_secs_f64();
        (described[field].as_f64().unwrap() - now) / 86_400.0
    };
    assert!(days("LastRotatedDate").abs() < 0.01);
    assert!((29.0..=30.0).contains(&days("NextRotationDate")));
    for event in &*cloud.function.events.lock().unwrap() {
        assert_eq!(
            (json!(event.secret), &event.version),
            (described["ARN"].clone(), &id(2))
        );
    }
}

/// Guide, "Lambda rotation functions": the version has AWSPENDING before the first call. Recorded (`LocalStack`,
/// `test_rotate_secret_with_lambda_success`): it has no value, and takes its first.
#[tokio::test]
async fn the_placeholder_has_pending_and_no_value() {
    let cloud = Cloud::new().await;
    cloud.function.on("createSecret", |api, event| async move {
        let mut told = Vec::new();
        for (by, value) in [
            ("VersionId", &*event.version),
            ("VersionStage", "AWSPENDING"),
        ] {
            let get = json!({"SecretId": event.secret, by: value});
            let refusal = api.by_function("GetSecretValue", get).await.unwrap_err();
            told.push(refusal.to_string());
        }
        anyhow::bail!(told.join(" / "))
    });
    cloud.rotate(2).await.unwrap();
    let told = cloud.wait_for_failures(1).await;
    let not_found =
        "ResourceNotFoundException: Secrets Manager can't find the specified secret value for";
    let expected = format!(
        "{not_found} VersionId: {} / {not_found} staging label: AWSPENDING",
        id(2)
    );
    assert!(told.contains(&expected), "{told}");
}

#[tokio::test]
async fn a_failed_attempt_starts_over_with_the_same_version() {
    let cloud = Cloud::new().await;
    cloud.function.fail("testSecret", 2);
    cloud.rotated(2).await;
    let all = ["createSecret", "setSecret", "testSecret"];
    let expected = [&all[..], &all, &all, &["finishSecret"]].concat();
    assert_eq!(cloud.function.steps(), expected);
    let versions = cloud.function.events.lock().unwrap().clone();
    assert!(versions.iter().all(|event| event.version == id(2)));
    assert_eq!(cloud.causes(), ["RotateSecret", "retry", "retry"]);
}

/// API reference, `DescribeSecret`: it "retries the entire rotation process multiple times". How often, and what becomes
/// of it then, is open: an option ([`RotationOptions`](crate::secrets_manager::RotationOptions)). The refusal is AWS's.
#[tokio::test]
async fn a_rotation_that_keeps_failing_waits_for_the_next_request_or_the_schedule() {
    for by_schedule in [false, true] {
        let cloud = Cloud::new().await;
        cloud.function.fail("setSecret", 3);
        cloud.rotate(2).await.unwrap();
        cloud.wait_for_failures(3).await;
        let live = format!("LIVE-{}", id(2));
        assert_eq!(
            cloud.labels().await,
            json!({id(1): ["AWSCURRENT"], id(2): ["AWSPENDING", live]})
        );
        if by_schedule {
            cloud.service.bring_forward("s").unwrap();
        } else {
            // The request is refused, and yet the old rotation gets on, with its own version.
            assert_previous(&cloud.rotate(3).await.unwrap_err());
        }
        cloud.wait_for_success(2).await;
        assert_eq!(
            cloud.labels().await,
            json!({id(1): ["AWSPREVIOUS"], id(2): ["AWSCURRENT", live]})
        );
        cloud.rotated(4).await;
        assert_eq!(cloud.service.secret("s").unwrap().versions.len(), 3);
    }
}

#[tokio::test]
async fn a_request_during_a_rotation_is_refused_and_starts_nothing() {
    let cloud = Cloud::new().await;
    // Before the promotion, AWSPENDING tells; after it, Secrets Manager still knows.
    for (step, version) in [("setSecret", 2), ("finishSecret", 4)] {
        cloud.function.on(step, move |api, event| async move {
            if step == "finishSecret" {
                let promote = json!({
                    "SecretId": event.secret, "VersionStage": "AWSCURRENT",
                    "MoveToVersionId": event.version, "RemoveFromVersionId": id(2),
                });
                api.by_function("UpdateSecretVersionStage", promote).await?;
            }
            let again = Cloud::rotation_request(version + 1);
            let refusal = api.operate("RotateSecret", again).await;
            assert_previous(&refusal.unwrap_err());
            Ok(())
        });
        cloud.rotated(version).await;
        cloud.function.fail("setSecret", 0);
    }
    assert_eq!(cloud.function.steps().len(), 8);
    assert_eq!(cloud.causes(), ["RotateSecret"; 2]);
}

#[tokio::test]
async fn a_rotation_counts_only_if_the_version_became_current() {
    let cloud = Cloud::new().await;
    cloud.function.on("finishSecret", |_, _| async { Ok(()) });
    cloud.rotate(2).await.unwrap();
    cloud.wait_for_failures(3).await;
    assert_eq!(cloud.labels().await[id(1)], json!(["AWSCURRENT"]));
    assert!(cloud.describe().await.get("LastRotatedDate").is_none());
}

#[tokio::test]
async fn cancelling_leaves_pending_where_it_is() {
    let cloud = Cloud::new().await;
    cloud.function.on("setSecret", |api, event| async move {
        let cancel = json!({"SecretId": event.secret});
        let cancelled = api.operate("CancelRotateSecret", cancel).await?;
        assert_eq!(cancelled["VersionId"], event.version);
        Ok(())
    });
    cloud.rotate(2).await.unwrap();
    cloud.wait_for_failures(1).await;
    assert_eq!(cloud.function.steps(), ["createSecret", "setSecret"]);
    assert_eq!(cloud.labels().await[id(2)][0], "AWSPENDING");
    let described = cloud.describe().await;
    assert_eq!(described["RotationEnabled"], false);
    assert!(described.get("NextRotationDate").is_none());
    // It stays in the way until somebody takes it off.
    assert_previous(&cloud.rotate(3).await.unwrap_err());
    cloud.stage("AWSPENDING", Some(2), None).await.unwrap();
    cloud.function.fail("setSecret", 0);
    cloud.rotated(4).await;
}

#[tokio::test]
async fn a_secret_deleted_during_its_rotation_is_left_alone() {
    let cloud = Cloud::new().await;
    cloud.function.on("setSecret", |api, event| async move {
        let delete = json!({"SecretId": event.secret, "ForceDeleteWithoutRecovery": true});
        api.operate("DeleteSecret", delete).await?;
        Ok(())
    });
    cloud.rotate(2).await.unwrap();
    cloud.wait_for_failures(1).await;
    assert_eq!(cloud.function.steps(), ["createSecret", "setSecret"]);
}

/// API reference, `RotateSecret`: without `RotateImmediately` testSecret alone is called.
#[tokio::test]
async fn without_rotating_now_only_the_test_runs() {
    let cloud = Cloud::new().await;
    cloud.function.on("testSecret", |api, event| async move {
        let describe = json!({"SecretId": event.secret});
        let described = api.by_function("DescribeSecret", describe).await?;
        assert_eq!(described["RotationEnabled"], true);
        assert_eq!(
            described["VersionIdsToStages"],
            json!({id(1): ["AWSCURRENT"], &event.version: ["AWSPENDING"]})
        );
        Ok(())
    });
    assert_eq!(cloud.enrol().await.unwrap()["Name"], "s");
    assert_eq!(cloud.function.steps(), ["testSecret"]);
    assert_eq!(cloud.labels().await, json!({id(1): ["AWSCURRENT"]}));
    assert_eq!(cloud.service.value("s", &id(2)), None);
    let described = cloud.describe().await;
    assert_eq!(described["RotationEnabled"], true);
    assert!(described.get("LastRotatedDate").is_none());
    assert!(described.get("NextRotationDate").is_some());
}

#[tokio::test]
async fn a_function_that_fails_its_test_is_not_enrolled() {
    let cloud = Cloud::new().await;
    cloud.function.fail("testSecret", 1);
    let refusal = cloud.enrol().await.unwrap_err();
    assert_eq!(refusal.code, "InvalidRequestException");
    let told = "RotationError: out of luck";
    assert!(refusal.message.contains(told), "{refusal}");
    let described = cloud.describe().await;
    assert!(described.get("RotationEnabled").is_none());
    let labels = json!({id(1): ["AWSCURRENT"]});
    assert_eq!(described["VersionIdsToStages"], labels);
    // It can be tried again, and then rotated.
    cloud.rotated(3).await;
}

#[tokio::test]
async fn the_functions_policy_must_let_secrets_manager_in() {
    let cloud = Cloud::new().await;
    cloud.function.is_closed.store(true, Ordering::Relaxed);
    let refusal = cloud.rotate(2).await.unwrap_err();
    assert_eq!(refusal.code, "AccessDeniedException");
    assert_eq!(
        refusal.message,
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the \
         function policy grants access to the principal secretsmanager.amazonaws.com."
    );
    assert_eq!(cloud.labels().await, json!({id(1): ["AWSCURRENT"]}));
    cloud.function.is_closed.store(false, Ordering::Relaxed);
    cloud.rotated(2).await;
}

/// API reference, `RotateSecret`: a `ClientRequestToken` has 32 to 64 characters. moto answers the same
/// (`test_rotate_secret_client_request_token_too_short`).
#[tokio::test]
async fn a_rotation_needs_a_function_a_token_and_sound_rules() {
    let cloud = Cloud::new().await;
    let (request, invalid) = ("InvalidRequestException", "InvalidParameterException");
    let mut named_before = json!({"SecretId": "s", "ClientRequestToken": id(2)});
    let refusal = cloud.refused("RotateSecret", named_before.clone()).await;
    let told = "No Lambda rotation function ARN is associated with this secret.";
    assert_eq!((refusal.code, &*refusal.message), (request, told));
    let cancel = json!({"SecretId": "s"});
    assert_eq!(cloud.code("CancelRotateSecret", cancel).await, request);
    let bad_rules = json!({"ScheduleExpression": "rate(1 hour)"});
    for (field, value, refusal) in [
        ("ClientRequestToken", json!(null), request),
        ("ClientRequestToken", json!("short"), invalid),
        ("RotationRules", bad_rules, invalid),
    ] {
        let mut request = Cloud::rotation_request(2);
        request[field] = value;
        assert_eq!(cloud.code("RotateSecret", request).await, refusal);
    }
    // Once configured, the function need not be named again.
    cloud.rotated(2).await;
    named_before["ClientRequestToken"] = json!(id(3));
    cloud.call("RotateSecret", named_before.clone()).await;
    cloud.wait_for_success(3).await;
    // The same request again does not rotate again.
    let again = cloud.call("RotateSecret", named_before).await;
    assert_eq!(again["VersionId"], id(3));
    assert_eq!(cloud.function.steps().len(), 8);
}

#[tokio::test]
async fn what_is_due_is_rotated_until_the_service_stops() {
    let cloud = Cloud::new().await;
    assert!(cloud.service.bring_forward("s").is_err());
    assert!(cloud.service.secret("s").unwrap().next_rotation.is_none());
    cloud.enrol().await.unwrap();
    // Each time with a version of its own.
    for rotations in 1..=2 {
        cloud.service.bring_forward("s").unwrap();
        cloud.wait_for_successes(rotations).await;
        let secret = cloud.service.secret("s").unwrap();
        assert_eq!(secret.versions.len(), 1 + rotations);
        assert!(secret.last_rotated.is_some());
        assert!(secret.next_rotation.unwrap() > Timestamp::now());
    }
    assert_eq!(cloud.causes(), ["schedule"; 2]);
    drop(cloud.running);
    cloud.service.bring_forward("s").unwrap();
    // The loop has been stopped: let whatever might still run have its turn.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(cloud.function.steps().len(), 9);
}

/// API reference, `RotationRulesType`: "Manually updating the secret value … is considered a valid rotation" for
/// `AutomaticallyAfterDays`. That a rotation which was due "might still occur" after `rate()` was changed is not played:
/// the product sets `cron()` alone.
#[test]
fn a_value_stored_by_hand_counts_as_a_rotation_in_days_only() {
    let start: Timestamp = "2026-11-23T05:30:00Z".parse().unwrap();
    let later: Timestamp = "2026-11-28T05:30:00Z".parse().unwrap();
    let rate = json!({"ScheduleExpression": "rate(30 days)"});
    for (rules, expected) in [
        (
            json!({"AutomaticallyAfterDays": 30}),
            "2026-12-28T00:00:00Z",
        ),
        (rate, "2026-12-23T00:00:00Z"),
    ] {
        let mut model = Model::default();
        let create = json!({"Name": "s", "SecretString": "one", "ClientRequestToken": id(1)});
        let create = request::parse(&create).unwrap();
        let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:s-AbCdEf";
        model.create(&create, arn.to_owned(), start).unwrap();
        let mut enrol = Cloud::rotation_request(2);
        enrol["RotationRules"] = rules;
        let enrol = request::parse(&enrol).unwrap();
        let (run, _) = model.begin_test(&enrol, id(2), start).unwrap();
        model.end_test(&run, None);
        let put = json!({"SecretId": "s", "SecretString": "two", "ClientRequestToken": id(3)});
        let put = request::parse(&put).unwrap();
        model.put_value(&put, later).unwrap();
        let next = model.find("s").unwrap().rotation.next.unwrap();
        assert_eq!(next.to_string(), expected);
    }
}
