//! `emergency`: the leaked credential ends when the person has said.

use std::time::Duration;

use addon_rotation_operator::emergency::{Options, run};
use addon_rotation_operator::{Outcome, rotation};
use jiff::Timestamp;

use super::{Words, id, stack};
use crate::steps::{assert_fires, assert_settled, fire, schedule};
use crate::support::{Api, Crash, Instance, PATIENCE, Stand, When};

fn options(instance: &Instance, revoke_after: Option<Duration>) -> Options {
    Options {
        addon: id(instance),
        revoke_after,
        accept_downtime: revoke_after.is_none(),
        rotated: false,
        wait: false,
        patience: PATIENCE,
        yes: true,
    }
}

#[tokio::test]
async fn at_once_every_older_credential_is_refused_when_the_command_ends() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let instance = stand.enrolled(api).await;
        stand.rotate(&instance).await;
        let words = Words::default();
        let ended = run(&stack(&stand), &words.output(), &options(&instance, None)).await;
        assert_eq!(ended.unwrap(), Outcome::Fine);
        assert_eq!(words.done(), ["rotate", "rotate", "revoke", "revoke"]);
        assert_settled(&stand, &instance).await;
        // Only to end the old ones, of which there are none.
        let again = Options {
            rotated: true,
            ..options(&instance, None)
        };
        let current = stand.current(&instance);
        let ended = run(&stack(&stand), &Words::default().output(), &again).await;
        assert_eq!(ended.unwrap(), Outcome::Fine);
        assert_eq!(stand.current(&instance), current);
    }
}

#[tokio::test]
async fn after_a_time_each_older_credential_has_that_much_left() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    let second = stand.rotate(&instance).await;
    let words = Words::default();
    let after = Duration::from_mins(15);
    let options = options(&instance, Some(after));
    let began = Timestamp::now();
    let ended = run(&stack(&stand), &words.output(), &options).await;
    assert_eq!(ended.unwrap(), Outcome::Fine);
    assert_eq!(words.done(), ["rotate", "rotate", "schedule", "schedule"]);
    for version in [&first, &second] {
        assert_fires(&schedule(&stand, version, 0).unwrap(), 15 * 60, began);
        fire(&stand, version, 0).await;
    }
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn a_revocation_that_fails_is_followed_to_the_try_that_succeeds_or_said_to_be_open() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    stand.lambda.crash_next(Crash {
        function: "revoke-secret",
        step: None,
        when: When::Before,
    });
    let words = Words::default();
    let ended = run(&stack(&stand), &words.output(), &options(&instance, None)).await;
    let error = ended.unwrap_err();
    assert_eq!(error.status(), 1);
    let error = error.to_string();
    assert!(error.contains("--rotated --accept-downtime"), "{error}");
    assert!(stand.is_labelled_live(&instance, &first));
    // As it says.
    let again = Options {
        rotated: true,
        ..options(&instance, None)
    };
    let ended = run(&stack(&stand), &Words::default().output(), &again).await;
    assert_eq!(ended.unwrap(), Outcome::Fine);
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn a_rotation_that_does_not_end_is_followed_so_long_and_no_longer() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    stand.lambda.crash_next(Crash {
        function: "create-secret",
        step: None,
        when: When::Before,
    });
    let options = rotation::Options {
        addon: id(&instance),
        wait: true,
        patience: Duration::ZERO,
    };
    let ended = rotation::run(&stack(&stand), &Words::default().output(), &options).await;
    let error = ended.unwrap_err();
    assert_eq!(error.status(), 1);
    let error = error.to_string();
    assert!(
        error.contains("Nobody is locked out") && error.contains("addon-rotation-rotate"),
        "{error}"
    );
    assert_eq!(stand.current(&instance), first);
    // Asked for once more, it is the same rotation.
    let words = Words::default();
    let options = rotation::Options {
        wait: false,
        ..options
    };
    let ended = rotation::run(&stack(&stand), &words.output(), &options).await;
    assert_eq!(ended.unwrap(), Outcome::Fine);
    let said = words.objects();
    assert!(
        said[0]["message"]
            .as_str()
            .unwrap()
            .contains("under way already"),
        "{said:?}"
    );
}
