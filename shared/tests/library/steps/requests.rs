//! What a clean rotation asks of AWS and of Heroku: every request counts against somebody's quota.

use jiff::Timestamp;
use serde_json::json;
use stand_in::events::EventKind;
use strict_aws::secrets_manager::{Caller, RotationOptions};

use super::counts::{FIRST_CREATE, Requests, V1, V3};
use super::schedules::tag;
use super::{assert_settled, fire};
use crate::support::{Api, FUNCTIONS, Stand, credential, next_document};

/// What a step may ask at most, whatever the API.
const BUDGETS: [Requests; 5] = [(10, 0), (5, 3), (5, 2), (5, 0), (9, 2)];

/// The requests that came from a moment on, until another.
fn between(stand: &Stand, from: Timestamp, until: Timestamp) -> Requests {
    let came = |at: Timestamp| (from..until).contains(&at);
    let aws = stand.gateway.requests();
    let heroku = stand.heroku.requests();
    (
        aws.iter().filter(|it| came(it.at)).count(),
        heroku.iter().filter(|it| came(it.at)).count(),
    )
}

/// When the steps of the newest rotation began, and when it ended.
fn steps(stand: &Stand) -> Vec<Timestamp> {
    let events = stand.events.since(0);
    let ended = events
        .iter()
        .rposition(|event| matches!(event.kind, EventKind::RotationSucceeded { .. }));
    let events = &events[..=ended.unwrap()];
    let started = events
        .iter()
        .rposition(|event| matches!(event.kind, EventKind::RotationStarted { .. }));
    let steps = events[started.unwrap()..].iter().filter(|event| {
        let kind = &event.kind;
        matches!(
            kind,
            EventKind::StepStarted { .. } | EventKind::RotationSucceeded { .. }
        )
    });
    steps.map(|event| event.at).collect()
}

#[tokio::test]
async fn a_clean_rotation_and_its_revocation_keep_to_their_budgets() {
    for (api, expected) in [(Api::V1, V1), (Api::V3, V3)] {
        let stand = Stand::start().await;
        let instance = stand.enrolled(api).await;
        for create in [FIRST_CREATE, expected[0]] {
            let old = stand.current(&instance);
            let called = stand.lambda.records().len();
            stand.rotate(&instance).await;
            let records = stand.lambda.records().split_off(called);
            let called = records.iter().filter(|it| it.function != "rotate");
            let called: Vec<_> = called.map(|it| it.function.as_str()).collect();
            assert_eq!(called, FUNCTIONS);
            let steps = steps(&stand);
            let mut requests: Vec<Requests> = steps
                .windows(2)
                .map(|step| {
                    let (aws, heroku) = between(&stand, step[0], step[1]);
                    // Invoke goes to Lambda, not through the gateway.
                    (aws + 1, heroku)
                })
                .collect();

            let before = Timestamp::now();
            fire(&stand, &old, 0).await;
            requests.push(between(&stand, before, Timestamp::now()));
            let [_, set, test, finish, revocation] = expected;
            assert_eq!(requests, [create, set, test, finish, revocation], "{api:?}");
            for (requests, budget) in requests.iter().zip(BUDGETS) {
                assert!(
                    requests.0 <= budget.0 && requests.1 <= budget.1,
                    "{api:?}: {requests:?} of {budget:?}"
                );
            }
            assert_settled(&stand, &instance).await;
        }
    }
}

#[tokio::test]
async fn a_value_without_its_label_is_kept_and_labelled() {
    // It is tried again until the tag is put right, however long that takes.
    let stand = Stand::with(RotationOptions {
        attempts: u32::MAX,
        ..RotationOptions::default()
    })
    .await;
    let instance = stand.enrolled(Api::V1).await;
    // The rotation waits at createSecret, before it has stored anything.
    tag(&stand, instance.secret.as_str(), "two hours").await;
    let version = stand.start_rotation(&instance).await;
    let value = next_document(&instance.document, &version);
    let stored = json!({
        "SecretId": instance.secret.as_str(),
        "ClientRequestToken": version.as_str(),
        "SecretString": value.to_string(),
        "VersionStages": ["AWSPENDING"],
    });
    let rotate = Caller("rotate".to_owned());
    let secrets = stand.gateway.secrets_manager();
    secrets
        .handle(&rotate, "PutSecretValue", stored)
        .await
        .unwrap();
    tag(&stand, instance.secret.as_str(), "7200").await;
    stand
        .wait_for("the rotation's success", |event| {
            matches!(event, EventKind::RotationSucceeded { .. }).then_some(())
        })
        .await;
    assert_eq!(stand.value(&instance.secret, None).await, value);
    assert!(stand.is_labelled_live(&instance, &version));
    assert!(stand.service.is_live(&credential(&instance, &version)));
}
