use super::tokens::Tokens;
use super::*;

fn exchange(code: &str) -> [(&str, &str); 3] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_secret", CLIENT_SECRET),
    ]
}

/// A Heroku whose refreshes renew the token so, and a refresh token.
async fn renewing(renewal: Renewal) -> (Fixture, String) {
    let fixture = Fixture::new().await;
    fixture.heroku.set_renewal(renewal);
    let token = fixture.refresh_token();
    (fixture, token)
}

async fn renewed(fixture: &Fixture, token: &str) -> String {
    let tokens = json(fixture.refresh(token).await, StatusCode::OK).await;
    text(&tokens["refresh_token"])
}

#[tokio::test]
async fn a_code_is_exchanged_once() {
    let fixture = Fixture::new().await;
    let form = exchange(&fixture.addon.grant_code);
    let tokens = sent(fixture.oauth(&form)).await;
    assert!(text(&tokens["access_token"]).starts_with("HRKU-"));
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 28_800);
    assert!(tokens["refresh_token"].is_string());
    refused(fixture.oauth(&form), 400, "invalid_grant").await;
}

#[tokio::test(start_paused = true)]
async fn a_code_lives_for_five_minutes_and_an_access_token_as_long_as_it_says() {
    for (minutes, is_good) in [(4, true), (5, false)] {
        let mut tokens = Tokens::default();
        let code = tokens.new_code(100);
        tokio::time::advance(Duration::from_mins(minutes)).await;
        let Ok(issued) = tokens.exchange(&code) else {
            assert!(!is_good);
            continue;
        };
        assert!(is_good);
        for (seconds, owner) in [(issued.expires_in - 1, Some(100)), (1, None)] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            assert_eq!(tokens.check(&issued.access_token), owner);
        }
    }
}

#[tokio::test]
async fn a_refresh_token_gives_access_tokens_again_and_again() {
    let (fixture, token) = renewing(Renewal::Never).await;
    let first = json(fixture.refresh(&token).await, StatusCode::OK).await;
    let second = json(fixture.refresh(&token).await, StatusCode::OK).await;
    assert_eq!(first["expires_in"], 28_799);
    assert_eq!(first["refresh_token"], token);
    assert_ne!(first["access_token"], second["access_token"]);
}

#[tokio::test]
async fn a_renewed_refresh_token_may_end_the_one_sent() {
    let (fixture, old) = renewing(Renewal::EndsOld).await;
    let access = fixture.token().await;
    let new = fixture.refresh_token();
    assert_ne!(new, old);
    let again = json(fixture.refresh(&old).await, StatusCode::BAD_REQUEST).await;
    assert_eq!(again["id"], "invalid_grant");
    renewed(&fixture, &new).await;
    // The access token of the first refresh lives on.
    sent(fixture.config(Method::GET, &access)).await;
}

#[tokio::test]
async fn a_renewed_refresh_token_may_end_the_one_sent_when_it_is_used() {
    let (fixture, old) = renewing(Renewal::EndsOldOnceUsed).await;
    // Answers that are lost take nothing.
    renewed(&fixture, &old).await;
    let new = renewed(&fixture, &old).await;
    assert_ne!(new, old);
    assert!(fixture.heroku.honours(&old));
    renewed(&fixture, &new).await;
    assert!(!fixture.heroku.honours(&old));
    let again = json(fixture.refresh(&old).await, StatusCode::BAD_REQUEST).await;
    assert_eq!(again["id"], "invalid_grant");
}

#[tokio::test]
async fn the_client_secret_must_be_the_services_own() {
    let fixture = Fixture::new().await;
    fixture.heroku.add_service(manifest("other")).unwrap();
    let refresh_token = fixture.refresh_token();
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
async fn parameters_are_taken_from_a_form_body_only_and_where_tokens_are_given_out() {
    let fixture = Fixture::new().await;
    let refresh_token = fixture.refresh_token();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.as_str()),
        ("client_secret", CLIENT_SECRET),
    ];
    let post = |url: Url| fixture.client.post(url);
    let url = fixture.heroku.oauth_url();
    let mut with_query = url.clone();
    with_query.query_pairs_mut().extend_pairs(form);
    let other = [("grant_type", "password"), ("client_secret", CLIENT_SECRET)];
    for (request, told) in [
        (post(with_query.clone()), "query string"),
        // Even beside a good form.
        (post(with_query).form(&form), "query string"),
        (post(url).json(&BTreeMap::from(form)), "form-urlencoded"),
        (fixture.oauth(&form[..2]), "client_secret"),
        (fixture.oauth(&other), "grant_type"),
    ] {
        let message = refused(request, 400, "bad_request").await;
        assert!(message.contains(told), "{message}");
    }
    let on_api = fixture.heroku.api_url().join("oauth/token").unwrap();
    refused(post(on_api).form(&exchange("code")), 404, "not_found").await;
}
