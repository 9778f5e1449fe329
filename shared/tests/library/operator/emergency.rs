//! `emergency`: the leaked credential ends when the person has said.

use std::time::Duration;

use addon_rotation::event::{Event as _, RevokeEvent, VersionId};
use addon_rotation_operator::emergency::{Options, run};
use addon_rotation_operator::{OperatorError, Outcome, rollback, rotation};
use axum::body::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use lambda_in_process::arn;
use serde_json::json;
use strict_aws::scheduler::{self, Past};
use strict_aws::secrets_manager::{Caller, RotationOptions, Untidy};

use super::{Words, assert_tells_no_secret, be, id, manners, operations, stack};
use crate::steps::{assert_fires, assert_settled, fire, schedule, schedules::tag_with};
use crate::support::{
    Api, Crash, GRACE_PERIOD, Instance, PATIENCE, Stand, credential, eventually, failure, soon,
};

const AFTER: Duration = Duration::from_mins(15);

pub(super) fn options(instance: &Instance, revoke_after: Option<Duration>) -> Options {
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

/// The rotation is over: only the older credentials are to end.
pub(super) fn rotated(instance: &Instance, revoke_after: Option<Duration>) -> Options {
    Options {
        rotated: true,
        ..options(instance, revoke_after)
    }
}

/// The command; nothing that it says holds a secret value.
pub(super) async fn typed(
    stand: &Stand,
    options: &Options,
) -> (Words, Result<Outcome, OperatorError>) {
    let words = Words::default();
    let result = run(&stack(stand), &words.output(), options).await;
    assert_tells_no_secret(stand, &words, &result);
    (words, result)
}

/// A command that does all that it is to do.
async fn fine(stand: &Stand, options: &Options) -> Words {
    let (words, result) = typed(stand, options).await;
    assert_eq!(result.unwrap(), Outcome::Fine);
    words
}

/// What is said of a command that was begun and not completed.
fn told(result: Result<Outcome, OperatorError>, parts: &[&str]) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.status(), 1);
    let error = error.to_string();
    for part in parts {
        assert!(error.contains(part), "{part}: {error}");
    }
    error
}

#[tokio::test]
async fn at_once_every_older_credential_is_refused_when_the_command_ends() {
    let tidy = (Api::V3, Untidy::default());
    for (api, untidy) in manners().map(|it| (Api::V1, it)).into_iter().chain([tidy]) {
        let stand = Stand::start().await;
        let instance = stand.enrolled(api).await;
        stand.gateway.secrets_manager().be(untidy);
        stand.rotate(&instance).await;
        be(&stand, &instance, untidy).await;
        let words = fine(&stand, &options(&instance, None)).await;
        assert_eq!(words.done(), ["rotate", "rotate", "revoke", "revoke"]);
        assert_settled(&stand, &instance).await;
        // Only to end the old ones, of which there are none.
        let current = stand.current(&instance);
        fine(&stand, &rotated(&instance, None)).await;
        assert_eq!(stand.current(&instance), current);
    }
}

/// What is to be ended was current before, and is so still in a look that is late.
#[tokio::test]
async fn that_nothing_older_is_alive_is_not_believed_of_a_single_look() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    be(&stand, &instance, manners()[2]).await;
    stand.rotate(&instance).await;
    let words = fine(&stand, &rotated(&instance, None)).await;
    assert_eq!(words.done(), ["revoke"]);
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn after_a_time_each_older_credential_has_that_much_left() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let second = stand.current(&instance);
    let began = Timestamp::now();
    let words = fine(&stand, &options(&instance, Some(AFTER))).await;
    assert_eq!(words.done(), ["rotate", "rotate", "schedule", "schedule"]);
    for version in [&first, &second] {
        assert_fires(&schedule(&stand, version, 0).unwrap(), 15 * 60, began);
        fire(&stand, version, 0).await;
    }
    assert_settled(&stand, &instance).await;
}

/// The first try has found the service out of order: the next one is to come in a minute.
#[tokio::test]
async fn typed_again_it_puts_off_no_end_of_a_later_try() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let after = Some(AFTER);
    fine(&stand, &rotated(&instance, after)).await;
    let administrator = stand.value(stand.administrator_arn(), None).await;
    stand.store_administrator(&json!({})).await;
    fire(&stand, &first, 0).await;
    assert!(schedule(&stand, &first, 1).is_some());
    let began = Timestamp::now();
    fine(&stand, &rotated(&instance, after)).await;
    let next = schedule(&stand, &first, 0).unwrap();
    let latest = began + SignedDuration::from_secs(62);
    assert!(next.fires_at.unwrap() <= latest, "{next:?}");
    stand.store_administrator(&administrator).await;
    fire(&stand, &first, 0).await;
    assert_settled(&stand, &instance).await;
}

/// The schedule of a try that has fired may be there for a moment: it is no time that is left.
#[tokio::test]
async fn a_try_that_has_fired_shortens_no_time_that_a_later_one_has() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let fired = schedule(&stand, &first, 0).unwrap();
    let mut later: RevokeEvent = serde_json::from_str(&fired.input)
        .ok()
        .and_then(|input| RevokeEvent::read(&input).ok())
        .unwrap();
    later.attempt = 1;
    let own_schedules = stand.lambda.schedules();
    let written = own_schedules.revoke_after(later, GRACE_PERIOD, None, soon());
    written.await.unwrap();
    let stand_in = stand.gateway.scheduler();
    stand_in.be(scheduler::Untidy {
        past: Past::Never,
        ..scheduler::Untidy::default()
    });
    let time = Timestamp::now() - SignedDuration::from_secs(1);
    let body = json!({
        "GroupName": fired.group,
        "ScheduleExpression": format!("at({})", time.strftime("%Y-%m-%dT%H:%M:%S")),
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": arn("revoke-secret"),
            "RoleArn": "arn:aws:iam::000000000000:role/scheduler",
            "Input": fired.input,
        },
    });
    let request = Request::put(format!("/schedules/{}", fired.name));
    let request = request.body(Bytes::from(body.to_string())).unwrap();
    assert!(stand_in.handle(request).await.status().is_success());
    let began = Timestamp::now();
    fine(&stand, &rotated(&instance, Some(AFTER))).await;
    assert_fires(&schedule(&stand, &first, 0).unwrap(), 15 * 60, began);
}

/// What its schedule knows from before was in use when that was written: what is in use when it fires is left alone
/// all the same.
#[tokio::test]
async fn a_credential_that_was_rolled_back_to_has_no_more_than_that_left() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let to = rollback::Options {
        addon: id(&instance),
        to: None,
        yes: true,
    };
    let rolled_back = rollback::run(&stack(&stand), &Words::default().output(), &to).await;
    assert_eq!(rolled_back.unwrap(), Outcome::Fine);
    let second = stand.snapshot(&instance);
    let second = second.labelled("AWSPREVIOUS").unwrap().parse().unwrap();
    fine(&stand, &options(&instance, Some(AFTER))).await;
    fire(&stand, &first, 0).await;
    assert!(!stand.service.is_live(&instance.imported));
    fire(&stand, &second, 0).await;
    assert_settled(&stand, &instance).await;
}

/// Somebody has stored the document anew: the version that leaked is not current, and its credential is.
#[tokio::test]
async fn a_credential_that_goes_on_as_the_current_version_s_is_not_said_to_be_revoked() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    fire(&stand, &first, 0).await;
    let leaked = stand.current(&instance);
    let document = stand.value(&instance.secret, None).await;
    let stored = stand.store(&instance.secret, &document).await;
    let (words, ended) = typed(&stand, &rotated(&instance, None)).await;
    let again = format!("emergency {} --accept-downtime", id(&instance));
    told(ended, &[leaked.as_str(), stored.as_str(), &again]);
    assert_eq!(words.done(), [""; 0]);
    assert!(stand.service.is_live(&credential(&instance, &leaked)));
    // As it says.
    fine(&stand, &options(&instance, None)).await;
    assert_settled(&stand, &instance).await;
}

/// What leaked is in use by whoever has it.
#[tokio::test]
async fn a_revocation_waits_for_sessions_as_long_as_its_tag_says_and_an_emergency_for_none() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    let secret = instance.secret.as_str();
    tag_with(&stand, secret, "rotation:hold-while-in-use", "3600").await;
    stand.rotate(&instance).await;
    let in_use = || {
        let now = Timestamp::now().to_string();
        stand.service.last_used(&instance.imported, &now);
    };
    in_use();
    fire(&stand, &first, 0).await;
    assert!(stand.service.is_live(&instance.imported));
    assert!(stand.is_labelled_live(&instance, &first));
    assert!(schedule(&stand, &first, 1).is_some());
    fine(&stand, &rotated(&instance, Some(AFTER))).await;
    in_use();
    fire(&stand, &first, 0).await;
    assert!(!stand.service.is_live(&instance.imported));
    assert_settled(&stand, &instance).await;
}

/// The rotation's own schedule is for the grace period's end.
#[tokio::test]
async fn a_revocation_that_must_be_postponed_is_tried_in_a_minute_and_waits_for_no_session() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    let secret = instance.secret.as_str();
    tag_with(&stand, secret, "rotation:hold-while-in-use", "3600").await;
    stand.rotate(&instance).await;
    stand.lambda.crash_next(Crash::before("revoke-secret"));
    let began = Timestamp::now();
    let (_, ended) = typed(&stand, &rotated(&instance, None)).await;
    told(ended, &[]);
    let now = Timestamp::now().to_string();
    stand.service.last_used(&instance.imported, &now);
    assert_fires(&schedule(&stand, &first, 0).unwrap(), 60, began);
    fire(&stand, &first, 0).await;
    assert!(!stand.service.is_live(&instance.imported));
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn a_rotation_that_does_not_end_is_followed_so_long_and_no_longer() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    stand.lambda.crash_next(Crash::before("create-secret"));
    let options = rotation::Options {
        addon: id(&instance),
        wait: true,
        patience: Duration::ZERO,
    };
    let ended = rotation::run(&stack(&stand), &Words::default().output(), &options).await;
    let tail = "aws logs tail /aws/lambda/addon-rotation-rotate --since 1h";
    told(ended, &["Nobody is locked out", tail]);
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
            .contains("already under way"),
        "{said:?}"
    );
}

/// Secrets Manager leaves a rotation as it is when its first attempt has failed.
async fn one_attempt() -> Stand {
    Stand::with(RotationOptions {
        attempts: 1,
        ..RotationOptions::default()
    })
    .await
}

#[tokio::test]
async fn a_rotation_that_fails_keeps_no_older_credential_alive_and_what_is_current_is_told() {
    for revoke_after in [None, Some(AFTER)] {
        let stand = one_attempt().await;
        let instance = stand.enrolled(Api::V1).await;
        let first = stand.current(&instance);
        let second = stand.rotate(&instance).await;
        stand.lambda.crash_next(Crash::before("create-secret"));
        let impatient = Options {
            patience: Duration::ZERO,
            ..options(&instance, revoke_after)
        };
        let began = Timestamp::now();
        let (_, ended) = typed(&stand, &impatient).await;
        let choice = if revoke_after.is_some() {
            assert_fires(&schedule(&stand, &first, 0).unwrap(), 15 * 60, began);
            "--revoke-after 900s"
        } else {
            assert!(!stand.is_labelled_live(&instance, &first));
            "--accept-downtime"
        };
        let again = format!("emergency {} {choice}", id(&instance));
        let alive = format!("current version, {second}");
        told(ended, &[&again, &alive, "aws logs tail"]);
        // As it says.
        stand.rotation_failed().await;
        // What is completed then may have leaked as well.
        let third = stand.snapshot(&instance);
        let third = third.labelled("AWSPENDING").unwrap().parse().unwrap();
        fine(&stand, &options(&instance, revoke_after)).await;
        for version in [&first, &second, &third]
            .into_iter()
            .filter(|_| revoke_after.is_some())
        {
            fire(&stand, version, 0).await;
        }
        assert_settled(&stand, &instance).await;
    }
}

/// The secret goes while it rotates.
#[tokio::test]
async fn a_secret_that_cannot_be_looked_at_keeps_no_older_credential_from_its_revocation() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let secrets = stand.gateway.secrets_manager().clone();
    let secret = instance.secret.clone();
    stand.lambda.answer_with("create-secret", move |_| {
        let (secrets, secret) = (secrets.clone(), secret.clone());
        tokio::spawn(async move {
            let force = json!({ "SecretId": secret.as_str(), "ForceDeleteWithoutRecovery": true });
            let operator = Caller("operator".to_owned());
            secrets.handle(&operator, "DeleteSecret", force).await
        });
        Err(failure("the service is down"))
    });
    let (words, ended) = typed(&stand, &options(&instance, Some(AFTER))).await;
    let again = "--revoke-after 900s";
    told(ended, &["cannot be followed", again, "If that one leaked"]);
    assert_eq!(words.done(), ["rotate", "schedule"]);
    assert!(schedule(&stand, &first, 0).is_some());
}

#[tokio::test]
async fn what_cannot_be_ended_keeps_no_other_alive_and_is_scheduled() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let second = stand.current(&instance);
    stand.lambda.crash_next(Crash::before("revoke-secret"));
    let began = Timestamp::now();
    let (_, ended) = typed(&stand, &options(&instance, None)).await;
    let is_live = |version: &VersionId| stand.is_labelled_live(&instance, version);
    let [alive, gone] = if is_live(&first) {
        [&first, &second]
    } else {
        [&second, &first]
    };
    assert!(is_live(alive) && !is_live(gone));
    let again = "--rotated --accept-downtime";
    let soon = "a scheduled attempt follows in a minute";
    let error = told(ended, &[alive.as_str(), again, soon]);
    assert!(!error.contains(gone.as_str()), "{error}");
    assert_fires(&schedule(&stand, alive, 0).unwrap(), 60, began);
    // As it says.
    fine(&stand, &rotated(&instance, None)).await;
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn a_rotation_is_given_up_only_where_it_was_seen_before() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V1).await;
    stand.lambda.crash_next(Crash::before("create-secret"));
    let (words, stack) = (Words::default(), stack(&stand));
    let options = rotation::Options {
        addon: id(&instance),
        wait: true,
        patience: PATIENCE,
    };
    let given_up = async {
        let looks = || {
            let operations = operations(&stand).into_iter();
            let since = operations.skip_while(|it| it != "secretsmanager:RotateSecret");
            since
                .filter(|it| it == "secretsmanager:DescribeSecret")
                .count()
        };
        // Until then the new version's value is stored, with the label.
        stand.rotation_failed().await;
        // The first of two has been answered.
        assert!(eventually(async || looks() > 1).await);
        let secret = stand.snapshot(&instance);
        let pending = secret.labelled("AWSPENDING").unwrap();
        let pending = pending.parse().unwrap();
        let taken_off = stand.move_label(&instance, "AWSPENDING", Some(&pending), None);
        taken_off.await;
    };
    let output = words.output();
    let (ended, ()) = tokio::join!(rotation::run(&stack, &output, &options), given_up);
    told(ended, &["was cancelled", "aws logs tail", "rotate"]);
}
