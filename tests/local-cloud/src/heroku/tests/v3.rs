use serde_json::json as j;

use super::*;

#[tokio::test]
async fn a_write_keeps_what_it_does_not_name_and_answers_the_whole_config() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    let body = j!({ "config": [{ "name": "ACME_KEY", "value": "second" }] });
    let request = fixture.vars(Method::PATCH, &token).json(&body);
    let whole = j!([
        { "name": "ACME_KEY", "value": "second" },
        { "name": "ACME_URL", "value": "first" },
    ]);
    assert_eq!(
        json(request.send().await.unwrap(), StatusCode::OK).await,
        whole
    );
    let read = fixture.vars(Method::GET, &token).send().await.unwrap();
    assert_eq!(json(read, StatusCode::OK).await, whole);
}

#[tokio::test]
async fn null_removes_a_var() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    let body = j!({ "config": [{ "name": "ACME_URL", "value": null }] });
    let request = fixture.vars(Method::PATCH, &token).json(&body);
    assert_eq!(
        json(request.send().await.unwrap(), StatusCode::OK).await,
        j!([])
    );
}

#[tokio::test]
async fn an_undeclared_var_is_invalid_by_name_without_its_value() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    let body = j!({ "config": [
        { "name": "ACME_URL", "value": "new" },
        { "name": "OTHER", "value": "hidden-value" },
    ] });
    let request = fixture.vars(Method::PATCH, &token).json(&body);
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
    let body = j!({ "config": [{ "name": "ACME_URL", "value": half }] });
    let write = || fixture.vars(Method::PATCH, &token).json(&body);
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
    let path = format!("addons/{}/config", fixture.addon.id);
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
    let unknown = fixture.vars(Method::GET, "HRKU-unknown");
    refused(unknown, 401, "unauthorized").await;
    let token = fixture.token().await;
    let request = || fixture.vars(Method::GET, &token);
    assert_eq!(request().send().await.unwrap().status(), StatusCode::OK);
    fixture.heroku.expire_tokens(&fixture.addon.id).unwrap();
    refused(request(), 401, "unauthorized").await;
}

#[tokio::test]
async fn a_deprovisioned_add_on_is_shown_as_chosen_and_its_grants_end() {
    let fixture = Fixture::new().await;
    let refresh_token = fixture.heroku.refresh_token(&fixture.addon.id).unwrap();
    let token = fixture.token().await;
    fixture.heroku.deprovision(&fixture.addon.id).unwrap();
    for (gone_as, status, id) in [
        (GoneAs::NotFound, 404, "not_found"),
        (GoneAs::Gone, 410, "gone"),
    ] {
        fixture.heroku.set_gone_as(gone_as);
        refused(fixture.vars(Method::GET, &token), status, id).await;
    }
    let refresh = fixture.refresh(&refresh_token).await;
    let refused = json(refresh, StatusCode::BAD_REQUEST).await;
    assert_eq!(refused["id"], "invalid_grant");
}

#[tokio::test]
async fn an_unknown_endpoint_or_method_is_not_found() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    refused(fixture.v3(Method::GET, "nothing", &token), 404, "not_found").await;
    refused(fixture.vars(Method::DELETE, &token), 404, "not_found").await;
}
