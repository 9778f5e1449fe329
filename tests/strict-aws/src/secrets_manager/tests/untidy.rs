//! What AWS may do and need not: each option of [`Untidy`].

use serde_json::json;

use super::harness::{Cloud, FUNCTION, OPERATOR, id};
use crate::secrets_manager::{Probe, Untidy};

/// API reference, `RotateSecret`: AWSPENDING "might be attached to the same version as the AWSCURRENT version".
#[tokio::test]
async fn pending_may_stay_on_what_a_finished_rotation_made_and_is_in_nobodys_way() {
    let cloud = Cloud::new().await;
    cloud.be(Untidy {
        pending_stays: true,
        ..Untidy::default()
    });
    for version in [2, 3] {
        cloud.rotated(version).await;
        let live = format!("LIVE-{}", id(version));
        let expected = json!(["AWSCURRENT", "AWSPENDING", live]);
        assert_eq!(cloud.labels().await[id(version)], expected);
    }
}

/// API reference, `RotateSecret`: "All Secrets Manager operations are eventually consistent."
#[tokio::test]
async fn a_read_after_a_change_may_tell_what_was_before() {
    let cloud = Cloud::empty();
    cloud.be(Untidy {
        late_reads: 2,
        ..Untidy::default()
    });
    let create = json!({"Name": "s", "SecretString": "one", "ClientRequestToken": id(1)});
    cloud.call("CreateSecret", create).await;
    let read = async |caller, operation| {
        let secret = json!({"SecretId": "s"});
        let answer = cloud.api.call_as(caller, operation, secret).await;
        answer.map_or_else(
            |refusal| refusal.code.to_owned(),
            |answer| {
                answer["SecretString"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            },
        )
    };
    let missing = "ResourceNotFoundException";
    assert_eq!(read(OPERATOR, "DescribeSecret").await, missing);
    assert_eq!(read(OPERATOR, "GetSecretValue").await, missing);
    assert_eq!(read(OPERATOR, "GetSecretValue").await, "one");
    // The first thing that somebody sees may be late as well; each caller has his own.
    assert_eq!(read(FUNCTION, "GetSecretValue").await, missing);
    cloud.put(2, &["AWSCURRENT"]).await;
    cloud.put(3, &["AWSCURRENT"]).await;
    for expected in ["one", "one", "value 3", "value 3", "value 3"] {
        assert_eq!(read(OPERATOR, "GetSecretValue").await, expected);
    }
    // What reads tell late, changes know at once: without the label where it is, this would be refused.
    cloud.stage("AWSCURRENT", Some(3), Some(1)).await.unwrap();
    assert_eq!(read(OPERATOR, "GetSecretValue").await, "value 3");
}

/// API reference, `ListSecrets`: it "might not … include the latest information", up to five minutes.
#[tokio::test]
async fn a_listing_may_tell_what_was_before() {
    let cloud = Cloud::new().await;
    let many = async || {
        let listed = cloud.call("ListSecrets", json!({})).await;
        listed["SecretList"].as_array().unwrap().len()
    };
    cloud.be(Untidy {
        late_lists: 2,
        ..Untidy::default()
    });
    assert_eq!(many().await, 1);
    cloud.call("CreateSecret", json!({"Name": "t"})).await;
    assert_eq!((many().await, many().await, many().await), (1, 1, 2));
    let described = cloud.call("DescribeSecret", json!({"SecretId": "t"})).await;
    assert_eq!(described["Name"], "t");
}

/// Recorded (moto): the rules stay. API reference, `DescribeSecret`: `LastRotatedDate` is null
/// where "rotation has been disabled". Whether the function's ARN stays is open.
#[tokio::test]
async fn cancelled_the_rules_stay_and_the_last_rotation_is_not_told() {
    for forgets in [false, true] {
        let cloud = Cloud::new().await;
        cloud.rotated(2).await;
        cloud.be(Untidy {
            cancelling_forgets_the_function: forgets,
            ..Untidy::default()
        });
        let before = cloud.describe().await;
        assert!(before.get("LastRotatedDate").is_some());
        cloud
            .call("CancelRotateSecret", json!({"SecretId": "s"}))
            .await;
        let after = cloud.describe().await;
        assert!(after.get("LastRotatedDate").is_none());
        assert_eq!(after["RotationRules"], before["RotationRules"]);
        assert_eq!(after.get("RotationLambdaARN").is_none(), forgets);
    }
}

/// Recorded: the version that is tested holds the current value under an id of its own. That it holds none, or is tested
/// after the answer, is open.
#[tokio::test]
async fn what_is_tested_without_rotating_holds_the_current_value() {
    for (probe, expected) in [
        (Probe::CurrentValue, "one"),
        (Probe::NoValue, "ResourceNotFoundException"),
    ] {
        for probe_comes_later in [false, true] {
            let cloud = Cloud::new().await;
            cloud.be(Untidy {
                probe,
                probe_comes_later,
                ..Untidy::default()
            });
            cloud.function.on("testSecret", |api, event| async move {
                assert_ne!(event.version, id(1));
                let pending = json!({"SecretId": event.secret, "VersionStage": "AWSPENDING"});
                let found = api.by_function("GetSecretValue", pending).await?;
                anyhow::bail!(found["SecretString"].to_string())
            });
            let answer = cloud.enrol().await;
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
    let cloud = Cloud::new().await;
    cloud.be(Untidy {
        lingering: 3,
        ..Untidy::default()
    });
    let force = json!({"SecretId": "s", "ForceDeleteWithoutRecovery": true});
    cloud.call("DeleteSecret", force).await;
    assert!(cloud.describe().await.get("DeletedDate").is_some());
    let create = json!({"Name": "s", "SecretString": "x", "ClientRequestToken": id(2)});
    let marked = "InvalidRequestException";
    assert_eq!(cloud.code("CreateSecret", create.clone()).await, marked);
    let read = json!({"SecretId": "s"});
    assert_eq!(cloud.code("GetSecretValue", read).await, marked);
    cloud.call("CreateSecret", create).await;
    assert_eq!(cloud.labels().await, json!({id(2): ["AWSCURRENT"]}));
}
