//! What the functions are invoked with.

use addon_rotation::event::{
    Event, EventError, FinishEvent, RevokeEvent, RotationEvent, StepEvent, SweepEvent,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CANARY, any_json, assert_without_values, cases, changed, changes};

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/db-AbCdEf";
const VERSION: &str = "0a1b2c3d-0000-4000-8000-000000000001";

/// Reads a payload as every event there is.
fn read(payload: &Value) -> Vec<EventError> {
    let rotation = RotationEvent::read(payload);
    if let Ok(event) = &rotation {
        assert!(!format!("{event:?}").contains(CANARY), "{event:?}");
    }
    assert!(SweepEvent::read(payload).is_ok());
    let revoke = RevokeEvent::read(payload);
    if let Ok(event) = &revoke {
        let written = serde_json::to_value(event).unwrap();
        assert_eq!(RevokeEvent::read(&written).as_ref(), Ok(event));
    }
    let results = [
        rotation.map(drop),
        revoke.map(drop),
        StepEvent::read(payload).map(drop),
        FinishEvent::read(payload).map(drop),
    ];
    results.into_iter().filter_map(Result::err).collect()
}

fn events() -> [Value; 5] {
    let revoke = json!({ "SecretId": ARN, "VersionId": VERSION, "Attempt": 3, "WasInUse": true,
        "ScheduledAt": "2026-11-23T05:12:39.25Z" });
    [
        json!({
            "Step": "createSecret", "SecretId": ARN, "ClientRequestToken": VERSION,
            "RotationToken": format!("{CANARY}token"),
        }),
        json!({ "Step": "setSecret", "SecretId": ARN, "VersionId": VERSION }),
        json!({
            "SecretId": ARN, "VersionId": VERSION, "RevokeAfterSeconds": 7200,
            "OnlyIfUnscheduled": false,
        }),
        json!({ "Records": [{ "body": json!({ "requestPayload": revoke }).to_string() }] }),
        revoke,
    ]
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_payload_is_read_or_refused(payload in any_json()) {
        for error in read(&payload) {
            prop_assert!(!error.problems.is_empty());
        }
    }

    #[test]
    fn a_spoilt_event_is_refused_without_its_values(
        event in prop::sample::select(events().to_vec()),
        changes in changes(),
        field in 0_usize..6,
        value in "canary_.{0,20}",
    ) {
        let mut payload = changed(event, changes);
        if let Value::Object(map) = &mut payload
            && let Some((_, old)) = map.iter_mut().nth(field)
        {
            *old = value.into();
        }
        for error in read(&payload) {
            prop_assert!(!error.problems.is_empty());
            assert_without_values(&error);
        }
    }
}
