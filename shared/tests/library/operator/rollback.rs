//! `rollback`: nobody is without a credential that works, wherever it is cut off.

use std::time::Duration;

use addon_rotation::event::VersionId;
use addon_rotation_operator::rollback::{Options, run};
use addon_rotation_operator::{OperatorError, Outcome};
use http::Method;
use serde_json::json;
use stand_in::{Fault, FaultRule};
use strict_aws::secrets_manager::Untidy;

use super::{Words, be, id, manners, stack};
use crate::steps::{assert_settled, fire, fired, schedule};
use crate::support::{
    Api, Clock, Crash, Instance, Invariants, Stand, When, credential, document, failure, serving,
    soon,
};

async fn roll_back(
    stand: &Stand,
    instance: &Instance,
    to: Option<&VersionId>,
) -> (Words, Result<Outcome, OperatorError>) {
    let words = Words::default();
    let result = run(&stack(stand), &words.output(), &options(instance, to)).await;
    (words, result)
}

fn options(instance: &Instance, to: Option<&VersionId>) -> Options {
    Options {
        addon: id(instance),
        to: to.cloned(),
        yes: true,
    }
}

const STEPS: [&str; 6] = [
    "postpone",
    "log-in",
    "publish",
    "prove",
    "grace-period",
    "current",
];

#[tokio::test]
async fn the_previous_version_is_current_again_and_the_other_ends_after_its_grace_period() {
    let tidy = (Api::V3, Untidy::default());
    for (api, untidy) in manners().map(|it| (Api::V1, it)).into_iter().chain([tidy]) {
        let stand = Stand::start().await;
        let instance = stand.enrolled(api).await;
        stand.gateway.secrets_manager().be(untidy);
        let first = stand.current(&instance);
        let second = stand.rotate(&instance).await;
        be(&stand, &instance, untidy).await;
        let invariants = Invariants::of(&stand, &instance);
        let (words, result) = roll_back(&stand, &instance, None).await;
        assert_eq!(result.unwrap(), Outcome::Fine);
        assert_eq!(words.done(), STEPS);
        assert_eq!(stand.current(&instance), first);
        // Its revocation finds it current and waits; the other's ends the other.
        fire(&stand, &first, 0).await;
        assert!(stand.is_labelled_live(&instance, &first));
        assert!(stand.service.is_live(&credential(&instance, &second)));
        fire(&stand, &second, 0).await;
        assert_eq!(stand.service.live(), [instance.imported.as_str()]);
        assert!(!stand.is_labelled_live(&instance, &second));
        invariants.assert_held();

        // Repeated with its version, it shows once more that it works, and changes nothing.
        be(&stand, &instance, untidy).await;
        let before = stand.lambda.records().len();
        let (words, result) = roll_back(&stand, &instance, Some(&first)).await;
        assert_eq!(result.unwrap(), Outcome::Fine);
        assert_eq!(words.done(), ["prove"]);
        assert_eq!(stand.lambda.records().len(), before + 1);
        for object in words.objects() {
            stand.assert_holds_no_secret(&object.to_string());
        }
        // What was rolled back is no rotation that is not complete: the next one is another.
        let third = stand.rotate(&instance).await;
        assert_eq!(stand.current(&instance), third, "{untidy:?}");
    }
}

/// The version that is rolled back from had published under another name.
#[tokio::test]
async fn apps_that_read_what_the_older_version_leaves_behind_have_the_whole_grace_period() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.rotate(&instance).await;
    let mut renamed = stand.value(&instance.secret, None).await;
    let config = renamed["heroku"]["config"].as_object_mut().unwrap();
    let template = config.remove("ACME_URL").unwrap();
    config.insert("ACME_KEY".to_owned(), template);
    stand.store(&instance.secret, &renamed).await;
    let second = stand.rotate(&instance).await;
    let (words, result) = roll_back(&stand, &instance, Some(&first)).await;
    assert_eq!(result.unwrap(), Outcome::Fine);
    let told = words.objects();
    assert!(
        told.iter()
            .any(|it| it["message"].as_str().unwrap().contains("ACME_KEY")),
        "{told:?}"
    );
    stand
        .heroku
        .remove_config(&instance.addon, "ACME_KEY")
        .unwrap();
    fire(&stand, &second, 0).await;
    assert!(stand.service.is_live(&credential(&instance, &second)));
    fire(&stand, &second, 1).await;
    assert!(!stand.service.is_live(&credential(&instance, &second)));
}

/// v1 does not say what it shows when it confirms a write.
#[tokio::test]
async fn nothing_rests_on_a_write_that_did_nothing() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let second = stand.current(&instance);
    let before = stand.shown(&instance);
    stand
        .heroku
        .fail_next(FaultRule::next(Fault::Garbage(200)).by(Method::PUT));
    let (words, result) = roll_back(&stand, &instance, None).await;
    let error = result.unwrap_err().to_string();
    assert!(error.starts_with("Step prove failed"), "{error}");
    assert_eq!(words.done(), ["postpone", "log-in", "publish"]);
    assert_eq!(stand.current(&instance), second);
    assert_eq!(stand.shown(&instance), before);

    let (_, result) = roll_back(&stand, &instance, Some(&first)).await;
    assert_eq!(result.unwrap(), Outcome::Fine);
    assert_eq!(stand.current(&instance), first);
    assert_ne!(stand.shown(&instance), before);
}

#[tokio::test]
async fn cut_off_at_any_call_it_goes_on_when_it_is_repeated() {
    for (function, step, failed) in [
        ("finish-secret", None, "postpone"),
        ("test-secret", Some("createSecret"), "log-in"),
        ("publish-to-heroku", Some("setSecret"), "publish"),
        ("test-secret", Some("testSecret"), "prove"),
    ] {
        for when in [When::Before, When::After] {
            let (stand, instance, first) = Stand::rotated(Api::V1).await;
            let second = stand.current(&instance);
            let invariants = Invariants::of(&stand, &instance);
            let crash = Crash {
                function,
                step,
                when,
            };
            stand.lambda.crash_next(crash);
            let (words, result) = roll_back(&stand, &instance, None).await;
            let error = result.unwrap_err();
            assert_eq!(error.status(), 1);
            let error = error.to_string();
            let again = format!("rollback {} --to {first}", id(&instance));
            assert!(
                error.contains(&again) && error.starts_with(&format!("Step {failed} failed")),
                "{error}"
            );
            let done = STEPS.iter().take_while(|it| **it != failed);
            assert!(words.done().iter().eq(done), "{:?}", words.done());

            let (_, result) = roll_back(&stand, &instance, Some(&first)).await;
            assert_eq!(result.unwrap(), Outcome::Fine);
            assert_eq!(stand.current(&instance), first);
            fire(&stand, &first, 0).await;
            fire(&stand, &second, 0).await;
            assert_eq!(stand.service.live(), [instance.imported.as_str()]);
            invariants.assert_held();
        }
    }
}

#[tokio::test]
async fn a_revocation_that_died_on_its_way_has_ended_the_credential_and_nothing_is_taken_back() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let second = stand.current(&instance);
    let shown = stand.shown(&instance);
    // The label is there still: it goes off last.
    let services = stand.services();
    let revoked = services
        .revoke(
            &document(&instance.document),
            &serving(&stand.administrator().await, &document(&instance.document)),
            soon(),
        )
        .await;
    revoked.unwrap();
    assert!(stand.is_labelled_live(&instance, &first));
    let (words, result) = roll_back(&stand, &instance, None).await;
    let error = result.unwrap_err().to_string();
    assert!(
        error.starts_with("Step log-in failed") && error.contains("otate instead"),
        "{error}"
    );
    assert_eq!(words.done(), ["postpone"]);
    assert_eq!(stand.current(&instance), second);
    assert_eq!(stand.shown(&instance), shown);
    // Put off, it looks first, and is given a whole grace period then.
    fire(&stand, &first, 0).await;
    fire(&stand, &first, 1).await;
    assert_settled(&stand, &instance).await;
}

/// How late Heroku's answer is.
const LATE: Duration = Duration::from_secs(2);

/// It has looked, also at the schedule, and goes on: Heroku's answer is late.
#[tokio::test]
async fn a_revocation_that_had_looked_is_waited_for() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let second = stand.current(&instance);
    let shown = stand.shown(&instance);
    let invariants = Invariants::of(&stand, &instance);
    stand
        .heroku
        .fail_next(FaultRule::next(Fault::Slow(LATE)).by(Method::GET));
    let clock = Clock::stop();
    let scheduled = schedule(&stand, &first, 0).unwrap();
    assert!(stand.gateway.scheduler().bring_forward(&scheduled.name));
    assert!(clock.until(|| stand.heroku.pending_faults() == 0).await);

    let (words, stack, timeout) = (Words::default(), stack(&stand), LATE * 4);
    stand.lambda.tell_timeout(timeout);
    let (output, options) = (words.output(), options(&instance, None));
    let time_passes = async {
        let waits = || words.objects().iter().any(|it| it["step"] == "wait");
        assert!(clock.until(waits).await);
        assert_eq!(words.done(), ["postpone"]);
        clock.advance(LATE).await;
        fired(&stand, &scheduled).await;
        clock.advance(timeout.saturating_sub(LATE)).await;
    };
    let (result, ()) = tokio::join!(run(&stack, &output, &options), time_passes);
    let error = result.unwrap_err().to_string();
    assert!(error.starts_with("Step log-in failed"), "{error}");
    // Nothing shows what has ended.
    assert_eq!(stand.current(&instance), second);
    assert_eq!(stand.shown(&instance), shown);
    invariants.assert_held();
}

#[tokio::test]
async fn a_rotation_that_secrets_manager_has_yet_to_complete_is_not_rolled_back() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V1).await;
    // Promoted, and no answer to Secrets Manager.
    stand
        .lambda
        .crash_next(Crash::after("rotate", "finishSecret"));
    let second = stand.start_rotation(&instance).await;
    stand.rotation_failed().await;
    let (_, result) = roll_back(&stand, &instance, None).await;
    let error = result.unwrap_err();
    assert_eq!(error.status(), 2);
    let error = error.to_string();
    for part in [second.as_str(), "Repeat in a minute", "Nothing was changed"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(stand.current(&instance), second);
}

#[tokio::test]
async fn what_would_lock_somebody_out_is_refused_before_anything_is_changed() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    let refused = async |to: Option<&VersionId>, words: &[&str]| {
        let before = stand.lambda.records().len();
        let (_, result) = roll_back(&stand, &instance, to).await;
        let error = result.unwrap_err();
        assert_eq!(error.status(), 2, "{error}");
        let error = error.to_string();
        for word in words.iter().chain(&["Nothing was changed"]) {
            assert!(error.contains(word), "{error}");
        }
        assert_eq!(stand.lambda.records().len(), before);
    };
    refused(None, &["no older version", "otate instead"]).await;

    let second = stand.rotate(&instance).await;
    fire(&stand, &first, 0).await;
    refused(Some(&first), &["no LIVE- label", "otate instead"]).await;
    refused(
        Some(&crate::support::version_id()),
        &["no LIVE- label", "otate instead"],
    )
    .await;

    // A rotation that does not come to its end.
    stand.lambda.crash_next(Crash::before("publish-to-heroku"));
    let third = stand.start_rotation(&instance).await;
    stand.step_failed().await;
    let secret = instance.secret.as_str();
    let cancelled = stand.call("CancelRotateSecret", json!({ "SecretId": secret }));
    cancelled.await.unwrap();
    let pending = ["under way", third.as_str(), "--version-stage AWSPENDING"];
    refused(Some(&second), &pending).await;
}

/// Somebody has stored it by hand: nothing has shown that it is the instance's own, and nothing can.
#[tokio::test]
async fn a_version_that_was_never_seen_to_log_in_keeps_no_older_one_from_being_current_again() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    fire(&stand, &first, 0).await;
    let old = stand.current(&instance);
    let mut broken = stand.value(&instance.secret, None).await;
    broken["api_key"] = "not the key".into();
    let broken = stand.store(&instance.secret, &broken).await;
    let (words, result) = roll_back(&stand, &instance, Some(&old)).await;
    assert_eq!(result.unwrap(), Outcome::Fine);
    assert_eq!(stand.current(&instance), old);
    assert!(!stand.is_labelled_live(&instance, &broken));
    assert!(schedule(&stand, &broken, 0).is_none());
    let told = words.text();
    let expected = format!("version {broken} was never seen to log in: it is not revoked");
    assert!(told.contains(&expected), "{told}");
    assert_settled(&stand, &instance).await;
}

/// Whether it logs in is not known, and no more is said.
#[tokio::test]
async fn a_version_whose_login_cannot_be_tried_is_not_left_without_its_grace_period() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    fire(&stand, &first, 0).await;
    let old = stand.current(&instance);
    let by_hand = stand.value(&instance.secret, None).await;
    let by_hand = stand.store(&instance.secret, &by_hand).await;
    let unavailable = by_hand.clone();
    stand.lambda.answer_with("test-secret", move |event| {
        if event["VersionId"] != unavailable.as_str() {
            return Ok(json!(null));
        }
        Err(failure("the service is down. A retry can help."))
    });
    let (_, result) = roll_back(&stand, &instance, Some(&old)).await;
    let error = result.unwrap_err().to_string();
    assert!(error.starts_with("Step grace-period failed"), "{error}");
    assert!(!error.contains("Both credentials work"), "{error}");
    assert_eq!(stand.current(&instance), by_hand);
}

/// Rolling back is needed most then.
#[tokio::test]
async fn a_current_version_without_a_valid_document_keeps_no_older_one_from_being_current_again() {
    let not_its_own = "arn:aws:secretsmanager:us-east-1:000000000000:secret:payroll/db-AbCdEf";
    for (field, value) in [("url", "no address"), ("masterarn", not_its_own)] {
        let (stand, instance, first) = Stand::rotated(Api::V1).await;
        fire(&stand, &first, 0).await;
        let old = stand.current(&instance);
        let mut broken = stand.value(&instance.secret, None).await;
        broken[field] = value.into();
        let broken = stand.store(&instance.secret, &broken).await;
        let (words, result) = roll_back(&stand, &instance, Some(&old)).await;
        assert_eq!(result.unwrap(), Outcome::Fine, "{field}");
        assert_eq!(stand.current(&instance), old);
        assert!(schedule(&stand, &broken, 0).is_none());
        let told = words.text();
        let expected = format!("version {broken} has no valid document: it is not revoked");
        assert!(told.contains(&expected), "{told}");
        assert_settled(&stand, &instance).await;
    }
}

/// Whether its service comes back nobody knows: the command that completes the rollback is said.
#[tokio::test]
async fn a_current_version_whose_service_is_gone_is_told_of_with_the_command_that_is_left() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    fire(&stand, &first, 0).await;
    let old = stand.current(&instance);
    let mut gone = stand.value(&instance.secret, None).await;
    gone["url"] = "http://127.0.0.1:1/".into();
    let gone = stand.store(&instance.secret, &gone).await;
    let (_, result) = roll_back(&stand, &instance, Some(&old)).await;
    let error = result.unwrap_err().to_string();
    let command = format!(
        "aws secretsmanager update-secret-version-stage --secret-id {} --version-stage AWSCURRENT \
         --move-to-version-id {old} --remove-from-version-id {gone}",
        instance.secret
    );
    assert!(error.starts_with("Step grace-period failed"), "{error}");
    assert!(error.contains(&command), "{error}");
    // As it says.
    let parameters = json!({
        "SecretId": instance.secret.as_str(), "VersionStage": "AWSCURRENT",
        "MoveToVersionId": old.as_str(), "RemoveFromVersionId": gone.as_str(),
    });
    let moved = stand.call("UpdateSecretVersionStage", parameters);
    moved.await.unwrap();
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn that_a_label_is_taken_off_is_said_where_it_was_there() {
    for pending_stays in [false, true] {
        let stand = Stand::start().await;
        let instance = stand.enrolled(Api::V1).await;
        let untidy = Untidy {
            pending_stays,
            ..Untidy::default()
        };
        stand.gateway.secrets_manager().be(untidy);
        let second = stand.rotate(&instance).await;
        be(&stand, &instance, untidy).await;
        let (words, result) = roll_back(&stand, &instance, None).await;
        assert_eq!(result.unwrap(), Outcome::Fine);
        let message = format!("AWSPENDING is taken off {second}");
        assert_eq!(words.text().contains(&message), pending_stays);
    }
}
