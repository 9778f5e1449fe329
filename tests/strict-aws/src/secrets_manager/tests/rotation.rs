//! Rotations that are asked for.

use std::sync::atomic::Ordering;

use serde_json::json;
use stand_in::events::EventKind;

use super::harness::{Cloud, FUNCTION_ARN, Refusal, code, id};

fn previous() -> Refusal {
    (
        "InvalidRequestException".to_owned(),
        "A previous rotation isn't complete. That rotation will be reattempted.".to_owned(),
    )
}

/// Recorded (`LocalStack`, `test_rotate_secret_with_lambda_success`): the answer has the version before it is done.
#[tokio::test]
async fn the_four_steps_run_in_order_and_pending_is_taken_off() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let answer = cloud.rotate(2).await.unwrap();
    assert_eq!(answer["VersionId"], id(2));
    cloud.wait_for_success(&id(2)).await;
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
    assert_eq!(
        described["RotationRules"],
        json!({"AutomaticallyAfterDays": 30})
    );
    let days = |field: &str| {
        let now = jiff::Timestamp::now().as_duration().as_secs_f64();
        (described[field].as_f64().unwrap() - now) / 86_400.0
    };
    assert!(days("LastRotatedDate").abs() < 0.01);
    assert!((29.0..=30.0).contains(&days("NextRotationDate")));
    let arn = described["ARN"].as_str().unwrap();
    let events = cloud.function.events.lock().unwrap();
    assert!(
        events
            .iter()
            .all(|event| event.secret == arn && event.version == id(2))
    );
}

/// Guide, "Lambda rotation functions": the version has AWSPENDING before the first call. Recorded (`LocalStack`,
/// `test_rotate_secret_with_lambda_success`): it has no value, and takes its first.
#[tokio::test]
async fn the_placeholder_has_pending_and_no_value() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.function.on("createSecret", |api, event| async move {
        let by = [
            json!({"SecretId": event.secret, "VersionId": event.version}),
            json!({"SecretId": event.secret, "VersionStage": "AWSPENDING"}),
        ];
        let mut messages = Vec::new();
        for get in by {
            messages.push(api.by_function("GetSecretValue", get).await.unwrap_err());
        }
        Err(messages.join(" / "))
    });
    cloud.rotate(2).await.unwrap();
    cloud.wait_for_failures(1).await;
    let log = format!("{:?}", cloud.events.since(0));
    let not_found =
        "ResourceNotFoundException: Secrets Manager can't find the specified secret value for";
    assert!(
        log.contains(&format!("{not_found} VersionId: {}", id(2))),
        "{log}"
    );
    assert!(
        log.contains(&format!("{not_found} staging label: AWSPENDING")),
        "{log}"
    );
}

#[tokio::test]
async fn a_failed_attempt_starts_over_with_the_same_version() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.function.fail("testSecret", 2);
    cloud.rotate(2).await.unwrap();
    cloud.wait_for_success(&id(2)).await;
    let all = ["createSecret", "setSecret", "testSecret"];
    let expected: Vec<&str> = [all, all, all]
        .concat()
        .into_iter()
        .chain(["finishSecret"])
        .collect();
    assert_eq!(cloud.function.steps(), expected);
    let versions = cloud.function.events.lock().unwrap().clone();
    assert!(versions.iter().all(|event| event.version == id(2)));
    let causes: Vec<String> = cloud
        .events
        .since(0)
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::RotationStarted { cause, .. } => Some(cause),
            _ => None,
        })
        .collect();
    assert_eq!(causes, ["RotateSecret", "retry", "retry"]);
}

/// API reference, `DescribeSecret`: it "retries the entire rotation process multiple times". How often, and what becomes
/// of it then, is open: an option ([`RotationOptions`](crate::secrets_manager::RotationOptions)). The refusal is AWS's.
#[tokio::test]
async fn a_rotation_that_keeps_failing_waits_for_the_next_request() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.function.fail("setSecret", 3);
    cloud.rotate(2).await.unwrap();
    cloud.wait_for_failures(3).await;
    let pending = format!("LIVE-{}", id(2));
    assert_eq!(
        cloud.labels().await,
        json!({id(1): ["AWSCURRENT"], id(2): ["AWSPENDING", pending]})
    );
    // The request is refused, and yet the old rotation gets on, with its own version.
    assert_eq!(cloud.rotate(3).await.unwrap_err(), previous());
    cloud.wait_for_success(&id(2)).await;
    assert_eq!(
        cloud.labels().await,
        json!({id(1): ["AWSPREVIOUS"], id(2): ["AWSCURRENT", pending]})
    );
    cloud.rotate(4).await.unwrap();
    cloud.wait_for_success(&id(4)).await;
}

#[tokio::test]
async fn a_request_during_a_rotation_is_refused_and_starts_nothing() {
    let cloud = Cloud::start().await;
    cloud.create().await;
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
            assert_eq!(refusal.unwrap_err(), previous());
            Ok(())
        });
        cloud.rotate(version).await.unwrap();
        cloud.wait_for_success(&id(version)).await;
        cloud.function.on("setSecret", |_, _| async { Ok(()) });
    }
    assert_eq!(cloud.function.steps().len(), 8);
    let failures = cloud
        .events
        .since(0)
        .into_iter()
        .filter(|event| matches!(event.kind, EventKind::RotationFailed { .. }))
        .count();
    assert_eq!(failures, 0);
}

#[tokio::test]
async fn a_rotation_counts_only_if_the_version_became_current() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.function.on("finishSecret", |_, _| async { Ok(()) });
    cloud.rotate(2).await.unwrap();
    cloud.wait_for_failures(3).await;
    assert_eq!(cloud.labels().await[id(1)], json!(["AWSCURRENT"]));
    let described = cloud.describe().await;
    assert!(described.get("LastRotatedDate").is_none());
}

#[tokio::test]
async fn cancelling_leaves_pending_where_it_is() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.function.on("setSecret", |api, event| async move {
        let cancel = json!({"SecretId": event.secret});
        let cancelled = api.operate("CancelRotateSecret", cancel).await.unwrap();
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
    assert_eq!(cloud.rotate(3).await.unwrap_err(), previous());
    cloud.stage("AWSPENDING", Some(2), None).await.unwrap();
    cloud.function.on("setSecret", |_, _| async { Ok(()) });
    cloud.rotate(4).await.unwrap();
    cloud.wait_for_success(&id(4)).await;
}

#[tokio::test]
async fn without_rotating_now_only_the_test_runs() {
    let cloud = Cloud::start().await;
    cloud.create().await;
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
    let mut request = Cloud::rotation_request(2);
    request["RotateImmediately"] = json!(false);
    let answer = cloud.call("RotateSecret", request.clone()).await;
    assert_eq!(answer["Name"], "s");
    assert_eq!(cloud.function.steps(), ["testSecret"]);
    assert_eq!(cloud.labels().await, json!({id(1): ["AWSCURRENT"]}));
    let other = json!({"SecretId": "s", "VersionId": id(2)});
    let refusal = cloud.refused("GetSecretValue", other).await;
    assert_eq!(code(&refusal), "ResourceNotFoundException");
    let described = cloud.describe().await;
    assert_eq!(described["RotationEnabled"], true);
    assert!(described.get("LastRotatedDate").is_none());
    assert!(described.get("NextRotationDate").is_some());
}

#[tokio::test]
async fn a_function_that_fails_its_test_is_not_enrolled() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.function.fail("testSecret", 1);
    let mut request = Cloud::rotation_request(2);
    request["RotateImmediately"] = json!(false);
    let refusal = cloud.refused("RotateSecret", request).await;
    assert_eq!(code(&refusal), "InvalidRequestException");
    assert!(
        refusal.1.contains("RotationError: out of luck"),
        "{}",
        refusal.1
    );
    let described = cloud.describe().await;
    assert!(described.get("RotationEnabled").is_none());
    assert_eq!(
        described["VersionIdsToStages"],
        json!({id(1): ["AWSCURRENT"]})
    );
    // It can be tried again, and then rotated.
    cloud.rotate(3).await.unwrap();
    cloud.wait_for_success(&id(3)).await;
}

#[tokio::test]
async fn the_functions_policy_must_let_secrets_manager_in() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.function.lets_in.store(false, Ordering::Relaxed);
    assert_eq!(
        cloud.rotate(2).await.unwrap_err(),
        (
            "AccessDeniedException".to_owned(),
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the \
             function policy grants access to the principal secretsmanager.amazonaws.com."
                .to_owned()
        )
    );
    assert_eq!(cloud.labels().await, json!({id(1): ["AWSCURRENT"]}));
    cloud.function.lets_in.store(true, Ordering::Relaxed);
    cloud.rotate(2).await.unwrap();
    cloud.wait_for_success(&id(2)).await;
}

#[tokio::test]
async fn a_rotation_needs_a_function_a_token_and_sound_rules() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let none = json!({"SecretId": "s", "ClientRequestToken": id(2)});
    assert_eq!(
        cloud.refused("RotateSecret", none.clone()).await,
        (
            "InvalidRequestException".to_owned(),
            "No Lambda rotation function ARN is associated with this secret.".to_owned()
        )
    );
    let cancel = cloud
        .refused("CancelRotateSecret", json!({"SecretId": "s"}))
        .await;
    assert_eq!(code(&cancel), "InvalidRequestException");
    let bad_rules = json!({"ScheduleExpression": "rate(1 hour)"});
    for (field, value, refusal) in [
        ("ClientRequestToken", json!(null), "InvalidRequestException"),
        // Recorded.
        (
            "ClientRequestToken",
            json!("short"),
            "InvalidParameterException",
        ),
        ("RotationRules", bad_rules, "InvalidParameterException"),
    ] {
        let mut request = Cloud::rotation_request(2);
        request[field] = value;
        assert_eq!(code(&cloud.refused("RotateSecret", request).await), refusal);
    }
    // Once configured, the function need not be named again.
    cloud.rotate(2).await.unwrap();
    cloud.wait_for_success(&id(2)).await;
    let mut named_before = none;
    named_before["ClientRequestToken"] = json!(id(3));
    cloud.call("RotateSecret", named_before.clone()).await;
    cloud.wait_for_success(&id(3)).await;
    // The same request again does not rotate again.
    assert_eq!(
        cloud.call("RotateSecret", named_before).await["VersionId"],
        id(3)
    );
    assert_eq!(cloud.function.steps().len(), 8);
}

#[tokio::test]
async fn a_secret_deleted_during_its_rotation_is_left_alone() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.function.on("setSecret", |api, event| async move {
        let delete = json!({"SecretId": event.secret, "ForceDeleteWithoutRecovery": true});
        api.operate("DeleteSecret", delete).await.unwrap();
        Ok(())
    });
    cloud.rotate(2).await.unwrap();
    cloud.wait_for_failures(1).await;
    assert_eq!(cloud.function.steps(), ["createSecret", "setSecret"]);
}
