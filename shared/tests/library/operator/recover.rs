//! `recover`: an instance whose current credential does not work, on an operator's word.

use std::time::Duration;

use addon_rotation_operator::recover::{Options, run};
use addon_rotation_operator::{Outcome, emergency};

use super::{Words, id, stack};
use crate::steps::{assert_settled, fire};
use crate::support::{Api, Instance, Stand, credential};

fn options(instance: &Instance) -> Options {
    Options {
        addon: id(instance),
        login: instance.imported.clone(),
        patience: Duration::from_secs(20),
        yes: true,
    }
}

/// Somebody has changed the key at the service.
async fn break_current(stand: &Stand, instance: &Instance) {
    let mut document = stand.value(&instance.secret, None).await;
    document["api_key"] = "not the key any more".into();
    stand.store(&instance.secret, &document).await;
}

#[tokio::test]
async fn the_new_credential_is_issued_although_the_current_one_does_not_log_in() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let instance = stand.enrolled(api).await;
        break_current(&stand, &instance).await;
        let broken = stand.current(&instance);
        let words = Words::default();
        let ended = run(&stack(&stand), &words.output(), &options(&instance)).await;
        assert_eq!(ended.unwrap(), Outcome::Fine);
        assert_eq!(words.done().last().map(String::as_str), Some("rotate"));
        assert!(words.done().contains(&"vouch".to_owned()));
        let current = stand.current(&instance);
        assert!(current != broken && stand.service.is_live(&credential(&instance, &current)));

        // Nobody has seen the broken one log in, so that nothing is ended in its name.
        assert!(!stand.is_labelled_live(&instance, &broken));
        assert!(stand.service.is_live(&instance.imported));
        let schedules = stand.gateway.scheduler().schedules();
        assert!(
            schedules
                .iter()
                .all(|it| !it.input.contains(broken.as_str()))
        );
        // One word is for one rotation.
        let vouched = stand.lambda.records_of("create-secret").into_iter();
        let vouched = vouched.filter(|it| it.payload["Vouched"] == instance.imported.as_str());
        assert_eq!(vouched.count(), 1);
        let next = stand.rotate(&instance).await;
        fire(&stand, &current, 0).await;
        assert!(
            stand.service.is_live(&credential(&instance, &next))
                && !stand.service.is_live(&credential(&instance, &current))
        );
    }
}

#[tokio::test]
async fn a_document_that_names_another_server_is_not_vouched_for() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let mut document = instance.document.clone();
    document["url"] = "https://api.evil.example/".into();
    stand.store(&instance.secret, &document).await;
    let ended = run(
        &stack(&stand),
        &Words::default().output(),
        &options(&instance),
    )
    .await;
    let error = ended.unwrap_err();
    assert_eq!(error.status(), 1);
    let error = error.to_string();
    let again = format!("--login {} --patience 20s`", instance.imported);
    for words in ["vouch", "api.evil.example", "is for", "recover", &again] {
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(stand.service.live(), [instance.imported.as_str()]);
}

/// Whoever stored the document chose the name in it.
#[tokio::test]
async fn another_login_than_the_operator_s_records_have_is_not_vouched_for() {
    let stand = Stand::start().await;
    let (instance, victim) = (stand.enrolled(Api::V1).await, stand.enrolled(Api::V1).await);
    let mut document = instance.document.clone();
    document["credential_id"] = victim.imported.as_str().into();
    // A field that the engine does not have says nothing.
    document["owner"] = instance.imported.as_str().into();
    stand.store(&instance.secret, &document).await;
    let live = stand.service.live();
    let ended = run(
        &stack(&stand),
        &Words::default().output(),
        &options(&instance),
    )
    .await;
    let error = ended.unwrap_err().to_string();
    for words in [&instance.imported, &victim.imported, "vouched for"] {
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(stand.service.live(), live);
}

#[tokio::test]
async fn an_instance_that_works_needs_nobody_s_word() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    let ended = run(
        &stack(&stand),
        &Words::default().output(),
        &options(&instance),
    )
    .await;
    assert_eq!(ended.unwrap(), Outcome::Fine);
    fire(&stand, &first, 0).await;
    let emergency = emergency::Options {
        addon: id(&instance),
        revoke_after: None,
        accept_downtime: true,
        rotated: true,
        wait: false,
        patience: Duration::from_secs(20),
        yes: true,
    };
    let ended = emergency::run(&stack(&stand), &Words::default().output(), &emergency).await;
    assert_eq!(ended.unwrap(), Outcome::Fine);
    assert_settled(&stand, &instance).await;
}
