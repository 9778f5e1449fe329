//! Instances of an earlier version, whose refresh tokens are in secrets of their own.

use strict_heroku::Renewal;

use super::*;

/// An enrolled instance of an earlier version, and the name of the secret that holds its token.
async fn earlier(stand: &Stand) -> (Instance, String) {
    let instance = stand.instance(Api::V3).await;
    let (instance, held) = stand.with_token_in_a_secret(instance).await;
    let value = json!({
        "SecretId": instance.secret.as_str(),
        "SecretString": instance.document.to_string(),
        "ClientRequestToken": crate::support::version_id().as_str(),
    });
    stand.call("PutSecretValue", value).await.unwrap();
    stand.switch_on(&instance).await.unwrap();
    probed(stand).await;
    // The probe has used the token, and so moved it.
    let store = stand.token_store();
    store.remove(&instance.addon, soon()).await.unwrap();
    (instance, held.to_string())
}

fn request(instance: &Instance) -> Value {
    json!({ "MoveTokenOf": instance.addon })
}

fn end_old_tokens(stand: &Stand) {
    stand.heroku.set_renewal(Renewal::EndsOld);
}

fn is_deleted(stand: &Stand, secret: &str) -> bool {
    let secret = stand.gateway.secrets_manager().secret(secret);
    secret.unwrap().deletion.is_some()
}

/// Fails every request of the function in turn, before and after its effect. At each moment a function can publish.
#[tokio::test]
async fn a_token_moves_into_the_table_and_can_be_used_at_every_moment() {
    for operation in [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "secretsmanager:DeleteSecret",
    ] {
        for fault in [Fault::status(400), Fault::LoseAnswer] {
            let stand = Stand::start().await;
            let (instance, held) = earlier(&stand).await;
            let token = stand.heroku.refresh_token(&instance.addon).unwrap();
            stand.aws_fails(operation, "", fault.clone());
            let what = format!("{operation} {fault:?}");
            let moved = stand.lambda.ask(FUNCTION, request(&instance)).await;
            assert_eq!(stand.gateway.pending_faults(""), 0, "{what}");
            let is_done = moved.is_ok();
            if !is_done {
                refusal(&stand, moved);
            }
            let publisher = crate::support::Publisher::new(&stand, &instance).await;
            publisher.addon().config(soon()).await.unwrap();
            if !is_done {
                enroll(&stand, request(&instance)).await;
            }
            assert_eq!(stand.tokens(&instance.addon), [token], "{what}");
            assert!(is_deleted(&stand, &held), "{what}");
            let again = enroll(&stand, request(&instance)).await;
            assert_eq!(again["Outcome"], "unchanged", "{what}");
            stand.rotate(&instance).await;
        }
    }
}

#[tokio::test]
async fn a_token_that_is_renewed_while_it_moves_is_the_one_that_is_kept() {
    let stand = Stand::start().await;
    let (instance, held) = earlier(&stand).await;
    end_old_tokens(&stand);
    // A function uses it first, and puts what Heroku has given it into the table.
    let publisher = crate::support::Publisher::new(&stand, &instance).await;
    publisher.addon().config(soon()).await.unwrap();
    let moved = enroll(&stand, request(&instance)).await;
    assert_eq!(moved["Outcome"], "completed");
    assert!(is_deleted(&stand, &held));
    let valid = stand.heroku.refresh_token(&instance.addon).unwrap();
    assert_eq!(stand.tokens(&instance.addon)[0], valid);
    stand.rotate(&instance).await;
}

/// While a stack is updated, a function of the earlier version may renew the token after one of this version moved it.
#[tokio::test]
async fn a_token_that_an_earlier_version_renews_after_the_move_is_found() {
    for moves_at_once in [false, true] {
        let stand = Stand::start().await;
        let (instance, held) = earlier(&stand).await;
        let moved = stand.heroku.refresh_token(&instance.addon).unwrap();
        end_old_tokens(&stand);
        let publisher = crate::support::Publisher::new(&stand, &instance).await;
        publisher.addon().config(soon()).await.unwrap();
        let renewed = stand.heroku.refresh_token(&instance.addon).unwrap();
        stand.store_tokens(&instance.addon, &[&moved]);
        stand.heroku.set_renewal(Renewal::Never);
        let value = json!({
            "SecretId": held,
            "SecretString": json!({ "refresh_token": renewed }).to_string(),
            "ClientRequestToken": crate::support::version_id().as_str(),
        });
        stand.call("PutSecretValue", value).await.unwrap();
        if !moves_at_once {
            let publisher = crate::support::Publisher::new(&stand, &instance).await;
            publisher.addon().config(soon()).await.unwrap();
            assert_eq!(stand.tokens(&instance.addon)[0], renewed);
        }
        enroll(&stand, request(&instance)).await;
        assert!(is_deleted(&stand, &held));
        assert_eq!(stand.tokens(&instance.addon)[0], renewed);
        stand.rotate(&instance).await;
    }
}

#[tokio::test]
async fn what_has_no_token_to_move_is_told_or_unchanged() {
    let stand = Stand::start().await;
    for api in Api::BOTH {
        let instance = stand.enrolled(api).await;
        let unchanged = enroll(&stand, request(&instance)).await;
        assert_eq!(unchanged["Outcome"], "unchanged");
    }
    for (wrong, part) in [
        (
            json!({ "MoveTokenOf": "acme-never-seen" }),
            "There is no secret",
        ),
        (
            json!({ "MoveTokenOf": "../x" }),
            "MoveTokenOf must be an add-on's id",
        ),
        (
            json!({ "MoveTokenOf": "acme-1", "RotationDays": 90 }),
            "it has an unknown key (known are MoveTokenOf)",
        ),
    ] {
        let message = refusal(&stand, stand.lambda.ask(FUNCTION, wrong).await);
        assert!(message.contains(part), "{message}");
    }
}
