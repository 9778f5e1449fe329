//! Revocations that are to be done, whatever became of add-on and service meanwhile.

use std::time::Duration;

use addon_rotation::deadline::Deadline;
use addon_rotation::event::VersionId;
use addon_rotation::function::Function as _;
use addon_rotation::steps::SCHEDULING;
use http::Method;
use serde_json::json;
use strict_heroku::GoneAs;

use super::postponed::make_current;
use super::{assert_settled, deliver, fire, revocation, schedule};
use crate::support::{Api, Clock, Instance, Stand, credential, document, revoke, version_id};

#[tokio::test]
async fn an_addon_that_is_gone_shows_nothing_any_more() {
    for (api, gone_as) in [
        (Api::V1, GoneAs::NotFound),
        (Api::V3, GoneAs::NotFound),
        (Api::V3, GoneAs::Gone),
    ] {
        let (stand, instance, first) = Stand::rotated(api).await;
        let second = stand.current(&instance);
        stand.heroku.set_gone_as(gone_as);
        stand.heroku.deprovision(&instance.addon).unwrap();
        fire(&stand, &first, 0).await;
        assert_eq!(
            stand.service.live(),
            [credential(&instance, &second)],
            "{api:?}"
        );
        assert!(!stand.is_labelled_live(&instance, &first), "{api:?}");
        assert!(stand.gateway.scheduler().schedules().is_empty());
    }
}

#[tokio::test]
async fn a_credential_that_the_service_does_not_know_is_revoked() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let administrator = stand.administrator().await;
    let imported = document(&instance.document);
    revoke(&stand.services(), &administrator, &imported)
        .await
        .unwrap();
    fire(&stand, &first, 0).await;
    assert_settled(&stand, &instance).await;
    assert!(schedule(&stand, &first, 1).is_none());
}

#[tokio::test]
async fn the_label_goes_only_when_the_service_refuses_the_credential() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    // The service says that there is no such credential, and accepts it all the same.
    stand.refuse(Method::DELETE, 404);
    // All but two seconds are kept back to schedule the next try.
    let (clock, two_seconds) = (Clock::stop(), Duration::from_secs(2));
    let deadline = Deadline::after(SCHEDULING + two_seconds);
    let function = stand.lambda.revocation();
    let event = revocation(&instance.secret, &first, 0);
    // The deletion is answered, and the login after it.
    let time_passes = async {
        let accepted = clock
            .until(|| {
                let requests = stand.service.requests();
                let deleted = requests.iter().rposition(|it| it.method == Method::DELETE);
                deleted.is_some_and(|at| {
                    let mut after = requests[at + 1..].iter();
                    after.any(|it| it.method == Method::GET && it.status.is_some())
                })
            })
            .await;
        assert!(accepted);
        clock.advance(two_seconds).await;
    };
    let (revoked, ()) = tokio::join!(function.handle(event, deadline), time_passes);
    revoked.unwrap();
    drop(clock);
    assert!(stand.service.is_live(&instance.imported));
    assert!(stand.is_labelled_live(&instance, &first));
    assert!(schedule(&stand, &first, 1).is_some());
    // The first try's schedule is still to come here, and so does it.
    fire(&stand, &first, 0).await;
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn a_secret_that_is_gone_is_said_to_be_and_not_tried_for_ever() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let parameters = json!({
        "SecretId": instance.secret.as_str(),
        "ForceDeleteWithoutRecovery": true,
    });
    stand.call("DeleteSecret", parameters).await.unwrap();
    fire(&stand, &first, 0).await;
    let record = stand.lambda.records_of("revoke-secret").pop().unwrap();
    let message = record.error.unwrap();
    assert!(message.contains("DescribeSecret"), "{message}");
    assert!(message.contains(instance.secret.as_str()), "{message}");
    assert!(stand.gateway.scheduler().schedules().is_empty());
}

/// Somebody stores the current document anew, with another template.
#[tokio::test]
async fn a_label_follows_its_credential_to_the_version_that_holds_it_now() {
    for accepted in [true, false] {
        let (stand, instance, first) = Stand::rotated(Api::V1).await;
        let second = stand.current(&instance);
        fire(&stand, &first, 0).await;
        let mut edited = stand.value(&instance.secret, Some(&second)).await;
        for (_, template) in edited["heroku"]["config"].as_object_mut().unwrap() {
            *template = format!("{}?edited", template.as_str().unwrap()).into();
        }
        let third = stand.store(&instance.secret, &edited).await;
        if !accepted {
            let administrator = stand.administrator().await;
            let own = document(&edited);
            revoke(&stand.services(), &administrator, &own)
                .await
                .unwrap();
        }
        deliver(&stand, &instance, &second).await;
        // A label is put only on a version that was seen to log in.
        assert_eq!(stand.is_labelled_live(&instance, &third), accepted);
        assert_eq!(stand.is_labelled_live(&instance, &second), !accepted);
        assert_eq!(schedule(&stand, &second, 1).is_none(), accepted);
        if accepted {
            assert_eq!(stand.service.live(), [credential(&instance, &second)]);
            // It ends with the version that has the label now.
            let fourth = stand.rotate(&instance).await;
            fire(&stand, &third, 0).await;
            assert_eq!(stand.service.live(), [credential(&instance, &fourth)]);
            assert!(!stand.is_labelled_live(&instance, &third));
        }
    }
}

/// Stores a version's value again, as the current version, which Heroku shows as well.
async fn store_again(
    stand: &Stand,
    instance: &Instance,
    version: &VersionId,
    is_labelled: bool,
) -> VersionId {
    stand.show(instance, version).await;
    let value = stand.value(&instance.secret, Some(version)).await;
    let id = version_id();
    let mut labels = vec!["AWSCURRENT".to_owned()];
    labels.extend(is_labelled.then(|| format!("LIVE-{id}")));
    let labels = json!(labels);
    stand
        .store_as(&instance.secret, value, id.as_str(), labels)
        .await
}

/// No rotation replaces that version, which would note that it was seen to log in.
#[tokio::test]
async fn what_a_label_has_followed_its_credential_to_ends_after_a_rollback() {
    for is_imported in [true, false] {
        for is_labelled in [true, false] {
            let (stand, instance, first) = Stand::rotated(Api::V1).await;
            let second = stand.current(&instance);
            let (imported, made) = (
                (first, instance.imported.clone()),
                (second.clone(), credential(&instance, &second)),
            );
            let ((held, _), (other, alive)) = if is_imported {
                (imported, made)
            } else {
                (made, imported)
            };
            let stored = store_again(&stand, &instance, &held, is_labelled).await;
            deliver(&stand, &instance, &held).await;
            assert!(!stand.is_labelled_live(&instance, &held));
            assert!(stand.is_labelled_live(&instance, &stored));
            assert_eq!(stand.service.live().len(), 2);
            stand.show(&instance, &other).await;
            make_current(&stand, &instance, &other).await;
            deliver(&stand, &instance, &stored).await;
            let what = format!("imported: {is_imported}, labelled: {is_labelled}");
            assert!(!stand.is_labelled_live(&instance, &stored), "{what}");
            assert_eq!(stand.service.live(), [alive], "{what}");
        }
    }
}

/// What `revoke-secret` has changed at Secrets Manager.
async fn changed(stand: &Stand, instance: &Instance, version: &VersionId) -> Vec<String> {
    let before = stand.gateway.requests().len();
    deliver(stand, instance, version).await;
    let requests = stand.gateway.requests().split_off(before).into_iter();
    let operations = requests.filter_map(|it| Some(it.operation.split_once(':')?.1.to_owned()));
    operations
        .filter(|it| ["TagResource", "UpdateSecretVersionStage"].contains(&it.as_str()))
        .collect()
}

#[tokio::test]
async fn whose_credential_it_is_is_noted_before_its_label_goes() {
    let (stand, instance, _) = Stand::rotated(Api::V1).await;
    let second = stand.current(&instance);
    store_again(&stand, &instance, &second, false).await;
    let changed = changed(&stand, &instance, &second).await;
    let stage = "UpdateSecretVersionStage";
    assert_eq!(changed, ["TagResource", stage, stage]);
}

/// A look that shows the other label may be from before that version left the credential to this one.
#[tokio::test]
async fn a_label_that_another_goes_for_is_written_and_not_only_seen() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let again = stand.store(&instance.secret, &instance.document).await;
    stand.rotate(&instance).await;
    let smaller = first.clone().min(again.clone());
    let changed = changed(&stand, &instance, &smaller).await;
    assert_eq!(changed, ["UpdateSecretVersionStage"; 2]);
    assert!(!stand.is_labelled_live(&instance, &smaller));
    assert!(stand.is_labelled_live(&instance, &first.max(again)));
}
