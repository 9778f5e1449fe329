//! `emergency`: what leaked ends, whatever else goes on, and no more is said than is so.

use std::io::Write;
use std::time::Duration;

use addon_rotation::event::VersionId;
use addon_rotation_operator::emergency::{Options, run};
use addon_rotation_operator::output::Output;
use addon_rotation_operator::{OperatorError, Outcome, rollback};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stand_in::{Fault, FaultRule};
use strict_aws::secrets_manager::{Caller, RotationOptions, SecretsManager};

use super::emergency::{options, rotated, typed};
use super::{Words, be, id, manners, stack};
use crate::steps::{assert_fires, assert_settled, fire, schedule};
use crate::support::{
    Api, Crash, Instance, Stand, credential, eventually, failure, next_document, version_id,
};

/// Stores the current document once more by hand.
async fn store_again(stand: &Stand, instance: &Instance) -> VersionId {
    let document = stand.value(&instance.secret, None).await;
    stand.store(&instance.secret, &document).await
}

/// Heroku shows it, and whoever reads the config vars has it.
#[tokio::test]
async fn the_credential_of_a_rotation_that_was_under_way_ends_too() {
    for untidy in manners() {
        let stand = Stand::with(RotationOptions {
            attempts: 1,
            ..RotationOptions::default()
        })
        .await;
        let instance = stand.enrolled(Api::V1).await;
        stand.gateway.secrets_manager().be(untidy);
        stand.lambda.crash_next(Crash::before("test-secret"));
        let leaked = stand.start_rotation(&instance).await;
        stand.failure_of(&leaked).await;
        be(&stand, &instance, untidy).await;
        let leaked_key = credential(&instance, &leaked);
        assert!(stand.service.is_live(&leaked_key));
        let (words, ended) = typed(&stand, &options(&instance, None)).await;
        assert_eq!(ended.unwrap(), Outcome::Fine, "{}", words.text());
        assert!(!stand.service.is_live(&leaked_key), "{}", words.text());
        assert_ne!(stand.current(&instance), leaked);
        assert_settled(&stand, &instance).await;
    }
}

/// The rotation that replaces what was under way fails: that is current, and may be what leaked.
#[tokio::test]
async fn the_credential_of_a_rotation_that_was_under_way_is_not_the_new_one() {
    let stand = Stand::with(RotationOptions {
        attempts: 1,
        ..RotationOptions::default()
    })
    .await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    stand.lambda.crash_next(Crash::before("test-secret"));
    let leaked = stand.start_rotation(&instance).await;
    stand.failure_of(&leaked).await;
    // That of the version under way is issued already, and no other can be.
    let issued = leaked.clone();
    stand.lambda.answer_with("create-secret", move |event| {
        if event["VersionId"] != issued.as_str() {
            return Err(failure("the service is down. A retry can help."));
        }
        Ok(json!({ "CurrentVersionId": first, "CurrentAccepted": true, "CurrentNote": null }))
    });
    let hasty = Options {
        patience: Duration::from_secs(5),
        ..options(&instance, None)
    };
    let (_, ended) = typed(&stand, &hasty).await;
    let error = ended.unwrap_err();
    assert_eq!(error.status(), 1);
    let error = error.to_string();
    assert!(!error.contains("--rotated"), "{error}");
    let alive = format!("current version, {leaked}");
    for part in [&alive, "If that one leaked"] {
        assert!(error.contains(part), "{error}");
    }
}

/// One leaves it to the other, whose revocation fails.
#[tokio::test]
async fn a_credential_that_another_old_version_has_too_is_not_said_to_be_revoked_before_it_is() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    fire(&stand, &first, 0).await;
    let one = stand.current(&instance);
    let other = store_again(&stand, &instance).await;
    stand.rotate(&instance).await;
    let (left, heir) = (one.clone().min(other.clone()), one.clone().max(other));
    stand.service.fail_next(
        FaultRule::next(Fault::status(400))
            .by(Method::DELETE)
            .times(100),
    );
    let impatient = Options {
        patience: Duration::from_secs(1),
        ..rotated(&instance, None)
    };
    let (words, ended) = typed(&stand, &impatient).await;
    assert!(stand.service.is_live(&credential(&instance, &one)));
    let error = ended.unwrap_err();
    assert_eq!(error.status(), 1);
    assert!(error.to_string().contains(heir.as_str()), "{error}");
    assert_eq!(words.done(), [""; 0], "{}", words.text());
    let told = words.objects();
    let is_told = |it: &Value| {
        let message = it["message"].as_str().unwrap();
        message.contains(left.as_str()) && message.contains(heir.as_str())
    };
    assert!(told.iter().any(is_told), "{told:?}");
}

/// A rollback from a version with the same credential has labelled both.
#[tokio::test]
async fn a_credential_that_the_current_version_has_too_is_not_said_to_be_revoked() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    fire(&stand, &first, 0).await;
    let current = stand.current(&instance);
    let changed = store_again(&stand, &instance).await;
    let to = rollback::Options {
        addon: id(&instance),
        to: Some(current.clone()),
        yes: true,
    };
    let rolled_back = rollback::run(&stack(&stand), &Words::default().output(), &to).await;
    assert_eq!(rolled_back.unwrap(), Outcome::Fine);
    assert!(stand.is_labelled_live(&instance, &current));
    assert!(stand.is_labelled_live(&instance, &changed));
    let (words, ended) = typed(&stand, &rotated(&instance, None)).await;
    assert_eq!(words.done(), [""; 0], "{}", words.text());
    let error = ended.unwrap_err();
    assert_eq!(error.status(), 1);
    let error = error.to_string();
    let again = format!("emergency {} --accept-downtime", id(&instance));
    for part in [changed.as_str(), current.as_str(), &again] {
        assert!(error.contains(part), "{error}");
    }
    assert!(stand.service.is_live(&credential(&instance, &current)));
    // As it says.
    let (_, ended) = typed(&stand, &options(&instance, None)).await;
    assert_eq!(ended.unwrap(), Outcome::Fine);
    assert_settled(&stand, &instance).await;
}

/// The command, which waits for a revocation in a quarter of an hour; that time comes once it is scheduled.
async fn waited_for(
    stand: &Stand,
    instance: &Instance,
    old: &VersionId,
) -> (Words, Result<Outcome, OperatorError>) {
    let waits = Options {
        wait: true,
        ..rotated(instance, Some(Duration::from_mins(15)))
    };
    let words = Words::default();
    let (stack, output) = (stack(stand), words.output());
    let comes_due = async {
        let is_scheduled = || words.done().contains(&"schedule".to_owned());
        assert!(eventually(async || is_scheduled()).await);
        fire(stand, old, 0).await;
    };
    let (ended, ()) = tokio::join!(run(&stack, &output, &waits), comes_due);
    (words, ended)
}

/// A label that goes off by schedule may have gone to another version.
#[tokio::test]
async fn of_a_revocation_by_schedule_no_more_is_said_than_the_label_shows() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let (words, ended) = waited_for(&stand, &instance, &first).await;
    assert_eq!(ended.unwrap(), Outcome::Fine);
    let told = words.objects().pop().unwrap();
    let told = told["message"].as_str().unwrap();
    assert!(told.contains("no LIVE- label any more"), "{told}");
    assert!(!told.contains("refuses"), "{told}");
}

/// The current version, stored by hand, has no label before.
#[tokio::test]
async fn a_label_that_goes_to_the_current_version_by_schedule_is_told_of() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    fire(&stand, &first, 0).await;
    let leaked = stand.current(&instance);
    let current = store_again(&stand, &instance).await;
    let (words, ended) = waited_for(&stand, &instance, &leaked).await;
    let error = ended.unwrap_err();
    assert_eq!(error.status(), 1);
    let error = error.to_string();
    for part in [leaked.as_str(), current.as_str()] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(words.done(), ["schedule"]);
}

/// A stack of the version before answers null.
#[tokio::test]
async fn an_older_function_that_answers_nothing_is_followed_by_its_label() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    stand
        .lambda
        .answer_with("revoke-secret", |_| Ok(Value::Null));
    let waits = rotated(&instance, None);
    let comes_due = async {
        let is_asked = || {
            stand
                .lambda
                .records()
                .iter()
                .any(|it| it.function == "revoke-secret")
        };
        assert!(eventually(async || is_asked()).await);
        let secrets = stand.gateway.secrets_manager();
        let operator = Caller("operator".to_owned());
        let label = json!({
            "SecretId": instance.secret.as_str(),
            "VersionStage": format!("LIVE-{first}"),
            "RemoveFromVersionId": first.as_str(),
        });
        let taken_off = secrets.handle(&operator, "UpdateSecretVersionStage", label);
        taken_off.await.unwrap();
    };
    let ((words, ended), ()) = tokio::join!(typed(&stand, &waits), comes_due);
    assert_eq!(ended.unwrap(), Outcome::Fine);
    assert!(words.text().contains("no LIVE- label any more"));
}

/// By schedule it would be over sooner.
#[tokio::test]
async fn repeated_it_puts_off_no_revocation_that_comes_sooner() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let sooner = rotated(&instance, Some(Duration::from_mins(15)));
    let (_, ended) = typed(&stand, &sooner).await;
    assert_eq!(ended.unwrap(), Outcome::Fine);
    let later = rotated(&instance, Some(Duration::from_mins(90)));
    let began = Timestamp::now();
    let (words, ended) = typed(&stand, &later).await;
    assert_eq!(ended.unwrap(), Outcome::Fine);
    let fires_at = schedule(&stand, &first, 0).unwrap().fires_at.unwrap();
    assert!(fires_at < began + SignedDuration::from_mins(60));
    let told = words.text();
    assert!(!told.contains("1 h 30 min"), "{told}");
    // Its own time is for what is not in use any more.
    let in_use = json!({
        "SecretId": instance.secret.as_str(),
        "VersionId": first.as_str(),
        "RevokeAfterSeconds": 300,
        "WasInUse": true,
    });
    stand.lambda.invoke("finish-secret", in_use).await.unwrap();
    let began = Timestamp::now();
    let (_, ended) = typed(&stand, &sooner).await;
    assert_eq!(ended.unwrap(), Outcome::Fine);
    assert_fires(&schedule(&stand, &first, 0).unwrap(), 15 * 60, began);
}

/// Makes another version current as soon as the command says that its own is.
struct Third {
    secrets: SecretsManager,
    stored: Option<Value>,
    words: Words,
}

impl Write for Third {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let said = String::from_utf8_lossy(bytes).contains("is current");
        if let Some(stored) = self.stored.take_if(|_| said) {
            let secrets = self.secrets.clone();
            let stores = move || {
                let runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = { runtime }.enable_all().build().unwrap();
                let operator = Caller("operator".to_owned());
                let stored = secrets.handle(&operator, "PutSecretValue", stored);
                runtime.block_on(stored).unwrap();
            };
            std::thread::spawn(stores).join().unwrap();
        }
        self.words.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_a_third_rotation_makes_current_is_not_among_the_old() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    let third = version_id();
    let stored = json!({
        "SecretId": instance.secret.as_str(),
        "ClientRequestToken": third.as_str(),
        "SecretString": next_document(&instance.document, &third).to_string(),
        "VersionStages": ["AWSCURRENT", format!("LIVE-{third}")],
    });
    let words = Words::default();
    let sink = Third {
        secrets: stand.gateway.secrets_manager().clone(),
        stored: Some(stored),
        words: words.clone(),
    };
    let options = options(&instance, Some(Duration::from_mins(15)));
    let ended = run(&stack(&stand), &Output::to(sink, true), &options).await;
    assert_eq!(stand.current(&instance), third);
    assert!(schedule(&stand, &third, 0).is_none());
    assert_eq!(ended.unwrap(), Outcome::Fine, "{}", words.text());
    assert!(schedule(&stand, &first, 0).is_some());
}

#[tokio::test]
async fn what_is_to_be_repeated_is_what_was_typed() {
    let (stand, instance, _) = Stand::rotated(Api::V1).await;
    for (revoke_after, choice) in [
        (None, "--accept-downtime"),
        (Some(Duration::from_mins(15)), "--revoke-after 900s"),
    ] {
        let function = if revoke_after.is_some() {
            "finish-secret"
        } else {
            "revoke-secret"
        };
        stand.lambda.crash_next(Crash::before(function));
        let hasty = Options {
            patience: Duration::from_secs(150),
            wait: true,
            ..rotated(&instance, revoke_after)
        };
        let (_, ended) = typed(&stand, &hasty).await;
        let error = ended.unwrap_err().to_string();
        let again = format!(
            "emergency {} --rotated {choice} --wait --patience 150s`",
            id(&instance)
        );
        assert!(error.contains(&again), "{error}");
    }
}
