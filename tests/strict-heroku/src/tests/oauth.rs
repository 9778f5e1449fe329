use super::*;

fn exchange(code: &str) -> [(&str, &str); 3] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_secret", CLIENT_SECRET),
    ]
}

#[tokio::test]
async fn a_code_is_exchanged_once() {
    let fixture = Fixture::new().await;
    let form = exchange(&fixture.addon.grant_code);
    let answer = fixture.oauth(&form).send().await.unwrap();
    let tokens = json(answer, StatusCode::OK).await;
    assert!(text(&tokens["access_token"]).starts_with("HRKU-"));
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 28_800);
    assert!(tokens["refresh_token"].is_string());
    refused(fixture.oauth(&form), 400, "invalid_grant").await;
}

#[tokio::test]
async fn a_code_expires() {
    let fixture = Fixture::new().await;
    fixture.heroku.set_token_rules(TokenRules {
        grant_lifetime: Duration::ZERO,
        ..TokenRules::default()
    });
    let late = fixture
        .heroku
        .provision(provision("acme-fluffy-2", "shop"))
        .unwrap();
    let form = exchange(&late.grant_code);
    refused(fixture.oauth(&form), 400, "invalid_grant").await;
    assert_eq!(TokenRules::default().grant_lifetime, Duration::from_mins(5));
}

#[tokio::test]
async fn a_refresh_token_gives_access_tokens_again_and_again() {
    let fixture = Fixture::new().await;
    let refresh_token = fixture.heroku.refresh_token(&fixture.addon.id).unwrap();
    let first = json(fixture.refresh(&refresh_token).await, StatusCode::OK).await;
    let second = json(fixture.refresh(&refresh_token).await, StatusCode::OK).await;
    assert_eq!(first["expires_in"], 28_799);
    assert_eq!(first["refresh_token"], refresh_token);
    assert_ne!(first["access_token"], second["access_token"]);
}

#[tokio::test]
async fn a_rotated_refresh_token_ends_the_one_sent() {
    let fixture = Fixture::new().await;
    fixture.heroku.set_token_rules(TokenRules {
        renewal: Renewal::EndsOld,
        ..TokenRules::default()
    });
    let old = fixture.heroku.refresh_token(&fixture.addon.id).unwrap();
    let tokens = json(fixture.refresh(&old).await, StatusCode::OK).await;
    let new = text(&tokens["refresh_token"]);
    assert_ne!(new, old);
    let again = json(fixture.refresh(&old).await, StatusCode::BAD_REQUEST).await;
    assert_eq!(again["id"], "invalid_grant");
    json(fixture.refresh(&new).await, StatusCode::OK).await;
    // The access token of the first refresh lives on.
    let path = format!("addons/{}", fixture.addon.id);
    let read = fixture.v3(Method::GET, &path, &text(&tokens["access_token"]));
    assert_eq!(read.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_renewed_refresh_token_may_end_the_one_sent_when_it_is_used() {
    let fixture = Fixture::new().await;
    fixture.heroku.set_token_rules(TokenRules {
        renewal: Renewal::EndsOldOnceUsed,
        ..TokenRules::default()
    });
    let old = fixture.heroku.refresh_token(&fixture.addon.id).unwrap();
    // Answers that are lost take nothing.
    for _ in 0..2 {
        json(fixture.refresh(&old).await, StatusCode::OK).await;
    }
    let tokens = json(fixture.refresh(&old).await, StatusCode::OK).await;
    let new = text(&tokens["refresh_token"]);
    assert_ne!(new, old);
    assert!(fixture.heroku.honours(&old));
    json(fixture.refresh(&new).await, StatusCode::OK).await;
    assert!(!fixture.heroku.honours(&old));
    let again = json(fixture.refresh(&old).await, StatusCode::BAD_REQUEST).await;
    assert_eq!(again["id"], "invalid_grant");
}

#[tokio::test]
async fn an_access_token_lives_as_long_as_it_says() {
    let fixture = Fixture::new().await;
    fixture.heroku.set_token_rules(TokenRules {
        access_lifetime: Duration::ZERO,
        ..TokenRules::default()
    });
    let token = fixture.token().await;
    let path = format!("addons/{}", fixture.addon.id);
    refused(fixture.v3(Method::GET, &path, &token), 401, "unauthorized").await;
}

#[tokio::test]
async fn the_client_secret_must_be_the_services_own() {
    let fixture = Fixture::new().await;
    fixture.heroku.add_service(manifest("other")).unwrap();
    let refresh_token = fixture.heroku.refresh_token(&fixture.addon.id).unwrap();
    for secret in ["wrong", "client-secret-of-other"] {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.as_str()),
            ("client_secret", secret),
        ];
        refused(fixture.oauth(&form), 401, "unauthorized").await;
    }
}

#[tokio::test]
async fn parameters_are_taken_from_a_form_body_only() {
    let fixture = Fixture::new().await;
    let refresh_token = fixture.heroku.refresh_token(&fixture.addon.id).unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.as_str()),
        ("client_secret", CLIENT_SECRET),
    ];
    let url = fixture.heroku.oauth_url();
    let mut with_query = url.clone();
    with_query.query_pairs_mut().extend_pairs(form);
    // Even beside a good form.
    for request in [
        fixture.client.post(with_query.clone()),
        fixture.client.post(with_query).form(&form),
    ] {
        let message = refused(request, 400, "bad_request").await;
        assert!(message.contains("query string"));
    }
    let as_json = fixture.client.post(url).json(&BTreeMap::from(form));
    refused(as_json, 400, "bad_request").await;
    let message = refused(fixture.oauth(&form[..2]), 400, "bad_request").await;
    assert!(message.contains("client_secret"));
    let other = [("grant_type", "password"), ("client_secret", CLIENT_SECRET)];
    refused(fixture.oauth(&other), 400, "bad_request").await;
}

#[tokio::test]
async fn tokens_are_not_given_out_where_the_api_is() {
    let fixture = Fixture::new().await;
    let on_api = fixture.heroku.api_url().join("oauth/token").unwrap();
    let request = fixture.client.post(on_api).form(&exchange("code"));
    refused(request, 404, "not_found").await;
}
