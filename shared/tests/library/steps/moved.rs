//! A service that moved to another address: the instance has two servers then, and a credential may be alive on either.

use addon_rotation::event::VersionId;
use credential_service::{CredentialService, CredentialServiceOptions};
use serde_json::{Value, json};
use stand_in::{Fault, FaultRule};

use super::ending::last_error;
use super::{fire, schedule};
use crate::support::{Api, Instance, Stand, create_secret, credential, random};

/// A login at the credential service: its name, and its key.
fn login(document: &Value) -> (&str, &str) {
    let text = |field: &str| document[field].as_str().unwrap();
    (text("credential_id"), text("api_key"))
}

/// Another server, with an administrator's login of its own: the current document names it. These logins went along.
async fn move_service(
    stand: &Stand,
    instance: &Instance,
    logins: &[(&str, &str)],
) -> CredentialService {
    let options = CredentialServiceOptions {
        name: "moved".to_owned(),
        administrator_token: random(),
    };
    let token = options.administrator_token.clone();
    let moved = CredentialService::start(options, stand.events.clone());
    let moved = moved.await.unwrap();
    let url = moved.url();
    let administrator = json!({ "token": token, "urls": [url.as_str()] });
    let name = "acme/masters/moved";
    let administrator = create_secret(&stand.gateway, name, &administrator, &json!([])).await;
    let mut document = stand.value(&instance.secret, None).await;
    for (id, key) in logins {
        moved.register(id, key).unwrap();
    }
    document["url"] = url.as_str().into();
    document["masterarn"] = administrator.as_str().into();
    stand.store(&instance.secret, &document).await;
    moved
}

/// As [`move_service`], with the current login and the imported one.
async fn moved_with(stand: &Stand, instance: &Instance, imported: &str) -> CredentialService {
    let current = stand.value(&instance.secret, None).await;
    let logins = [login(&current), (instance.imported.as_str(), imported)];
    move_service(stand, instance, &logins).await
}

/// The old one's document knows the old address alone.
#[tokio::test]
async fn an_old_credential_ends_at_both_addresses() {
    for is_closed in [false, true] {
        let (stand, instance, first) = Stand::rotated(Api::V1).await;
        let second = stand.current(&instance);
        let (_, key) = login(&instance.document);
        let moved = moved_with(&stand, &instance, key).await;
        if is_closed {
            stand.service.fail_next(FaultRule {
                count: usize::MAX,
                ..FaultRule::next(Fault::status(401))
            });
        }
        fire(&stand, &first, 0).await;
        assert!(!moved.is_live(&instance.imported));
        assert!(moved.is_live(&credential(&instance, &second)));
        // Until the old address answers, or is no longer the administrator's.
        assert_eq!(stand.service.is_live(&instance.imported), is_closed);
        assert_eq!(stand.is_labelled_live(&instance, &first), is_closed);
        assert_eq!(schedule(&stand, &first, 1).is_some(), is_closed);
    }
}

#[tokio::test]
async fn an_old_credential_ends_at_both_addresses_with_its_instance() {
    for given_up in [None, Some("for the new address"), Some("for none")] {
        let (stand, instance, _) = Stand::rotated(Api::V1).await;
        let (_, key) = login(&instance.document);
        let moved = moved_with(&stand, &instance, key).await;
        let is_given_up = given_up.is_some();
        if let Some(how) = given_up {
            let addresses = [moved.url().to_string()];
            let addresses = if how == "for none" {
                &[]
            } else {
                &addresses[..]
            };
            let elsewhere = json!({ "token": random(), "urls": addresses });
            stand.store_administrator(&elsewhere).await;
        }
        let event = json!({ "AddonId": instance.addon });
        let answer = stand.lambda.ask("deprovision-addon", event).await.unwrap();
        assert_eq!(answer["Outcome"], "deprovisioned", "{answer}");
        assert_eq!(moved.live(), [] as [&str; 0]);
        assert_eq!(stand.service.is_live(&instance.imported), is_given_up);
    }
}

/// The imported login once more, as the current version, where the current one has the service.
async fn store_again(stand: &Stand, instance: &Instance, id: &str) -> VersionId {
    let mut again = stand.value(&instance.secret, None).await;
    for field in ["credential_id", "api_key"] {
        again[field] = instance.document[field].clone();
    }
    let labels = json!(["AWSCURRENT"]);
    stand.store_as(&instance.secret, &again, id, labels).await
}

/// Whichever comes first by its id.
const IDS: [&str; 2] = [
    "00000000-0000-4000-8000-000000000000",
    "ffffffff-ffff-4fff-bfff-ffffffffffff",
];

/// Stored again with the new address, and replaced: the first one's document alone knows the old address.
#[tokio::test]
async fn of_two_versions_with_one_credential_each_ends_it_at_its_own_address() {
    for id in IDS {
        let (stand, instance, first) = Stand::rotated(Api::V1).await;
        let (_, key) = login(&instance.document);
        let moved = moved_with(&stand, &instance, key).await;
        let again = store_again(&stand, &instance, id).await;
        stand.rotate(&instance).await;
        fire(&stand, &first, 0).await;
        assert!(moved.is_live(&instance.imported), "{id}");
        fire(&stand, &again, 0).await;
        assert!(!moved.is_live(&instance.imported), "{id}");
        // In use until then, for all that it knows.
        fire(&stand, &first, 1).await;
        fire(&stand, &first, 2).await;
        assert!(!stand.service.is_live(&instance.imported), "{id}");
        assert!(!stand.is_labelled_live(&instance, &first), "{id}");
    }
}

/// Nothing tells them from two servers.
#[tokio::test]
async fn what_two_names_of_one_server_let_in_ends_when_the_time_of_both_has_come() {
    for again_is_first in [false, true] {
        let (stand, instance, first) = Stand::rotated(Api::V1).await;
        let names = [stand.service.url().as_str(), &alias(&stand)].map(str::to_owned);
        let administrator = stand.value(stand.administrator_arn(), None).await;
        let administrator = json!({ "token": administrator["token"], "urls": names });
        stand.store_administrator(&administrator).await;
        let mut document = stand.value(&instance.secret, None).await;
        document["url"] = alias(&stand).into();
        stand.store(&instance.secret, &document).await;
        let again = store_again(&stand, &instance, IDS[0]).await;
        stand.rotate(&instance).await;
        let tries = if again_is_first {
            // In use at the first: the whole grace period begins when it is not.
            vec![(&again, 0), (&first, 0), (&again, 1), (&again, 2)]
        } else {
            vec![(&first, 0), (&again, 0)]
        };
        for (version, attempt) in tries {
            assert!(stand.service.is_live(&instance.imported), "{attempt}");
            fire(&stand, version, attempt).await;
        }
        assert!(!stand.service.is_live(&instance.imported));
        for attempt in [1, 2] {
            fire(&stand, &first, attempt).await;
        }
        assert!(!stand.is_labelled_live(&instance, &first));
    }
}

/// The service's other name.
fn alias(stand: &Stand) -> String {
    let url = stand.service.url();
    url.as_str().replacen("127.0.0.1", "localhost", 1)
}

/// The current one has no label that could stand for the old address.
#[tokio::test]
async fn what_is_current_at_another_address_keeps_its_label_until_it_is_rotated() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let (_, key) = login(&instance.document);
    let moved = moved_with(&stand, &instance, key).await;
    let again = store_again(&stand, &instance, IDS[0]).await;
    fire(&stand, &first, 0).await;
    assert!(stand.is_labelled_live(&instance, &first));
    let message = last_error(&stand);
    assert!(
        message.contains(IDS[0]) && message.contains("Rotate"),
        "{message}"
    );
    stand.rotate(&instance).await;
    // The rotation schedules both for the same time.
    fire(&stand, &first, 0).await;
    fire(&stand, &again, 0).await;
    for attempt in [1, 2] {
        fire(&stand, &first, attempt).await;
    }
    assert!(!moved.is_live(&instance.imported));
    assert!(!stand.service.is_live(&instance.imported));
    assert!(!stand.is_labelled_live(&instance, &first));
}

/// Nothing but its label says that it is the instance's own; its login does, where that is.
#[tokio::test]
async fn a_version_that_nobody_saw_log_in_keeps_its_label_for_its_own_address() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let (_, key) = login(&instance.document);
    let (another, labelled) = at_another_server(&stand, &instance, key).await;
    fire(&stand, &first, 0).await;
    assert!(!stand.service.is_live(&instance.imported));
    assert!(another.is_live(&instance.imported));
    stand.lambda.invoke("sweep", json!({})).await.unwrap();
    for attempt in [0, 1] {
        fire(&stand, &labelled, attempt).await;
    }
    assert!(!another.is_live(&instance.imported));
    assert!(!stand.is_labelled_live(&instance, &labelled));
}

/// A server for which the administrator's login is as well, where the imported name has this key, and a version with
/// the imported login there, which has a label.
async fn at_another_server(
    stand: &Stand,
    instance: &Instance,
    key: &str,
) -> (CredentialService, VersionId) {
    let token = stand.value(stand.administrator_arn(), None).await["token"].clone();
    let options = CredentialServiceOptions {
        name: "another".to_owned(),
        administrator_token: token.as_str().unwrap().to_owned(),
    };
    let another = CredentialService::start(options, stand.events.clone());
    let another = another.await.unwrap();
    another.register(&instance.imported, key).unwrap();
    let urls = [stand.service.url(), another.url()].map(|it| it.to_string());
    let administrator = json!({ "token": token, "urls": urls });
    stand.store_administrator(&administrator).await;
    let mut document = instance.document.clone();
    document["url"] = another.url().as_str().into();
    let labels = json!([format!("LIVE-{}", IDS[0])]);
    let labelled = stand.store_as(&instance.secret, &document, IDS[0], labels);
    (another, labelled.await)
}

/// That says nothing of the credential.
#[tokio::test]
async fn an_administrator_s_secret_that_is_deleted_keeps_a_label_until_somebody_takes_it_off() {
    for is_gone in [false, true] {
        let (stand, instance, first) = Stand::rotated(Api::V1).await;
        let second = stand.current(&instance);
        let (_, key) = login(&instance.document);
        let moved = moved_with(&stand, &instance, key).await;
        let mut deletion = json!({ "SecretId": stand.administrator_arn().as_str() });
        if is_gone {
            deletion["ForceDeleteWithoutRecovery"] = true.into();
        }
        stand.call("DeleteSecret", deletion).await.unwrap();
        fire(&stand, &first, 0).await;
        assert!(!moved.is_live(&instance.imported));
        let event = json!({ "AddonId": instance.addon });
        let deprovisioned = stand.lambda.ask("deprovision-addon", event.clone()).await;
        for message in [last_error(&stand), deprovisioned.unwrap_err().error_message] {
            for words in [
                "restore-secret",
                &instance.imported,
                "127.0.0.1",
                &format!("LIVE-{first}"),
            ] {
                assert!(message.contains(words), "{words}: {message}");
            }
        }
        assert_eq!(moved.live(), [] as [&str; 0]);
        assert!(stand.is_labelled_live(&instance, &first));
        for version in [&first, &second] {
            let label = json!({
                "SecretId": instance.secret.as_str(),
                "VersionStage": format!("LIVE-{version}"),
                "RemoveFromVersionId": version.as_str(),
            });
            stand.call("UpdateSecretVersionStage", label).await.unwrap();
        }
        let answer = stand.lambda.ask("deprovision-addon", event).await.unwrap();
        assert_eq!(answer["Outcome"], "deprovisioned", "{answer}");
    }
}

/// Its field has another name in the document that the service moved with.
#[tokio::test]
async fn an_old_credential_whose_field_was_renamed_ends_at_both_addresses() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let (_, key) = login(&instance.document);
    let moved = moved_with(&stand, &instance, key).await;
    let current = stand.value(&instance.secret, None).await;
    let renamed = current.to_string().replace("api_key", "access_key");
    stand.store(&instance.secret, renamed).await;
    fire(&stand, &first, 0).await;
    assert!(!moved.is_live(&instance.imported));
    assert!(!stand.service.is_live(&instance.imported));
    assert!(!stand.is_labelled_live(&instance, &first));
}

/// Nobody else has a name that is made of the version's id.
#[tokio::test]
async fn an_old_credential_whose_password_was_changed_at_the_new_address_ends_there() {
    let (stand, instance, _) = Stand::rotated(Api::V1).await;
    let second = stand.current(&instance);
    stand.rotate(&instance).await;
    let current = stand.value(&instance.secret, None).await;
    let old = credential(&instance, &second);
    let logins = [login(&current), (old.as_str(), "mine")];
    let moved = move_service(&stand, &instance, &logins).await;
    fire(&stand, &second, 0).await;
    assert!(!moved.is_live(&old));
    assert!(!stand.is_labelled_live(&instance, &second));
}

/// One administrator for two servers, and a version with the instance's own credential at the other one.
#[tokio::test]
async fn with_an_instance_no_login_of_its_name_ends_at_another_server() {
    let (stand, instance, _) = Stand::rotated(Api::V1).await;
    let (another, _) = at_another_server(&stand, &instance, "its own").await;
    let event = json!({ "AddonId": instance.addon });
    let answer = stand.lambda.ask("deprovision-addon", event).await.unwrap();
    assert_eq!(answer["Outcome"], "deprovisioned", "{answer}");
    assert_eq!(another.live(), [instance.imported.as_str()]);
    assert_eq!(stand.service.live(), [] as [&str; 0]);
}

/// By its name alone it may be somebody else's there.
#[tokio::test]
async fn what_has_the_old_credential_s_name_at_another_address_is_left_alone() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    let moved = moved_with(&stand, &instance, "somebody else's").await;
    fire(&stand, &first, 0).await;
    assert!(!stand.service.is_live(&instance.imported));
    assert!(moved.is_live(&instance.imported));
    assert!(!stand.is_labelled_live(&instance, &first));
}

/// Stored by hand: with an address where the login does not exist, or with another name. The apps have the key from the
/// version before.
#[tokio::test]
async fn what_apps_read_outlives_a_current_version_that_the_service_refuses() {
    for is_moved in [true, false] {
        let (stand, instance, _) = Stand::rotated(Api::V1).await;
        let mut document = stand.value(&instance.secret, None).await;
        // Without the address, which would tell the two apart.
        document["heroku"]["config"] = json!({ "ACME_URL": "{{ api_key }}" });
        stand.store(&instance.secret, &document).await;
        let old = stand.rotate(&instance).await;
        document = stand.value(&instance.secret, None).await;
        let _moved = if is_moved {
            Some(move_service(&stand, &instance, &[]).await)
        } else {
            let mut renamed = document.clone();
            renamed["credential_id"] = "mistyped".into();
            stand.store(&instance.secret, &renamed).await;
            None
        };
        stand.lambda.invoke("sweep", json!({})).await.unwrap();
        for attempt in 0..3 {
            fire(&stand, &old, attempt).await;
            assert!(stand.service.is_live(&credential(&instance, &old)));
        }
        // Corrected, that version has the credential.
        stand.store(&instance.secret, &document).await;
        fire(&stand, &old, 3).await;
        assert!(stand.service.is_live(&credential(&instance, &old)));
        assert!(!stand.is_labelled_live(&instance, &old));
    }
}
