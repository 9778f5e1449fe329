//! Staging labels.

use serde_json::json;
use stand_in::events::EventKind;

use super::harness::{Cloud, id};

#[tokio::test]
async fn labels_of_a_new_version_leave_their_old_one() {
    let cloud = Cloud::new().await;
    cloud.put(2, &["AWSPENDING", "BLUE"]).await;
    cloud.put(3, &["AWSPENDING"]).await;
    let expected = json!({id(1): ["AWSCURRENT"], id(2): ["BLUE"], id(3): ["AWSPENDING"]});
    assert_eq!(cloud.labels().await, expected);
}

#[tokio::test]
async fn previous_follows_current_and_every_change_is_recorded() {
    let cloud = Cloud::new().await;
    let before = cloud.events.since(0).len();
    cloud.put(2, &["AWSCURRENT"]).await;
    let mut changes: Vec<_> = cloud.events.since(before).into_iter().collect();
    changes.sort_by_key(|event| format!("{:?}", event.kind));
    let (secret, current, previous) = ("s", "AWSCURRENT", "AWSPREVIOUS");
    let attached = |label: &str, version| EventKind::LabelAttached {
        secret: secret.to_owned(),
        version: id(version),
        label: label.to_owned(),
    };
    let removed = EventKind::LabelRemoved {
        secret: secret.to_owned(),
        version: id(1),
        label: current.to_owned(),
    };
    let changes: Vec<_> = changes.into_iter().map(|event| event.kind).collect();
    assert_eq!(
        changes,
        [attached(previous, 1), attached(current, 2), removed]
    );

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
    let cloud = Cloud::new().await;
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
    let missing = |version| {
        format!(
            "Secrets Manager can't find the specified secret value for VersionId: {}",
            id(version)
        )
    };
    let (invalid, not_found) = ("InvalidParameterException", "ResourceNotFoundException");
    for (from, to, code, told) in [
        (None, Some(2), invalid, unnamed),
        (Some(3), Some(2), invalid, wrong),
        (Some(1), Some(9), not_found, missing(9)),
        (Some(9), Some(2), not_found, missing(9)),
        (Some(9), None, not_found, missing(9)),
    ] {
        let refusal = cloud.stage("AWSCURRENT", from, to).await.unwrap_err();
        assert_eq!((refusal.code, refusal.message), (code, told));
    }
    let expected = json!({id(1): ["AWSCURRENT"], id(2): ["AWSPENDING"], id(3): ["X"]});
    assert_eq!(cloud.labels().await, expected);
}

/// Recorded (`LocalStack`, `test_update_secret_version_stages_current_pending_cycle_custom_stages_1` to `_3`): a custom
/// label stays, whatever its version becomes.
#[tokio::test]
async fn custom_labels_are_attached_moved_and_removed() {
    let cloud = Cloud::new().await;
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
        assert_eq!(refusal.code, "InvalidParameterException", "{from:?}");
    }
    cloud.put(3, &["AWSCURRENT", "LIVE-3"]).await;
    for (version, expected) in [
        (4, json!(["AWSPREVIOUS", "LIVE-3"])),
        (5, json!(["LIVE-3"])),
    ] {
        cloud.put(version, &["AWSCURRENT"]).await;
        assert_eq!(cloud.labels().await[id(3)], expected);
    }
}

/// Recorded (`LocalStack`, `test_update_secret_version_stages_current_pending`).
#[tokio::test]
async fn what_was_current_and_pending_is_previous_alone_when_a_value_is_stored() {
    let cloud = Cloud::new().await;
    cloud.stage("AWSPENDING", None, Some(1)).await.unwrap();
    let both = json!({id(1): ["AWSCURRENT", "AWSPENDING"]});
    assert_eq!(cloud.labels().await, both);
    cloud.put(2, &["AWSCURRENT"]).await;
    let expected = json!({id(1): ["AWSPREVIOUS"], id(2): ["AWSCURRENT"]});
    assert_eq!(cloud.labels().await, expected);
}

#[tokio::test]
async fn a_secret_always_has_a_current_version() {
    let cloud = Cloud::new().await;
    cloud.put(2, &["AWSCURRENT"]).await;
    for (label, from, to) in [("AWSCURRENT", 2, None), ("AWSPREVIOUS", 1, Some(2))] {
        let refusal = cloud.stage(label, Some(from), to).await.unwrap_err();
        assert_eq!(refusal.code, "InvalidParameterException", "{label}");
    }
    let expected = json!({id(1): ["AWSPREVIOUS"], id(2): ["AWSCURRENT"]});
    assert_eq!(cloud.labels().await, expected);
    cloud.stage("AWSPREVIOUS", Some(1), None).await.unwrap();
    assert_eq!(cloud.labels().await, json!({id(2): ["AWSCURRENT"]}));
}

#[tokio::test]
async fn a_secret_uses_no_more_than_twenty_labels() {
    let cloud = Cloud::new().await;
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
        assert_eq!(refusal.code, "LimitExceededException");
    }
    // A refused request leaves nothing behind.
    let other = json!({"SecretId": "s", "VersionId": id(2)});
    let code = cloud.code("GetSecretValue", other).await;
    assert_eq!(code, "ResourceNotFoundException");
}
