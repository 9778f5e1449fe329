//! Documents that name what is not theirs: refused by every function, before anything is sent to what they name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use addon_rotation::event::VersionId;
use serde_json::{Value, json};
use stand_in::events::EventKind;

use crate::support::{Api, Instance, Stand, create_secret, credential, failure, of_the_stack};

/// The message of the rotation's first failure.
async fn failed_rotation(stand: &Stand, instance: &Instance) -> (VersionId, String) {
    let version = stand.start_rotation(instance).await;
    let message = stand.failure_of(&version).await;
    (version, message)
}

/// What a function says to an event that it must refuse.
async fn refusal(stand: &Stand, function: &str, event: Value) -> String {
    let outcome = stand.lambda.ask(function, event).await;
    let message = outcome.expect_err(function).error_message;
    stand.assert_holds_no_secret(&message);
    message
}

fn step(step: &str, instance: &Instance, version: &VersionId) -> Value {
    json!({ "Step": step, "SecretId": instance.secret.as_str(), "VersionId": version.as_str() })
}

/// What `revoke-secret` says of its last try: it schedules no further one.
async fn revocation(stand: &Stand, instance: &Instance, version: &VersionId) -> String {
    let document = stand.value(&instance.secret, Some(version)).await;
    let event = json!({
        "SecretId": instance.secret.as_str(), "VersionId": version.as_str(), "Attempt": 99,
        "Vouched": document["credential_id"],
    });
    refusal(stand, "revoke-secret", event).await
}

#[tokio::test]
async fn an_administrator_s_secret_without_an_address_is_refused_with_the_remedy() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let token = stand
        .administrator()
        .await
        .text("token")
        .unwrap()
        .to_owned();
    stand.store_administrator(&json!({ "token": token })).await;
    let (version, message) = failed_rotation(&stand, &instance).await;
    let completes = "aws secretsmanager put-secret-value";
    for words in [stand.administrator_arn().as_str(), completes, "{url:"] {
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(stand.service.live(), [instance.imported.as_str()]);

    // Completed, the same rotation goes on.
    let url = stand.service.url().to_string();
    stand
        .store_administrator(&json!({ "token": token, "url": url }))
        .await;
    let again = json!({ "SecretId": instance.secret.as_str() });
    let _ = stand.call("RotateSecret", again).await;
    stand.succeeded(&version).await;
}

/// A document's change, and what the error names.
type Claim = (fn(&mut Value, &Foreign), &'static str);

/// What is not the instance's.
struct Foreign {
    administrator: String,
    secret: String,
    oauth: String,
    addon: String,
}

const CLAIMS: [Claim; 4] = [
    (
        |document, foreign| document["masterarn"] = foreign.administrator.as_str().into(),
        "masterarn",
    ),
    (
        |document, foreign| document["masterarn"] = foreign.secret.as_str().into(),
        "masterarn",
    ),
    (
        |document, foreign| document["heroku"]["oauth"] = foreign.oauth.as_str().into(),
        "heroku.oauth",
    ),
    (
        |document, foreign| document["heroku"]["addon_id"] = foreign.addon.as_str().into(),
        "heroku.addon_id",
    ),
];

#[tokio::test]
async fn every_function_that_acts_on_a_document_shows_that_its_names_are_its_own() {
    let stand = Stand::start().await;
    let other = stand.enrolled(Api::V3).await;
    let (other, others_token) = stand.with_token_in_a_secret(other).await;
    let administrator = json!({ "token": "another", "url": stand.service.url().as_str() });
    let administrator = create_secret(
        &stand.gateway,
        "payroll/masters/api",
        &administrator,
        &json!([]),
    )
    .await;
    let foreign = Foreign {
        administrator: administrator.as_str().to_owned(),
        secret: other.secret.as_str().to_owned(),
        oauth: others_token.as_str().to_owned(),
        addon: other.addon.clone(),
    };
    for (claim, words) in CLAIMS {
        let instance = stand.enrolled(Api::V3).await;
        let mut document = instance.document.clone();
        claim(&mut document, &foreign);
        let (live, shown) = (stand.service.live(), stand.shown(&instance));
        let asked = stand.heroku.requests().len();

        let version = stand.store(&instance.secret, &document).await;
        let functions = [
            ("create-secret", "createSecret"),
            ("publish-to-heroku", "setSecret"),
            ("test-secret", "testSecret"),
            ("test-secret", "createSecret"),
        ];
        for (function, of) in functions {
            let message = refusal(&stand, function, step(of, &instance, &version)).await;
            assert!(message.contains(words), "{function}: {message}");
        }
        let event = json!({ "AddonId": instance.addon });
        let message = refusal(&stand, "deprovision-addon", event).await;
        assert!(message.contains(words), "{message}");
        let message = revocation_of_the_first(&stand, &instance).await;
        assert!(message.contains(words), "{message}");

        // rotate stores nothing.
        let (pending, message) = failed_rotation(&stand, &instance).await;
        assert!(message.contains(words), "{message}");
        let secret = stand.snapshot(&instance);
        let pending = secret.versions.iter().find(|it| it.id == pending.as_str());
        assert!(pending.is_none_or(|it| !it.has_value), "{pending:?}");

        assert_eq!(stand.service.live(), live);
        assert_eq!(stand.shown(&instance), shown);
        assert_eq!(stand.heroku.requests().len(), asked, "Heroku was asked");
    }
}

/// The revocation of the imported version, whose own document is right, while the current one is not.
async fn revocation_of_the_first(stand: &Stand, instance: &Instance) -> String {
    let secret = stand.snapshot(instance);
    let first = secret.labelled("AWSPREVIOUS").unwrap().parse().unwrap();
    let label = format!("LIVE-{first}");
    stand.move_label(instance, &label, None, Some(&first)).await;
    revocation(stand, instance, &first).await
}

#[tokio::test]
async fn an_add_on_is_not_enrolled_under_two_names() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    for name in ["acme/credentials/shop", "shop"] {
        let document = &instance.document;
        let secret = create_secret(&stand.gateway, name, document, &of_the_stack()).await;
        let second = Instance {
            secret,
            ..instance.clone()
        };
        let error = stand.switch_on(&second).await.unwrap_err().message;
        let own = format!("acme/credentials/{}", instance.addon);
        for words in [name, &instance.addon, &own] {
            assert!(error.contains(words), "{error}");
        }
    }
}

/// The requests that only an administrator makes.
fn administrators(stand: &Stand) -> usize {
    let requests = stand.service.requests();
    let administrators = requests.iter().filter(|it| it.method != http::Method::GET);
    administrators.count()
}

#[tokio::test]
async fn nothing_is_issued_before_the_current_credential_has_logged_in() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let (instance, victim) = (stand.enrolled(api).await, stand.enrolled(api).await);
        let asked = administrators(&stand);
        let live = stand.service.live();
        // Another's credential, with a key that is not its own.
        let mut document = instance.document.clone();
        document["credential_id"] = victim.imported.as_str().into();
        let claimed = stand.store(&instance.secret, &document).await;
        let (pending, message) = failed_rotation(&stand, &instance).await;
        for words in [
            claimed.as_str(),
            instance.secret.as_str(),
            "PutSecretValue",
            &format!("{:?}", victim.imported),
            &format!("addon-rotation-operator recover {} --login", instance.addon),
            "A retry does not help",
        ] {
            assert!(message.contains(words), "{words}: {message}");
        }
        assert_eq!(administrators(&stand), asked, "{api:?}");
        assert!(!stand.is_labelled_live(&instance, &claimed), "{api:?}");
        assert!(stand.is_labelled_live(&instance, &pending), "{api:?}");

        // Nor is it ended with the instance, which nobody has shown to have it.
        let event = json!({ "AddonId": instance.addon });
        stand.lambda.ask("deprovision-addon", event).await.unwrap();
        assert!(stand.service.is_live(&victim.imported), "{api:?}");
        assert_eq!(stand.service.live(), live, "{api:?}");
    }
}

#[tokio::test]
async fn a_version_is_labelled_when_it_was_seen_to_log_in() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let first = stand.current(&instance);
    assert!(!stand.is_labelled_live(&instance, &first));
    let second = stand.rotate(&instance).await;
    let label = format!("LIVE-{first}");
    let events = stand.events.since(0);
    let position = |found: &dyn Fn(&EventKind) -> bool| {
        events.iter().position(|event| found(&event.kind)).unwrap()
    };
    let issued = position(
        &|event| matches!(event, EventKind::CredentialIssued { credential: it, .. } if *it == credential(&instance, &second)),
    );
    let labelled = position(
        &|event| matches!(event, EventKind::LabelAttached { label: it, .. } if *it == label),
    );
    let shown = position(&|event| matches!(event, EventKind::ConfigChanged { .. }));
    assert!(issued < labelled && labelled < shown);
    // rotate never vouches.
    for record in stand.lambda.records_of("create-secret") {
        assert_eq!(record.payload.get("Vouched"), None);
    }
}

#[tokio::test]
async fn a_broken_current_credential_holds_up_no_revocation() {
    for api in Api::BOTH {
        let (stand, instance, leaked) = Stand::rotated(api).await;
        let mut broken = stand.value(&instance.secret, None).await;
        let works = std::mem::replace(&mut broken["api_key"], "not the key".into());
        stand.store(&instance.secret, &broken).await;
        super::fire(&stand, &leaked, 0).await;
        assert!(!stand.service.is_live(&instance.imported), "{api:?}");
        // A service that refuses everybody has proved nothing: the label stays until the current one works.
        assert!(stand.is_labelled_live(&instance, &leaked), "{api:?}");
        broken["api_key"] = works;
        stand.store(&instance.secret, &broken).await;
        super::fire(&stand, &leaked, 1).await;
        assert!(!stand.is_labelled_live(&instance, &leaked), "{api:?}");
    }
}

#[tokio::test]
async fn what_is_stored_by_hand_during_a_rotation_is_shown_to_work_before_it_is_labelled() {
    for key in ["right", "wrong"] {
        let stand = Stand::start().await;
        let instance = stand.enrolled(Api::V1).await;
        let stored_by_hand = Arc::new(AtomicBool::new(false));
        let goes_on = Arc::clone(&stored_by_hand);
        // The rotation gets as far as this, again and again.
        stand.lambda.answer_with("finish-secret", move |_| {
            if goes_on.load(Ordering::SeqCst) {
                return Ok(Value::Null);
            }
            Err(failure("not yet"))
        });
        let (version, _) = failed_rotation(&stand, &instance).await;
        let mut by_hand = instance.document.clone();
        if key == "wrong" {
            by_hand["api_key"] = "not the key".into();
        }
        let stored = stand.store(&instance.secret, &by_hand).await;
        stored_by_hand.store(true, Ordering::SeqCst);
        stand.succeeded(&version).await;
        let is_right = key == "right";
        assert_eq!(
            stand.is_labelled_live(&instance, &stored),
            is_right,
            "{key}"
        );
        let mut scheduled = stand.lambda.records_of("finish-secret").into_iter();
        let is_scheduled = scheduled.any(|it| it.payload["VersionId"] == stored.as_str());
        assert_eq!(is_scheduled, is_right, "{key}");
    }
}
