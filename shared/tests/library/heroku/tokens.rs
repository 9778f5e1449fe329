//! v3's tokens: an access token for as long as it is accepted, and a refresh token that is never
//! lost.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use addon_rotation::deadline::Deadline;
use addon_rotation::document::Fields;
use addon_rotation::event::SecretArn;
use addon_rotation::heroku::{HerokuError, TokenFuture, TokenStore};
use addon_rotation::secrets::Secrets;
use http::Method;
use local_cloud::gateway::GatewayFault;
use local_cloud::heroku::{Fault, FaultRule, Heroku, Renewal, TokenRules};
use serde_json::json;

use super::{fail, status};
use crate::support::{Api, Clock, Publisher, Stand, soon, within};

fn new_refresh_token_each_time() -> TokenRules {
    TokenRules {
        renewal: Renewal::EndsOld,
        ..TokenRules::default()
    }
}

fn fail_tokens(stand: &Stand, count: usize, fault: Fault) {
    stand
        .heroku
        .fail_next(FaultRule::next(fault).at("/oauth/token").times(count));
}

#[tokio::test]
async fn one_token_serves_a_whole_invocation() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    let publisher = Publisher::new(&stand, &instance).await;
    let addon = publisher.addon();
    for _ in 0..3 {
        addon.config(soon()).await.unwrap();
    }
    assert_eq!(stand.token_requests(), 1);
}

#[tokio::test]
async fn a_token_that_ends_before_its_time_is_refreshed_once() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    let publisher = Publisher::new(&stand, &instance).await;
    let addon = publisher.addon();
    addon.config(soon()).await.unwrap();
    stand.heroku.expire_tokens(&instance.addon).unwrap();
    addon.config(soon()).await.unwrap();
    assert_eq!(stand.token_requests(), 2);
    assert_eq!(stand.config_requests(&instance, &Method::GET), 3);
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
    let oauth = instance.oauth.unwrap();
    assert!(error.to_string().contains(oauth.as_str()), "{error}");
    assert_eq!(stand.token_requests(), 1);
}

#[tokio::test]
async fn a_new_refresh_token_outlives_an_invocation_that_fails() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    stand.heroku.set_token_rules(new_refresh_token_each_time());
    let oauth = instance.oauth.clone().unwrap();
    let first = stand.value(&oauth, None).await["refresh_token"].clone();
    fail(&stand, Api::V3, &instance, &Method::GET, 1, status(422));
    let publisher = Publisher::new(&stand, &instance).await;
    publisher.addon().config(soon()).await.unwrap_err();

    let stored = stand.value(&oauth, None).await["refresh_token"].clone();
    assert_ne!(stored, first);
    let valid = stand.heroku.refresh_token(&instance.addon).unwrap();
    assert_eq!(stored, valid, "the one that Heroku takes from now on");
    // The next invocation goes on from there.
    publisher.addon().config(soon()).await.unwrap();
}

#[tokio::test]
async fn a_new_refresh_token_outlives_a_service_that_refuses_meanwhile() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V3).await;
    stand.heroku.set_token_rules(new_refresh_token_each_time());
    // testSecret asks both at once: the service has said no before the token is there.
    fail_tokens(&stand, 1, Fault::Slow(Duration::from_millis(300)));
    stand.service.fail_next(
        FaultRule::next(Fault::status(400))
            .by(Method::GET)
            .at("/v1/credentials/"),
    );
    let event = json!({
        "Step": "testSecret",
        "SecretId": instance.secret.as_str(),
        "VersionId": stand.current(&instance).as_str(),
    });
    let error = stand.lambda.invoke("test-secret", event).await.unwrap_err();
    assert!(error.error_message.contains("400"), "{error:?}");
    assert_eq!(stand.heroku.pending_faults(), 0);
    let stored = stand.value(&instance.oauth.clone().unwrap(), None).await;
    let valid = stand.heroku.refresh_token(&instance.addon).unwrap();
    assert_eq!(stored["refresh_token"], valid, "the one that Heroku takes");
}

/// Secrets Manager, which notes how far Heroku's API had been used when a token came to be stored.
struct Noting {
    secrets: Secrets,
    heroku: Arc<Heroku>,
    broken: bool,
    used: Arc<Mutex<Vec<usize>>>,
}

impl TokenStore for Noting {
    fn read<'a>(&'a self, secret: &'a SecretArn, deadline: Deadline) -> TokenFuture<'a, Fields> {
        self.secrets.read(secret, deadline)
    }

    fn write<'a>(
        &'a self,
        secret: &'a SecretArn,
        fields: Fields,
        deadline: Deadline,
    ) -> TokenFuture<'a, ()> {
        self.used.lock().unwrap().push(uses_of_tokens(&self.heroku));
        if self.broken {
            let nowhere = "arn:aws:secretsmanager:us-east-1:000000000000:secret:nowhere";
            return Box::pin(async move {
                let nowhere = nowhere.parse().unwrap();
                self.secrets.write(&nowhere, fields, deadline).await
            });
        }
        self.secrets.write(secret, fields, deadline)
    }
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
    for broken in [false, true] {
        let stand = Stand::start().await;
        let instance = stand.instance(Api::V3).await;
        stand.heroku.set_token_rules(new_refresh_token_each_time());
        let used: Arc<Mutex<Vec<usize>>> = Arc::default();
        let publisher = Publisher::new(&stand, &instance)
            .await
            .with_tokens(Box::new(Noting {
                secrets: stand.secrets(),
                heroku: Arc::clone(&stand.heroku),
                broken,
                used: Arc::clone(&used),
            }));
        let clock = broken.then(Clock::stop);
        let deadline = Deadline::after(Duration::from_secs(20));
        let (addon, exchanges) = (publisher.addon(), stand.token_requests());
        let time_passes = async {
            if let Some(clock) = &clock {
                let tried = || !used.lock().unwrap().is_empty();
                assert!(clock.until(tried).await);
                clock.advance(Duration::from_secs(20)).await;
            }
        };
        let (result, ()) = tokio::join!(addon.config(deadline), time_passes);
        assert!(used.lock().unwrap().iter().all(|uses| *uses == 0));
        assert_eq!(
            stand.token_requests() - exchanges,
            1,
            "never exchanged again"
        );
        if broken {
            let error = result.unwrap_err();
            assert!(matches!(error, HerokuError::Unstored { .. }), "{error:?}");
            assert!(
                error
                    .to_string()
                    .contains(instance.oauth.as_ref().unwrap().as_str())
            );
            assert_eq!(uses_of_tokens(&stand.heroku), 0);
        } else {
            result.unwrap();
            assert_eq!(used.lock().unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_renewed_refresh_token_is_stored_although_it_was_refused() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    stand.heroku.set_token_rules(new_refresh_token_each_time());
    let oauth = instance.oauth.clone().unwrap();
    for status in [400, 403, 500] {
        stand.gateway.fail_next(GatewayFault::new(
            "secretsmanager:PutSecretValue",
            oauth.to_string(),
            Fault::status(status),
        ));
    }
    let publisher = Publisher::new(&stand, &instance).await;
    publisher.addon().config(soon()).await.unwrap();
    assert_eq!(stand.gateway.pending_faults(oauth.as_str()), 0);
    let stored = stand.value(&oauth, None).await;
    let valid = stand.heroku.refresh_token(&instance.addon).unwrap();
    assert_eq!(stored["refresh_token"], valid, "the one that Heroku takes");
    assert_eq!(stand.token_requests(), 1, "exchanged once");
}

/// Secrets Manager, as another function saw it before this one renewed the token.
struct Before {
    secrets: Secrets,
    seen: Mutex<Option<Fields>>,
}

impl TokenStore for Before {
    fn read<'a>(&'a self, secret: &'a SecretArn, deadline: Deadline) -> TokenFuture<'a, Fields> {
        if let Some(seen) = self.seen.lock().unwrap().take() {
            return Box::pin(async move { Ok(seen) });
        }
        self.secrets.read(secret, deadline)
    }

    fn write<'a>(
        &'a self,
        secret: &'a SecretArn,
        fields: Fields,
        deadline: Deadline,
    ) -> TokenFuture<'a, ()> {
        self.secrets.write(secret, fields, deadline)
    }
}

#[tokio::test]
async fn two_functions_that_refresh_at_once_do_not_disturb_one_another() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    stand.heroku.set_token_rules(new_refresh_token_each_time());
    let oauth = instance.oauth.clone().unwrap();
    let seen = stand.secrets().fields(&oauth, soon()).await.unwrap();
    let publisher = Publisher::new(&stand, &instance).await;
    publisher.addon().config(soon()).await.unwrap();

    let before = Before {
        secrets: stand.secrets(),
        seen: Mutex::new(Some(seen)),
    };
    let other = Publisher::new(&stand, &instance).await;
    let other = other.with_tokens(Box::new(before));
    other.addon().config(soon()).await.unwrap();
    assert_eq!(stand.token_requests(), 3, "the token of before is refused");
    publisher.addon().config(soon()).await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_that_stays_the_same_is_not_stored_again() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    let versions = || {
        let oauth = instance.oauth.as_ref().unwrap();
        let secret = stand.gateway.secrets_manager().secret(oauth.as_str());
        secret.unwrap().versions.len()
    };
    let before = versions();
    let publisher = Publisher::new(&stand, &instance).await;
    publisher.addon().config(soon()).await.unwrap();
    assert_eq!(versions(), before);
}

#[tokio::test]
async fn a_refresh_token_that_heroku_does_not_know_names_its_secret() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V3).await;
    let oauth = instance.oauth.clone().unwrap();
    let value = json!({ "refresh_token": "a forgotten token", "kept": "as it is" });
    stand.store(&oauth, value).await;
    let publisher = Publisher::new(&stand, &instance).await;
    let error = publisher.addon().config(soon()).await.unwrap_err();
    assert!(matches!(error, HerokuError::Unauthorized { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&format!("refresh_token in {oauth}")),
        "{text}"
    );
    assert!(!text.contains("a forgotten token"), "{text}");
    assert_eq!(stand.token_requests(), 1);
    assert_eq!(uses_of_tokens(&stand.heroku), 0);
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
