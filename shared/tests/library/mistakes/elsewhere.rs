//! At Heroku, at the service, in Secrets Manager: what the document does not hold.

use serde_json::json;

use super::{assert_told, instance, refused};
use crate::support::{Api, Stand, VAR, version_id};

#[tokio::test]
async fn a_config_var_that_the_manifest_does_not_declare() {
    let (stand, addon, mut event) = instance().await;
    let config = json!({ "ACMEURL": addon.document["heroku"]["config"][VAR] });
    event["Document"]["heroku"]["config"] = config;
    let message = refused(&stand, event).await;
    let cause = format!("Add-on {} has no config var ACMEURL (it has ", addon.addon);
    assert_told(&message, &cause, "the add-on's manifest declares", false);
    assert!(!message.contains("other values"), "{message}");
}

#[tokio::test]
async fn an_unknown_add_on() {
    let (stand, _, mut event) = instance().await;
    let addon = "01234567-89ab-cdef-0123-456789abcdef";
    event["Document"]["heroku"]["addon_id"] = addon.into();
    let message = refused(&stand, event).await;
    let cause = format!(
        "Reading the config of add-on {addon} at Heroku failed: there is no such add-on (404"
    );
    assert_told(&message, &cause, "Correct heroku.addon_id", false);
}

#[tokio::test]
async fn a_wrong_partner_secret() {
    let (stand, addon, event) = instance().await;
    let partner = json!({ "id": "acme", "password": "hunter2", "client_secret": "hunter2" });
    stand.store(&stand.lambda.heroku().partner, partner).await;
    let message = refused(&stand, event).await;
    let cause = format!(
        "Reading the config of add-on {} at Heroku failed: it refused the credentials (401",
        addon.addon
    );
    let remedy = "Correct id and password in the partner secret";
    assert_told(&message, &cause, remedy, false);
}

#[tokio::test]
async fn a_wrong_administrator() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V1).await;
    let wrong = json!({ "token": "hunter2", "url": stand.service.url().as_str() });
    stand.store_administrator(&wrong).await;
    stand.start_rotation(&instance).await;
    let message = stand.step_failed().await;
    let cause = format!(
        "Registering a credential at {} failed: the service refused the administrator: it answered 401",
        stand.service.url()
    );
    let remedy = "Put the administrator's right login into";
    assert_told(&message, &cause, remedy, false);
}

#[tokio::test]
async fn a_secret_without_the_stacks_tag() {
    let (stand, addon, event) = instance().await;
    let name = addon.name();
    let parameters = json!({
        "Name": name, "SecretString": addon.document.to_string(),
        "ClientRequestToken": version_id().as_str(),
    });
    stand.call("CreateSecret", parameters).await.unwrap();
    let answer = stand.lambda.ask("enroll-addon", event).await;
    let message = answer.unwrap_err().error_message;
    let cause = "does not have the tag rotation:stack=addon-rotation";
    assert_told(&message, cause, "tag it", false);
}

#[tokio::test]
async fn a_secret_that_another_function_rotates() {
    let (stand, addon, event) = instance().await;
    let name = addon.name();
    let function = "arn:aws:lambda:us-east-1:000000000000:function:acme-rotat";
    let parameters = json!({
        "Name": name, "SecretString": addon.document.to_string(),
        "Tags": [{ "Key": "rotation:stack", "Value": "addon-rotation" }],
        "ClientRequestToken": version_id().as_str(),
    });
    stand.call("CreateSecret", parameters).await.unwrap();
    let parameters = json!({
        "SecretId": name, "RotationLambdaARN": function,
        "RotationRules": { "AutomaticallyAfterDays": 90 },
        "ClientRequestToken": version_id().as_str(),
    });
    // The function is not there, and noted all the same.
    let _ = stand.call("RotateSecret", parameters).await;
    let answer = stand.lambda.ask("enroll-addon", event).await;
    let message = answer.unwrap_err().error_message;
    let cause = format!("is rotated by {function}");
    assert_told(&message, &cause, "Name this stack's function", false);
}
