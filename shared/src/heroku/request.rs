//! Requests to Heroku: addresses, headers, answers.

use std::time::Duration;

use reqwest::Method;
use serde::de::DeserializeOwned;
use url::Url;

use super::error::{HerokuError, request_id};
use crate::deadline::Deadline;
use crate::ids::SecretArn;
use crate::net::{self, Answer};
use crate::start::Start;
use crate::telemetry::Metric;

/// Where Heroku is, and who the partner is.
#[derive(Clone, Debug)]
pub struct HerokuConfiguration {
    /// The base of both partner APIs.
    pub api: Url,
    /// The token endpoint.
    pub oauth: Url,
    /// The add-on service's own secret.
    pub partner: SecretArn,
}

/// Where Heroku is, who the partner is, and the HTTP client.
#[derive(Debug, Clone)]
pub struct HerokuClient {
    http: reqwest::Client,
    configuration: HerokuConfiguration,
}

impl HerokuClient {
    /// A client for the configured addresses.
    #[must_use]
    pub fn new(http: reqwest::Client, configuration: HerokuConfiguration) -> Self {
        Self {
            http,
            configuration,
        }
    }

    /// As a function's environment variables have it.
    pub(crate) fn start(start: &mut Start) -> Option<Self> {
        const EXPECTED: &str = "an https:// URL (http:// for loopback only)";
        let is_safe = |text: &str| Url::parse(text).is_ok_and(|url| net::is_safe(&url));
        let mut variables = start.variables();
        let mut url = |variable, default: &str| {
            let text = variables.optional_text(variable, EXPECTED, is_safe);
            Url::parse(text.as_deref().unwrap_or(default)).ok()
        };
        let api = url("HEROKU_API_URL", "https://api.heroku.com");
        let oauth = url("HEROKU_OAUTH_URL", "https://id.heroku.com/oauth/token");
        let partner = variables.parsed("PARTNER_SECRET_ARN");
        let configuration = HerokuConfiguration {
            api: api?,
            oauth: oauth?,
            partner: partner?,
        };
        Some(Self::new(start.http.clone(), configuration))
    }

    /// The add-on service's own secret.
    pub(crate) fn partner(&self) -> &SecretArn {
        &self.configuration.partner
    }

    pub(super) fn oauth(&self) -> &Url {
        &self.configuration.oauth
    }

    /// A request to the API; each segment of the path is percent-encoded.
    pub(super) fn request(
        &self,
        method: Method,
        path: &[&str],
        version: u8,
    ) -> reqwest::RequestBuilder {
        let mut url = self.configuration.api.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        // The API's URL parser takes `@` for what it is; Heroku's documents ask for %40.
        if url.path().contains('@') {
            let path = url.path().replace('@', "%40");
            url.set_path(&path);
        }
        self.http.request(method, url).header(
            reqwest::header::ACCEPT,
            format!("application/vnd.heroku+json; version={version}"),
        )
    }

    pub(super) fn token_request(&self) -> reqwest::RequestBuilder {
        self.http
            .post(self.oauth().clone())
            .header(reqwest::header::ACCEPT, "application/json")
    }
}

/// Sends a request through one of the partner APIs, `v1` or `v3`; an answer of any status.
pub(super) async fn send(
    api: &'static str,
    request: reqwest::RequestBuilder,
    action: &str,
    deadline: Deadline,
) -> Result<Answer, HerokuError> {
    send_within(api, net::REQUEST_TIMEOUT, request, action, deadline).await
}

/// As [`send`], with another time-out.
pub(super) async fn send_within(
    api: &'static str,
    timeout: Duration,
    request: reqwest::RequestBuilder,
    action: &str,
    deadline: Deadline,
) -> Result<Answer, HerokuError> {
    let answer = net::send(request, deadline.attempt(timeout))
        .await
        .map_err(|reason| HerokuError::Unreachable {
            action: action.to_owned(),
            reason,
        })?;
    let remaining = answer.headers.get("RateLimit-Remaining");
    let remaining: Option<u32> = remaining.and_then(|value| value.to_str().ok()?.parse().ok());
    tracing::info!(
        api,
        action,
        status = answer.status.as_u16(),
        heroku_request_id = request_id(&answer),
        rate_limit_remaining = remaining,
        "Heroku answered"
    );
    if answer.status == reqwest::StatusCode::TOO_MANY_REQUESTS {
        Metric::HerokuThrottled.count();
    }
    Ok(answer)
}

/// Reads a success's JSON; the error for anything else.
pub(super) fn read<T: DeserializeOwned>(
    answer: &Answer,
    action: &str,
    remedy: &str,
) -> Result<T, HerokuError> {
    if answer.status.is_success()
        && let Ok(body) = serde_json::from_slice(&answer.body)
    {
        return Ok(body);
    }
    Err(HerokuError::from_answer(action.to_owned(), answer, remedy))
}
