//! Deleting and restoring secrets.

use serde_json::{Value, json};

use super::harness::{Cloud, FUNCTION_ARN, code, id};

#[tokio::test]
async fn a_secret_marked_for_deletion_can_only_be_looked_at_and_restored() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let delete = json!({"SecretId": "s", "RecoveryWindowInDays": 7});
    let deleted = cloud.call("DeleteSecret", delete.clone()).await;
    let week = 7.0 * 24.0 * 3600.0;
    let now = jiff::Timestamp::now().as_duration().as_secs_f64();
    assert!((deleted["DeletionDate"].as_f64().unwrap() - now - week).abs() < 60.0);
    let secret = json!({"SecretId": "s"});
    let with = |more: Value| {
        let mut body = secret.clone();
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    for (operation, more) in [
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
        assert_eq!(
            cloud.refused(operation, with(more)).await,
            (
                "InvalidRequestException".to_owned(),
                "You can't perform this operation on the secret because it was marked for \
                 deletion."
                    .to_owned()
            ),
            "{operation}"
        );
    }
    let create = json!({"Name": "s", "SecretString": "one", "ClientRequestToken": id(1)});
    assert_eq!(
        cloud.refused("CreateSecret", create).await.1,
        "You can't create this secret because a secret with this name is already scheduled for \
         deletion."
    );
    let described = cloud.call("DescribeSecret", secret.clone()).await;
    assert_eq!(described["DeletedDate"], deleted["DeletionDate"]);
    let listed = cloud.call("ListSecrets", json!({})).await;
    assert_eq!(listed["SecretList"], json!([]));
    let planned = cloud
        .call("ListSecrets", json!({"IncludePlannedDeletion": true}))
        .await;
    assert_eq!(planned["SecretList"].as_array().unwrap().len(), 1);

    cloud.call("RestoreSecret", secret.clone()).await;
    let got = cloud.call("GetSecretValue", secret).await;
    assert_eq!(got["SecretString"], "one");
}

#[tokio::test]
async fn deleting_by_force_leaves_nothing() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let force = json!({"SecretId": "s", "ForceDeleteWithoutRecovery": true});
    cloud.call("DeleteSecret", json!({"SecretId": "s"})).await;
    cloud.call("DeleteSecret", force.clone()).await;
    let gone = cloud
        .refused("RestoreSecret", json!({"SecretId": "s"}))
        .await;
    assert_eq!(code(&gone), "ResourceNotFoundException");
    // Again is a success.
    cloud.call("DeleteSecret", force).await;
    cloud.create().await;
}

#[tokio::test]
async fn recovery_windows_are_bounded() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    for request in [
        json!({"SecretId": "s", "RecoveryWindowInDays": 6}),
        json!({"SecretId": "s", "RecoveryWindowInDays": 31}),
        json!({
            "SecretId": "s", "RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": true,
        }),
    ] {
        let refusal = cloud.refused("DeleteSecret", request).await;
        assert_eq!(code(&refusal), "InvalidParameterException");
    }
    let missing = cloud
        .refused("DeleteSecret", json!({"SecretId": "t"}))
        .await;
    assert_eq!(code(&missing), "ResourceNotFoundException");
}
