//! Whoever has a leaked key does everything at once that it allows to keep it: and it ends all the same.

use http::{Method, StatusCode};
use reqwest::Client;
use serde_json::json;

use crate::steps::{assert_settled, fire};
use crate::support::{Api, Stand, credential, within};

/// Uses the key all the time: until it is refused.
async fn knock(http: Client, url: String, key: String) -> StatusCode {
    loop {
        let used = http.get(&url).bearer_auth(&key).send().await.unwrap();
        if used.status() != StatusCode::OK {
            return used.status();
        }
    }
}

#[tokio::test]
async fn a_hostile_holder_does_not_outlive_the_grace_period() {
    let (stand, instance, first) = Stand::rotated(Api::V3).await;
    let second = stand.current(&instance);
    let key = instance.document["api_key"].as_str().unwrap();
    let at = |id: &str| format!("{}/credentials/{id}", stand.service.url());
    let (own, next) = (at(&instance.imported), at(&credential(&instance, &second)));
    let (http, items) = (Client::new(), format!("{}/items", stand.service.url()));
    let knocking: Vec<_> = (0..8)
        .map(|_| tokio::spawn(knock(http.clone(), items.clone(), key.to_owned())))
        .collect();
    // It is the customer's, not the partner's: it makes no keys, and ends no other.
    for (method, url) in [
        (Method::PUT, &own),
        (Method::PUT, &next),
        (Method::DELETE, &next),
    ] {
        let request = http.request(method, url).bearer_auth(key);
        let answer = request.json(&json!({ "api_key": "mine" })).send().await;
        assert_eq!(answer.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    fire(&stand, &first, 0).await;
    for refused in knocking {
        assert_eq!(within(refused).await.unwrap(), StatusCode::UNAUTHORIZED);
    }
    assert_settled(&stand, &instance).await;
}
