//! Revocations that have to wait: the credential is in use, or something is out of order.

use addon_rotation::event::{FinishEvent, VersionId};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::schedules::{finish, finishing};
use super::{assert_fires, assert_settled, deliver, fire, grace_period, schedule};
use crate::support::{Api, Crash, Instance, Stand, credential};

/// The try that precedes `attempt` does nothing but schedule it, so many seconds later.
async fn assert_postpones(
    stand: &Stand,
    instance: &Instance,
    version: &VersionId,
    attempt: u32,
    seconds: i64,
) {
    let began = fire(stand, version, attempt - 1).await;
    let next = schedule(stand, version, attempt).expect("the next try's schedule");
    assert_fires(&next, seconds, began);
    assert!(stand.is_labelled_live(instance, version));
    let requests = stand.service.requests();
    let credential = format!("/v1/credentials/{}", instance.imported);
    let revoked = requests.iter().any(|request| {
        request.method == Method::DELETE
            && request.path == credential
            && request.status.is_some_and(|status| status.is_success())
    });
    assert!(!revoked);
}

/// Moves AWSCURRENT as an operator does.
pub(super) async fn make_current(stand: &Stand, instance: &Instance, version: &VersionId) {
    let current = stand.current(instance);
    let moved = stand.move_label(instance, "AWSCURRENT", Some(&current), Some(version));
    moved.await;
}

#[tokio::test]
async fn while_the_version_is_current_again() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let second = stand.current(&instance);
    stand.show(&instance, &first).await;
    make_current(&stand, &instance, &first).await;
    assert_postpones(&stand, &instance, &first, 1, 60).await;
    assert!(stand.service.is_live(&instance.imported));
    assert!(stand.service.is_live(&credential(&instance, &second)));
}

#[tokio::test]
async fn while_the_version_is_pending() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V1).await;
    // The rotation never comes as far as Heroku: nothing but the label says that it may go on.
    stand.lambda.crash_next(Crash::before("publish-to-heroku"));
    let version = stand.start_rotation(&instance).await;
    stand.rotation_failed().await;
    deliver(&stand, &instance, &version).await;
    assert!(stand.service.is_live(&credential(&instance, &version)));
    assert!(stand.is_labelled_live(&instance, &version));
    assert!(schedule(&stand, &version, 1).is_some());
}

#[tokio::test]
async fn while_heroku_shows_the_credential() {
    for api in Api::BOTH {
        let (stand, instance, first) = Stand::rotated(api).await;
        let second = stand.current(&instance);
        stand.show(&instance, &first).await;
        assert_postpones(&stand, &instance, &first, 1, 60).await;

        // Put right: dynos are restarting, so the grace period begins anew.
        stand.show(&instance, &second).await;
        assert_postpones(&stand, &instance, &first, 2, grace_period()).await;
        fire(&stand, &first, 2).await;
        assert_settled(&stand, &instance).await;
    }
}

#[tokio::test]
async fn while_the_service_refuses_and_later_each_time() {
    let (stand, instance, first) = Stand::rotated(Api::V3).await;
    for (attempt, seconds) in [(1, 60), (2, 120), (3, 240)] {
        stand.refuse(Method::DELETE, 403);
        assert_postpones(&stand, &instance, &first, attempt, seconds).await;
        let next = schedule(&stand, &first, attempt).unwrap();
        stand.assert_holds_no_secret(&next.input);
    }
    fire(&stand, &first, 3).await;
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn for_a_day_and_then_it_says_why() {
    let (stand, instance, version) = Stand::rotated(Api::V1).await;
    stand.show(&instance, &version).await;
    let event = json!({
        "SecretId": instance.secret.as_str(),
        "VersionId": version.as_str(),
        "Attempt": 40,
    });
    let invoked = stand.lambda.invoke("revoke-secret", event).await;
    let message = invoked.unwrap_err().error_message;
    for part in [
        version.as_str(),
        instance.secret.as_str(),
        "Heroku still shows its credential in",
    ] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
    assert!(schedule(&stand, &version, 41).is_none());
    // Dynos that are not back yet have it still.
    let current = stand.current(&instance);
    stand.show(&instance, &current).await;
    assert!(message.contains("and \"WasInUse\": true"), "{message}");
    let event = json!({
        "SecretId": instance.secret.as_str(), "VersionId": version.as_str(), "WasInUse": true,
    });
    stand.lambda.invoke("revoke-secret", event).await.unwrap();
    assert!(stand.service.is_live(&instance.imported));
    fire(&stand, &version, 0).await;
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn for_a_day_while_it_is_current_and_then_it_is_left_to_whatever_replaces_it() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    stand.show(&instance, &first).await;
    make_current(&stand, &instance, &first).await;
    let event = json!({
        "SecretId": instance.secret.as_str(), "VersionId": first.as_str(), "Attempt": 99,
    });
    // No error: nothing is to be done about it.
    stand.lambda.invoke("revoke-secret", event).await.unwrap();
    assert!(schedule(&stand, &first, 100).is_none());
    assert!(stand.is_labelled_live(&instance, &first));
    assert!(stand.service.is_live(&instance.imported));
    // The next rotation has moved the schedule.
    stand.rotate(&instance).await;
    fire(&stand, &first, 0).await;
    assert!(!stand.service.is_live(&instance.imported));
}

#[tokio::test]
async fn because_a_later_rotation_has_scheduled_it_anew_however_late_the_event_comes() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let late = schedule(&stand, &first, 0).unwrap();
    stand.show(&instance, &first).await;
    make_current(&stand, &instance, &first).await;
    let late: Value = serde_json::from_str(&late.input).unwrap();
    let began = Timestamp::now();
    stand.rotate(&instance).await;
    stand.lambda.invoke("revoke-secret", late).await.unwrap();
    assert!(stand.service.is_live(&instance.imported));
    assert!(stand.is_labelled_live(&instance, &first));
    let own = schedule(&stand, &first, 0).unwrap();
    assert_fires(&own, grace_period(), began);
    assert!(schedule(&stand, &first, 1).is_none());
    fire(&stand, &first, 0).await;
    assert!(!stand.service.is_live(&instance.imported));
    assert!(!stand.is_labelled_live(&instance, &first));
}

/// What testSecret has seen: its schedule fires before finishSecret, which finds none to know that from.
#[tokio::test]
async fn because_it_was_in_use_when_a_first_try_fired_that_a_later_one_has_replaced() {
    for even_if_in_use in [false, true] {
        let (stand, instance, first) = Stand::rotated(Api::V1).await;
        let late = schedule(&stand, &first, 0).unwrap();
        let mut late: Value = serde_json::from_str(&late.input).unwrap();
        late["WasInUse"] = true.into();
        let event = FinishEvent {
            revoke_after_seconds: Some(3_600),
            was_in_use: Some(false),
            even_if_in_use,
            ..finishing(&instance, &first)
        };
        finish(&stand, event).await;
        let planned = || schedule(&stand, &first, 0).unwrap().fires_at.unwrap();
        let before = planned();
        for _ in 0..2 {
            let again = late.clone();
            stand.lambda.invoke("revoke-secret", again).await.unwrap();
            // It keeps its time: a grace period from now would be an hour longer.
            assert!((before..before + SignedDuration::from_mins(30)).contains(&planned()));
        }
        fire(&stand, &first, 0).await;
        // A leaked one ends when an operator says.
        assert_eq!(stand.service.is_live(&instance.imported), !even_if_in_use);
        if !even_if_in_use {
            fire(&stand, &first, 1).await;
        }
        assert_settled(&stand, &instance).await;
    }
}

/// Somebody restores it, and what Heroku has shown until then nobody knows.
#[tokio::test]
async fn because_the_secret_is_marked_for_deletion() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let named = json!({ "SecretId": instance.secret.as_str() });
    stand.call("DeleteSecret", named.clone()).await.unwrap();
    assert_postpones(&stand, &instance, &first, 1, 60).await;
    stand.call("RestoreSecret", named).await.unwrap();
    assert_postpones(&stand, &instance, &first, 2, grace_period()).await;
    fire(&stand, &first, 2).await;
    assert_settled(&stand, &instance).await;
}
