//! Functions that end without an answer, at every point: Secrets Manager begins again with the same
//! token, and nothing is done twice that shows.

use addon_rotation::deadline::Transient;
use addon_rotation::event::{Step, StepEvent};
use jiff::Timestamp;
use serde_json::json;
use stand_in::events::EventKind;

use super::{assert_fires, assert_settled, fire, grace_period, releases};
use crate::support::{Api, Crash, FUNCTIONS, Instance, Invariants, Stand, When, soon, version_id};

/// Rotates through the crash and revokes; all must be as if there had been none.
async fn survives(api: Api, crash: Crash) {
    let stand = Stand::start().await;
    let instance = stand.enrolled(api).await;
    let invariants = Invariants::of(&stand, &instance);
    let first = stand.current(&instance);
    stand.lambda.crash_next(crash);
    let began = Timestamp::now();
    let version = stand.rotate(&instance).await;
    let what = format!("{api:?} {crash:?}");
    assert_eq!(stand.lambda.pending_crashes(), 0, "{what}");
    assert_eq!(failures(&stand, &instance), 1, "{what}");
    assert_eq!(stand.current(&instance), version, "{what}");
    assert_eq!(releases(&stand, &instance), 1, "{what}");
    let writes = stand.heroku.config_writes(&instance.addon).unwrap();
    assert_eq!(writes, 1, "{what}");
    let schedules = stand.gateway.scheduler().schedules();
    assert_eq!(schedules.len(), 1, "{what}: {schedules:?}");
    assert_fires(&schedules[0], grace_period(), began);
    assert_eq!(stand.snapshot(&instance).versions.len(), 2, "{what}");
    fire(&stand, &first, 0).await;
    assert_settled(&stand, &instance).await;
    invariants.assert_held();
}

/// How many attempts at a rotation failed.
fn failures(stand: &Stand, instance: &Instance) -> usize {
    let name = stand.snapshot(instance).name;
    let events = stand.events.since(0);
    let failed = events.iter().filter(
        |event| matches!(&event.kind, EventKind::RotationFailed { secret, .. } if *secret == name),
    );
    failed.count()
}

#[tokio::test]
async fn rotate_ends_without_an_answer_after_any_step() {
    for api in Api::BOTH {
        for step in Step::ALL {
            survives(api, Crash::after("rotate", step.as_str())).await;
        }
    }
}

#[tokio::test]
async fn a_called_function_ends_without_an_answer_before_or_after_its_work() {
    for api in Api::BOTH {
        for function in FUNCTIONS {
            for when in [When::Before, When::After] {
                survives(api, Crash::new(function, when)).await;
            }
        }
    }
}

#[tokio::test]
async fn a_revocation_ends_without_an_answer_and_is_delivered_again() {
    for when in [When::Before, When::After] {
        let (stand, instance, first) = Stand::rotated(Api::V3).await;
        stand.lambda.crash_next(Crash::new("revoke-secret", when));
        fire(&stand, &first, 0).await;
        super::deliver(&stand, &instance, &first).await;
        assert_settled(&stand, &instance).await;
        assert!(stand.gateway.scheduler().schedules().is_empty());
    }
}

#[tokio::test]
async fn rotate_repeats_no_invocation_and_passes_the_error_on_word_for_word() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let event = StepEvent {
        vouched: None,
        step: Step::SetSecret,
        secret: instance.secret.clone(),
        version: version_id(),
    };
    let functions = stand.lambda.functions();
    let function = "publish-to-heroku";
    let error = functions.invoke(function, &event, soon()).await;
    let message = error.unwrap_err().to_string();
    let records = stand.lambda.records_of(function);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].error.as_ref(), Some(&message));
    assert!(message.contains("has no value, or not yet"), "{message}");
    assert!(message.contains("A retry can help"), "{message}");
}

#[tokio::test]
async fn a_lambda_that_is_out_of_order_is_not_asked_twice() {
    let stand = Stand::start().await;
    for (function, transient) in [("busy", true), ("broken", true), ("unknown", false)] {
        let functions = stand.lambda.functions();
        let error = functions.invoke(function, &json!({}), soon()).await;
        let error = error.unwrap_err();
        assert_eq!(error.is_transient(), transient, "{error}");
        assert!(error.to_string().contains(function), "{error}");
        assert_eq!(stand.lambda.records_of(function).len(), 1);
    }
}
