//! Answers that no Heroku gives: from a proxy, from somebody else, or none of what was promised.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use addon_rotation::deadline::{Deadline, Transient};
use addon_rotation::heroku::HerokuConfiguration;
use addon_rotation::heroku::{HerokuClient, HerokuError, Publication};
use axum::Router;
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::{any, get};
use http::StatusCode;
use serde_json::json;
use url::Url;

use crate::support::{
    Api, Instance, Publisher, Server, Stand, VAR, in_time, once, rendered, soon, within,
};

/// The instance at a Heroku that is somewhere else.
async fn elsewhere(stand: &Stand, instance: &Instance, api: &Url, oauth: Url) -> Publisher {
    let configuration = HerokuConfiguration {
        api: api.clone(),
        oauth,
        ..stand.lambda.heroku().clone()
    };
    Publisher::new(stand, instance)
        .await
        .with_client(HerokuClient::new(stand.http().clone(), configuration))
}

fn is_cut(error: &HerokuError) -> bool {
    matches!(error, HerokuError::Unreachable { .. })
}

#[tokio::test]
async fn a_proxys_page_is_no_answer_of_herokus() {
    for (api, status) in [
        (Api::V1, StatusCode::OK),
        (Api::V3, StatusCode::OK),
        (Api::V1, StatusCode::BAD_GATEWAY),
        (Api::V3, StatusCode::BAD_GATEWAY),
    ] {
        let stand = Stand::start().await;
        let instance = stand.instance(api).await;
        let hits = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&hits);
        let page = Router::new().fallback(async move || {
            counter.fetch_add(1, Ordering::Relaxed);
            (status, Html("<html>an error of the proxy</html>"))
        });
        let proxy = Server::start(page).await;
        let oauth = stand.heroku.oauth_url();
        let publisher = elsewhere(&stand, &instance, &proxy.url, oauth).await;
        let addon = publisher.addon();
        let is_tried_again =
            |error: &HerokuError| !is_cut(error) && hits.load(Ordering::Relaxed) > 1;
        let error = in_time(is_tried_again, async |deadline| {
            hits.store(0, Ordering::Relaxed);
            let read = addon.config(deadline);
            within(read).await.unwrap_err()
        })
        .await;
        assert!(matches!(error, HerokuError::Unavailable { .. }), "{error}");
        assert!(error.to_string().contains(status.as_str()), "{error}");
        assert!(!error.to_string().contains('<'), "{error}");
        assert!(hits.load(Ordering::Relaxed) > 1, "it is tried again");
    }
}

#[tokio::test]
async fn json_of_another_shape_is_no_config() {
    let shapes = [json!({ "config": "x" }), json!([{ "value": 1 }]), json!(7)];
    for (api, shape) in Api::BOTH
        .into_iter()
        .flat_map(|api| shapes.iter().map(move |shape| (api, shape.clone())))
    {
        let stand = Stand::start().await;
        let instance = stand.instance(api).await;
        let answer = shape.clone();
        let server = Server::start(Router::new().fallback(async move || axum::Json(answer))).await;
        let oauth = stand.heroku.oauth_url();
        let publisher = elsewhere(&stand, &instance, &server.url, oauth).await;
        let addon = publisher.addon();
        let error = once(async |deadline| addon.config(deadline).await.unwrap_err()).await;
        assert!(
            matches!(error, HerokuError::Unavailable { .. }),
            "{api:?} {shape}: {error}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let instance = stand.instance(api).await;
        let hits = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&hits);
        let stranger = Server::start(Router::new().fallback(async move || {
            counter.fetch_add(1, Ordering::Relaxed);
            "{}"
        }))
        .await;
        let target = stranger.url.to_string();
        let redirecting = Server::start(
            Router::new().fallback(async move || Redirect::temporary(&target).into_response()),
        )
        .await;
        let vars = rendered(&[(VAR, "the new value")]);

        let oauth = stand.heroku.oauth_url();
        let publisher = elsewhere(&stand, &instance, &redirecting.url, oauth).await;
        let error = publisher.addon().publish(&vars, soon()).await.unwrap_err();
        assert!(!error.is_transient(), "{error}");
        assert!(error.to_string().contains("307"), "{error}");

        if api == Api::V3 {
            let heroku = stand.heroku.api_url();
            let publisher = elsewhere(&stand, &instance, &heroku, redirecting.url.clone()).await;
            let error = publisher.addon().config(soon()).await.unwrap_err();
            assert!(!error.is_transient(), "{error}");
        }
        assert_eq!(hits.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn a_write_that_is_confirmed_and_not_shown_is_an_error_at_the_next_look() {
    let stand = Stand::start().await;
    for api in Api::BOTH {
        let instance = stand.instance(api).await;
        let v1 = axum::Json(json!({ "config": { VAR: "what it was", "OTHER": null } }));
        let v3 = axum::Json(json!([
            { "name": VAR, "value": "what it was" },
            { "name": "OTHER", "value": null },
        ]));
        let router = Router::new()
            .route("/vendor/apps/{id}", get(v1.clone()).put("Updated"))
            .route("/addons/{id}/config", any(v3));
        let server = Server::start(router).await;
        let oauth = stand.heroku.oauth_url();
        let publisher = elsewhere(&stand, &instance, &server.url, oauth).await;
        let vars = rendered(&[(VAR, "what it is to be")]);
        let addon = publisher.addon();
        let done = addon.publish(&vars, soon()).await;
        if api == Api::V1 {
            // testSecret's: the answer to v1's write shows nothing.
            assert_eq!(done.unwrap(), Publication::Changed);
            assert_eq!(addon.config(soon()).await.unwrap().missing(&vars), [VAR]);
            continue;
        }
        let error = done.unwrap_err();
        let expected = HerokuError::NotShown {
            addon: instance.addon,
            vars: VAR.to_owned(),
        };
        assert_eq!(error, expected, "{api:?}");
        assert!(!error.to_string().contains("what it"), "{error}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_told_apart_from_a_refusal() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V1).await;
    let server = Server::start(Router::new()).await;
    let url = server.url.clone();
    drop(server);
    let publisher = elsewhere(&stand, &instance, &url, stand.heroku.oauth_url()).await;
    let deadline = Deadline::after(Duration::from_millis(500));
    let addon = publisher.addon();
    let error = within(addon.config(deadline)).await.unwrap_err();
    assert!(matches!(error, HerokuError::Unreachable { .. }));
    assert!(error.is_transient());
    assert!(error.to_string().contains("internet"), "{error}");
}
