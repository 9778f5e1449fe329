//! Reads that are late, and a label that stays.

use serde_json::json;

use super::harness::{Cloud, FUNCTION, OPERATOR, id};
use crate::secrets_manager::Untidy;

/// API reference, `RotateSecret`: AWSPENDING "might be attached to the same version as the AWSCURRENT version".
#[tokio::test]
async fn pending_may_stay_on_what_a_finished_rotation_made_and_is_in_nobodys_way() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.be(Untidy {
        pending_stays: true,
        ..Untidy::default()
    });
    for version in [2, 3] {
        cloud.rotate(version).await.unwrap();
        cloud.wait_for_success(&id(version)).await;
        let live = format!("LIVE-{}", id(version));
        assert_eq!(
            cloud.labels().await[id(version)],
            json!(["AWSCURRENT", "AWSPENDING", live])
        );
    }
}

/// API reference, `RotateSecret`: "All Secrets Manager operations are eventually consistent."
#[tokio::test]
async fn a_read_after_a_change_may_tell_what_was_before() {
    let cloud = Cloud::start().await;
    cloud.be(Untidy {
        late_reads: 2,
        ..Untidy::default()
    });
    cloud.create().await;
    let secret = json!({"SecretId": "s"});
    let read = async |key, operation| {
        let answer = cloud.api.call_as(key, operation, secret.clone()).await;
        answer.map_or_else(
            |(code, _)| code,
            |answer| answer["VersionIdsToStages"].to_string() + &answer["SecretString"].to_string(),
        )
    };
    let missing = "ResourceNotFoundException";
    assert_eq!(read(OPERATOR, "DescribeSecret").await, missing);
    assert_eq!(read(OPERATOR, "GetSecretValue").await, missing);
    assert_eq!(read(OPERATOR, "GetSecretValue").await, "null\"one\"");
    // The first thing that somebody sees may be late as well; each caller has his own.
    assert_eq!(read(FUNCTION, "GetSecretValue").await, missing);
    cloud.put(2, &["AWSCURRENT"]).await;
    cloud.put(3, &["AWSCURRENT"]).await;
    for _ in 0..2 {
        assert_eq!(read(OPERATOR, "GetSecretValue").await, "null\"one\"");
    }
    for _ in 0..3 {
        assert_eq!(read(OPERATOR, "GetSecretValue").await, "null\"value 3\"");
    }
    // What reads tell late, changes know at once: without the label where it is, this would be refused.
    cloud.stage("AWSCURRENT", Some(3), Some(1)).await.unwrap();
    assert_eq!(read(OPERATOR, "GetSecretValue").await, "null\"value 3\"");
}

/// API reference, `ListSecrets`: it "might not … include the latest information", up to five minutes.
#[tokio::test]
async fn a_listing_may_tell_what_was_before() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let names = async || {
        let listed = cloud.call("ListSecrets", json!({})).await;
        listed["SecretList"].as_array().unwrap().len()
    };
    cloud.be(Untidy {
        late_lists: 2,
        ..Untidy::default()
    });
    assert_eq!(names().await, 1);
    let create = json!({"Name": "t", "SecretString": "x", "ClientRequestToken": id(9)});
    cloud.call("CreateSecret", create).await;
    assert_eq!((names().await, names().await, names().await), (1, 1, 2));
    let described = cloud.call("DescribeSecret", json!({"SecretId": "t"})).await;
    assert_eq!(described["Name"], "t");
}
