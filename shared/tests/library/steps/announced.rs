//! What the event bus hears.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stand_in::Fault;
use stand_in::events::EventKind;

use super::{assert_fires, assert_settled, fire, grace_period, schedule};
use crate::support::{Api, Stand};

/// The events so far, each of which is as the schema says.
pub(super) fn events(stand: &Stand) -> Vec<Value> {
    let schema = include_str!("../../../../infra/rotation-events.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let events = stand.gateway.bus_events();
    for event in &events {
        if let Err(error) = schema.validate(event) {
            panic!("{event} is not as the schema says: {error}");
        }
        stand.assert_holds_no_secret(&event.to_string());
    }
    events
}

#[tokio::test]
async fn a_rotation_is_announced_when_it_is_done() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V3).await;
    assert!(events(&stand).is_empty(), "of the enrolment");
    let first = stand.current(&instance);
    let began = Timestamp::now();
    let version = stand.rotate(&instance).await;
    let events = events(&stand);
    let [event, scheduled] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(scheduled["detail-type"], "Credential Revocation Scheduled");
    assert_eq!(scheduled["detail"]["VersionId"], first.as_str());
    assert_fires(&schedule(&stand, &first, 0).unwrap(), grace_period(), began);
    // The clock is read once more for what is told: a time in whole seconds.
    let told = scheduled["detail"]["RevokesAt"].as_str().unwrap();
    let told: Timestamp = told.parse().unwrap();
    let wait = SignedDuration::from_secs(grace_period());
    let earliest = began + wait - SignedDuration::from_secs(1);
    assert!(
        (earliest..=Timestamp::now() + wait).contains(&told),
        "{told}"
    );
    assert_eq!(event["detail-type"], "Credential Rotation Succeeded");
    assert_eq!(event["resources"][0], instance.secret.as_str());
    let detail = json!({ "SecretId": instance.secret.as_str(), "VersionId": version.as_str() });
    assert_eq!(event["detail"], detail);
}

#[tokio::test]
async fn a_step_that_fails_is_announced_in_the_words_of_its_error() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    stand.refuse(Method::PUT, 403);
    let version = stand.rotate(&instance).await;
    let record = stand.lambda.records_of("rotate");
    let message = record.into_iter().find_map(|record| record.error).unwrap();
    let events = events(&stand);
    let [failed, succeeded, _] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(failed["detail-type"], "Credential Rotation Step Failed");
    assert_eq!(failed["detail"]["Step"], "createSecret");
    assert_eq!(failed["detail"]["ErrorType"], "ServiceError");
    assert_eq!(failed["detail"]["ErrorMessage"], message);
    assert_eq!(succeeded["detail-type"], "Credential Rotation Succeeded");
    for event in [failed, succeeded] {
        assert_eq!(event["detail"]["VersionId"], version.as_str());
    }
}

#[tokio::test]
async fn nothing_depends_on_the_bus() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    for _ in 0..12 {
        stand.aws_fails("AWSEvents:PutEvents", "", Fault::status(500));
    }
    stand.rotate(&instance).await;
    fire(&stand, &first, 0).await;
    assert!(stand.gateway.bus_events().is_empty());
    let failed = stand.events.since(0);
    let failed = failed
        .iter()
        .filter(|it| matches!(it.kind, EventKind::RotationFailed { .. }));
    assert_eq!(failed.count(), 0);
    assert_settled(&stand, &instance).await;
}
