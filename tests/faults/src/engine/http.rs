//! The partner's own service.

use addon_rotation::net;
use credential_service::{CredentialService, CredentialServiceOptions};
use serde_json::{Value, json};
use stand_in::events::EventLog;

use super::Imported;
use crate::proxy::http::{Upstream, serve};
use crate::proxy::{Bound, Passage, Proxy};
use crate::{Problem, random};

pub struct HttpService {
    service: CredentialService,
    http: reqwest::Client,
    _proxy: Proxy,
}

impl HttpService {
    pub(super) async fn start(
        bound: Bound,
        events: EventLog,
        passage: Passage,
    ) -> Result<(Self, Imported), Problem> {
        let administrator_token = random();
        let options = CredentialServiceOptions {
            name: "acme".to_owned(),
            administrator_token: administrator_token.clone(),
        };
        let service = CredentialService::start(options, events).await?;
        let (id, key) = ("imported", random());
        service.register(id, &key)?;
        let url = bound.instead_of(&service.url())?;
        let authority = service.url().authority().to_owned();
        let imported = Imported {
            template: url
                .as_str()
                .replacen("http://", "http://key:{{api_key}}@", 1),
            fields: json!({
                "engine": "http",
                "url": url.as_str(),
                "credential_id": id,
                "api_key": key,
                "authorization": "Bearer {{ api_key }}",
                "generate": { "api_key": { "prefix": "acme_live_", "length": 40 } },
            }),
            administrator: json!({ "token": administrator_token }),
        };
        let service = Self {
            _proxy: serve(bound, Upstream::Service, authority, passage),
            service,
            http: net::http_client()?,
        };
        Ok((service, imported))
    }

    pub(super) fn live(&self) -> Vec<String> {
        self.service.live()
    }

    pub(super) async fn accepts(&self, document: &Value) -> Result<bool, Problem> {
        let key = document["api_key"].as_str().unwrap_or_default();
        let items = format!("{}/items", self.service.url());
        let answer = self.http.get(items).bearer_auth(key).send().await?;
        Ok(answer.status().is_success())
    }

    pub(crate) fn secret_values(&self) -> Vec<String> {
        self.service.secret_values()
    }
}
