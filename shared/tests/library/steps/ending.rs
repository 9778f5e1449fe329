//! The end of a credential is certain, and seen: what others have met, and what an adversary did.

use std::sync::Arc;
use std::time::Duration;

use addon_rotation::event::VersionId;
use addon_rotation::function::Function as _;
use addon_rotation::heroku::{HerokuClient, HerokuConfiguration};
use addon_rotation::last_will;
use addon_rotation::service::Sessions;
use axum::body::Bytes;
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stand_in::{Fault, FaultRule};
use strict_aws::gateway::GatewayFault;
use strict_aws::secrets_manager::RotationOptions;
use strict_heroku::{ShownNames, Untidiness};
use uuid::Uuid;

use super::announced::events;
use super::sweep::lose;
use super::{assert_fires, assert_settled, fire, grace_period, releases, revocation, schedule};
use crate::support::{Api, Instance, Stand, credential, eventually, soon, version_id};

/// What the last invocation of `revoke-secret` has scheduled its next try for.
pub(super) fn last_error(stand: &Stand) -> String {
    let events = events(stand).into_iter();
    let mut postponed =
        events.filter(|event| event["detail-type"] == "Credential Revocation Postponed");
    let postponed = postponed.next_back().expect("a try that was postponed");
    postponed["detail"]["ErrorMessage"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Whoever may store a value can have any label go to it.
#[tokio::test]
async fn a_label_that_somebody_moves_is_still_the_one_of_its_version() {
    for end in ["revoke-secret", "sweep", "deprovision-addon"] {
        let (stand, instance, first) = Stand::rotated(Api::V1).await;
        // And one of a version that never was.
        let ghost = Uuid::new_v4();
        let labels = json!([format!("LIVE-{first}"), format!("LIVE-{ghost}")]);
        let id = version_id();
        stand
            .store_as(&instance.secret, &instance.document, id.as_str(), labels)
            .await;
        assert!(!stand.is_labelled_live(&instance, &first));
        match end {
            "revoke-secret" => fire(&stand, &first, 0).await,
            "sweep" => {
                lose(&stand, &first, 0).await;
                stand.lambda.invoke(end, json!({})).await.unwrap();
                fire(&stand, &first, 0).await;
                fire(&stand, &first, 1).await
            }
            _ => {
                let event = json!({ "AddonId": instance.addon });
                let answer = stand.lambda.ask(end, event).await.unwrap();
                assert_eq!(answer["Unproven"], json!([ghost.to_string()]));
                Timestamp::now()
            }
        };
        assert!(!stand.service.is_live(&instance.imported), "{end}");
        let labels = stand.snapshot(&instance).versions;
        let mut labels = labels.iter().flat_map(|it| &it.labels);
        assert!(!labels.any(|it| *it == format!("LIVE-{first}")), "{end}");
    }
}

#[tokio::test]
async fn a_broken_current_credential_of_the_same_name_holds_up_no_revocation() {
    for labelled in [false, true] {
        let (stand, instance, leaked) = Stand::rotated(Api::V1).await;
        let mut broken = instance.document.clone();
        broken["api_key"] = "not the key".into();
        let id = Uuid::new_v4().to_string();
        let labels = if labelled {
            json!(["AWSCURRENT", format!("LIVE-{id}")])
        } else {
            json!(["AWSCURRENT"])
        };
        stand.store_as(&instance.secret, &broken, &id, labels).await;
        fire(&stand, &leaked, 0).await;
        assert!(!stand.service.is_live(&instance.imported), "{labelled}");
    }
}

#[tokio::test]
async fn a_label_that_somebody_put_on_ends_nobody_s_credential() {
    for of in ["imported", "made by rotation"] {
        let stand = Stand::start().await;
        let (instance, victim) = (stand.enrolled(Api::V1).await, stand.enrolled(Api::V1).await);
        let theirs = stand.rotate(&victim).await;
        let (target, id) = if of == "imported" {
            (victim.imported.clone(), Uuid::new_v4().to_string())
        } else {
            // Under the very version that has it.
            (credential(&victim, &theirs), theirs.to_string())
        };
        let mut document = instance.document.clone();
        document["credential_id"] = target.as_str().into();
        let labels = json!([format!("LIVE-{id}")]);
        let planted = stand
            .store_as(&instance.secret, &document, &id, labels)
            .await;
        stand.lambda.invoke("sweep", json!({})).await.unwrap();
        fire(&stand, &planted, 0).await;
        assert!(last_error(&stand).contains("never seen to log in"), "{of}");
        assert!(stand.service.is_live(&target), "{of}");

        // Nor when the instance ends.
        let event = json!({ "AddonId": instance.addon });
        let outcome = stand.lambda.ask("deprovision-addon", event).await;
        let message = outcome.unwrap_err().error_message;
        assert!(message.contains("never seen to log in"), "{of}: {message}");
        assert!(stand.service.is_live(&target), "{of}");
    }
}

#[tokio::test]
async fn what_was_shown_is_noted_once_and_an_operator_s_word_stands_for_it() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let second = stand.current(&instance);
    let noted = |stand: &Stand| {
        stand
            .snapshot(&instance)
            .tags
            .get("rotation:shown")
            .cloned()
    };
    let note = noted(&stand);
    assert!(note.as_ref().is_some_and(|it| it.len() == 41), "{note:?}");
    fire(&stand, &first, 0).await;
    stand.rotate(&instance).await;
    assert_eq!(noted(&stand), note, "the second has its version's name");
    fire(&stand, &second, 0).await;
    assert_settled(&stand, &instance).await;

    // Credentials of an earlier release, or stored by hand and rolled back: their names tell nothing, and nothing is
    // noted of them.
    for shows_itself in [true, false] {
        let mut earlier = instance.document.clone();
        let id = Uuid::new_v4().to_string();
        let key = format!("acme_live_{}", Uuid::new_v4().simple());
        stand.service.register(&id, &key).unwrap();
        earlier["credential_id"] = id.as_str().into();
        earlier["api_key"] = if shows_itself { key } else { "lost".into() }.into();
        let labels = json!([format!("LIVE-{id}")]);
        let earlier = stand
            .store_as(&instance.secret, &earlier, &id, labels)
            .await;
        let revoke = async |vouched: Option<&str>| {
            let event = json!({
                "SecretId": instance.secret.as_str(),
                "VersionId": earlier.as_str(),
                "Vouched": vouched,
            });
            stand.lambda.invoke("revoke-secret", event).await.unwrap();
        };
        if shows_itself {
            revoke(None).await;
            assert_settled(&stand, &instance).await;
            assert_ne!(noted(&stand), note, "a try that is cut off goes on");
            continue;
        }
        // Nobody's word, and one for another credential: whoever labelled it chose the name in its document.
        for vouched in [None, Some("another's")] {
            revoke(vouched).await;
            let message = last_error(&stand);
            assert!(message.contains(&format!("{id:?}")), "{message}");
            assert!(stand.service.is_live(&id));
        }
        revoke(Some(&id)).await;
        assert_settled(&stand, &instance).await;
    }
}

/// Stores the document with what it publishes under another config var's name.
async fn rename(stand: &Stand, instance: &Instance) -> (Value, VersionId) {
    let mut renamed = instance.document.clone();
    let config = renamed["heroku"]["config"].as_object_mut().unwrap();
    let template = config.remove("ACME_URL").unwrap();
    config.insert("ACME_KEY".to_owned(), template);
    let stored = stand.store(&instance.secret, &renamed).await;
    (renamed, stored)
}

/// Whether it is said that the old config var goes on showing the old credential.
fn is_told(logged: &str) -> bool {
    let mut lines = logged.lines();
    lines.any(|line| line.contains("WARN") && line.contains("ACME_URL"))
}

/// Has the revocations that wait for a first try be due.
async fn fire_all(stand: &Stand, instance: &Instance, versions: &[&VersionId]) {
    for version in versions {
        if stand.is_labelled_live(instance, version) && schedule(stand, version, 0).is_some() {
            fire(stand, version, 0).await;
        }
    }
}

#[tokio::test]
async fn a_config_var_that_was_renamed_keeps_what_it_shows_alive() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let instance = stand.enrolled(api).await;
        let first = stand.current(&instance);
        let (_, stored) = rename(&stand, &instance).await;
        stand.rotate(&instance).await;
        let told = stand.lambda.logged();
        assert!(is_told(&told), "{api:?}: {told}");
        stand.assert_holds_no_secret(&told);
        // Two versions with one credential are one: it has one label in the end.
        fire_all(&stand, &instance, &[&first, &stored]).await;
        let message = last_error(&stand);
        assert!(message.contains("ACME_URL"), "{api:?}: {message}");
        assert!(stand.service.is_live(&instance.imported), "{api:?}");
    }
}

#[tokio::test]
async fn the_next_rotation_removes_a_config_var_by_the_documents_word() {
    for keeps_nulls in [false, true] {
        let stand = Stand::start().await;
        stand.heroku.set_untidiness(Untidiness {
            keeps_nulls,
            ..Untidiness::default()
        });
        let instance = stand.enrolled(Api::V3).await;
        let first = stand.current(&instance);
        let (mut renamed, stored) = rename(&stand, &instance).await;
        renamed["heroku"]["removed"] = json!(["ACME_URL"]);
        let again = stand.store(&instance.secret, &renamed).await;
        let second = stand.rotate(&instance).await;
        let told = stand.lambda.logged();
        assert_eq!(is_told(&told), keeps_nulls, "{told}");
        let config = stand.heroku.config(&instance.addon).unwrap();
        assert_eq!(config.contains_key("ACME_URL"), keeps_nulls);
        assert_eq!(releases(&stand, &instance), 1);
        fire_all(&stand, &instance, &[&first, &stored, &again]).await;
        let is_live = stand.service.is_live(&instance.imported);
        assert_eq!(is_live, keeps_nulls);
        // The document may go on saying so.
        let third = stand.rotate(&instance).await;
        assert_eq!(releases(&stand, &instance), 2);
        fire(&stand, &second, 0).await;
        assert!(!stand.service.is_live(&credential(&instance, &second)));
        assert!(stand.service.is_live(&credential(&instance, &third)));
    }
}

/// Dynos that were started before the second rotation have the first credential until they are back.
#[tokio::test]
async fn apps_that_read_a_removed_config_var_have_the_whole_grace_period() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V3).await;
    let first = stand.current(&instance);
    let (_, stored) = rename(&stand, &instance).await;
    stand.rotate(&instance).await;
    let mut renamed = stand.value(&instance.secret, None).await;
    renamed["heroku"]["removed"] = json!(["ACME_URL"]);
    stand.store(&instance.secret, &renamed).await;
    stand.rotate(&instance).await;
    let labelled = [&first, &stored]
        .into_iter()
        .find(|it| stand.is_labelled_live(&instance, it))
        .unwrap();
    let began = fire(&stand, labelled, 0).await;
    assert!(stand.service.is_live(&instance.imported));
    assert_fires(
        &schedule(&stand, labelled, 1).unwrap(),
        grace_period(),
        began,
    );
    fire(&stand, labelled, 1).await;
    assert!(!stand.service.is_live(&instance.imported));
}

#[tokio::test]
async fn apps_that_read_a_config_var_until_a_later_rotation_have_the_whole_grace_period() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    let (_, stored) = rename(&stand, &instance).await;
    stand.rotate(&instance).await;
    // Renamed back: only the second rotation replaces what the config var has shown all the time.
    let mut renamed = stand.value(&instance.secret, None).await;
    renamed["heroku"]["config"] = instance.document["heroku"]["config"].clone();
    stand.store(&instance.secret, &renamed).await;
    stand.rotate(&instance).await;
    let labelled = [&first, &stored]
        .into_iter()
        .find(|it| stand.is_labelled_live(&instance, it))
        .unwrap();
    fire(&stand, labelled, 0).await;
    assert!(stand.service.is_live(&instance.imported));
    fire(&stand, labelled, 1).await;
    assert!(!stand.service.is_live(&instance.imported));
}

/// The rotation has seen the config var, and told somebody to remove it.
#[tokio::test]
async fn apps_that_read_a_config_var_until_somebody_removes_it_have_the_whole_grace_period() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let instance = stand.enrolled(api).await;
        let (_, stored) = rename(&stand, &instance).await;
        stand.rotate(&instance).await;
        stand
            .heroku
            .remove_config(&instance.addon, "ACME_URL")
            .unwrap();
        let first_try = schedule(&stand, &stored, 0).unwrap();
        let began = fire(&stand, &stored, 0).await;
        assert!(stand.service.is_live(&instance.imported), "{api:?}");
        assert_fires(
            &schedule(&stand, &stored, 1).unwrap(),
            grace_period(),
            began,
        );
        // Nor does it end the credential when it comes again.
        let event = serde_json::from_str(&first_try.input).unwrap();
        stand.lambda.invoke("revoke-secret", event).await.unwrap();
        assert!(stand.service.is_live(&instance.imported), "{api:?}");
        fire(&stand, &stored, 1).await;
        assert!(!stand.service.is_live(&instance.imported), "{api:?}");
    }
}

#[tokio::test]
async fn a_look_that_sees_neither_credential_has_seen_nothing() {
    for api in Api::BOTH {
        let (stand, instance, first) = Stand::rotated(api).await;
        let another = [(
            "ACME_URL".to_owned(),
            "https://elsewhere.example".to_owned(),
        )];
        stand
            .heroku
            .set_config(&instance.addon, &another.into())
            .unwrap();
        fire(&stand, &first, 0).await;
        let message = last_error(&stand);
        for words in ["neither", "ACME_URL", instance.addon.as_str()] {
            assert!(message.contains(words), "{api:?}: {message}");
        }
        assert!(stand.service.is_live(&instance.imported), "{api:?}");
        assert!(stand.is_labelled_live(&instance, &first), "{api:?}");
    }
}

#[tokio::test]
async fn whatever_heroku_calls_its_config_vars_they_are_found() {
    for api in Api::BOTH {
        for names in [
            ShownNames::LowerCaseWithoutPrefix,
            ShownNames::WithoutPrefixAndAttachment,
            ShownNames::Attachment,
        ] {
            let stand = Stand::start().await;
            stand.heroku.set_untidiness(Untidiness {
                names,
                ..Untidiness::default()
            });
            let instance = stand.enrolled(api).await;
            let first = stand.current(&instance);
            let second = stand.rotate(&instance).await;
            assert_eq!(releases(&stand, &instance), 1, "{api:?}, {names:?}");
            fire(&stand, &first, 0).await;
            assert_eq!(stand.current(&instance), second);
            assert_settled(&stand, &instance).await;
        }
    }
}

#[tokio::test]
async fn a_value_that_heroku_stores_in_another_text_is_one_release() {
    for api in Api::BOTH {
        let rotation = RotationOptions {
            attempts: 4,
            retry_interval: Duration::from_millis(10),
        };
        let stand = Stand::with(rotation).await;
        let mut instance = stand.instance(api).await;
        let template = &mut instance.document["heroku"]["config"]["ACME_URL"];
        *template = format!("{} ", template.as_str().unwrap()).into();
        let document = instance.document.clone();
        stand.switch_on(&instance).await.unwrap();
        stand.store(&instance.secret, &document).await;
        stand.heroku.set_untidiness(Untidiness {
            strips_blanks: true,
            ..Untidiness::default()
        });
        stand.start_rotation(&instance).await;
        let tried = || stand.lambda.records_of("publish-to-heroku");
        assert!(eventually(async || tried().len() > 1).await);
        assert_eq!(releases(&stand, &instance), 1, "{api:?}");
        let error = tried().into_iter().rev().find_map(|it| it.error).unwrap();
        assert!(error.contains("does not show what was written"), "{error}");
    }
}

#[tokio::test]
async fn a_promotion_whose_answer_was_lost_is_done() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    stand.gateway.fail_next(GatewayFault::new(
        "secretsmanager:UpdateSecretVersionStage",
        "AWSCURRENT",
        Fault::LoseAnswer,
    ));
    stand.rotate(&instance).await;
    assert_eq!(
        stand.gateway.pending_faults("AWSCURRENT"),
        0,
        "the answer was lost"
    );
    fire(&stand, &first, 0).await;
    assert_settled(&stand, &instance).await;
    let failed = stand.lambda.records_of("rotate").into_iter();
    assert_eq!(failed.filter_map(|it| it.error).count(), 0);
}

#[tokio::test]
async fn labels_that_have_no_room_are_missed_before_anything_is_done() {
    let stand = Stand::start_without_retries().await;
    let instance = stand.enrolled(Api::V1).await;
    for number in 0..17 {
        let (id, label) = (version_id(), json!([format!("OWN-{number}")]));
        stand
            .store_as(&instance.secret, &instance.document, id.as_str(), label)
            .await;
    }
    let before = stand.service.live();
    stand.start_rotation(&instance).await;
    let message = stand.step_failed().await;
    assert!(
        message.contains("labels") && message.contains("20"),
        "{message}"
    );
    assert_eq!(stand.service.live(), before);
    assert_eq!(releases(&stand, &instance), 0);
}

#[tokio::test]
async fn a_schedule_that_is_switched_off_is_none() {
    let (stand, instance, first) = Stand::rotated(Api::V3).await;
    let made = schedule(&stand, &first, 0).unwrap();
    let path = format!("/schedules/{}?groupName={}", made.name, made.group);
    let scheduler = stand.gateway.scheduler();
    let shown = scheduler
        .handle(Request::get(&path).body(Bytes::new()).unwrap())
        .await;
    let mut changed: Value = serde_json::from_slice(shown.body()).unwrap();
    changed["State"] = "DISABLED".into();
    let body = Bytes::from(changed.to_string());
    let path = format!("/schedules/{}", made.name);
    let answer = scheduler
        .handle(Request::put(&path).body(body).unwrap())
        .await;
    assert!(answer.status().is_success(), "{answer:?}");

    stand.lambda.invoke("sweep", json!({})).await.unwrap();
    let soon = schedule(&stand, &first, 0).unwrap().fires_at.unwrap();
    assert!(
        soon <= Timestamp::now() + SignedDuration::from_secs(61),
        "{soon}"
    );
    fire(&stand, &first, 0).await;
    fire(&stand, &first, 1).await;
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn no_schedule_is_written_for_less_than_a_minute_from_now() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    let schedules = stand.lambda.schedules_as_deployed();
    let event = revocation(&instance.secret, &first, 0);
    let began = Timestamp::now();
    schedules
        .revoke_after(event, Duration::from_secs(1), None, soon())
        .await
        .unwrap();
    let at = schedule(&stand, &first, 0).unwrap().fires_at.unwrap();
    assert!(at > began + SignedDuration::from_secs(60), "{at}");
}

/// A name server whose code fails.
struct Panics;

impl reqwest::dns::Resolve for Panics {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        panic!("index out of bounds, with a secret value in its message");
    }
}

// The stand is answered by other threads: the one that panics waits for the last will.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_an_error_after_which_the_next_try_is_scheduled() {
    let (stand, instance, first) = Stand::rotated(Api::V3).await;
    let mut function = stand.lambda.revocation();
    let http = reqwest::Client::builder()
        .dns_resolver(Arc::new(Panics))
        .build()
        .unwrap();
    let configuration = HerokuConfiguration {
        api: "http://heroku.test/".parse().unwrap(),
        oauth: "http://heroku.test/oauth/token".parse().unwrap(),
        ..stand.lambda.heroku().clone()
    };
    function.heroku = HerokuClient::new(http, configuration);
    let event = revocation(&instance.secret, &first, 0);
    // As telemetry does, which says nothing of what the panic says.
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        last_will::execute();
        before(panic);
    }));
    let local = tokio::task::LocalSet::new();
    let tried = local.run_until(async {
        let tried = async move { function.handle(event, soon()).await };
        tokio::task::spawn_local(tried).await
    });
    assert!(tried.await.unwrap_err().is_panic());
    let next = schedule(&stand, &first, 1).expect("the next try");
    assert!(!next.input.contains("secret value"));
    assert!(stand.service.is_live(&instance.imported));
    // The first try, which is still scheduled here, goes before it.
    fire(&stand, &first, 0).await;
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn versions_with_one_credential_are_one() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let second = stand.current(&instance);
    // The first credential again, under a version of its own, and replaced at once.
    let again = stand.store(&instance.secret, &instance.document).await;
    let third = stand.rotate(&instance).await;
    assert!(stand.is_labelled_live(&instance, &again));
    // Whichever time comes first: the credential ends with the last of its labels.
    let mut both = [&first, &again];
    both.sort();
    let [smaller, larger] = both;
    fire(&stand, larger, 0).await;
    assert!(
        stand.service.is_live(&instance.imported),
        "the other's time has not come"
    );
    fire(&stand, smaller, 0).await;
    assert!(!stand.is_labelled_live(&instance, smaller));
    assert!(
        stand.service.is_live(&instance.imported),
        "the other has the label"
    );
    // In use until then, so that a grace period begins when it is not.
    fire(&stand, larger, 1).await;
    fire(&stand, larger, 2).await;
    assert!(!stand.service.is_live(&instance.imported));
    // Replaced by hand, so that nobody knew since when.
    fire(&stand, &second, 0).await;
    fire(&stand, &second, 1).await;
    assert_eq!(stand.current(&instance), third);
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn a_version_that_nobody_saw_log_in_ends_with_the_one_that_has_its_credential() {
    // Whichever comes first by its id.
    for copied in [
        "00000000-0000-4000-8000-000000000000",
        "ffffffff-ffff-4fff-bfff-ffffffffffff",
    ] {
        for deprovisions in [false, true] {
            let (stand, instance, first) = Stand::rotated(Api::V1).await;
            // As a rollback labels what an operator has stored, and no rotation has replaced.
            let label = format!("LIVE-{copied}");
            let copy = stand
                .store_as(&instance.secret, &instance.document, copied, json!([label]))
                .await;
            if deprovisions {
                // A try that is cut off when the credential has ended.
                let operation = "secretsmanager:UpdateSecretVersionStage";
                let cut_off = GatewayFault::new(operation, label, Fault::status(400));
                stand.gateway.fail_next(cut_off);
                let event = json!({ "AddonId": instance.addon });
                let cut_off = stand.lambda.ask("deprovision-addon", event.clone()).await;
                assert!(cut_off.is_err(), "{copied}: {cut_off:?}");
                stand.lambda.ask("deprovision-addon", event).await.unwrap();
                assert!(stand.snapshot(&instance).deletion.is_some());
            } else {
                fire(&stand, &first, 0).await;
                assert!(!stand.is_labelled_live(&instance, &copy));
                assert_settled(&stand, &instance).await;
            }
            assert!(!stand.service.is_live(&instance.imported));
        }
    }
}

#[tokio::test]
async fn a_revocation_is_told_from_its_schedule_to_its_end() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let types = |from: usize| {
        let told = events(&stand).into_iter().skip(from);
        let about = told.filter(|it| it["detail"]["VersionId"] == first.as_str());
        about
            .map(|it| it["detail-type"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(types(0), ["Credential Revocation Scheduled"]);
    let from = events(&stand).len();
    stand.service.fail_next(
        FaultRule::next(Fault::status(400))
            .by(Method::DELETE)
            .at("/v1/credentials/"),
    );
    fire(&stand, &first, 0).await;
    assert_eq!(types(from), ["Credential Revocation Postponed"]);
    fire(&stand, &first, 1).await;
    assert_eq!(types(from + 1), ["Credential Revoked"]);

    let (id, label) = (version_id(), json!(["LIVE-x"]));
    let other = stand
        .store_as(&instance.secret, &instance.document, id.as_str(), label)
        .await;
    let event =
        json!({ "SecretId": instance.secret.as_str(), "VersionId": other.as_str(), "Attempt": 40 });
    stand.lambda.invoke("revoke-secret", event).await.unwrap();
    assert_eq!(types(from + 2), [""; 0], "nothing was to be done");
}

#[test]
fn sessions_are_counted_and_each_address_told_once() {
    let clients = (0..30).map(|number| format!("10.0.0.{}", number % 12));
    let sessions = Sessions::of(clients);
    assert_eq!(
        (sessions.count, sessions.from.len()),
        (30, Sessions::ADDRESSES)
    );
    assert!(sessions.from.contains(&"10.0.0.0".to_owned()));
}
