//! A service that moved to another address: the instance has two servers then, and a credential may be alive on either.

use credential_service::{CredentialService, CredentialServiceOptions};
use serde_json::{Value, json};
use stand_in::{Fault, FaultRule};

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
    for is_given_up in [false, true] {
        let (stand, instance, _) = Stand::rotated(Api::V1).await;
        let (_, key) = login(&instance.document);
        let moved = moved_with(&stand, &instance, key).await;
        if is_given_up {
            let elsewhere = json!({ "token": random(), "url": moved.url().as_str() });
            stand.store_administrator(&elsewhere).await;
        }
        let event = json!({ "AddonId": instance.addon });
        let answer = stand.lambda.ask("deprovision-addon", event).await.unwrap();
        assert_eq!(answer["Outcome"], "deprovisioned", "{answer}");
        assert_eq!(moved.live(), [] as [&str; 0]);
        assert_eq!(stand.service.is_live(&instance.imported), is_given_up);
    }
}

/// Stored again with the new address, and replaced: that version's document knows where the apps had it last.
#[tokio::test]
async fn of_two_versions_with_one_credential_the_one_where_the_service_is_ends_it() {
    // Whichever comes first by its id.
    for id in [
        "00000000-0000-4000-8000-000000000000",
        "ffffffff-ffff-4fff-bfff-ffffffffffff",
    ] {
        let (stand, instance, first) = Stand::rotated(Api::V1).await;
        let (_, key) = login(&instance.document);
        let moved = moved_with(&stand, &instance, key).await;
        let mut again = stand.value(&instance.secret, None).await;
        for field in ["credential_id", "api_key"] {
            again[field] = instance.document[field].clone();
        }
        let labels = json!(["AWSCURRENT"]);
        let again = stand.store_as(&instance.secret, &again, id, labels).await;
        stand.rotate(&instance).await;
        fire(&stand, &first, 0).await;
        assert!(!stand.is_labelled_live(&instance, &first), "{id}");
        assert!(moved.is_live(&instance.imported), "{id}");
        fire(&stand, &again, 0).await;
        assert!(!moved.is_live(&instance.imported), "{id}");
    }
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
    let token = stand.value(stand.administrator_arn(), None).await["token"].clone();
    let options = CredentialServiceOptions {
        name: "another".to_owned(),
        administrator_token: token.as_str().unwrap().to_owned(),
    };
    let another = CredentialService::start(options, stand.events.clone());
    let another = another.await.unwrap();
    another.register(&instance.imported, "its own").unwrap();
    let urls = [stand.service.url(), another.url()].map(|it| it.to_string());
    let administrator = json!({ "token": token, "urls": urls });
    stand.store_administrator(&administrator).await;
    let mut document = instance.document.clone();
    document["url"] = another.url().as_str().into();
    let id = "00000000-0000-4000-8000-000000000000";
    let labels = json!([format!("LIVE-{id}")]);
    stand
        .store_as(&instance.secret, &document, id, labels)
        .await;
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
