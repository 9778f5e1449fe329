//! Revocations beside what else happens to the versions: a label that is moved, a secret that is deleted, a second
//! delivery.

use http::Method;
use serde_json::json;
use stand_in::events::EventKind;
use stand_in::{Fault, FaultRule};

use super::postponed::make_current;
use super::{assert_settled, fire, schedule};
use crate::support::{Api, Stand, within};

async fn failures(stand: &Stand, count: usize) {
    let wait = stand.events.wait_for(|events| {
        let failed = events
            .iter()
            .filter(|event| matches!(event.kind, EventKind::RotationFailed { .. }))
            .count();
        (failed >= count).then_some(())
    });
    within(wait).await;
}

#[tokio::test]
async fn a_proxys_404_page_is_not_herokus_word_that_the_addon_is_gone() {
    for api in Api::BOTH {
        let (stand, instance, first) = Stand::rotated(api).await;
        stand.show(&instance, &first).await;
        let path_prefix = if api == Api::V1 { "/vendor" } else { "/addons" }.to_owned();
        stand.heroku.fail_next(
            FaultRule::next(Fault::Garbage(404))
                .by(Method::GET)
                .at(path_prefix),
        );
        fire(&stand, &first, 0).await;
        assert!(
            stand.service.is_live(&instance.imported),
            "{api:?}: revoked while Heroku shows it"
        );
    }
}

#[tokio::test]
async fn an_older_chain_of_tries_does_not_cut_the_grace_period_short() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    stand.refuse(Method::DELETE, 403);
    fire(&stand, &first, 0).await;
    stand.show(&instance, &first).await;
    make_current(&stand, &instance, &first).await;
    stand.rotate(&instance).await;
    assert!(schedule(&stand, &first, 0).is_some(), "in two hours");
    fire(&stand, &first, 1).await;
    assert!(
        stand.service.is_live(&instance.imported),
        "shown a moment ago, revoked now"
    );
}

#[tokio::test]
async fn two_deliveries_at_once() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let event = json!({ "SecretId": instance.secret.as_str(), "VersionId": first.as_str() });
    let (a, b) = tokio::join!(
        stand.lambda.invoke("revoke-secret", event.clone()),
        stand.lambda.invoke("revoke-secret", event)
    );
    assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
    assert!(schedule(&stand, &first, 1).is_none());
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn an_abandoned_version_is_revoked_after_the_next_rotation() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let mut bad = instance.document.clone();
    bad["heroku"]["config"]["ACME_UNDECLARED"] = "{{ api_key }}".into();
    stand.store(&instance.secret, &bad).await;
    let bad = stand.current(&instance);
    let abandoned = stand.start_rotation(&instance).await;
    failures(&stand, 5).await;
    // Its credential has logged in, so that it is labelled.
    assert!(stand.is_labelled_live(&instance, &bad));
    // The operator corrects the document, takes AWSPENDING off and rotates anew.
    let taken_off = stand.move_label(&instance, "AWSPENDING", Some(&abandoned), None);
    taken_off.await;
    stand.store(&instance.secret, &instance.document).await;
    let old = stand.current(&instance);
    stand.rotate(&instance).await;
    // The first try only looks: nobody knows since when it is out of use. Two versions have one credential, which ends
    // with the last of their labels.
    for attempt in 0..4 {
        for version in [&old, &abandoned, &bad] {
            if schedule(&stand, version, attempt).is_some() {
                fire(&stand, version, attempt).await;
            }
        }
    }
    assert_settled(&stand, &instance).await;
}
