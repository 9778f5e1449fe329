//! Storing and reading values, and how secrets come and go.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::harness::{Cloud, FUNCTION_ARN, id};
use crate::secrets_manager::model::Model;
use crate::secrets_manager::request;

#[tokio::test]
async fn a_secret_is_found_by_name_arn_and_partial_arn() {
    let cloud = Cloud::new().await;
    let described = cloud.describe().await;
    let arn = described["ARN"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:000000000000:secret:s-"));
    for absent in ["DeletedDate", "RotationEnabled", "Tags", "LastAccessedDate"] {
        assert!(described.get(absent).is_none(), "{absent}");
    }
    let partial = &arn[..arn.len() - 7];
    for id in ["s", arn, partial] {
        let found = cloud.call("DescribeSecret", json!({"SecretId": id})).await;
        assert_eq!(found["ARN"], arn, "{id}");
    }
    for id in ["t", &arn[..arn.len() - 1], &format!("{partial}-000000"), ""] {
        let refusal = cloud
            .refused("DescribeSecret", json!({"SecretId": id}))
            .await;
        let told = "Secrets Manager can't find the specified secret.";
        assert_eq!(
            (refusal.code, &*refusal.message),
            ("ResourceNotFoundException", told),
            "{id}"
        );
    }
}

#[tokio::test]
async fn creating_again_with_the_same_token_is_idempotent() {
    let cloud = Cloud::empty();
    let create = |token: u32, value: &str| json!({"Name": "s", "SecretString": value, "ClientRequestToken": id(token)});
    let first = cloud.call("CreateSecret", create(1, "one")).await;
    assert_eq!(cloud.call("CreateSecret", create(1, "one")).await, first);
    let exists = "ResourceExistsException";
    assert_eq!(cloud.code("CreateSecret", create(1, "two")).await, exists);
    let other_token = cloud.refused("CreateSecret", create(2, "one")).await;
    let told = "The operation failed because the secret s already exists.";
    assert_eq!((other_token.code, &*other_token.message), (exists, told));
}

/// API reference, `PutSecretValue`: "If this is the first version … Secrets Manager automatically attaches
/// AWSCURRENT", whatever labels it comes with.
#[tokio::test]
async fn a_secret_without_a_value_has_no_version() {
    let cloud = Cloud::empty();
    let created = cloud.call("CreateSecret", json!({"Name": "s"})).await;
    assert!(created.get("VersionId").is_none());
    assert!(cloud.labels().await.is_null());
    let refusal = cloud
        .refused("GetSecretValue", json!({"SecretId": "s"}))
        .await;
    assert_eq!(
        refusal.message,
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
    );
    let put = cloud.put(2, &["AWSPENDING"]).await;
    let both = json!(["AWSCURRENT", "AWSPENDING"]);
    assert_eq!(put["VersionStages"], both);
    assert_eq!(cloud.labels().await, json!({id(2): both}));
}

#[tokio::test]
async fn values_are_read_by_label_version_or_both() {
    let cloud = Cloud::new().await;
    cloud.put(2, &["AWSPENDING"]).await;
    let get = |version: Option<u32>, label: Option<&str>| json!({"SecretId": "s", "VersionId": version.map(id), "VersionStage": label});
    for (version, label, value) in [
        (None, None, "one"),
        (None, Some("AWSPENDING"), "value 2"),
        (Some(2), None, "value 2"),
        (Some(1), Some("AWSCURRENT"), "one"),
    ] {
        let answer = cloud.call("GetSecretValue", get(version, label)).await;
        assert_eq!(answer["SecretString"], value);
    }
    let mismatch =
        "You provided a VersionStage that is not associated to the provided VersionId.".to_owned();
    let missing = "Secrets Manager can't find the specified secret value for";
    let not_found = "ResourceNotFoundException";
    for (version, label, code, told) in [
        (
            Some(1),
            Some("AWSPENDING"),
            "InvalidRequestException",
            mismatch,
        ),
        (
            None,
            Some("X"),
            not_found,
            format!("{missing} staging label: X"),
        ),
        (
            Some(3),
            None,
            not_found,
            format!("{missing} VersionId: {}", id(3)),
        ),
    ] {
        let refusal = cloud.refused("GetSecretValue", get(version, label)).await;
        assert_eq!((refusal.code, refusal.message), (code, told));
    }
    // One without labels has its value for whoever knows its id.
    cloud.put(3, &["AWSCURRENT"]).await;
    cloud.put(4, &["AWSCURRENT"]).await;
    assert!(cloud.labels().await.get(id(1)).is_none());
    let got = cloud.call("GetSecretValue", get(Some(1), None)).await;
    assert_eq!(got["SecretString"], "one");
}

/// API reference, `PutSecretValue`, `ClientRequestToken`: with the same value "the request is ignored", with another it
/// fails, "because you can't modify an existing version".
#[tokio::test]
async fn a_token_stands_for_one_value() {
    let cloud = Cloud::new().await;
    let put = |value: &str, labels: &[&str]| {
        json!({
            "SecretId": "s", "SecretString": value, "ClientRequestToken": id(2),
            "VersionStages": labels,
        })
    };
    cloud
        .call("PutSecretValue", put("two", &["AWSPENDING", "X"]))
        .await;
    // The same value again is ignored, labels and all.
    let again = cloud
        .call("PutSecretValue", put("two", &["AWSCURRENT"]))
        .await;
    assert_eq!(again["VersionStages"], json!(["AWSPENDING", "X"]));
    let expected = json!({id(1): ["AWSCURRENT"], id(2): ["AWSPENDING", "X"]});
    assert_eq!(cloud.labels().await, expected);
    let other = cloud
        .refused("PutSecretValue", put("three", &["AWSPENDING"]))
        .await;
    assert_eq!(other.code, "ResourceExistsException");
    assert!(!other.message.contains("three") && !other.message.contains("two"));
    assert_eq!(cloud.service.value("s", &id(2)).as_deref(), Some("two"));
}

#[tokio::test]
async fn values_names_and_tags_have_a_form() {
    let cloud = Cloud::new().await;
    let (validation, invalid) = ("ValidationException", "InvalidParameterException");
    let put = |field: &str, value: Value| {
        let mut put = json!({"SecretId": "s", "SecretString": "x", "ClientRequestToken": id(3)});
        put[field] = value;
        ("PutSecretValue", put)
    };
    let bytes = |bytes: usize| {
        let value = "é".repeat(bytes / 2) + &"x".repeat(bytes % 2);
        put("SecretString", value.into())
    };
    let name = |name: &str| ("CreateSecret", json!({ "Name": name }));
    let tag = |key: &str, value: &str| {
        let tags = json!({"SecretId": "s", "Tags": [{"Key": key, "Value": value}]});
        ("TagResource", tags)
    };
    for ((operation, body), code) in [
        (bytes(65_537), validation),
        (
            put("ClientRequestToken", json!(null)),
            "InvalidRequestException",
        ),
        (put("ClientRequestToken", json!("short")), invalid),
        (put("SecretString", json!(null)), "InvalidRequestException"),
        (put("SecretString", json!("")), validation),
        (put("VersionStages", json!([])), validation),
        (put("VersionStages", json!([""])), validation),
        (put("RotationToken", json!(id(9))), "AccessDeniedException"),
        (name("Inv Name"), validation),
        (name(""), validation),
        (name("a*b"), validation),
        (name(&"x".repeat(513)), validation),
        (tag("aws:x", "y"), invalid),
        (tag("", "y"), validation),
    ] {
        let told = body.to_string();
        assert_eq!(cloud.code(operation, body).await, code, "{told:.80}");
    }
    for (operation, body) in [
        bytes(65_536),
        name("Valid/_+=.@-Name"),
        tag("rotation:revoke-after", "60"),
        tag("team", "a"),
        tag("team", "b"),
    ] {
        cloud.call(operation, body).await;
    }
    let untag = json!({"SecretId": "s", "TagKeys": ["rotation:revoke-after", "unknown"]});
    cloud.call("UntagResource", untag).await;
    let tags = cloud.describe().await["Tags"].clone();
    assert_eq!(tags, json!([{"Key": "team", "Value": "b"}]));
}

#[tokio::test]
async fn every_value_that_ever_was_is_remembered_for_the_search_of_the_logs() {
    let cloud = Cloud::new().await;
    cloud.put(2, &["AWSCURRENT"]).await;
    let delete = json!({"SecretId": "s", "ForceDeleteWithoutRecovery": true});
    cloud.call("DeleteSecret", delete).await;
    assert_eq!(cloud.service.sensitive_texts(), ["one", "value 2"]);
}

#[tokio::test]
async fn a_secret_marked_for_deletion_can_only_be_looked_at_and_restored() {
    let cloud = Cloud::new().await;
    let delete = json!({"SecretId": "s", "RecoveryWindowInDays": 7});
    let deleted = cloud.call("DeleteSecret", delete).await;
    let week = 7.0 * 24.0 * 3600.0;
    let now = Timestamp::now().as_duration().as_secs_f64();
    assert!((deleted["DeletionDate"].as_f64().unwrap() - now - week).abs() < 60.0);
    for (operation, mut body) in [
        ("GetSecretValue", json!({})),
        (
            "PutSecretValue",
            json!({"SecretString": "x", "ClientRequestToken": id(2)}),
        ),
        (
            "UpdateSecretVersionStage",
            json!({"VersionStage": "X", "MoveToVersionId": id(1)}),
        ),
        ("TagResource", json!({"Tags": [{"Key": "a", "Value": "b"}]})),
        ("UntagResource", json!({"TagKeys": ["a"]})),
        (
            "RotateSecret",
            json!({"ClientRequestToken": id(2), "RotationLambdaARN": FUNCTION_ARN}),
        ),
        ("CancelRotateSecret", json!({})),
        ("DeleteSecret", json!({})),
    ] {
        body["SecretId"] = json!("s");
        let refusal = cloud.refused(operation, body).await;
        let told =
            "You can't perform this operation on the secret because it was marked for deletion.";
        assert_eq!(
            (refusal.code, &*refusal.message),
            ("InvalidRequestException", told),
            "{operation}"
        );
    }
    let create = json!({"Name": "s", "SecretString": "one", "ClientRequestToken": id(1)});
    assert_eq!(
        cloud.refused("CreateSecret", create).await.message,
        "You can't create this secret because a secret with this name is already scheduled for \
         deletion."
    );
    assert_eq!(
        cloud.describe().await["DeletedDate"],
        deleted["DeletionDate"]
    );
    for (planned, many) in [(false, 0), (true, 1)] {
        let listed = json!({ "IncludePlannedDeletion": planned });
        let listed = cloud.call("ListSecrets", listed).await;
        assert_eq!(listed["SecretList"].as_array().unwrap().len(), many);
    }
    let secret = json!({"SecretId": "s"});
    cloud.call("RestoreSecret", secret.clone()).await;
    let got = cloud.call("GetSecretValue", secret).await;
    assert_eq!(got["SecretString"], "one");
}

#[tokio::test]
async fn deleting_by_force_leaves_nothing_and_recovery_windows_are_bounded() {
    let cloud = Cloud::new().await;
    let invalid = "InvalidParameterException";
    for (days, force) in [(6, false), (31, false), (7, true)] {
        let request = json!({
            "SecretId": "s", "RecoveryWindowInDays": days, "ForceDeleteWithoutRecovery": force,
        });
        assert_eq!(cloud.code("DeleteSecret", request).await, invalid, "{days}");
    }
    let missing = cloud.code("DeleteSecret", json!({"SecretId": "t"})).await;
    assert_eq!(missing, "ResourceNotFoundException");

    let force = json!({"SecretId": "s", "ForceDeleteWithoutRecovery": true});
    cloud.call("DeleteSecret", json!({"SecretId": "s"})).await;
    cloud.call("DeleteSecret", force.clone()).await;
    let gone = cloud.code("RestoreSecret", json!({"SecretId": "s"})).await;
    assert_eq!(gone, "ResourceNotFoundException");
    // Again is a success.
    cloud.call("DeleteSecret", force).await;
    cloud.call("CreateSecret", json!({"Name": "s"})).await;
}

#[test]
fn outdated_versions_go_when_there_are_many_and_they_are_old() {
    let start: Timestamp = "2026-11-23T05:30:00Z".parse().unwrap();
    let day = SignedDuration::from_hours(24);
    let mut model = Model::default();
    let create = json!({"Name": "s", "SecretString": "x", "ClientRequestToken": id(0)});
    let create = request::parse(&create).unwrap();
    model.create(&create, "arn".to_owned(), start).unwrap();
    let mut put = |number: u32, label: &str, now: Timestamp| {
        let put = json!({
            "SecretId": "s", "SecretString": "x", "ClientRequestToken": id(number),
            "VersionStages": [label],
        });
        model
            .put_value(&request::parse(&put).unwrap(), now)
            .unwrap();
        let versions = &model.find("s").unwrap().versions;
        (
            versions.len(),
            versions.iter().any(|version| version.id == id(1)),
        )
    };
    put(1, "LIVE-1", start);
    for number in 2..120 {
        put(number, "AWSPENDING", start);
    }
    assert_eq!(put(120, "AWSPENDING", start), (121, true));
    // A label keeps its version.
    assert_eq!(put(121, "AWSPENDING", start + day), (100, true));
    // Once it has none, it is the oldest to go.
    assert_eq!(put(122, "LIVE-1", start + day), (100, false));
}
