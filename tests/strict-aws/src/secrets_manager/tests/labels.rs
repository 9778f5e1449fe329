//! Staging labels.

use serde_json::json;
use stand_in::events::EventKind;

use super::harness::{Cloud, code, id};

#[tokio::test]
async fn labels_of_a_new_version_leave_their_old_one() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSPENDING", "BLUE"]).await;
    cloud.put(3, &["AWSPENDING"]).await;
    let expected = json!({id(1): ["AWSCURRENT"], id(2): ["BLUE"], id(3): ["AWSPENDING"]});
    assert_eq!(cloud.labels().await, expected);
}

#[tokio::test]
async fn previous_follows_current() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSCURRENT"]).await;
    cloud.put(3, &["AWSCURRENT"]).await;
    // A version without a label is deprecated, and not described. It can be had back.
    for (from, to, previous, current) in [
        (None, None, 2, 3),
        (Some(3), Some(2), 3, 2),
        (Some(2), Some(1), 2, 1),
    ] {
        if from.is_some() {
            cloud.stage("AWSCURRENT", from, to).await.unwrap();
        }
        let expected = json!({id(previous): ["AWSPREVIOUS"], id(current): ["AWSCURRENT"]});
        assert_eq!(cloud.labels().await, expected);
    }
}

#[tokio::test]
async fn moving_a_label_must_name_the_version_that_has_it() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSPENDING"]).await;
    cloud.put(3, &["X"]).await;
    let unnamed = format!(
        "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently \
         attached to version {}, so you must explicitly reference that version in \
         RemoveFromVersionId.",
        id(1)
    );
    let wrong = format!(
        "Staging label AWSCURRENT isn't currently attached to version {}.",
        id(3)
    );
    for (from, told) in [(None, unnamed), (Some(3), wrong)] {
        let refusal = cloud.stage("AWSCURRENT", from, Some(2)).await.unwrap_err();
        assert_eq!(refusal, ("InvalidParameterException".to_owned(), told));
    }
    for (from, to) in [(Some(1), Some(9)), (Some(9), Some(2)), (Some(9), None)] {
        let refusal = cloud.stage("AWSCURRENT", from, to).await.unwrap_err();
        assert_eq!(
            code(&refusal),
            "ResourceNotFoundException",
            "{from:?} {to:?}"
        );
    }
    let expected = json!({id(1): ["AWSCURRENT"], id(2): ["AWSPENDING"], id(3): ["X"]});
    assert_eq!(cloud.labels().await, expected);
}

#[tokio::test]
async fn custom_labels_are_attached_moved_and_removed() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSPENDING"]).await;
    // Attaching it again changes nothing.
    for (from, to) in [(None, Some(1)), (None, Some(1)), (Some(1), Some(2))] {
        cloud.stage("LIVE-1", from, to).await.unwrap();
    }
    let expected = json!({id(1): ["AWSCURRENT"], id(2): ["AWSPENDING", "LIVE-1"]});
    assert_eq!(cloud.labels().await, expected);
    cloud.stage("LIVE-1", Some(2), None).await.unwrap();
    for from in [Some(2), None] {
        let refusal = cloud.stage("LIVE-1", from, None).await.unwrap_err();
        assert_eq!(code(&refusal), "InvalidParameterException", "{from:?}");
    }
}

#[tokio::test]
async fn a_secret_always_has_a_current_version() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSCURRENT"]).await;
    for (label, from, to) in [("AWSCURRENT", 2, None), ("AWSPREVIOUS", 1, Some(2))] {
        let refusal = cloud.stage(label, Some(from), to).await.unwrap_err();
        assert_eq!(code(&refusal), "InvalidParameterException", "{label}");
    }
    let expected = json!({id(1): ["AWSPREVIOUS"], id(2): ["AWSCURRENT"]});
    assert_eq!(cloud.labels().await, expected);
    cloud.stage("AWSPREVIOUS", Some(1), None).await.unwrap();
    assert_eq!(cloud.labels().await, json!({id(2): ["AWSCURRENT"]}));
}

#[tokio::test]
async fn a_secret_uses_no_more_than_twenty_labels() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    for number in 1..20 {
        let label = format!("L{number}");
        cloud.stage(&label, None, Some(1)).await.unwrap();
    }
    let one_more = cloud.stage("L20", None, Some(1)).await.unwrap_err();
    let put = json!({
        "SecretId": "s", "SecretString": "x", "ClientRequestToken": id(2),
        "VersionStages": ["L20"],
    });
    for refusal in [one_more, cloud.refused("PutSecretValue", put).await] {
        assert_eq!(code(&refusal), "LimitExceededException");
    }
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
    let changes = cloud.events.since(before).into_iter();
    let changes = changes.map(|event| match event.kind {
        EventKind::LabelAttached { version, label, .. } => (true, label, version),
        EventKind::LabelRemoved { version, label, .. } => (false, label, version),
        other => panic!("{other:?}"),
    });
    let mut changes: Vec<(bool, String, String)> = changes.collect();
    changes.sort();
    let expected = [
        (false, "AWSCURRENT", 1),
        (true, "AWSCURRENT", 2),
        (true, "AWSPREVIOUS", 1),
    ];
    let expected = expected.map(|(on, label, version)| (on, label.to_owned(), id(version)));
    assert_eq!(changes, expected);
}
