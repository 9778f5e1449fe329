//! v3's tokens: an access token for as long as it is accepted, and a refresh token that is never
//! lost.

use std::time::Duration;

use addon_rotation::deadline::Deadline;
use addon_rotation::heroku::HerokuError;
use http::Method;
use secrecy::SecretString;
use serde_json::json;
use stand_in::{Fault, FaultRule};
use strict_heroku::{Heroku, Renewal};

use super::{fail, status};
use crate::support::{Api, Clock, Instance, Publisher, Stand, TOKENS_TABLE, soon, within};

fn fail_tokens(stand: &Stand, count: usize, fault: Fault) {
    stand
        .heroku
        .fail_next(FaultRule::next(fault).at("/oauth/token").times(count));
}

/// Where an instance's tokens are, in errors.
fn place(instance: &Instance) -> String {
    format!("add-on {} in table {TOKENS_TABLE}", instance.addon)
}

#[track_caller]
fn assert_newest_is_valid(stand: &Stand, instance: &Instance) {
    let valid = stand.heroku.refresh_token(&instance.addon).unwrap();
    let stored = stand.tokens(&instance.addon);
    assert_eq!(stored[0], valid, "the one that Heroku takes");
}

#[tokio::test]
async fn one_token_serves_an_invocation_and_is_refreshed_once_if_it_ends_before_its_time() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    let publisher = Publisher::new(&stand, &instance).await;
    let addon = publisher.addon();
    for _ in 0..3 {
        addon.config(soon()).await.unwrap();
    }
    assert_eq!(stand.token_requests(), 1);
    stand.heroku.expire_tokens(&instance.addon).unwrap();
    addon.config(soon()).await.unwrap();
    assert_eq!(stand.token_requests(), 2);
    assert_eq!(stand.config_requests(&instance, &Method::GET), 5);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_is_not_refreshed_for_ever() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    fail(&stand, Api::V3, &instance, &Method::GET, 9, status(401));
    let publisher = Publisher::new(&stand, &instance).await;
    let addon = publisher.addon();
    let error = addon.config(soon()).await.unwrap_err();
    assert!(matches!(error, HerokuError::Unauthorized { .. }));
    assert!(error.to_string().contains(&place(&instance)), "{error}");
    assert_eq!(stand.token_requests(), 1);
}

#[tokio::test]
async fn a_new_refresh_token_outlives_an_invocation_that_fails() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    stand.heroku.set_renewal(Renewal::EndsOld);
    let first = stand.tokens(&instance.addon);
    fail(&stand, Api::V3, &instance, &Method::GET, 1, status(422));
    let publisher = Publisher::new(&stand, &instance).await;
    publisher.addon().config(soon()).await.unwrap_err();

    assert_eq!(stand.tokens(&instance.addon)[1..], first);
    assert_newest_is_valid(&stand, &instance);
    // The next invocation goes on from there.
    publisher.addon().config(soon()).await.unwrap();
}

#[tokio::test]
async fn a_new_refresh_token_outlives_a_service_that_refuses_meanwhile() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V3).await;
    stand.heroku.set_renewal(Renewal::EndsOld);
    // testSecret asks both at once: the service has said no before the token is there.
    fail_tokens(&stand, 1, Fault::Slow(Duration::from_millis(300)));
    stand.refuse(Method::GET, 400);
    let event = json!({
        "Step": "testSecret",
        "SecretId": instance.secret.as_str(),
        "VersionId": stand.current(&instance).as_str(),
    });
    let error = stand.lambda.invoke("test-secret", event).await.unwrap_err();
    assert!(error.error_message.contains("400"), "{error:?}");
    assert_eq!(stand.heroku.pending_faults(), 0);
    assert_newest_is_valid(&stand, &instance);
}

fn uses_of_tokens(heroku: &Heroku) -> usize {
    let requests = heroku.requests();
    let uses = requests
        .iter()
        .filter(|request| request.path.starts_with("/addons"));
    uses.count()
}

#[tokio::test]
async fn a_new_refresh_token_is_stored_before_the_access_token_is_used() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    stand.heroku.set_renewal(Renewal::EndsOld);
    for _ in 0..1000 {
        stand.aws_fails("dynamodb:UpdateItem", "", Fault::status(403));
    }
    let publisher = Publisher::new(&stand, &instance).await;
    let clock = Clock::stop();
    let deadline = Deadline::after(Duration::from_secs(20));
    let (addon, exchanges) = (publisher.addon(), stand.token_requests());
    let time_passes = async {
        let tried = || stand.gateway.pending_faults("") < 1000;
        assert!(clock.until(tried).await);
        clock.advance(Duration::from_secs(20)).await;
    };
    let (result, ()) = tokio::join!(addon.config(deadline), time_passes);
    let error = result.unwrap_err();
    assert!(matches!(error, HerokuError::Unstored { .. }), "{error:?}");
    assert!(error.to_string().contains(&place(&instance)), "{error}");
    let exchanges = stand.token_requests() - exchanges;
    assert_eq!(exchanges, 1, "never exchanged again");
    assert_eq!(uses_of_tokens(&stand.heroku), 0);
}

#[tokio::test]
async fn a_renewed_refresh_token_is_stored_although_it_was_refused() {
    let refusals = [400, 403, 500].map(Fault::status);
    // One whose answer is lost took effect, and is not what was there before any more.
    for faults in [&refusals[..], &[Fault::LoseAnswer]] {
        let stand = Stand::start().await;
        let instance = stand.instance(Api::V3).await;
        stand.heroku.set_renewal(Renewal::EndsOld);
        for fault in faults {
            stand.aws_fails("dynamodb:UpdateItem", "", fault.clone());
        }
        let publisher = Publisher::new(&stand, &instance).await;
        publisher.addon().config(soon()).await.unwrap();
        assert_eq!(stand.gateway.pending_faults(""), 0);
        assert_eq!(stand.tokens(&instance.addon).len(), 2);
        assert_newest_is_valid(&stand, &instance);
        assert_eq!(stand.token_requests(), 1, "exchanged once");
    }
}

#[tokio::test]
async fn two_functions_that_refresh_at_once_do_not_disturb_one_another() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    stand.heroku.set_renewal(Renewal::EndsOld);
    let (one, other) = (
        Publisher::new(&stand, &instance).await,
        Publisher::new(&stand, &instance).await,
    );
    // The answer says what was there before the other's renewal, and comes after it.
    let slow = Fault::Slow(Duration::from_secs(3));
    stand.aws_fails("dynamodb:GetItem", "", slow);
    let clock = Clock::stop();
    let meanwhile = async {
        assert!(clock.until(|| reads(&stand) == 1).await);
        other.addon().config(soon()).await.unwrap();
        clock.advance(Duration::from_secs(3)).await;
    };
    let addon = one.addon();
    let (first, ()) = tokio::join!(addon.config(soon()), meanwhile);
    first.unwrap();
    assert_eq!(stand.token_requests(), 3, "the token of before is refused");
    other.addon().config(soon()).await.unwrap();
}

fn reads(stand: &Stand) -> usize {
    let requests = stand.gateway.requests();
    let reads = requests
        .iter()
        .filter(|it| it.operation == "dynamodb:GetItem");
    reads.count()
}

/// Each has its own from Heroku, which may take either from then on.
#[tokio::test]
async fn of_two_functions_that_renew_at_once_neither_loses_the_other_s_token() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    let (addon, valid) = (&instance.addon, stand.tokens(&instance.addon)[0].clone());
    let store = stand.token_store();
    let before = store.find(addon, soon()).await.unwrap();
    for token in ["one", "two"] {
        let token = SecretString::from(token);
        store.keep(addon, &token, &before, soon()).await.unwrap();
    }
    assert_eq!(stand.tokens(addon), ["two", "one", &valid]);
    // The newest that Heroku takes is asked first from then on.
    let publisher = Publisher::new(&stand, &instance).await;
    for exchanges in [3, 1] {
        let before = stand.token_requests();
        publisher.addon().config(soon()).await.unwrap();
        assert_eq!(stand.token_requests() - before, exchanges);
        assert_eq!(stand.tokens(addon), [&valid, "two", "one"]);
    }
    for token in ["three", "four"] {
        let known = store.find(addon, soon()).await.unwrap();
        let token = SecretString::from(token);
        store.keep(addon, &token, &known, soon()).await.unwrap();
    }
    assert_eq!(stand.tokens(addon), ["four", "three", &valid, "two"]);
}

#[tokio::test]
async fn a_refresh_token_that_stays_the_same_is_not_stored_again() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    let publisher = Publisher::new(&stand, &instance).await;
    publisher.addon().config(soon()).await.unwrap();
    let requests = stand.gateway.requests();
    let operations = requests.iter().map(|it| it.operation.as_str());
    let of_tokens: Vec<_> = operations.filter(|it| it.starts_with("dynamodb")).collect();
    assert_eq!(of_tokens, ["dynamodb:GetItem"]);
}

/// What an earlier version has kept in a secret is read there, and is in the table from then on.
#[tokio::test]
async fn a_refresh_token_in_a_secret_moves_when_it_is_first_used() {
    for renews in [false, true] {
        let stand = Stand::start().await;
        let instance = stand.instance(Api::V3).await;
        let (instance, _) = stand.with_token_in_a_secret(instance).await;
        if renews {
            stand.heroku.set_renewal(Renewal::EndsOld);
        }
        assert_eq!(stand.tokens(&instance.addon), [""; 0]);
        let publisher = Publisher::new(&stand, &instance).await;
        publisher.addon().config(soon()).await.unwrap();
        assert_newest_is_valid(&stand, &instance);
        publisher.addon().config(soon()).await.unwrap();
    }
}

#[tokio::test]
async fn refresh_tokens_that_heroku_does_not_know_are_told_of_by_their_place() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    stand.store_tokens(&instance.addon, &["a forgotten token", "another"]);
    let publisher = Publisher::new(&stand, &instance).await;
    let error = publisher.addon().config(soon()).await.unwrap_err();
    assert!(matches!(error, HerokuError::Unauthorized { .. }));
    let text = error.to_string();
    assert!(text.contains(&place(&instance)), "{text}");
    assert!(!text.contains("a forgotten token"), "{text}");
    assert_eq!(stand.token_requests(), 2);
    assert_eq!(uses_of_tokens(&stand.heroku), 0);

    stand.store_tokens(&instance.addon, &[]);
    let error = publisher.addon().config(soon()).await.unwrap_err();
    assert!(error.to_string().contains(&place(&instance)), "{error}");
}

#[tokio::test]
async fn faults_of_the_token_endpoint_pass() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    for fault in [status(503), Fault::LoseAnswer, Fault::Garbage(200)] {
        fail_tokens(&stand, 1, fault);
    }
    let publisher = Publisher::new(&stand, &instance).await;
    publisher.addon().config(soon()).await.unwrap();
    assert_eq!(stand.token_requests(), 4);
}

#[tokio::test]
async fn a_slow_token_endpoint_ends_in_an_error_before_the_deadline() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    fail_tokens(&stand, 9, Fault::Slow(Duration::from_mins(1)));
    let publisher = Publisher::new(&stand, &instance).await;
    let deadline = Deadline::after(Duration::from_millis(500));
    let addon = publisher.addon();
    let error = within(addon.config(deadline)).await.unwrap_err();
    assert!(matches!(error, HerokuError::Unreachable { .. }));
    assert_eq!(uses_of_tokens(&stand.heroku), 0);
}

#[tokio::test]
async fn a_refused_refresh_says_the_request_id() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    fail_tokens(&stand, 1, status(400));
    let publisher = Publisher::new(&stand, &instance).await;
    let error = publisher.addon().config(soon()).await.unwrap_err();
    let id = stand.heroku.requests().last().unwrap().request_id.clone();
    assert!(error.to_string().contains(&id), "{error}");
}
