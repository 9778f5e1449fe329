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
        let addon = provision("acme", &format!("acme-fluffy-{number}"), "shop");
        fixture.heroku.provision(addon).unwrap();
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
    assert_eq!(fixture.addon.attachment, "ACME_GOLD");
    let legacy = fixture.addon.heroku_id.replace('@', "%40");
    for id in [&fixture.addon.id, &legacy] {
        let request = fixture.v1(Method::GET, &format!("vendor/apps/{id}"));
        let info = sent(request).await;
        assert_eq!(info["id"], fixture.addon.heroku_id);
        assert_eq!(info["name"], "shop");
        assert_eq!(info["region"], "amazon-web-services::us-east-1");
        assert!(info["callback_url"].is_string());
        assert!(info["owner_email"].is_string());
        assert!(info["domains"].is_array());
        // Under the manifest's and the attachment's name.
        let config = j!({ "ACME_URL": "first", "ACME_GOLD_URL": "first" });
        assert_eq!(info["config"], config);
    }
    let by_name = fixture.v1(Method::GET, "vendor/apps/acme-fluffy-1");
    refused(by_name, 404, "not_found").await;
}

#[tokio::test]
async fn a_write_merges_or_is_refused_without_its_values() {
    let fixture = Fixture::new().await;
    let write = |config| {
        fixture
            .installation(Method::PUT)
            .json(&j!({ "config": config }))
    };
    let undeclared = write(j!({ "ACME_URL": "new", "OTHER": "hidden-value" }));
    let message = refused(undeclared, 403, "forbidden").await;
    assert!(message.contains("OTHER") && !message.contains("hidden-value"));
    for body in ["", "{}", "{\"config\": {\"ACME_URL\": null}}", "<html>"] {
        let request = fixture.installation(Method::PUT).body(body);
        refused(request, 400, "bad_request").await;
    }
    assert_eq!(fixture.writes(), 0);
    let answer = write(j!({ "ACME_KEY": "second" })).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let config = fixture.heroku.config(&fixture.addon.id).unwrap();
    assert_eq!(
        (&*config["ACME_URL"], &*config["ACME_KEY"]),
        ("first", "second")
    );
}

#[tokio::test]
async fn wrong_credentials_are_unauthorized() {
    let fixture = Fixture::new().await;
    let url = fixture.heroku.api_url().join("vendor/apps").unwrap();
    let request = || fixture.client.get(url.clone());
    for request in [
        request(),
        request().basic_auth("acme", Some("wrong-password")),
        request().basic_auth("other", Some(PASSWORD)),
        request().bearer_auth(PASSWORD),
    ] {
        refused(request, 401, "unauthorized").await;
    }
}

#[tokio::test]
async fn what_is_anothers_or_gone_does_not_exist_for_the_caller() {
    let fixture = Fixture::new().await;
    fixture.heroku.add_service(manifest("other")).unwrap();
    let foreign = provision("other", "other-fluffy-1", "shop");
    let foreign = fixture.heroku.provision(foreign).unwrap();
    let path = format!("vendor/apps/{}", foreign.id);
    refused(fixture.v1(Method::GET, &path), 404, "not_found").await;
    for listed in [1, 0] {
        let list = sent(fixture.v1(Method::GET, "vendor/apps")).await;
        assert_eq!(list.as_array().unwrap().len(), listed);
        fixture.heroku.deprovision(&fixture.addon.id).unwrap();
    }
    for request in [fixture.installation(Method::GET), fixture.write("new")] {
        refused(request, 404, "not_found").await;
    }
}

#[tokio::test]
async fn the_whole_service_shares_one_rate_limit() {
    let fixture = Fixture::new().await;
    fixture.heroku.set_rate_limit(RateLimit {
        capacity: 2,
        refill_per_minute: 0,
        retry_after: false,
        ..RateLimit::default()
    });
    let other = provision("acme", "acme-fluffy-2", "shop");
    let other = fixture.heroku.provision(other).unwrap();
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
