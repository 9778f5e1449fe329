//! On the operator's command line.

use std::time::Duration;

use addon_rotation::aws;
use addon_rotation::schedule::ScheduleGroup;
use addon_rotation::secrets::Secrets;
use addon_rotation_operator::stack::Stack;
use addon_rotation_operator::{deprovision, rotation, status};
use aws_credential_types::Credentials;
use serde_json::json;

use super::instance;
use crate::operator::{Words, stack};
use crate::support::{Api, Stand};

fn assert_said(text: &str, cause: &str, remedy: &str) {
    let parts = text.split_once(" → ");
    let (what, what_to_do) = parts.unwrap_or_else(|| panic!("nothing to do: {text}"));
    assert!(what.contains(cause), "{cause}: {text}");
    assert!(what_to_do.contains(remedy), "{remedy}: {text}");
}

fn rotate(addon: &str) -> rotation::Options {
    rotation::Options {
        addon: addon.to_owned(),
        wait: true,
        patience: Duration::from_secs(1),
    }
}

async fn refused(stack: &Stack, addon: &str) -> String {
    let output = Words::default().output();
    let error = rotation::run(stack, &output, &rotate(addon)).await;
    error.unwrap_err().to_string()
}

#[tokio::test]
async fn a_mistyped_id() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let mistyped = &instance.addon[1..];
    let text = refused(&stack(&stand), mistyped).await;
    let cause = format!("There is no secret acme/credentials/{mistyped} for stack addon-rotation");
    // The right id in the wrong region is told the same.
    let remedy = "Check AWS_REGION. Name the instance by its add-on's id";
    assert_said(&text, &cause, remedy);

    let words = Words::default();
    let options = deprovision::Options {
        addons: vec![mistyped.to_owned()],
        yes: true,
    };
    let outcome = deprovision::run(&stack(&stand), &words.for_people(), &options).await;
    assert_eq!(
        outcome.unwrap(),
        addon_rotation_operator::Outcome::Attention
    );
    let cause = format!("There is no instance {mistyped} in stack addon-rotation");
    assert_said(
        &words.text(),
        &cause,
        "addon-rotation-operator --stack addon-rotation status",
    );
}

#[tokio::test]
async fn a_secret_without_the_stacks_tag() {
    let (stand, addon, _) = instance().await;
    let name = addon.name();
    let parameters = json!({
        "Name": name, "SecretString": addon.document.to_string(),
        "ClientRequestToken": crate::support::version_id().as_str(),
    });
    stand.call("CreateSecret", parameters).await.unwrap();
    let text = refused(&stack(&stand), &addon.addon).await;
    let cause = format!("Secret {name} does not have the tag rotation:stack=addon-rotation");
    let remedy = format!("aws secretsmanager tag-resource --secret-id {name}");
    assert_said(&text, &cause, &remedy);
}

#[tokio::test]
async fn a_wrong_region() {
    let stand = Stand::start().await;
    let credentials = Credentials::new("key", "hunter2", None, None, "test");
    let region = "us-est-1".to_owned();
    // As AWS's own endpoints: a region that does not exist has a name that does not resolve.
    let endpoint = "https://secretsmanager.us-est-1.acme.invalid".to_owned();
    let config = aws::sdk_config_with(stand.http(), region, credentials, Some(endpoint));
    // One attempt: its own retries wait.
    let config = config.to_builder();
    let mut config = config;
    config.set_retry_config(Some(aws_smithy_types::retry::RetryConfig::disabled()));
    let config = config.build();
    let secrets = Secrets::new(&config);
    let deadline = addon_rotation::deadline::Deadline::after(Duration::from_secs(20));
    let error = secrets.find("acme/credentials/acme-1", deadline).await;
    let error = addon_rotation_operator::OperatorError::from(error.unwrap_err());
    let text = error.to_string();
    let cause = "the host name does not resolve (DNS)";
    assert_said(&text, cause, "Check AWS_REGION");
    assert!(!text.contains("certificate"), "{text}");
}

#[tokio::test]
async fn a_wrong_stack() {
    let stand = Stand::start().await;
    let right = stack(&stand);
    let wrong = Stack {
        name: "addon-rotatoin".to_owned(),
        group: ScheduleGroup::new(&stand.lambda.sdk_config("an-operator"), "addon-rotatoin"),
        ..right
    };
    let options = status::Options {
        state: Vec::new(),
        name: None,
        limit: None,
        watch: None,
    };
    let output = Words::default().output();
    let error = status::run(&wrong, &output, &options).await.unwrap_err();
    let text = error.to_string();
    let cause = "lambda:GetFunctionConfiguration on addon-rotatoin-revoke-secret failed";
    assert_said(&text, cause, "Check --stack and AWS_REGION");
}
