//! The end of an instance: what is revoked and deleted, and in what order, whatever happens on the way.

use addon_rotation::event::VersionId;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use stand_in::events::EventKind;
use stand_in::{Fault, FaultRule};
use strict_aws::gateway::GatewayFault;
use strict_aws::scheduler::ScheduleSummary;
use strict_aws::secrets_manager::{Caller, Untidy};

use super::enrollment::enrolled;
use super::{assert_fires, fire, fired};
use crate::support::{Api, Crash, Instance, Stand, When, credential, soon, version_id};

const FUNCTION: &str = "deprovision-addon";

async fn deprovision(stand: &Stand, instance: &Instance) -> Value {
    let event = json!({ "AddonId": instance.addon });
    stand.lambda.ask(FUNCTION, event).await.unwrap()
}

/// AWS at its tidiest, and as it may be as well.
fn manners() -> [(Api, Untidy); 5] {
    // It looks for the secret, and reads its value; the look that is late then is the one that counts.
    let late = Untidy {
        late_reads: 3,
        late_for: Some(FUNCTION),
        ..Untidy::default()
    };
    let pending_stays = Untidy {
        pending_stays: true,
        ..Untidy::default()
    };
    let forgets = Untidy {
        cancelling_forgets_the_function: true,
        ..Untidy::default()
    };
    [
        (Api::V1, Untidy::default()),
        (Api::V3, Untidy::default()),
        (Api::V1, late),
        (Api::V1, pending_stays),
        (Api::V1, forgets),
    ]
}

/// A look of the function's: what is changed afterwards may come late to it.
async fn look(stand: &Stand, instance: &Instance) {
    let caller = Caller(FUNCTION.to_owned());
    let secret = json!({ "SecretId": instance.secret.as_str() });
    for _ in 0..4 {
        let secrets = stand.gateway.secrets_manager();
        let described = secrets.handle(&caller, "DescribeSecret", secret.clone());
        described.await.unwrap();
    }
}

async fn refused(stand: &Stand, event: Value) -> String {
    let error = stand.lambda.ask(FUNCTION, event).await.unwrap_err();
    stand.assert_holds_no_secret(&error.error_message);
    error.error_message
}

/// No credential is alive, no label says that one may be, nothing is scheduled, no secret is in use.
fn assert_gone(stand: &Stand, instance: &Instance, what: &str) {
    assert_eq!(stand.service.live(), [""; 0], "{what}");
    assert!(stand.gateway.scheduler().schedules().is_empty(), "{what}");
    let secret = stand.snapshot(instance);
    let labels: Vec<_> = secret.versions.iter().flat_map(|it| &it.labels).collect();
    assert!(
        !labels.iter().any(|it| it.starts_with("LIVE-")),
        "{what}: {labels:?}"
    );
    assert!(secret.deletion.is_some(), "{what}");
    assert_eq!(stand.tokens(&instance.addon), [""; 0], "{what}");
    let held = format!("acme/oauth/{}", instance.addon);
    let held = stand.gateway.secrets_manager().secret(&held);
    assert!(held.is_none_or(|it| it.deletion.is_some()), "{what}");
}

/// The schedule of the function's own next run.
fn own_schedule(stand: &Stand) -> Option<ScheduleSummary> {
    let mut schedules = stand.gateway.scheduler().schedules();
    schedules.retain(|it| it.name.starts_with("deprovision-"));
    assert!(schedules.len() <= 1, "{schedules:?}");
    schedules.pop()
}

/// Has the function's own next run come now.
async fn run_scheduled(stand: &Stand) {
    let schedule = own_schedule(stand).expect("a next run is scheduled");
    assert!(stand.gateway.scheduler().bring_forward(&schedule.name));
    fired(stand, &schedule).await;
}

fn deletion_requests(stand: &Stand) -> usize {
    let requests = stand.gateway.requests();
    let deletions = requests
        .iter()
        .filter(|it| it.operation.contains("DeleteSecret"));
    deletions.count()
}

/// A button was pressed that had looked before.
#[tokio::test]
async fn a_rotation_that_begins_meanwhile_keeps_the_secret_from_its_deletion() {
    let stand = Stand::start_without_retries().await;
    let instance = enrolled(&stand, Api::V1).await;
    stand.lambda.crash_next(Crash::before("publish-to-heroku"));
    let began = async {
        while stand.service.is_live(&instance.imported) {
            tokio::task::yield_now().await;
        }
        stand.start_rotation(&instance).await
    };
    let event = json!({ "AddonId": instance.addon });
    let (answer, _) = tokio::join!(stand.lambda.ask(FUNCTION, event), began);
    let error = answer.unwrap_err().error_message;
    assert!(error.contains("another one that has begun"), "{error}");
    assert!(stand.snapshot(&instance).deletion.is_none());
    stand.rotation_failed().await;
    // As it says.
    deprovision(&stand, &instance).await;
    run_scheduled(&stand).await;
    assert_gone(&stand, &instance, "repeated");
}

/// Databases let their users do that.
#[tokio::test]
async fn a_password_that_the_customer_changed_keeps_no_login_alive() {
    let stand = Stand::start().await;
    let instance = enrolled(&stand, Api::V1).await;
    stand
        .service
        .rekey(&instance.imported, "the customer's own");
    let answer = deprovision(&stand, &instance).await;
    assert_eq!(answer["Outcome"], "deprovisioned");
    assert_gone(&stand, &instance, "enrolled");
    // The same in the middle of the first rotation.
    let instance = enrolled(&stand, Api::V1).await;
    let first = stand.current(&instance);
    stand.lambda.crash_next(Crash {
        function: "create-secret",
        step: None,
        when: When::After,
    });
    let version = stand.start_rotation(&instance).await;
    stand.step_failed().await;
    stand
        .service
        .rekey(&instance.imported, "the customer's own");
    stand.succeeded(&version).await;
    assert!(stand.is_labelled_live(&instance, &first));
    fire(&stand, &first, 0).await;
    assert!(!stand.service.is_live(&instance.imported));

    // What nothing shows to be the instance's is told of.
    let instance = stand.enrolled(Api::V1).await;
    let by_hand = stand.current(&instance);
    stand
        .service
        .rekey(&instance.imported, "the customer's own");
    let answer = deprovision(&stand, &instance).await;
    assert_eq!(answer["Unproven"], json!([by_hand.as_str()]));
    assert!(stand.service.is_live(&instance.imported));
}

/// It has noted that a login was seen, and not yet that the login says anything.
#[tokio::test]
async fn what_an_enrolment_has_left_is_no_proof() {
    let stand = Stand::start().await;
    let instance = enrolled(&stand, Api::V1).await;
    let tags = stand.call(
        "DescribeSecret",
        json!({ "SecretId": instance.secret.as_str() }),
    );
    let tags = tags.await.unwrap()["Tags"].clone();
    let force = json!({ "SecretId": instance.secret.as_str(), "ForceDeleteWithoutRecovery": true });
    stand.call("DeleteSecret", force).await.unwrap();
    let left = json!({
        "Name": format!("acme/credentials/{}", instance.addon),
        "ClientRequestToken": format!("enrolled-{}", version_id()),
        "SecretString": instance.document.to_string(),
        "Tags": tags,
    });
    stand.call("CreateSecret", left).await.unwrap();
    stand.service.rekey(&instance.imported, "another's");
    let answer = deprovision(&stand, &instance).await;
    assert_eq!(answer["Revoked"], json!([]));
    assert!(stand.service.is_live(&instance.imported));
}

/// Nothing says then whether the add-on has tokens, nor what is current.
#[tokio::test]
async fn a_current_document_that_is_not_valid_keeps_no_older_credential_alive() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let second = stand.rotate(&instance).await;
    stand.store(&instance.secret, "{}").await;
    let event = json!({ "AddonId": instance.addon });
    let message = refused(&stand, event).await;
    assert!(message.contains("engine is missing"), "{message}");
    assert!(!stand.service.is_live(&instance.imported));
    assert!(!stand.service.is_live(&credential(&instance, &second)));
}

#[tokio::test]
async fn an_instance_that_was_never_rotated_ends_and_again_is_nothing_to_do() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let instance = enrolled(&stand, api).await;
        let current = stand.current(&instance);
        // Heroku has forgotten it, and is not asked.
        stand.heroku.deprovision(&instance.addon).unwrap();
        let asked = stand.heroku.requests().len();
        let answer = deprovision(&stand, &instance).await;
        let expected = json!({
            "SecretArn": instance.secret.as_str(),
            "Revoked": [current.as_str()],
            "Outcome": "deprovisioned",
        });
        assert_eq!(answer, expected, "{api:?}");
        assert_gone(&stand, &instance, &format!("{api:?}"));
        let again = deprovision(&stand, &instance).await;
        assert_eq!(again["Outcome"], "unchanged");
        assert_eq!(again["SecretArn"], instance.secret.as_str());
        assert_eq!(again["Revoked"], json!([]));
        assert_eq!(stand.heroku.requests().len(), asked);
    }
}

#[tokio::test]
async fn every_version_within_its_grace_period_ends_with_its_schedule() {
    for (api, untidy) in manners() {
        let stand = Stand::start().await;
        let instance = enrolled(&stand, api).await;
        stand.gateway.secrets_manager().be(untidy);
        look(&stand, &instance).await;
        let first = stand.current(&instance);
        let second = stand.rotate(&instance).await;
        let third = stand.rotate(&instance).await;
        // A late revocation comes after all: it has nothing to do, and is no alarm.
        let answer = deprovision(&stand, &instance).await;
        let mut revoked: Vec<_> = [&first, &second, &third].map(VersionId::as_str).into();
        revoked.sort_unstable();
        assert_eq!(answer["Revoked"], json!(revoked), "{untidy:?}");
        assert_eq!(answer["Outcome"], "deprovisioned");
        assert_gone(&stand, &instance, &format!("{untidy:?}"));
        super::deliver(&stand, &instance, &first).await;
    }
}

#[tokio::test]
async fn a_sweep_passes_over_what_is_deprovisioned() {
    let stand = Stand::start().await;
    let instance = enrolled(&stand, Api::V1).await;
    let first = stand.current(&instance);
    stand.rotate(&instance).await;
    fire(&stand, &first, 0).await;
    deprovision(&stand, &instance).await;
    stand.lambda.invoke("sweep", json!({})).await.unwrap();
    assert_gone(&stand, &instance, "after a sweep");

    // Deleted by hand: its label says that a credential waits for its revocation.
    let other = enrolled(&stand, Api::V1).await;
    stand.rotate(&other).await;
    for it in stand.gateway.scheduler().schedules() {
        let schedules = stand.lambda.schedules();
        let input: Value = serde_json::from_str(&it.input).unwrap();
        let version = input["VersionId"].as_str().unwrap().parse().unwrap();
        schedules
            .remove_revocation(&other.secret, &version, soon())
            .await
            .unwrap();
    }
    let parameters = json!({ "SecretId": other.secret.as_str() });
    stand
        .call("DeleteSecret", parameters.clone())
        .await
        .unwrap();
    stand.lambda.invoke("sweep", json!({})).await.unwrap();
    assert!(
        stand.gateway.scheduler().schedules().is_empty(),
        "marked for deletion"
    );
    stand.call("RestoreSecret", parameters).await.unwrap();
    stand.lambda.invoke("sweep", json!({})).await.unwrap();
    assert_eq!(stand.gateway.scheduler().schedules().len(), 1, "restored");
}

/// A rotation that is cancelled in its second step: its version is pending, and its credential alive.
async fn under_rotation(stand: &Stand, instance: &Instance) {
    stand.lambda.crash_next(Crash::before("publish-to-heroku"));
    stand.start_rotation(instance).await;
    stand
        .wait_for("the second step", |event| {
            matches!(event, EventKind::StepStarted { step, .. } if step == "setSecret")
                .then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_rotation_under_way_is_waited_for_and_what_it_still_issues_ends() {
    for (api, untidy) in manners() {
        let stand = Stand::start_without_retries().await;
        let instance = enrolled(&stand, api).await;
        stand.gateway.secrets_manager().be(untidy);
        look(&stand, &instance).await;
        let first = stand.current(&instance);
        under_rotation(&stand, &instance).await;
        let secret = stand.snapshot(&instance);
        let pending = secret.labelled("AWSPENDING").unwrap().parse().unwrap();
        assert_eq!(stand.service.live().len(), 2);

        let began = Timestamp::now();
        let answer = deprovision(&stand, &instance).await;
        assert_eq!(answer["Outcome"], "revoked", "{api:?}");
        assert_eq!(answer["Revoked"].as_array().unwrap().len(), 2);
        assert_eq!(stand.service.live(), [""; 0]);
        assert!(!stand.is_labelled_live(&instance, &first));
        assert!(stand.is_labelled_live(&instance, &pending));
        assert!(stand.snapshot(&instance).deletion.is_none());
        let next = own_schedule(&stand).unwrap();
        assert_fires(&next, 4 * 60, began);
        assert!(
            next.input.contains("\"RotationIsOver\":true"),
            "{}",
            next.input
        );
        stand.assert_holds_no_secret(&next.input);

        // Asked again meanwhile, it waits as before.
        let again = deprovision(&stand, &instance).await;
        assert_eq!(again["Outcome"], "revoked");
        assert_eq!(own_schedule(&stand).unwrap().name, next.name);
        // A function that was still running issues the credential only now.
        let event = json!({
            "Step": "createSecret", "SecretId": instance.secret.as_str(),
            // It has seen the current credential log in.
            "VersionId": pending.as_str(), "Vouched": instance.imported,
        });
        stand.lambda.invoke("create-secret", event).await.unwrap();
        assert_eq!(stand.service.live(), [credential(&instance, &pending)]);
        stand.lambda.invoke("sweep", json!({})).await.unwrap();
        assert_eq!(own_schedule(&stand).unwrap().name, next.name);

        run_scheduled(&stand).await;
        assert_gone(&stand, &instance, &format!("{api:?}"));
        look(&stand, &instance).await;
        assert_eq!(deprovision(&stand, &instance).await["Outcome"], "unchanged");
    }
}

/// The service refuses the administrator so many revocations.
fn refuse(stand: &Stand, count: usize) {
    stand.service.fail_next(
        FaultRule::next(Fault::status(403))
            .by(Method::DELETE)
            .times(count),
    );
}

#[tokio::test]
async fn a_scheduled_run_that_fails_schedules_the_next() {
    let stand = Stand::start_without_retries().await;
    let instance = enrolled(&stand, Api::V1).await;
    under_rotation(&stand, &instance).await;
    deprovision(&stand, &instance).await;
    // Of the pending one: the current one has ended.
    refuse(&stand, 1);
    let began = Timestamp::now();
    run_scheduled(&stand).await;
    let next = own_schedule(&stand).unwrap();
    assert!(next.input.contains("\"Attempt\":1"), "{}", next.input);
    assert_fires(&next, 60, began);
    run_scheduled(&stand).await;
    assert_gone(&stand, &instance, "the second run");

    // After a day of tries it says so, to the dead-letter queue.
    let stand = Stand::start().await;
    let instance = enrolled(&stand, Api::V1).await;
    refuse(&stand, 1);
    let event = json!({ "AddonId": instance.addon, "RotationIsOver": true, "Attempt": 20 });
    let message = refused(&stand, event).await;
    assert!(
        message.contains("was not deprovisioned within a day"),
        "{message}"
    );
    assert!(own_schedule(&stand).is_none());
}

#[tokio::test]
async fn one_credential_that_cannot_be_ended_keeps_no_other_alive_and_no_secret_goes() {
    let stand = Stand::start().await;
    let instance = enrolled(&stand, Api::V3).await;
    stand.rotate(&instance).await;
    refuse(&stand, 1);
    let message = refused(&stand, json!({ "AddonId": instance.addon })).await;
    assert!(message.contains("refused the administrator"), "{message}");
    assert!(
        message.contains("Repeat it: what is left is done"),
        "{message}"
    );
    assert_eq!(stand.service.live().len(), 1);
    assert!(stand.snapshot(&instance).deletion.is_none());
    assert_eq!(deletion_requests(&stand), 0);
    assert_eq!(
        deprovision(&stand, &instance).await["Outcome"],
        "deprovisioned"
    );
    assert_gone(&stand, &instance, "repeated");
}

/// Fails every request of the function in turn, before and after its effect.
#[tokio::test]
async fn it_can_be_repeated_from_every_point_of_failure() {
    let operations = [
        "secretsmanager:DescribeSecret",
        "secretsmanager:CancelRotateSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
        "secretsmanager:DeleteSecret",
        "dynamodb:DeleteItem",
        "scheduler:ListSchedules",
        "scheduler:DeleteSchedule",
    ];
    for operation in operations {
        for fault in [Fault::status(400), Fault::LoseAnswer] {
            let stand = Stand::start().await;
            let instance = enrolled(&stand, Api::V3).await;
            stand.rotate(&instance).await;
            stand
                .gateway
                .fail_next(GatewayFault::new(operation, "", fault.clone()));
            let what = format!("{operation} {fault:?}");
            let event = json!({ "AddonId": instance.addon });
            let answer = stand.lambda.ask(FUNCTION, event).await;
            assert_eq!(stand.gateway.pending_faults(""), 0, "{what}");
            if let Err(error) = answer {
                assert!(error.error_message.contains("retry can help"), "{error:?}");
                let answer = deprovision(&stand, &instance).await;
                assert_ne!(answer["Outcome"], "revoked", "{what}");
            }
            assert_gone(&stand, &instance, &what);
            assert_eq!(
                deprovision(&stand, &instance).await["Outcome"],
                "unchanged",
                "{what}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_touched() {
    let stand = Stand::start().await;
    let instance = enrolled(&stand, Api::V1).await;
    let tag = |stack: &str| {
        json!({
            "SecretId": instance.secret.as_str(),
            "Tags": [{ "Key": "rotation:stack", "Value": stack }],
        })
    };
    stand.call("TagResource", tag("another")).await.unwrap();
    let message = refused(&stand, json!({ "AddonId": instance.addon })).await;
    assert!(
        message.contains("does not have the tag rotation:stack"),
        "{message}"
    );
    stand
        .call("TagResource", tag("addon-rotation"))
        .await
        .unwrap();
    let mut document = instance.document.clone();
    document["heroku"]["addon_id"] = "acme-another".into();
    stand.store(&instance.secret, &document).await;
    let message = refused(&stand, json!({ "AddonId": instance.addon })).await;
    assert!(
        message.contains("heroku.addon_id is acme-another"),
        "{message}"
    );
    assert_eq!(stand.service.live(), [instance.imported.as_str()]);
    assert!(stand.snapshot(&instance).deletion.is_none());

    for (event, expected) in [
        (json!({}), "AddonId is missing"),
        (json!({ "AddonId": "../masters/db7" }), "AddonId must be"),
        (json!({ "AddonId": 7 }), "AddonId must be the add-on's id"),
    ] {
        let message = refused(&stand, event).await;
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn what_was_deleted_with_a_credential_alive_is_said_to_be() {
    let stand = Stand::start().await;
    for rotations in [0, 1] {
        let instance = enrolled(&stand, Api::V1).await;
        for _ in 0..rotations {
            stand.rotate(&instance).await;
        }
        let parameters = json!({ "SecretId": instance.secret.as_str() });
        stand
            .call("DeleteSecret", parameters.clone())
            .await
            .unwrap();
        let message = refused(&stand, json!({ "AddonId": instance.addon })).await;
        assert!(message.contains("restore-secret"), "{message}");
        stand.call("RestoreSecret", parameters).await.unwrap();
        assert_eq!(
            deprovision(&stand, &instance).await["Outcome"],
            "deprovisioned"
        );
        assert_gone(&stand, &instance, "restored");
    }
}

#[tokio::test]
async fn an_enrolment_that_was_not_completed_leaves_no_tokens() {
    let stand = Stand::start().await;
    let addon = stand.provisioned(Api::V3);
    let config = [(crate::support::VAR.to_owned(), "something else".to_owned())].into();
    stand.heroku.set_config(&addon.addon, &config).unwrap();
    let event = json!({ "Document": addon.document, "GrantCode": addon.grant_code });
    stand.lambda.ask("enroll-addon", event).await.unwrap_err();
    let event = json!({ "AddonId": addon.addon });
    let answer = stand.lambda.ask(FUNCTION, event.clone()).await.unwrap();
    assert_eq!(answer["Outcome"], "deprovisioned");
    assert_eq!(answer["SecretArn"], Value::Null);
    let answer = stand.lambda.ask(FUNCTION, event).await.unwrap();
    assert_eq!(answer["Outcome"], "unchanged");
    let never = json!({ "AddonId": "acme-never-seen" });
    let answer = stand.lambda.ask(FUNCTION, never).await.unwrap();
    assert_eq!(answer["Outcome"], "unchanged");
}
