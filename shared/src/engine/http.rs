//! The `http` engine: the partner's own service, for everything that hands out API keys.
//!
//! The contract is `infra/credential-service.openapi.yaml`: `PUT {url}/credentials/{id}` registers
//! the new credential, `DELETE` revokes it, both with the administrator's bearer token; `GET`,
//! authorised as the customer is, says whether it is accepted.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use url::Url;

use super::{CallError, Cause, Context, Engine, Kind, REHEARSAL, ServiceError, Sessions, Verdict};
use crate::authority::Place;
use crate::engine::{Generate, RandomError, credential_id};
use crate::fields::{Check, Fields};
use crate::ids::VersionId;
use crate::net::{self, Answer};

/// A credential of the partner's own service.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Http {
    /// The service's base address: `https://`, or `http://` on loopback.
    #[cfg_attr(test, schemars(with = "String", extend("pattern" = "^https?://")))]
    url: Url,
    /// What names the credential at the service: the service's own name for one that was issued
    /// before the secret existed, the version's id for those that rotation made.
    #[cfg_attr(test, schemars(extend("pattern" = "^[A-Za-z0-9._~-]{1,128}$")))]
    credential_id: String,
    /// The `Authorization` header with which a customer is let in, as a template over the
    /// document's fields: `Bearer {{ api_key }}`.
    #[cfg_attr(test, schemars(with = "String"))]
    authorization: SecretString,
    /// The fields that are new in each version, and what they look like.
    #[cfg_attr(test, schemars(extend("minProperties" = 1)))]
    generate: BTreeMap<String, Generate>,
    #[cfg_attr(test, schemars(skip))]
    values: BTreeMap<String, SecretString>,
}

const VERIFY: &str = "Checking a credential";

/// The contract's words for a credential that does not exist, and for one that is not let in.
const NO_SUCH_CREDENTIAL: &str = "no_such_credential";
const CREDENTIAL_REFUSED: &str = "credential_refused";

/// A credential that was used so long ago counts as in use.
const RECENT: Duration = Duration::from_mins(10);

const RESERVED: [&str; 7] = [
    "engine",
    "url",
    "credential_id",
    "authorization",
    "generate",
    "masterarn",
    "heroku",
];

impl Engine for Http {
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
        const ACTION: &str = "Registering a credential";
        let body: Map<String, Value> = self
            .values
            .iter()
            .map(|(name, value)| (name.clone(), value.expose_secret().into()))
            .collect();
        let request = self
            .request(context, Method::PUT)
            .bearer_auth(context.administrator("token")?)
            .json(&body);
        let answer = context.ask(&self.url, ACTION, request).await?;
        if answer.status.is_success() {
            Ok(())
        } else {
            Err(self.refusal(ACTION, &answer))
        }
    }

    async fn verify(&self, context: &Context<'_>) -> Result<Verdict, ServiceError> {
        let answer = self.log_in(context).await?;
        self.verdict(&answer)
    }

    async fn revoke(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        self.end(context, "Revoking a credential").await
    }

    async fn rehearse(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        self.end(context, REHEARSAL).await
    }

    /// The service may say when the credential was last used. Whoever used it a moment ago may well
    /// do so again.
    async fn sessions(&self, context: &Context<'_>) -> Result<Option<Sessions>, ServiceError> {
        let answer = self.log_in(context).await?;
        if self.verdict(&answer)? == Verdict::Refused {
            return Ok(Some(Sessions::default()));
        }
        let Some(last_used) = body(&answer).and_then(|body| body.get("last_used_at").cloned())
        else {
            return Ok(None);
        };
        let last_used = last_used
            .as_str()
            .and_then(|text| DateTime::from_str(text, Format::DateTimeWithOffset).ok())
            .and_then(|time| SystemTime::try_from(time).ok());
        let Some(last_used) = last_used else {
            tracing::warn!(
                service = %self.url,
                "last_used_at of the service's answer is no time as in RFC 3339, and is ignored"
            );
            return Ok(None);
        };
        let count = u64::from(last_used + RECENT > SystemTime::now());
        Ok(Some(Sessions {
            count,
            from: Vec::new(),
        }))
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

    /// Has the credential end. To the service one that it does not know is one that has ended.
    async fn end(&self, context: &Context<'_>, action: &'static str) -> Result<(), ServiceError> {
        let request = self
            .request(context, Method::DELETE)
            .bearer_auth(context.administrator("token")?);
        let answer = context.ask(&self.url, action, request).await?;
        match answer.status.as_u16() {
            200..300 => Ok(()),
            404 | 410 if says(&answer, NO_SUCH_CREDENTIAL) => Ok(()),
            404 | 410 => Err(self.unknown(action, &answer)),
            401 | 403 if word(&answer).is_none() => Err(self.unknown(action, &answer)),
            _ => Err(self.refusal(action, &answer)),
        }
    }

    /// Asks about the credential as its customer.
    async fn log_in(&self, context: &Context<'_>) -> Result<Answer, ServiceError> {
        let request = self
            .request(context, Method::GET)
            .header(AUTHORIZATION, self.authorization.expose_secret());
        context.ask(&self.url, VERIFY, request).await
    }

    /// What the service says about the credential, in the contract's own words. A gateway that has
    /// lost its way answers with the same statuses, and proves nothing.
    fn verdict(&self, answer: &Answer) -> Result<Verdict, ServiceError> {
        let refuses = says(answer, NO_SUCH_CREDENTIAL) || says(answer, CREDENTIAL_REFUSED);
        match answer.status.as_u16() {
            200 if body(answer).is_some_and(|body| body.get("accepted") == Some(&true.into())) => {
                Ok(Verdict::Accepted)
            }
            401 | 403 | 404 | 410 if refuses => Ok(Verdict::Refused),
            200..300 | 401 | 403 | 404 | 410 => Err(self.unknown(VERIFY, answer)),
            _ => Err(self.refusal(VERIFY, answer)),
        }
    }

    /// An answer that is not the contract's. It may be the service's gateway's, and pass.
    fn unknown(&self, action: &'static str, answer: &Answer) -> ServiceError {
        let found = format!(
            "it answered {} ({}) without the body that the contract has for it",
            answer.status,
            media_type(answer)
        );
        CallError::new(
            self.service(),
            action,
            Kind::Unavailable,
            Cause::Found(found),
            "Check the gateway in front of the service, and the service with cargo xtask conformance",
        )
        .into()
    }

    fn refusal(&self, action: &'static str, answer: &Answer) -> ServiceError {
        let (kind, remedy) = meaning(answer.status.as_u16());
        let seconds = answer
            .headers
            .get(RETRY_AFTER)
            .filter(|_| kind == Kind::Unavailable)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let found = Cause::Found(format!("it answered {}", answer.status));
        CallError::new(self.service(), action, kind, found, remedy)
            .retry_after(seconds.map(Duration::from_secs))
            .into()
    }
}

/// What a status means that is no success, and what to do about it.
fn meaning(status: u16) -> (Kind, &'static str) {
    match status {
        // An empty remedy is that of a refused login.
        401 => (Kind::Administrator, ""),
        403 => (
            Kind::Administrator,
            "Give the administrator's token the right to do that, or put another into the administrator's secret (masterarn)",
        ),
        408 | 425 | 429 | 500.. => (Kind::Unavailable, "Look in the service's log"),
        409 => (
            Kind::Rejected,
            "Look in the service's log: it has another credential under the same id",
        ),
        _ => (
            Kind::Rejected,
            "Compare the document and the service with infra/credential-service.openapi.yaml",
        ),
    }
}

/// An answer's body, if it is a JSON object.
fn body(answer: &Answer) -> Option<Map<String, Value>> {
    serde_json::from_slice(&answer.body).ok()
}

/// The word of an error's body.
fn word(answer: &Answer) -> Option<String> {
    let body = body(answer)?;
    Some(body.get("error")?.as_str()?.to_owned())
}

fn says(answer: &Answer, expected: &str) -> bool {
    word(answer).is_some_and(|word| word == expected)
}

/// What an answer says that its body is. What is no media type is not repeated.
fn media_type(answer: &Answer) -> &str {
    let Some(value) = answer.headers.get(CONTENT_TYPE) else {
        return "no Content-Type";
    };
    let text = value.to_str().unwrap_or_default();
    let kind = text.split(';').next().unwrap_or_default().trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/+.-".contains(c);
    if (1..=60).contains(&kind.len()) && kind.chars().all(is_plain) {
        kind
    } else {
        "a malformed Content-Type"
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use reqwest::StatusCode;

    use super::*;
    use crate::message::with_retry;
    use crate::snapshot::assert_snapshot;

    #[test]
    fn what_the_services_answers_mean() {
        let mut text = String::new();
        for status in [400, 401, 403, 409, 422, 429, 503] {
            let (kind, remedy) = meaning(status);
            let found = StatusCode::from_u16(status).unwrap();
            let found = Cause::Found(format!("it answered {found}"));
            let service = "https://api.acme.example/";
            let error = CallError::new(service, "Registering a credential", kind, found, remedy);
            let error = with_retry(&ServiceError::from(error));
            writeln!(text, "{status}\n    {error}\n").unwrap();
        }
        assert_snapshot("http", &text);
    }
}
