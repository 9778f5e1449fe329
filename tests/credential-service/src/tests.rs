//! What the contract does not say: events, the API that customers log in to, faults. That the service keeps the
//! contract is judged by the operator's `conformance`, of which it passes every rule.

use reqwest::{Client, Method};
use serde_json::json;
use stand_in::Fault;

use super::*;

const TOKEN: &str = "administrator-token";

#[tokio::test]
async fn a_credential_is_told_of_once_and_lets_customers_in_until_it_is_revoked() {
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let events = EventLog::default();
    let options = CredentialServiceOptions {
        name: "acme".to_owned(),
        administrator_token: TOKEN.to_owned(),
    };
    let service = CredentialService::start(options, events.clone())
        .await
        .unwrap();
    // As at Heroku: a connection that is used again would repeat a request whose answer is lost.
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0);
    let client = client.build().unwrap();
    let send = async |method, path: &str, bearer: &str| {
        let request = client.request(method, format!("{}{path}", service.url()));
        let request = request
            .bearer_auth(bearer)
            .json(&json!({ "api_key": "key" }));
        request
            .send()
            .await
            .map(|answer| answer.status().as_u16())
            .ok()
    };
    let put = || send(Method::PUT, "/credentials/first", TOKEN);
    service.fail_next(
        FaultRule::next(Fault::LoseAnswer)
            .by(Method::PUT)
            .at("/v1/credentials/"),
    );
    assert_eq!((put().await, put().await), (None, Some(200)));
    assert_eq!(service.pending_faults(), 0);
    let items = || send(Method::GET, "/items", "key");
    assert_eq!(items().await, Some(200));
    for status in [204, 404] {
        let deleted = send(Method::DELETE, "/credentials/first", TOKEN).await;
        assert_eq!(deleted, Some(status));
    }
    assert_eq!(items().await, Some(401));
    let (service, credential) = ("acme".to_owned(), "first".to_owned());
    let told: Vec<_> = events.since(0).into_iter().map(|it| it.kind).collect();
    let issued = EventKind::CredentialIssued {
        service: service.clone(),
        credential: credential.clone(),
    };
    let revoked = EventKind::CredentialRevoked {
        service,
        credential,
    };
    assert_eq!(told, [issued, revoked]);
}
