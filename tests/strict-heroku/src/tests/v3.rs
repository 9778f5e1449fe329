use serde_json::json as j;

use super::*;
use crate::Pool;

#[tokio::test]
async fn the_resource_is_found_by_uuid_and_by_name() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    for id in [fixture.addon.id.as_str(), "acme-fluffy-1"] {
        let request = fixture.v3(Method::GET, &format!("addons/{id}"), &token);
        let resource = json(request.send().await.unwrap(), StatusCode::OK).await;
        assert_eq!(resource["id"], fixture.addon.id);
        assert_eq!(resource["state"], "provisioned");
        assert_eq!(resource["app"]["name"], "shop");
        assert_eq!(resource["plan"]["name"], "acme:gold");
    }
    let legacy = fixture.addon.heroku_id.replace('@', "%40");
    let request = fixture.v3(Method::GET, &format!("addons/{legacy}"), &token);
    refused(request, 404, "not_found").await;
}

#[tokio::test]
async fn a_write_keeps_what_it_does_not_name_and_answers_the_whole_config() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    let path = format!("addons/{}/config", fixture.addon.id);
    let body = j!({ "config": [{ "name": "ACME_KEY", "value": "second" }] });
    let request = fixture.v3(Method::PATCH, &path, &token).json(&body);
    let whole = j!([
        { "name": "ACME_KEY", "value": "second" },
        { "name": "ACME_URL", "value": "first" },
    ]);
    assert_eq!(
        json(request.send().await.unwrap(), StatusCode::OK).await,
        whole
    );
    let read = fixture.v3(Method::GET, &path, &token).send().await.unwrap();
    assert_eq!(json(read, StatusCode::OK).await, whole);
}

#[tokio::test]
async fn null_removes_a_var() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    let path = format!("addons/{}/config", fixture.addon.id);
    let body = j!({ "config": [{ "name": "ACME_URL", "value": null }] });
    let request = fixture.v3(Method::PATCH, &path, &token).json(&body);
    assert_eq!(
        json(request.send().await.unwrap(), StatusCode::OK).await,
        j!([])
    );
}

#[tokio::test]
async fn an_undeclared_var_is_invalid_by_name_without_its_value() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    let path = format!("addons/{}/config", fixture.addon.id);
    let body = j!({ "config": [
        { "name": "ACME_URL", "value": "new" },
        { "name": "OTHER", "value": "hidden-value" },
    ] });
    let request = fixture.v3(Method::PATCH, &path, &token).json(&body);
    let message = refused(request, 422, "invalid_params").await;
    assert!(message.contains("OTHER") && !message.contains("hidden-value"));
    assert_eq!(fixture.url_var(), "first");
}

#[tokio::test]
async fn an_apps_vars_take_at_most_32_kb_together() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    let half = "x".repeat(15 * 1024);
    // Shown twice to the app that owns the add-on, so 30 kB of 32.
    let path = format!("addons/{}/config", fixture.addon.id);
    let body = j!({ "config": [{ "name": "ACME_URL", "value": half }] });
    let write = || fixture.v3(Method::PATCH, &path, &token).json(&body);
    assert_eq!(write().send().await.unwrap().status(), StatusCode::OK);
    let customers = "y".repeat(4 * 1024);
    fixture
        .heroku
        .set_app_var("shop", "OWN", &customers)
        .unwrap();
    let message = refused(write(), 422, "invalid_params").await;
    assert!(message.contains("32 kB") && !message.contains(&half));
}

#[tokio::test]
async fn version_3_must_be_asked_for() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    let path = format!("addons/{}", fixture.addon.id);
    let url = fixture.heroku.api_url().join(&path).unwrap();
    let request = || fixture.client.get(url.clone()).bearer_auth(&token);
    refused(request(), 406, "not_acceptable").await;
    for accept in ["application/json", "application/vnd.heroku+json; version=2"] {
        let other = request().header("accept", accept);
        refused(other, 406, "not_acceptable").await;
    }
}

#[tokio::test]
async fn a_token_is_for_one_add_on() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    let other = fixture
        .heroku
        .provision(provision("acme-fluffy-2", "shop"))
        .unwrap();
    for id in [&other.id, &other.name] {
        let request = fixture.v3(Method::GET, &format!("addons/{id}/config"), &token);
        refused(request, 403, "forbidden").await;
    }
    let nothing = fixture.v3(Method::GET, "addons/acme-fluffy-9", &token);
    refused(nothing, 404, "not_found").await;
}

#[tokio::test]
async fn an_unknown_or_expired_token_is_unauthorized() {
    let fixture = Fixture::new().await;
    let path = format!("addons/{}/config", fixture.addon.id);
    let unknown = fixture.v3(Method::GET, &path, "HRKU-unknown");
    refused(unknown, 401, "unauthorized").await;
    let token = fixture.token().await;
    let request = || fixture.v3(Method::GET, &path, &token);
    assert_eq!(request().send().await.unwrap().status(), StatusCode::OK);
    fixture.heroku.expire_tokens(&fixture.addon.id).unwrap();
    refused(request(), 401, "unauthorized").await;
}

#[tokio::test]
async fn the_attachments_name_every_app() {
    let fixture = Fixture::new().await;
    fixture.heroku.create_app(app("reports")).unwrap();
    fixture
        .heroku
        .attach(&fixture.addon.id, "reports", "STATS")
        .unwrap();
    let token = fixture.token().await;
    let path = format!("addons/{}/addon-attachments", fixture.addon.id);
    let request = fixture.v3(Method::GET, &path, &token);
    let attachments = json(request.send().await.unwrap(), StatusCode::OK).await;
    let shown: Vec<_> = attachments
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (text(&it["app"]["name"]), text(&it["name"])))
        .collect();
    let owned = |app: &str, name: &str| (app.to_owned(), name.to_owned());
    assert_eq!(
        shown,
        [owned("shop", "ACME_GOLD"), owned("reports", "STATS")]
    );
}

#[tokio::test]
async fn a_deprovisioned_add_on_is_shown_as_chosen_and_its_grants_end() {
    let fixture = Fixture::new().await;
    let refresh_token = fixture.heroku.refresh_token(&fixture.addon.id).unwrap();
    let token = fixture.token().await;
    fixture.heroku.deprovision(&fixture.addon.id).unwrap();
    let resource = format!("addons/{}", fixture.addon.id);
    let config = format!("{resource}/config");
    for (gone_as, status, id) in [
        (GoneAs::NotFound, 404, "not_found"),
        (GoneAs::Gone, 410, "gone"),
    ] {
        fixture.heroku.set_gone_as(gone_as);
        for path in [&resource, &config] {
            refused(fixture.v3(Method::GET, path, &token), status, id).await;
        }
    }
    fixture.heroku.set_gone_as(GoneAs::Deprovisioned);
    let shown = fixture
        .v3(Method::GET, &resource, &token)
        .send()
        .await
        .unwrap();
    assert_eq!(json(shown, StatusCode::OK).await["state"], "deprovisioned");
    refused(fixture.v3(Method::GET, &config, &token), 404, "not_found").await;
    let refresh = fixture.refresh(&refresh_token).await;
    assert_eq!(
        json(refresh, StatusCode::BAD_REQUEST).await["id"],
        "invalid_grant"
    );
}

#[tokio::test]
async fn an_empty_pool_answers_429_with_the_wait() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    fixture.heroku.set_rate_limit(RateLimit {
        capacity: 1,
        refill_per_minute: 1,
        ..RateLimit::default()
    });
    let path = format!("addons/{}", fixture.addon.id);
    let request = || fixture.v3(Method::GET, &path, &token);
    assert_eq!(request().send().await.unwrap().status(), StatusCode::OK);
    let answer = request().send().await.unwrap();
    // The pool fills meanwhile.
    let wait = answer.headers()["retry-after"].to_str().unwrap();
    assert!((1..=60).contains(&wait.parse::<u64>().unwrap()), "{wait}");
    let body = json(answer, StatusCode::TOO_MANY_REQUESTS).await;
    assert_eq!(body["id"], "rate_limit");
}

/// Heroku's reference: each account has one pool. Whether a token is an account of its own, and whether exchanges count,
/// is recorded nowhere.
#[tokio::test]
async fn a_token_has_a_pool_of_its_own_or_shares_its_services() {
    for (pool, v1, exchange) in [(Pool::Token, 200, 200), (Pool::Service, 429, 429)] {
        let fixture = Fixture::new().await;
        let token = fixture.token().await;
        let refresh_token = fixture.heroku.refresh_token(&fixture.addon.id).unwrap();
        fixture.heroku.set_rate_limit(RateLimit {
            capacity: 1,
            refill_per_minute: 0,
            retry_after: true,
            pool,
        });
        let path = format!("addons/{}", fixture.addon.id);
        let request = fixture.v3(Method::GET, &path, &token);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        assert_eq!(
            fixture.refresh(&refresh_token).await.status(),
            exchange,
            "{pool:?}"
        );
        let request = fixture.v1(Method::GET, "vendor/apps");
        assert_eq!(request.send().await.unwrap().status(), v1, "{pool:?}");
    }
}

#[tokio::test]
async fn an_unknown_endpoint_or_method_is_not_found() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    refused(fixture.v3(Method::GET, "nothing", &token), 404, "not_found").await;
    let path = format!("addons/{}", fixture.addon.id);
    refused(fixture.v3(Method::DELETE, &path, &token), 404, "not_found").await;
}
