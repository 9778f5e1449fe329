//! The `http` engine: the partner's own service, for everything that hands out API keys.
//!
//! The contract is `infra/credential-service.openapi.yaml`: `PUT {url}/credentials/{id}` registers
//! the new credential, `DELETE` revokes it, both with the administrator's bearer token; `GET`,
//! authorised as the customer is, says whether it is accepted.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use url::Url;

use super::{Call, Context, ServiceError, Verdict};
use crate::authority::Place;
use crate::document::{Check, Fields, Generate, RandomError, credential_id};
use crate::event::VersionId;
use crate::net::{self, Answer};

/// A credential of the partner's own service.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Http {
    /// The service's base address: `https://`, or `http://` on loopback.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = "^https?://")))]
    url: Url,
    /// What names the credential at the service: the service's own name for one that was issued
    /// before the secret existed, the version's id for those that rotation made.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[A-Za-z0-9._~-]{1,128}$")))]
    credential_id: String,
    /// The `Authorization` header with which a customer is let in, as a template over the
    /// document's fields: `Bearer {{ api_key }}`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    authorization: SecretString,
    /// The fields that are new in each version, and what they look like.
    #[cfg_attr(feature = "schema", schemars(extend("minProperties" = 1)))]
    generate: BTreeMap<String, Generate>,
    #[cfg_attr(feature = "schema", schemars(skip))]
    values: BTreeMap<String, SecretString>,
}

const RESERVED: [&str; 7] = [
    "engine",
    "url",
    "credential_id",
    "authorization",
    "generate",
    "masterarn",
    "heroku",
];

impl Call for Http {
    fn read(check: &mut Check<'_>) -> Option<Self> {
        let url = check.text(
            "url",
            "an https:// URL (http:// for loopback only), without user or query",
            |text| {
                Url::parse(text).is_ok_and(|url| {
                    net::is_safe(&url)
                        && url.username().is_empty()
                        && url.password().is_none()
                        && url.query().is_none()
                })
            },
        );
        let credential_id = check.text(
            "credential_id",
            "1 to 128 letters, digits and . _ ~ -",
            |id| {
                (1..=128).contains(&id.len())
                    && id
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "._~-".contains(c))
                    && !id.chars().all(|c| c == '.')
            },
        );
        let authorization =
            check.rendered("authorization", "a template such as Bearer {{ api_key }}");
        let generate = check.objects("generate", Generate::read);
        let mut values = BTreeMap::new();
        let mut complete = true;
        for name in generate.iter().flat_map(BTreeMap::keys) {
            if RESERVED.contains(&name.as_str()) {
                check.problem(&format!("generate.{name}"), "has a reserved name");
                complete = false;
            } else if let Some(value) =
                check.secret(name, "the present value of a field that generate names")
            {
                values.insert(name.clone(), value);
            } else {
                complete = false;
            }
        }
        let url = url.and_then(|url| Url::parse(&url).ok());
        let http = Self {
            url: url?,
            credential_id: credential_id?,
            authorization: authorization?,
            generate: generate?,
            values,
        };
        complete.then_some(http)
    }

    fn credential(&self) -> &str {
        &self.credential_id
    }

    fn places(&self) -> Vec<Place> {
        vec![Place::url(&self.url)]
    }

    fn renewed(&self) -> Vec<&str> {
        self.generate.keys().map(String::as_str).collect()
    }

    fn renew(&self, fields: &mut Fields, version: &VersionId) -> Result<(), RandomError> {
        for (name, generate) in &self.generate {
            fields.set(name, generate.value()?);
        }
        let addon = fields.heroku_text("addon_id").unwrap_or_default();
        fields.set("credential_id", credential_id(&addon, version));
        Ok(())
    }

    async fn issue(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        const ACTION: &str = "register a credential";
        let body: Map<String, Value> = self
            .values
            .iter()
            .map(|(name, value)| (name.clone(), value.expose_secret().into()))
            .collect();
        let request = self
            .request(context, Method::PUT)
            .bearer_auth(context.administrator("token")?)
            .json(&body);
        let answer = context.ask(&self.url, request).await?;
        if answer.status.is_success() {
            Ok(())
        } else {
            Err(self.refusal(ACTION, &answer))
        }
    }

    async fn verify(&self, context: &Context<'_>) -> Result<Verdict, ServiceError> {
        let request = self
            .request(context, Method::GET)
            .header(AUTHORIZATION, self.authorization.expose_secret());
        let answer = context.ask(&self.url, request).await?;
        match answer.status {
            status if status.is_success() => Ok(Verdict::Accepted),
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::GONE => Ok(Verdict::Refused),
            _ => Err(self.refusal("say whether a credential is accepted", &answer)),
        }
    }

    async fn revoke(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        let request = self
            .request(context, Method::DELETE)
            .bearer_auth(context.administrator("token")?);
        let answer = context.ask(&self.url, request).await?;
        match answer.status {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            _ => Err(self.refusal("revoke a credential", &answer)),
        }
    }
}

impl Http {
    fn request(&self, context: &Context<'_>, method: Method) -> reqwest::RequestBuilder {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            let id = self.credential_id.as_str();
            path.pop_if_empty().extend(["credentials", id]);
        }
        context.http.request(method, url)
    }

    fn service(&self) -> String {
        self.url.to_string()
    }

    fn refusal(&self, action: &'static str, answer: &Answer) -> ServiceError {
        let service = self.service();
        let reason = format!("it answered {}", answer.status);
        match answer.status.as_u16() {
            401 | 403 => ServiceError::Administrator {
                service,
                action,
                reason,
            },
            408 | 425 | 429 | 500.. => {
                let seconds = answer
                    .headers
                    .get(RETRY_AFTER)
                    .and_then(|value| value.to_str().ok()?.parse().ok());
                ServiceError::Unavailable {
                    service,
                    action,
                    reason,
                    retry_after: seconds.map(Duration::from_secs),
                }
            }
            409 => ServiceError::Rejected {
                service,
                action,
                reason: format!("{reason} (another credential is registered under the same id)"),
            },
            _ => ServiceError::Rejected {
                service,
                action,
                reason,
            },
        }
    }
}
