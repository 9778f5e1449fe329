//! Storing and reading values.

use serde_json::json;

use super::harness::{Cloud, OPERATOR, code, id};

#[tokio::test]
async fn a_secret_is_found_by_name_arn_and_partial_arn() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let described = cloud.describe().await;
    let arn = described["ARN"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:000000000000:secret:s-"));
    let partial = &arn[..arn.len() - 7];
    for id in ["s", arn, partial] {
        let found = cloud.call("DescribeSecret", json!({"SecretId": id})).await;
        assert_eq!(found["ARN"], arn, "{id}");
    }
    for id in ["t", &arn[..arn.len() - 1], &format!("{partial}-000000"), ""] {
        let refusal = cloud
            .refused("DescribeSecret", json!({"SecretId": id}))
            .await;
        assert_eq!(
            refusal,
            (
                "ResourceNotFoundException".to_owned(),
                "Secrets Manager can't find the specified secret.".to_owned()
            ),
            "{id}"
        );
    }
}

#[tokio::test]
async fn answers_are_in_awss_json() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let body = json!({"SecretId": "s"}).to_string();
    let response = cloud.api.send(OPERATOR, "DescribeSecret", body).await;
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(header("x-amzn-requestid").len(), 36);
    let described: serde_json::Value = response.json().await.unwrap();
    let created = described["CreatedDate"].as_f64().unwrap();
    let now = jiff::Timestamp::now().as_duration().as_secs_f64();
    assert!((now - created).abs() < 60.0, "{created}");
    for absent in ["DeletedDate", "RotationEnabled", "Tags", "LastAccessedDate"] {
        assert!(described.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn unreadable_requests_are_refused_without_quoting_them() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    for (operation, body) in [
        ("PutSecretValue", r#"{"SecretString": "hunter2"#),
        (
            "PutSecretValue",
            r#"{"SecretId": "s", "SecretString": ["hunter2"]}"#,
        ),
        ("PutSecretValue", r#"{"SecretString": "hunter2"}"#),
        ("PutSecretValue", r#""hunter2""#),
        ("NoSuchOperation", r#"{"SecretString": "hunter2"}"#),
        ("BatchGetSecretValue", "{}"),
    ] {
        let response = cloud.api.send(OPERATOR, operation, body.to_owned()).await;
        assert_eq!(response.status(), 400, "{operation} {body}");
        assert!(
            !response.text().await.unwrap().contains("hunter2"),
            "{body}"
        );
    }
    let unsigned = reqwest::Client::new()
        .post(cloud.gateway.endpoint().clone())
        .header("x-amz-target", "secretsmanager.ListSecrets")
        .send()
        .await
        .unwrap();
    assert_eq!(unsigned.status(), 400);
}

#[tokio::test]
async fn creating_again_with_the_same_token_is_idempotent() {
    let cloud = Cloud::start().await;
    let create = |token: u32, value: &str| json!({"Name": "s", "SecretString": value, "ClientRequestToken": id(token)});
    let first = cloud.call("CreateSecret", create(1, "one")).await;
    assert_eq!(cloud.call("CreateSecret", create(1, "one")).await, first);
    let other_value = cloud.refused("CreateSecret", create(1, "two")).await;
    assert_eq!(code(&other_value), "ResourceExistsException");
    let other_token = cloud.refused("CreateSecret", create(2, "one")).await;
    assert_eq!(
        other_token,
        (
            "ResourceExistsException".to_owned(),
            "The operation failed because the secret s already exists.".to_owned()
        )
    );
}

#[tokio::test]
async fn a_secret_without_a_value_has_no_version() {
    let cloud = Cloud::start().await;
    let created = cloud.call("CreateSecret", json!({"Name": "s"})).await;
    assert!(created.get("VersionId").is_none());
    assert!(cloud.labels().await.is_null());
    let refusal = cloud
        .refused("GetSecretValue", json!({"SecretId": "s"}))
        .await;
    assert_eq!(
        refusal.1,
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
    );
    let put = cloud.put(2, &["AWSCURRENT"]).await;
    assert_eq!(put["VersionStages"], json!(["AWSCURRENT"]));
    assert_eq!(cloud.labels().await, json!({id(2): ["AWSCURRENT"]}));
}

#[tokio::test]
async fn values_are_read_by_label_version_or_both() {
    let cloud = Cloud::start().await;
    cloud.create().await;
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
    let mismatch = cloud
        .refused("GetSecretValue", get(Some(1), Some("AWSPENDING")))
        .await;
    assert_eq!(
        mismatch,
        (
            "InvalidRequestException".to_owned(),
            "You provided a VersionStage that is not associated to the provided VersionId."
                .to_owned()
        )
    );
    let no_label = cloud
        .refused("GetSecretValue", get(None, Some("AWSPREVIOUS")))
        .await;
    assert_eq!(code(&no_label), "ResourceNotFoundException");
    let no_version = cloud.refused("GetSecretValue", get(Some(3), None)).await;
    assert_eq!(
        no_version.1,
        format!(
            "Secrets Manager can't find the specified secret value for VersionId: {}",
            id(3)
        )
    );
}

/// API reference, `PutSecretValue`, `ClientRequestToken`: with the same value "the request is ignored", with another it
/// fails, "because you can't modify an existing version".
#[tokio::test]
async fn a_token_stands_for_one_value() {
    let cloud = Cloud::start().await;
    cloud.create().await;
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
    assert_eq!(
        cloud.labels().await,
        json!({id(1): ["AWSCURRENT"], id(2): ["AWSPENDING", "X"]})
    );
    let other = cloud
        .refused("PutSecretValue", put("three", &["AWSPENDING"]))
        .await;
    assert_eq!(code(&other), "ResourceExistsException");
    assert!(!other.1.contains("three") && !other.1.contains("two"));
    let kept = cloud
        .call(
            "GetSecretValue",
            json!({"SecretId": "s", "VersionId": id(2)}),
        )
        .await;
    assert_eq!(kept["SecretString"], "two");
}

#[tokio::test]
async fn values_have_a_limit_and_tokens_a_form() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let put = |bytes: usize| {
        json!({
            "SecretId": "s", "SecretString": "é".repeat(bytes / 2) + &"x".repeat(bytes % 2),
            "ClientRequestToken": id(2), "VersionStages": ["X"],
        })
    };
    let refusal = cloud.refused("PutSecretValue", put(65_537)).await;
    assert_eq!(code(&refusal), "ValidationException");
    cloud.call("PutSecretValue", put(65_536)).await;

    let bad = |change: serde_json::Value| {
        let mut body = json!({
            "SecretId": "s", "SecretString": "x", "ClientRequestToken": id(3),
        });
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        body
    };
    for (change, expected) in [
        (
            json!({"ClientRequestToken": null}),
            "InvalidRequestException",
        ),
        (
            json!({"ClientRequestToken": "short"}),
            "InvalidParameterException",
        ),
        (json!({"SecretString": null}), "InvalidRequestException"),
        (json!({"SecretString": ""}), "ValidationException"),
        (json!({"VersionStages": []}), "ValidationException"),
        (json!({"VersionStages": [""]}), "ValidationException"),
        (json!({"RotationToken": id(9)}), "AccessDeniedException"),
    ] {
        let refusal = cloud.refused("PutSecretValue", bad(change.clone())).await;
        assert_eq!(code(&refusal), expected, "{change}");
    }
}

#[tokio::test]
async fn names_and_tags_have_a_form() {
    let cloud = Cloud::start().await;
    for name in ["Inv Name", "", "a*b", &"x".repeat(513)] {
        let refusal = cloud.refused("CreateSecret", json!({"Name": name})).await;
        assert_eq!(code(&refusal), "ValidationException", "{name}");
    }
    cloud
        .call("CreateSecret", json!({"Name": "Valid/_+=.@-Name"}))
        .await;
    cloud.create().await;
    let tag =
        |key: &str, value: &str| json!({"SecretId": "s", "Tags": [{"Key": key, "Value": value}]});
    cloud
        .call("TagResource", tag("rotation:revoke-after", "60"))
        .await;
    cloud.call("TagResource", tag("team", "a")).await;
    cloud.call("TagResource", tag("team", "b")).await;
    assert_eq!(
        code(&cloud.refused("TagResource", tag("aws:x", "y")).await),
        "InvalidParameterException"
    );
    assert_eq!(
        code(&cloud.refused("TagResource", tag("", "y")).await),
        "ValidationException"
    );
    let untag = json!({"SecretId": "s", "TagKeys": ["rotation:revoke-after", "unknown"]});
    cloud.call("UntagResource", untag).await;
    let described = cloud.describe().await;
    assert_eq!(described["Tags"], json!([{"Key": "team", "Value": "b"}]));
}

#[tokio::test]
async fn every_value_that_ever_was_is_remembered_for_the_search_of_the_logs() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.put(2, &["AWSCURRENT"]).await;
    let delete = json!({"SecretId": "s", "ForceDeleteWithoutRecovery": true});
    cloud.call("DeleteSecret", delete).await;
    let texts = cloud.gateway.secrets_manager().sensitive_texts();
    assert!(
        ["one", "value 2"]
            .iter()
            .all(|text| texts.iter().any(|known| known == text))
    );
}
