//! Heroku's [OAuth tokens](https://devcenter.heroku.com/articles/oauth): a refresh token per add-on
//! instance, exchanged for an access token that lives eight hours.

use std::pin::Pin;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{HerokuClient, HerokuError, request};
use crate::aws::AwsError;
use crate::deadline::{Deadline, Transient, retry};
use crate::document::Api;
use crate::fields::Fields;
use crate::ids::SecretArn;
use crate::net::Answer;
use crate::telemetry::Metric;

/// The add-on service's own secret: `id` and `password` for v1, `client_secret` for v3.
#[derive(Debug, Clone)]
pub struct Partner(Fields);

impl Partner {
    /// From the partner secret's fields.
    #[must_use]
    pub fn new(fields: Fields) -> Self {
        Self(fields)
    }

    /// Whether the secret has what an API asks the partner for.
    ///
    /// # Errors
    /// With the field that is missing.
    pub fn check(&self, api: &Api) -> Result<(), HerokuError> {
        match api {
            Api::V1 => self.text("id").and_then(|_| self.text("password")),
            Api::V3 { .. } => self.text("client_secret"),
        }
        .map(drop)
    }

    pub(super) fn text(&self, field: &'static str) -> Result<&str, HerokuError> {
        text(&self.0, "PARTNER_SECRET_ARN (the partner secret)", field)
    }
}

fn text<'a>(fields: &'a Fields, secret: &str, field: &'static str) -> Result<&'a str, HerokuError> {
    fields
        .text(field)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| HerokuError::Incomplete {
            secret: secret.to_owned(),
            field,
        })
}

/// What a call to a [`TokenStore`] answers.
pub type TokenFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, AwsError>> + Send + 'a>>;

/// Where an instance's refresh token is kept: its OAuth secret.
pub trait TokenStore: Sync {
    /// The secret's fields.
    fn read<'a>(&'a self, secret: &'a SecretArn, deadline: Deadline) -> TokenFuture<'a, Fields>;

    /// Replaces them.
    fn write<'a>(
        &'a self,
        secret: &'a SecretArn,
        fields: Fields,
        deadline: Deadline,
    ) -> TokenFuture<'a, ()>;
}

/// What Heroku gave for a grant code.
#[derive(Debug)]
pub struct Exchanged {
    /// Good for eight hours.
    pub access_token: SecretString,
    /// Good for as long as the add-on is there, and not to be had again.
    pub refresh_token: SecretString,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
}

/// Exchanges the [grant code](https://devcenter.heroku.com/articles/add-on-partner-api-reference) that came
/// with the add-on `id`'s provisioning: once, and within five minutes. Transient faults are retried, as a code
/// that was not looked at is still good.
///
/// # Errors
/// If Heroku refuses, or does not answer in time; then the code may be used up.
pub async fn exchange(
    client: &HerokuClient,
    partner: &Partner,
    id: &str,
    code: &SecretString,
    deadline: Deadline,
) -> Result<Exchanged, HerokuError> {
    const REMEDY: &str = "If the code was used or is older than five minutes, ask Heroku for a new grant. Otherwise correct client_secret in the partner secret";
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.expose_secret()),
        ("client_secret", partner.text("client_secret")?),
    ];
    let action = format!("Exchanging the grant code of add-on {id}");
    retry(deadline, || async {
        let answer =
            request::send("v3", client.token_request().form(&form), &action, deadline).await?;
        let tokens: Tokens = read(&answer, &action, REMEDY)?;
        let refresh_token = tokens
            .refresh_token
            .filter(|token| !token.expose_secret().is_empty());
        Ok(Exchanged {
            access_token: tokens.access_token,
            refresh_token: refresh_token.ok_or_else(|| HerokuError::Unauthorized {
                action: action.clone(),
                answer: format!("{}, without a refresh token", answer.status),
                remedy: REMEDY.to_owned(),
            })?,
        })
    })
    .await
}

/// A token endpoint answers a grant that it does not know with 400 (RFC 6749, 5.2).
fn read(answer: &Answer, action: &str, remedy: &str) -> Result<Tokens, HerokuError> {
    request::read(answer, action, remedy).map_err(|error| match error {
        HerokuError::Refused { action, answer } => HerokuError::Unauthorized {
            action,
            answer,
            remedy: remedy.to_owned(),
        },
        error => error,
    })
}

pub(super) fn remedy(secret: &SecretArn) -> String {
    format!("Correct refresh_token in {secret}, or client_secret in the partner secret")
}

/// Exchanges the refresh token for an access token. A refresh token other than the one sent is stored before the
/// access token is used: the old one may stop working. Nothing but that answer has it, so that storing it is tried
/// until the time is over, whatever is said to it.
pub(super) async fn refresh(
    client: &HerokuClient,
    partner: &Partner,
    secret: &SecretArn,
    store: &dyn TokenStore,
    deadline: Deadline,
) -> Result<SecretString, HerokuError> {
    let mut fields = store.read(secret, deadline).await?;
    let exchanged = match exchange_refresh_token(client, partner, secret, &fields, deadline).await {
        Err(refused @ HerokuError::Unauthorized { .. }) => {
            // Another function may have renewed the token meanwhile.
            let now = store.read(secret, deadline).await?;
            if now.text(REFRESH_TOKEN) == fields.text(REFRESH_TOKEN) {
                return Err(refused);
            }
            fields = now;
            exchange_refresh_token(client, partner, secret, &fields, deadline).await
        }
        exchanged => exchanged,
    };
    let tokens = exchanged?;
    if let Some(renewed) = tokens.refresh_token
        && !renewed.expose_secret().is_empty()
        && Some(renewed.expose_secret()) != fields.text(REFRESH_TOKEN)
    {
        fields.set(REFRESH_TOKEN, renewed.expose_secret());
        let stored = retry(deadline, || async {
            let stored = store.write(secret, fields.clone(), deadline).await;
            stored.map_err(|error| {
                tracing::error!(%error, "the renewed refresh token is not stored yet");
                Unstored(error)
            })
        });
        if let Err(Unstored(source)) = stored.await {
            Metric::RefreshTokenLost.count();
            return Err(HerokuError::Unstored {
                secret: secret.clone(),
                source: Box::new(source),
            });
        }
    }
    Ok(tokens.access_token)
}

const REFRESH_TOKEN: &str = "refresh_token";

/// Storing a token that nothing else has: tried again whatever the refusal.
struct Unstored(AwsError);

impl Transient for Unstored {
    fn is_transient(&self) -> bool {
        true
    }
}

async fn exchange_refresh_token(
    client: &HerokuClient,
    partner: &Partner,
    secret: &SecretArn,
    fields: &Fields,
    deadline: Deadline,
) -> Result<Tokens, HerokuError> {
    let form = [
        ("grant_type", REFRESH_TOKEN),
        (REFRESH_TOKEN, text(fields, secret.as_str(), REFRESH_TOKEN)?),
        ("client_secret", partner.text("client_secret")?),
    ];
    let action = format!("Refreshing the access token of {secret}");
    let answer = request::send("v3", client.token_request().form(&form), &action, deadline).await?;
    read(&answer, &action, &remedy(secret))
}
