//! Rotations by schedule.

use jiff::Timestamp;
use serde_json::json;
use stand_in::events::EventKind;

use super::harness::{Cloud, id};
use crate::secrets_manager::model::Model;
use crate::secrets_manager::request;

async fn enrolled() -> Cloud {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let mut request = Cloud::rotation_request(2);
    request["RotateImmediately"] = json!(false);
    cloud.call("RotateSecret", request).await;
    cloud
}

async fn wait_for_successes(cloud: &Cloud, many: usize) {
    cloud
        .wait_for(many, |kind| {
            matches!(kind, EventKind::RotationSucceeded { .. })
        })
        .await;
}

#[tokio::test]
async fn what_is_due_is_rotated() {
    let cloud = enrolled().await;
    let service = cloud.gateway.secrets_manager();
    service.bring_forward("s").unwrap();
    wait_for_successes(&cloud, 1).await;
    let secret = service.secret("s").unwrap();
    assert_eq!(secret.labelled("AWSPREVIOUS"), Some(id(1).as_str()));
    assert!(secret.last_rotated.is_some());
    assert!(secret.next_rotation.unwrap() > Timestamp::now());
    let scheduled = cloud.events.since(0).into_iter().any(|event| {
        matches!(event.kind, EventKind::RotationStarted { cause, .. } if cause == "schedule")
    });
    assert!(scheduled);
    // And again, each time with a version of its own.
    service.bring_forward(&secret.arn).unwrap();
    wait_for_successes(&cloud, 2).await;
    assert_eq!(service.secret("s").unwrap().versions.len(), 3);
}

#[tokio::test]
async fn the_schedule_reattempts_what_is_incomplete() {
    let cloud = enrolled().await;
    cloud.function.fail("setSecret", 3);
    cloud.rotate(3).await.unwrap();
    cloud.wait_for_failures(3).await;
    cloud.gateway.secrets_manager().bring_forward("s").unwrap();
    cloud.wait_for_success(&id(3)).await;
    assert_eq!(
        cloud
            .gateway
            .secrets_manager()
            .secret("s")
            .unwrap()
            .versions
            .len(),
        2
    );
}

#[tokio::test]
async fn without_rotation_there_is_nothing_to_bring_forward() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let service = cloud.gateway.secrets_manager();
    assert!(service.bring_forward("s").is_err());
    assert!(service.bring_forward("t").is_err());
    assert!(service.secret("s").unwrap().next_rotation.is_none());
}

/// API reference, `RotationRulesType`: "Manually updating the secret value … is considered a valid rotation" for
/// `AutomaticallyAfterDays`. That a rotation which was due "might still occur" after `rate()` was changed is not played:
/// the product sets `cron()` alone.
#[test]
fn a_value_stored_by_hand_counts_as_a_rotation_in_days_only() {
    let start: Timestamp = "2026-11-23T05:30:00Z".parse().unwrap();
    let later: Timestamp = "2026-11-28T05:30:00Z".parse().unwrap();
    let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:s-AbCdEf";
    for (rules, expected) in [
        (
            json!({"AutomaticallyAfterDays": 30}),
            "2026-12-28T00:00:00Z",
        ),
        (
            json!({"ScheduleExpression": "rate(30 days)"}),
            "2026-12-23T00:00:00Z",
        ),
    ] {
        let mut model = Model::default();
        let create = json!({"Name": "s", "SecretString": "one", "ClientRequestToken": id(1)});
        model
            .create(&request::parse(&create).unwrap(), arn.to_owned(), start)
            .unwrap();
        let mut enrol = Cloud::rotation_request(2);
        enrol["RotationRules"] = rules;
        let enrol = request::parse(&enrol).unwrap();
        let (run, _) = model.begin_test(&enrol, id(2), start).unwrap();
        model.end_test(&run, None);
        let put = json!({"SecretId": "s", "SecretString": "two", "ClientRequestToken": id(3)});
        model
            .put_value(&request::parse(&put).unwrap(), later)
            .unwrap();
        let next = model.find("s").unwrap().rotation.next.unwrap();
        assert_eq!(next.to_string(), expected);
    }
}

#[tokio::test]
async fn a_gateway_that_is_gone_rotates_no_more() {
    let cloud = enrolled().await;
    let service = cloud.gateway.secrets_manager().clone();
    drop(cloud.gateway);
    service.bring_forward("s").unwrap();
    // The loop has been stopped: let whatever might still run have its turn.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(cloud.function.steps(), ["testSecret"]);
}
