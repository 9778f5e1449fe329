//! What Heroku and the partner's service may answer, or somebody in their place.

use std::time::Duration;

use addon_rotation::aws::sdk_config_with;
use addon_rotation::deadline::Deadline;
use addon_rotation::document::{Document, Fields};
use addon_rotation::heroku::HerokuConfiguration;
use addon_rotation::heroku::{AddOn, HerokuClient, Partner};
use addon_rotation::net;
use addon_rotation::service::Verdict;
use addon_rotation::tokens::Tokens;
use aws_credential_types::Credentials;
use proptest::prelude::*;
use serde_json::{Value, json};
use strict_aws::gateway::{Gateway, GatewayOptions};
use tokio::runtime::Runtime;

use super::documents::http;
use super::reply::{Replying, any_reply, marked_bodies, ok, reply};
use super::{CANARY, assert_without_values, cases};
use crate::support::{Api, VAR, document, rendered, services, serving, within};

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/partner-AbCdEf";

/// Less than the wait before a second attempt: each answer is looked at once.
const ONCE: Duration = Duration::from_millis(200);

fn fields(value: &Value) -> Fields {
    Fields::parse(&value.to_string()).unwrap()
}

/// A table with a token.
async fn table() -> (Tokens, Gateway) {
    let gateway = Gateway::start(GatewayOptions::default()).await.unwrap();
    let tokens = json!({ "L": [{ "S": format!("{CANARY}refresh") }] });
    let item = json!({ "addon": { "S": http()["heroku"]["addon_id"] }, "refresh_tokens": tokens });
    gateway.put_item("tokens", "addon", item.as_object().unwrap().clone());
    let credentials = Credentials::new("test", "secret access key", None, None, "test");
    let client = net::http_client().unwrap();
    let endpoint = Some(gateway.endpoint().to_string());
    let aws = sdk_config_with(&client, "us-east-1".to_owned(), credentials, endpoint);
    (Tokens::new(&client, &aws, "tokens".to_owned()), gateway)
}

/// An instance, and whom it asks.
type At = (Document, HerokuClient, Partner);

/// An instance at a Heroku of these addresses.
fn at(api: Api, server: &Replying, oauth: &Replying) -> At {
    let mut value = http();
    if api == Api::V3 {
        value["heroku"]["api"] = "v3".into();
    }
    let configuration = HerokuConfiguration {
        api: server.url.clone(),
        oauth: oauth.url.clone(),
        partner: ARN.parse().unwrap(),
    };
    let client = HerokuClient::new(net::http_client().unwrap(), configuration);
    let partner = json!({
        "id": "acme",
        "password": format!("{CANARY}password"),
        "client_secret": format!("{CANARY}client_secret"),
    });
    (document(&value), client, Partner::new(fields(&partner)))
}

fn runtime() -> Runtime {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Base64 of `acme:canary_password`, which v1 sends.
const BASIC: &str = "YWNtZTpjYW5hcnlfcGFzc3dvcmQ=";

/// Asks Heroku for everything; the errors hold no value.
async fn ask((document, client, partner): &At, tokens: &Tokens) {
    let addon = AddOn::of(document, client, partner, tokens);
    let vars = rendered(&[(VAR, &format!("{CANARY}new"))]);
    let read = addon.config(Deadline::after(ONCE)).await;
    let published = addon.publish(&vars, Deadline::after(ONCE)).await;
    for error in [read.err(), published.err()].into_iter().flatten() {
        assert_without_values(&error);
        assert!(!error.to_string().contains(BASIC), "{error}");
    }
}

#[test]
fn what_heroku_repeats_of_what_was_sent_is_not_repeated() {
    let runtime = runtime();
    let server = runtime.block_on(Replying::start());
    let oauth = runtime.block_on(Replying::start());
    let instances = Api::BOTH.map(|api| at(api, &server, &oauth));
    let (store, _gateway) = runtime.block_on(table());
    let tokens = ok(&json!({ "access_token": format!("{CANARY}access") }).to_string());
    for status in [200, 401, 404, 422, 429, 503] {
        for body in marked_bodies() {
            for token in [reply(status, &body), tokens.clone()] {
                server.with(reply(status, &body));
                oauth.with(token);
                for instance in &instances {
                    runtime.block_on(within(ask(instance, &store)));
                }
            }
        }
    }
}

#[test]
fn whatever_heroku_answers_is_a_config_or_an_error() {
    let runtime = runtime();
    let server = runtime.block_on(Replying::start());
    let oauth = runtime.block_on(Replying::start());
    let instances = Api::BOTH.map(|api| at(api, &server, &oauth));
    let (store, _gateway) = runtime.block_on(table());
    let tokens = json!({ "access_token": format!("{CANARY}access") }).to_string();
    let good = ok(&tokens);
    proptest!(cases(60), |(reply in any_reply(), token in any_reply(), fresh in any::<bool>())| {
        server.with(reply);
        oauth.with(if fresh { good.clone() } else { token });
        for instance in &instances {
            runtime.block_on(within(ask(instance, &store)));
        }
    });
}

#[test]
fn whatever_the_service_answers_is_a_verdict_or_an_error() {
    let runtime = runtime();
    let server = runtime.block_on(Replying::start());
    let mut value = http();
    value["url"] = server.url.as_str().into();
    let document = document(&value);
    let services = services();
    let administrator = fields(&json!({ "token": format!("{CANARY}token") }));
    proptest!(cases(60), |(reply in any_reply())| {
        server.with(reply);
        let (issued, verdict, revoked) = runtime.block_on(within(async {
            (
                services.issue(&document, &serving(&administrator, &document), Deadline::after(ONCE)).await,
                services.verify(&document, Deadline::after(ONCE)).await,
                services.revoke(&document, &serving(&administrator, &document), Deadline::after(ONCE)).await,
            )
        }));
        for error in [issued.err(), verdict.err(), revoked.err()].into_iter().flatten() {
            assert_without_values(&error);
        }
    });
}

#[test]
fn the_server_of_these_tests_is_understood_when_it_answers_well() {
    let runtime = runtime();
    let server = runtime.block_on(Replying::start());
    let config = json!({ "config": { VAR: format!("{CANARY}new") } }).to_string();
    server.with(ok(&config));
    let (document, client, partner) = at(Api::V1, &server, &server);
    let (store, _gateway) = runtime.block_on(table());
    let addon = AddOn::of(&document, &client, &partner, &store);
    let vars = rendered(&[(VAR, &format!("{CANARY}new"))]);
    let soon = crate::support::soon();
    let config = runtime.block_on(addon.config(soon)).unwrap();
    assert!(config.missing(&vars).is_empty());

    server.with(ok(&json!({ "accepted": true }).to_string()));
    let mut value = http();
    value["url"] = server.url.as_str().into();
    let services = services();
    let document = crate::support::document(&value);
    let verdict = runtime.block_on(services.verify(&document, soon));
    assert_eq!(verdict, Ok(Verdict::Accepted));
}
