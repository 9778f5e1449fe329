use serde_json::json as j;

use super::*;

fn patch(fixture: &Fixture, token: &str, vars: &Value) -> RequestBuilder {
    let body = j!({ "config": vars });
    fixture.config(Method::PATCH, token).json(&body)
}

#[tokio::test]
async fn the_resource_is_found_by_uuid_and_by_name() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    for id in [fixture.addon.id.as_str(), "acme-fluffy-1"] {
        let request = fixture.v3(Method::GET, &format!("addons/{id}"), &token);
        let resource = sent(request).await;
        assert_eq!(resource["id"], fixture.addon.id);
        assert_eq!(resource["state"], "provisioned");
        assert_eq!(resource["app"]["name"], "shop");
        assert_eq!(resource["plan"]["name"], "acme:gold");
    }
    let legacy = fixture.addon.heroku_id.replace('@', "%40");
    let path = format!("addons/{legacy}");
    refused(fixture.v3(Method::GET, &path, &token), 404, "not_found").await;
}

#[tokio::test]
async fn a_write_keeps_what_it_does_not_name_removes_nulls_and_answers_the_whole_config() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    let vars = j!([{ "name": "ACME_KEY", "value": "second" }]);
    let whole = j!([
        { "name": "ACME_KEY", "value": "second" },
        { "name": "ACME_URL", "value": "first" },
    ]);
    assert_eq!(sent(patch(&fixture, &token, &vars)).await, whole);
    assert_eq!(sent(fixture.config(Method::GET, &token)).await, whole);
    let null = j!([{ "name": "ACME_URL", "value": null }]);
    assert_eq!(sent(patch(&fixture, &token, &null)).await, vars);
}

#[tokio::test]
async fn an_undeclared_var_is_invalid_by_name_without_its_value() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    let vars = j!([
        { "name": "ACME_URL", "value": "new" },
        { "name": "OTHER", "value": "hidden-value" },
    ]);
    let message = refused(patch(&fixture, &token, &vars), 422, "invalid_params").await;
    assert!(message.contains("OTHER") && !message.contains("hidden-value"));
    assert_eq!(fixture.url_var(), "first");
}

#[tokio::test]
async fn an_apps_vars_take_at_most_32_kb_together() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    let half = "x".repeat(15 * 1024);
    // Shown twice to the app that owns the add-on, so 30 kB of 32.
    let vars = j!([{ "name": "ACME_URL", "value": half }]);
    sent(patch(&fixture, &token, &vars)).await;
    let customers = "y".repeat(4 * 1024);
    let set = fixture.heroku.set_app_var("shop", "OWN", &customers);
    set.unwrap();
    let message = refused(patch(&fixture, &token, &vars), 422, "invalid_params").await;
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
async fn a_token_is_for_one_add_on_until_it_expires() {
    let fixture = Fixture::new().await;
    let unknown = fixture.config(Method::GET, "HRKU-unknown");
    refused(unknown, 401, "unauthorized").await;
    let token = fixture.token().await;
    let other = provision("acme", "acme-fluffy-2", "shop");
    let other = fixture.heroku.provision(other).unwrap();
    for (method, path, status, id) in [
        (
            Method::GET,
            format!("addons/{}/config", other.id),
            403,
            "forbidden",
        ),
        (
            Method::GET,
            format!("addons/{}/config", other.name),
            403,
            "forbidden",
        ),
        (
            Method::GET,
            "addons/acme-fluffy-9".to_owned(),
            404,
            "not_found",
        ),
        (Method::GET, "nothing".to_owned(), 404, "not_found"),
        (
            Method::DELETE,
            format!("addons/{}", fixture.addon.id),
            404,
            "not_found",
        ),
    ] {
        refused(fixture.v3(method, &path, &token), status, id).await;
    }
    sent(fixture.config(Method::GET, &token)).await;
    fixture.heroku.expire_tokens(&fixture.addon.id).unwrap();
    refused(fixture.config(Method::GET, &token), 401, "unauthorized").await;
}

#[tokio::test]
async fn a_deprovisioned_add_on_is_shown_as_chosen_and_its_grants_end() {
    let fixture = Fixture::new().await;
    let refresh_token = fixture.refresh_token();
    let token = fixture.token().await;
    fixture.heroku.deprovision(&fixture.addon.id).unwrap();
    for (gone_as, status, id) in [
        (GoneAs::NotFound, 404, "not_found"),
        (GoneAs::Gone, 410, "gone"),
    ] {
        fixture.heroku.set_gone_as(gone_as);
        let resource = format!("addons/{}", fixture.addon.id);
        refused(fixture.v3(Method::GET, &resource, &token), status, id).await;
        refused(fixture.config(Method::GET, &token), status, id).await;
    }
    let refresh = fixture.refresh(&refresh_token).await;
    let body = json(refresh, StatusCode::BAD_REQUEST).await;
    assert_eq!(body["id"], "invalid_grant");
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
    let request = || fixture.config(Method::GET, &token);
    sent(request()).await;
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
    for (pool, status) in [(Pool::Token, 200), (Pool::Service, 429)] {
        let fixture = Fixture::new().await;
        let token = fixture.token().await;
        let refresh_token = fixture.refresh_token();
        fixture.heroku.set_rate_limit(RateLimit {
            capacity: 1,
            refill_per_minute: 0,
            retry_after: true,
            pool,
        });
        sent(fixture.config(Method::GET, &token)).await;
        let exchange = fixture.refresh(&refresh_token).await;
        assert_eq!(exchange.status(), status, "{pool:?}");
        let v1 = fixture.v1(Method::GET, "vendor/apps").send().await.unwrap();
        assert_eq!(v1.status(), status, "{pool:?}");
    }
}
