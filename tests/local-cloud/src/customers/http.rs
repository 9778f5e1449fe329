//! Logging in to the partner's own service.

use ::http::StatusCode;
use percent_encoding::percent_decode_str;
use url::Url;

use super::Outcome;

pub(super) struct HttpLogin {
    client: reqwest::Client,
}

impl HttpLogin {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        // An error means that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { client })
    }

    pub(super) async fn log_in(&self, value: &str) -> Outcome {
        let Some((url, key)) = address(value) else {
            return Outcome::Failed("the config var is no http://key:<API key>@… URL".to_owned());
        };
        let answer = self.client.get(url).bearer_auth(key).send().await;
        match answer.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Outcome::Accepted,
            Ok(status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => {
                Outcome::Refused(format!("the service answered {status}"))
            }
            Ok(status) => Outcome::Failed(format!("the service answered {status}")),
            Err(error) => Outcome::Failed(error.without_url().to_string()),
        }
    }
}

/// The address to ask, without the key, and the key.
fn address(value: &str) -> Option<(Url, String)> {
    let mut url = Url::parse(value).ok()?;
    let key = percent_decode_str(url.password()?).decode_utf8().ok()?;
    let key = key.into_owned();
    url.set_password(None).ok()?;
    url.set_username("").ok()?;
    url.path_segments_mut().ok()?.pop_if_empty().push("items");
    Some((url, key))
}
