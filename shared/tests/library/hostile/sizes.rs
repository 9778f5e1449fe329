//! More than Heroku takes is refused before anything is changed.

use addon_rotation::event::VersionId;
use http::Method;
use serde_json::Value;

use crate::support::{Api, Instance, Stand, VAR};

/// What a rotation of a document that is changed so fails with. Nothing else has come of it.
async fn refusal(api: Api, change: impl Fn(&mut Value)) -> String {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(api).await;
    let mut document = instance.document.clone();
    change(&mut document);
    stand.store(&instance.secret, &document).await;
    let (before, registered) = (stand.heroku.requests().len(), stand.service.live());

    let version = stand.start_rotation(&instance).await;
    let error = stand.step_failed().await;
    assert_eq!(stand.heroku.requests().len(), before, "Heroku is not asked");
    assert_eq!(stand.service.live(), registered, "nothing is registered");
    let asked = stand.service.requests();
    assert!(asked.iter().all(|request| request.method == Method::GET));
    assert!(!has_value(&stand, &instance, &version));
    stand.assert_holds_no_secret(&error);
    error
}

fn has_value(stand: &Stand, instance: &Instance, version: &VersionId) -> bool {
    stand.is_labelled_live(instance, version)
}

#[tokio::test]
async fn a_config_var_that_is_too_large_is_named() {
    for api in Api::BOTH {
        let error = refusal(api, |document| {
            document["heroku"]["config"]["ACME_KEY"] = "x".repeat(33_000).into();
        })
        .await;
        assert!(error.contains("Heroku takes 32768 bytes"), "{error}");
        assert!(error.contains("33000 of them in ACME_KEY"), "{error}");
    }
}

#[tokio::test]
async fn the_next_credential_may_be_the_one_that_is_too_large() {
    let error = refusal(Api::V1, |document| {
        document["generate"]["api_key"]["length"] = 256.into();
        // With the present key, of 32 characters, there is room.
        let template = format!(
            "{}{}",
            document["heroku"]["config"][VAR].as_str().unwrap(),
            "{{ api_key }}".repeat(200)
        );
        document["heroku"]["config"][VAR] = template.into();
    })
    .await;
    assert!(error.contains("Heroku takes 32768 bytes"), "{error}");
    assert!(error.contains(&format!("of them in {VAR}")), "{error}");
}
