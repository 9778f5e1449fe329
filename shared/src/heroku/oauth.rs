//! Heroku's [OAuth tokens](https://devcenter.heroku.com/articles/oauth): a refresh token per add-on
//! instance, exchanged for an access token that lives eight hours.

use std::pin::Pin;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{HerokuClient, HerokuError, request};
use crate::aws::AwsError;
use crate::deadline::Deadline;
use crate::document::Fields;
use crate::event::SecretArn;

/// The add-on service's own secret: `id` and `password` for v1, `client_secret` for v3.
#[derive(Debug, Clone)]
pub struct Partner(Fields);

impl Partner {
    /// From the partner secret's fields.
    #[must_use]
    pub fn new(fields: Fields) -> Self {
        Self(fields)
    }

    pub(super) fn text(&self, field: &'static str) -> Result<&str, HerokuError> {
        text(&self.0, "the partner secret", field)
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

#[derive(Deserialize)]
struct Tokens {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
}

pub(super) fn remedy(secret: &SecretArn) -> String {
    format!("correct refresh_token in {secret} and client_secret in the partner secret")
}

/// Exchanges the refresh token for an access token. A refresh token other than the one sent is
/// stored before the access token is used: the old one may stop working.
pub(super) async fn refresh(
    client: &HerokuClient,
    partner: &Partner,
    secret: &SecretArn,
    store: &dyn TokenStore,
    deadline: Deadline,
) -> Result<SecretString, HerokuError> {
    let mut fields = store.read(secret, deadline).await?;
    let refresh_token = text(&fields, secret.as_str(), "refresh_token")?;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ("client_secret", partner.text("client_secret")?),
    ];
    let action = format!("refresh the access token of {secret}");
    let answer = request::send(client.token_request().form(&form), &action, deadline).await?;
    let remedy = remedy(secret);
    // A token endpoint answers a refresh token that it does not know with 400 (RFC 6749, 5.2).
    let tokens: Tokens = request::read(&answer, &action, &remedy).map_err(|error| match error {
        HerokuError::Refused { action, answer } => HerokuError::Unauthorized {
            action,
            answer,
            remedy: remedy.clone(),
        },
        error => error,
    })?;
    if let Some(renewed) = tokens.refresh_token
        && !renewed.expose_secret().is_empty()
        && renewed.expose_secret() != refresh_token
    {
        fields.set("refresh_token", renewed.expose_secret());
        store.write(secret, fields, deadline).await?;
    }
    Ok(tokens.access_token)
}
