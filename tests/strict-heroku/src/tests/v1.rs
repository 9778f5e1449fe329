use serde_json::json as j;

use super::*;

#[tokio::test]
async fn the_list_has_the_documented_fields() {
    let fixture = Fixture::new().await;
    let answer = fixture.v1(Method::GET, "vendor/apps").send().await.unwrap();
    let Fixture { addon, .. } = &fixture;
    assert!(!answer.headers().contains_key("link"));
    assert_eq!(
        json(answer, StatusCode::OK).await,
        j!([{
            "callback_url": format!("https://api.heroku.com/vendor/apps/{}", addon.id),
            "heroku_id": addon.heroku_id,
            "plan": "gold",
            "provider_id": "100",
            "resource": { "uuid": addon.id, "name": "acme-fluffy-1" },
        }])
    );
}

#[tokio::test]
async fn the_list_is_paged_by_links_that_lead_through_all_installations() {
    let fixture = Fixture::new().await;
    for number in 2..=5 {
        let name = format!("acme-fluffy-{number}");
        fixture.heroku.provision(provision(&name, "shop")).unwrap();
    }
    fixture.heroku.set_page_size(2);
    let mut next = Some("vendor/apps".to_owned());
    let (mut names, mut pages) = (Vec::new(), 0);
    while let Some(uri) = next {
        let answer = fixture.v1(Method::GET, &uri).send().await.unwrap();
        let link = answer.headers()["link"].to_str().unwrap().to_owned();
        next = relation(&link, "next");
        assert_eq!(relation(&link, "prev").is_some(), pages > 0);
        let page = json(answer, StatusCode::OK).await;
        for installation in page.as_array().unwrap() {
            names.push(text(&installation["resource"]["name"]));
        }
        pages += 1;
    }
    assert_eq!(pages, 3);
    let expected: Vec<_> = (1..=5).map(|n| format!("acme-fluffy-{n}")).collect();
    assert_eq!(names, expected);
}

fn relation(link: &str, rel: &str) -> Option<String> {
    let entry = link
        .split(", ")
        .find(|it| it.ends_with(&format!("rel=\"{rel}\"")))?;
    let uri = entry.strip_prefix('<')?.split_once('>')?.0;
    Some(uri.to_owned())
}

#[tokio::test]
async fn an_installation_is_found_by_uuid_and_by_percent_encoded_legacy_id() {
    let fixture = Fixture::new().await;
    let legacy = fixture.addon.heroku_id.replace('@', "%40");
    for id in [&fixture.addon.id, &legacy] {
        let request = fixture.v1(Method::GET, &format!("vendor/apps/{id}"));
        let info = json(request.send().await.unwrap(), StatusCode::OK).await;
        assert_eq!(info["id"], fixture.addon.heroku_id);
        assert_eq!(info["name"], "shop");
        assert_eq!(info["region"], "amazon-web-services::us-east-1");
        assert!(info["callback_url"].is_string());
        assert!(info["owner_email"].is_string());
        assert!(info["domains"].is_array());
    }
    let by_name = fixture.v1(Method::GET, "vendor/apps/acme-fluffy-1");
    refused(by_name, 404, "not_found").await;
}

#[tokio::test]
async fn the_config_is_shown_under_the_manifests_and_the_attachments_name() {
    let fixture = Fixture::new().await;
    let request = fixture.v1(Method::GET, &format!("vendor/apps/{}", fixture.addon.id));
    let info = json(request.send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(fixture.addon.attachment, "ACME_GOLD");
    assert_eq!(
        info["config"],
        j!({ "ACME_URL": "first", "ACME_GOLD_URL": "first" })
    );
}

#[tokio::test]
async fn a_write_merges_and_answers_no_body() {
    let fixture = Fixture::new().await;
    let path = format!("vendor/apps/{}", fixture.addon.id);
    let request = fixture.v1(Method::PUT, &path);
    let body = j!({ "config": { "ACME_KEY": "second" } });
    let answer = request.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.text().await.unwrap().is_empty());
    let config = fixture.heroku.config(&fixture.addon.id).unwrap();
    assert_eq!(config["ACME_URL"], "first");
    assert_eq!(config["ACME_KEY"], "second");
}

#[tokio::test]
async fn an_undeclared_var_is_forbidden_by_name_without_its_value() {
    let fixture = Fixture::new().await;
    let path = format!("vendor/apps/{}", fixture.addon.id);
    let body = j!({ "config": { "ACME_URL": "new", "OTHER": "hidden-value" } });
    let request = fixture.v1(Method::PUT, &path).json(&body);
    let message = refused(request, 403, "forbidden").await;
    assert!(message.contains("OTHER") && !message.contains("hidden-value"));
    assert_eq!(fixture.url_var(), "first");
    assert_eq!(fixture.heroku.config_writes(&fixture.addon.id).unwrap(), 0);
}

#[tokio::test]
async fn a_body_of_another_form_is_a_bad_request() {
    let fixture = Fixture::new().await;
    let path = format!("vendor/apps/{}", fixture.addon.id);
    for body in ["", "{}", "{\"config\": {\"ACME_URL\": null}}", "<html>"] {
        let request = fixture.v1(Method::PUT, &path).body(body);
        refused(request, 400, "bad_request").await;
    }
}

#[tokio::test]
async fn wrong_credentials_are_unauthorized() {
    let fixture = Fixture::new().await;
    let url = fixture.heroku.api_url().join("vendor/apps").unwrap();
    let request = || fixture.client.get(url.clone());
    refused(request(), 401, "unauthorized").await;
    let wrong = request().basic_auth("acme", Some("wrong-password"));
    refused(wrong, 401, "unauthorized").await;
    let unknown = request().basic_auth("other", Some(PASSWORD));
    refused(unknown, 401, "unauthorized").await;
    refused(request().bearer_auth(PASSWORD), 401, "unauthorized").await;
}

#[tokio::test]
async fn another_services_installation_does_not_exist_for_the_caller() {
    let fixture = Fixture::new().await;
    fixture.heroku.add_service(manifest("other")).unwrap();
    let mut foreign = provision("other-fluffy-1", "shop");
    foreign.service = "other".to_owned();
    let foreign = fixture.heroku.provision(foreign).unwrap();
    let path = format!("vendor/apps/{}", foreign.id);
    refused(fixture.v1(Method::GET, &path), 404, "not_found").await;
    let list = fixture.v1(Method::GET, "vendor/apps").send().await.unwrap();
    assert_eq!(
        json(list, StatusCode::OK).await.as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn an_installation_is_404_after_deprovisioning() {
    let fixture = Fixture::new().await;
    let path = format!("vendor/apps/{}", fixture.addon.id);
    let answer = fixture.v1(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    fixture.heroku.deprovision(&fixture.addon.id).unwrap();
    refused(fixture.v1(Method::GET, &path), 404, "not_found").await;
    let body = j!({ "config": { "ACME_URL": "new" } });
    let write = fixture.v1(Method::PUT, &path).json(&body);
    refused(write, 404, "not_found").await;
}

#[tokio::test]
async fn the_whole_service_shares_one_rate_limit() {
    let fixture = Fixture::new().await;
    let limit = RateLimit {
        capacity: 2,
        refill_per_minute: 0,
        retry_after: false,
        ..RateLimit::default()
    };
    fixture.heroku.set_rate_limit(limit);
    let other = fixture
        .heroku
        .provision(provision("acme-fluffy-2", "shop"))
        .unwrap();
    for (id, remaining) in [(&fixture.addon.id, "1"), (&other.id, "0")] {
        let request = fixture.v1(Method::GET, &format!("vendor/apps/{id}"));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["ratelimit-remaining"], remaining);
    }
    let answer = fixture.v1(Method::GET, "vendor/apps").send().await.unwrap();
    assert_eq!(answer.headers()["ratelimit-remaining"], "0");
    assert!(!answer.headers().contains_key("retry-after"));
    let body = json(answer, StatusCode::TOO_MANY_REQUESTS).await;
    assert_eq!(body["id"], "rate_limit");
}
