//! Staging labels.

use serde_json::{Value, json};

use super::harness::{Cloud, code, id};
use crate::events::EventKind;

fn stage(label: &str, from: Option<u32>, to: Option<u32>) -> Value {
    json!({
        "SecretId": "s", "VersionStage": label,
        "RemoveFromVersionId": from.map(id), "MoveToVersionId": to.map(id),
    })
}

#[tokio::test]
async fn labels_of_a_new_version_leave_their_old_one() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSPENDING", "BLUE"]).await;
    cloud.put(3, &["AWSPENDING"]).await;
    assert_eq!(
        cloud.labels().await,
        json!({id(1): ["AWSCURRENT"], id(2): ["BLUE"], id(3): ["AWSPENDING"]})
    );
}

#[tokio::test]
async fn previous_follows_current() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSCURRENT"]).await;
    cloud.put(3, &["AWSCURRENT"]).await;
    // The first version has no label left: it is deprecated, and not described.
    assert_eq!(
        cloud.labels().await,
        json!({id(2): ["AWSPREVIOUS"], id(3): ["AWSCURRENT"]})
    );
    cloud
        .call(
            "UpdateSecretVersionStage",
            stage("AWSCURRENT", Some(3), Some(2)),
        )
        .await;
    assert_eq!(
        cloud.labels().await,
        json!({id(2): ["AWSCURRENT"], id(3): ["AWSPREVIOUS"]})
    );
    // A deprecated version can be had back.
    cloud
        .call(
            "UpdateSecretVersionStage",
            stage("AWSCURRENT", Some(2), Some(1)),
        )
        .await;
    assert_eq!(
        cloud.labels().await,
        json!({id(1): ["AWSCURRENT"], id(2): ["AWSPREVIOUS"]})
    );
}

#[tokio::test]
async fn moving_a_label_must_name_the_version_that_has_it() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSPENDING"]).await;
    cloud.put(3, &["X"]).await;
    let refusal = cloud
        .refused(
            "UpdateSecretVersionStage",
            stage("AWSCURRENT", None, Some(2)),
        )
        .await;
    assert_eq!(
        refusal,
        (
            "InvalidParameterException".to_owned(),
            format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is \
                 currently attached to version {}, so you must explicitly reference that version \
                 in RemoveFromVersionId.",
                id(1)
            )
        )
    );
    let refusal = cloud
        .refused(
            "UpdateSecretVersionStage",
            stage("AWSCURRENT", Some(3), Some(2)),
        )
        .await;
    assert_eq!(
        refusal,
        (
            "InvalidParameterException".to_owned(),
            format!(
                "Staging label AWSCURRENT isn't currently attached to version {}.",
                id(3)
            )
        )
    );
    for (from, to) in [(Some(1), Some(9)), (Some(9), Some(2)), (Some(9), None)] {
        let refusal = cloud
            .refused("UpdateSecretVersionStage", stage("AWSCURRENT", from, to))
            .await;
        assert_eq!(
            code(&refusal),
            "ResourceNotFoundException",
            "{from:?} {to:?}"
        );
    }
    assert_eq!(
        cloud.labels().await,
        json!({id(1): ["AWSCURRENT"], id(2): ["AWSPENDING"], id(3): ["X"]})
    );
}

#[tokio::test]
async fn custom_labels_are_attached_moved_and_removed() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSPENDING"]).await;
    cloud
        .call("UpdateSecretVersionStage", stage("LIVE-1", None, Some(1)))
        .await;
    // Attaching it again changes nothing.
    cloud
        .call("UpdateSecretVersionStage", stage("LIVE-1", None, Some(1)))
        .await;
    cloud
        .call(
            "UpdateSecretVersionStage",
            stage("LIVE-1", Some(1), Some(2)),
        )
        .await;
    assert_eq!(
        cloud.labels().await,
        json!({id(1): ["AWSCURRENT"], id(2): ["AWSPENDING", "LIVE-1"]})
    );
    cloud
        .call("UpdateSecretVersionStage", stage("LIVE-1", Some(2), None))
        .await;
    let gone = cloud
        .refused("UpdateSecretVersionStage", stage("LIVE-1", Some(2), None))
        .await;
    assert_eq!(code(&gone), "InvalidParameterException");
    let neither = cloud
        .refused("UpdateSecretVersionStage", stage("LIVE-1", None, None))
        .await;
    assert_eq!(code(&neither), "InvalidParameterException");
}

#[tokio::test]
async fn a_secret_always_has_a_current_version() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSCURRENT"]).await;
    let removed = cloud
        .refused(
            "UpdateSecretVersionStage",
            stage("AWSCURRENT", Some(2), None),
        )
        .await;
    assert_eq!(code(&removed), "InvalidParameterException");
    let both = cloud
        .refused(
            "UpdateSecretVersionStage",
            stage("AWSPREVIOUS", Some(1), Some(2)),
        )
        .await;
    assert_eq!(code(&both), "InvalidParameterException");
    assert_eq!(
        cloud.labels().await,
        json!({id(1): ["AWSPREVIOUS"], id(2): ["AWSCURRENT"]})
    );
    cloud
        .call(
            "UpdateSecretVersionStage",
            stage("AWSPREVIOUS", Some(1), None),
        )
        .await;
    assert_eq!(cloud.labels().await, json!({id(2): ["AWSCURRENT"]}));
}

#[tokio::test]
async fn a_secret_uses_no_more_than_twenty_labels() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    for number in 1..20 {
        cloud
            .call(
                "UpdateSecretVersionStage",
                stage(&format!("L{number}"), None, Some(1)),
            )
            .await;
    }
    let one_more = cloud
        .refused("UpdateSecretVersionStage", stage("L20", None, Some(1)))
        .await;
    assert_eq!(code(&one_more), "LimitExceededException");
    let put = json!({
        "SecretId": "s", "SecretString": "x", "ClientRequestToken": id(2),
        "VersionStages": ["L20"],
    });
    assert_eq!(
        code(&cloud.refused("PutSecretValue", put).await),
        "LimitExceededException"
    );
    // A refused request leaves nothing behind.
    let other = json!({"SecretId": "s", "VersionId": id(2)});
    let refusal = cloud.refused("GetSecretValue", other).await;
    assert_eq!(code(&refusal), "ResourceNotFoundException");
}

#[tokio::test]
async fn every_change_of_a_label_is_recorded() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let before = cloud.events.since(0).len();
    cloud.put(2, &["AWSCURRENT"]).await;
    let mut changes: Vec<(bool, String, String)> = cloud
        .events
        .since(before)
        .into_iter()
        .map(|event| match event.kind {
            EventKind::LabelAttached { version, label, .. } => (true, label, version),
            EventKind::LabelRemoved { version, label, .. } => (false, label, version),
            other => panic!("{other:?}"),
        })
        .collect();
    changes.sort();
    assert_eq!(
        changes,
        [
            (false, "AWSCURRENT".to_owned(), id(1)),
            (true, "AWSCURRENT".to_owned(), id(2)),
            (true, "AWSPREVIOUS".to_owned(), id(1)),
        ]
    );
}
