//! Steps that must not be taken: they say why, and leave everything as it was.

use addon_rotation::event::{SecretArn, Step, VersionId};
use serde_json::json;

use super::releases;
use super::schedules::tag_with;
use crate::support::{Api, Instance, Stand, credential, version_id};

/// The message with which `rotate` refuses.
async fn refusal(stand: &Stand, secret: &SecretArn, version: &VersionId, step: Step) -> String {
    let event = json!({
        "Step": step.as_str(),
        "SecretId": secret.as_str(),
        "ClientRequestToken": version.as_str(),
    });
    let error = stand.lambda.invoke("rotate", event).await.unwrap_err();
    error.error_message
}

/// Starts a rotation that cannot succeed; the message of its first failure.
async fn failed_rotation(stand: &Stand, instance: &Instance) -> (VersionId, String) {
    let version = stand.start_rotation(instance).await;
    let message = stand.failure_of(&version).await;
    (version, message)
}

async fn assert_untouched(stand: &Stand, instance: &Instance, first: &VersionId) {
    assert_eq!(stand.current(instance), *first);
    super::assert_shown(stand, instance, first).await;
    assert_eq!(releases(stand, instance), 0);
    assert_eq!(stand.service.live(), [instance.imported.as_str()]);
    assert!(stand.gateway.scheduler().schedules().is_empty());
}

#[tokio::test]
async fn what_answers_in_a_step_functions_place_is_not_its_word() {
    for function in ["publish-to-heroku", "test-secret"] {
        let stand = Stand::start().await;
        let instance = stand.enrolled(Api::V1).await;
        let first = stand.current(&instance);
        stand
            .lambda
            .answer_with(function, |_| Ok(json!("a gateway's page")));
        let (_, message) = failed_rotation(&stand, &instance).await;
        assert!(message.contains(function), "{message}");
        assert_eq!(stand.current(&instance), first);
    }
}

#[tokio::test]
async fn a_token_that_is_no_version_starts_nothing() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    for step in Step::ALL {
        let version = version_id();
        let message = refusal(&stand, &instance.secret, &version, step).await;
        for part in [version.as_str(), instance.secret.as_str(), "rotate-secret"] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }
    assert_untouched(&stand, &instance, &first).await;
}

#[tokio::test]
async fn a_secret_without_rotation_is_not_rotated() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V1).await;
    let first = stand.current(&instance);
    let message = refusal(&stand, &instance.secret, &first, Step::CreateSecret).await;
    assert!(message.contains("Rotation is off"), "{message}");
    assert_untouched(&stand, &instance, &first).await;
}

#[tokio::test]
async fn a_version_that_is_neither_current_nor_pending_is_not_rotated_to() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let second = stand.current(&instance);
    for step in Step::ALL {
        let message = refusal(&stand, &instance.secret, &first, step).await;
        assert!(message.contains("AWSPENDING"), "{message}");
        // The current one is there already: that is a success.
        let event = json!({
            "Step": step.as_str(),
            "SecretId": instance.secret.as_str(),
            "ClientRequestToken": second.as_str(),
        });
        stand.lambda.invoke("rotate", event).await.unwrap();
    }
    assert_eq!(stand.current(&instance), second);
    assert_eq!(releases(&stand, &instance), 1);
    assert_eq!(stand.gateway.scheduler().schedules().len(), 1);
}

#[tokio::test]
async fn a_document_that_is_not_valid_is_refused_before_anything_exists() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V3).await;
    let shown = stand.shown(&instance);
    let mut value = instance.document.clone();
    value["engine"] = "oracle".into();
    let stored = stand.store(&instance.secret, value).await;
    let (_, message) = failed_rotation(&stand, &instance).await;
    assert!(message.contains("engine must be one of "), "{message}");
    assert!(message.ends_with("A retry does not help."), "{message}");
    stand.assert_holds_no_secret(&message);
    assert_eq!(stand.current(&instance), stored);
    assert_eq!(stand.shown(&instance), shown);
    assert_eq!(stand.heroku.config_writes(&instance.addon).unwrap(), 0);
    assert_eq!(stand.service.live(), [instance.imported.as_str()]);
}

#[tokio::test]
async fn a_tag_that_is_no_number_of_seconds_is_refused_before_anything_exists() {
    for key in ["rotation:revoke-after", "rotation:hold-while-in-use"] {
        let stand = Stand::start_without_retries().await;
        let instance = stand.enrolled(Api::V1).await;
        let first = stand.current(&instance);
        tag_with(&stand, instance.secret.as_str(), key, "two hours").await;
        let (version, message) = failed_rotation(&stand, &instance).await;
        assert!(message.contains(key), "{message}");
        let secret = stand.snapshot(&instance);
        let pending = secret.versions.iter().find(|it| it.id == version.as_str());
        assert!(!pending.unwrap().has_value);
        assert_untouched(&stand, &instance, &first).await;
    }
}

#[tokio::test]
async fn a_var_that_heroku_refuses_leaves_the_old_credential_in_place() {
    for api in Api::BOTH {
        let stand = Stand::start_without_retries().await;
        let instance = stand.enrolled(api).await;
        let mut value = instance.document.clone();
        value["heroku"]["config"]["ACME_UNDECLARED"] = "{{ api_key }}".into();
        stand.store(&instance.secret, value).await;
        let first = stand.current(&instance);
        let (version, message) = failed_rotation(&stand, &instance).await;
        assert!(message.contains("ACME_UNDECLARED"), "{message}");
        stand.assert_holds_no_secret(&message);
        assert_eq!(stand.current(&instance), first);
        assert_eq!(releases(&stand, &instance), 0, "{api:?}");
        // It is alive, and its label says so.
        assert!(stand.service.is_live(&credential(&instance, &version)));
        assert!(stand.is_labelled_live(&instance, &version));
    }
}

#[tokio::test]
async fn enrolment_refuses_what_could_never_be_rotated() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    stand
        .heroku
        .set_config(
            &instance.addon,
            &[("ACME_URL".to_owned(), "something else".to_owned())].into(),
        )
        .unwrap();
    let error = stand.switch_on(&instance).await.unwrap_err();
    assert!(error.message.contains("ACME_URL"), "{}", error.message);
    assert!(!stand.snapshot(&instance).rotation_enabled);

    let mut dead = instance.document.clone();
    dead["api_key"] = "acme_live_that_nobody_issued".into();
    let stored = stand.store(&instance.secret, dead).await;
    let error = stand.switch_on(&instance).await.unwrap_err().message;
    let part = format!("does not accept the credential of version {stored}");
    assert!(error.contains(&part), "{error}");
    assert!(!error.contains("that_nobody_issued"), "{error}");

    let incomplete = json!({ "engine": "http", "url": "http://acme.example" });
    stand.store(&instance.secret, incomplete).await;
    let error = stand.switch_on(&instance).await.unwrap_err();
    for path in [
        "url must be an https:// URL (http:// for loopback only)",
        "authorization",
        "masterarn",
        "heroku",
        "credential_id",
    ] {
        assert!(error.message.contains(path), "{}", error.message);
    }
}
