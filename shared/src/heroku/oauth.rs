//! Heroku's [OAuth tokens](https://devcenter.heroku.com/articles/oauth): a refresh token per add-on
//! instance, exchanged for an access token that lives eight hours.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{HerokuClient, HerokuError, request};
use crate::aws::AwsError;
use crate::deadline::{Deadline, Transient, retry};
use crate::document::{Api, HerokuBlock};
use crate::fields::Fields;
use crate::net::Answer;
use crate::telemetry::Metric;
use crate::tokens::{RefreshTokens, Tokens};

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

/// What Heroku gave for a grant code.
#[derive(Debug)]
pub struct Exchanged {
    /// Good for eight hours.
    pub access_token: SecretString,
    /// Good for as long as the add-on is there, and cannot be replaced.
    pub refresh_token: SecretString,
}

#[derive(Deserialize)]
struct Given {
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
        let given: Given = read(&answer, &action, REMEDY)?;
        let refresh_token = given
            .refresh_token
            .filter(|token| !token.expose_secret().is_empty());
        Ok(Exchanged {
            access_token: given.access_token,
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
fn read(answer: &Answer, action: &str, remedy: &str) -> Result<Given, HerokuError> {
    request::read(answer, action, remedy).map_err(|error| match error {
        HerokuError::Refused { action, answer } => HerokuError::Unauthorized {
            action,
            answer,
            remedy: remedy.to_owned(),
        },
        error => error,
    })
}

pub(super) fn remedy(tokens: &Tokens, addon: &str) -> String {
    let place = tokens.place(addon);
    format!("Correct the refresh token of {place}, or client_secret in the partner secret")
}

/// Exchanges the refresh token for an access token. A refresh token other than the one sent is stored before the
/// access token is used: the old one may stop working. Nothing but that answer has it, so that storing it is tried
/// until the time is over, whatever is said to it.
pub(super) async fn refresh(
    client: &HerokuClient,
    partner: &Partner,
    heroku: &HerokuBlock,
    tokens: &Tokens,
    deadline: Deadline,
) -> Result<SecretString, HerokuError> {
    let addon = heroku.addon_id.as_str();
    let mut known = tokens.read(heroku, deadline).await?;
    let exchange = async |known: &RefreshTokens| {
        exchange_any(client, partner, known, tokens, addon, deadline).await
    };
    let (taken, given) = match exchange(&known).await {
        Err(refused @ HerokuError::Unauthorized { .. }) => {
            // Another function may have renewed the token meanwhile.
            let now = tokens.read_both(heroku, deadline).await;
            known = now
                .inspect_err(|error| tracing::warn!(%error, "no other refresh token is found"))
                .ok()
                .filter(|now| !known.has_all_of(now))
                .ok_or(refused)?;
            exchange(&known).await?
        }
        exchanged => exchanged?,
    };
    match given.refresh_token {
        Some(renewed)
            if !renewed.expose_secret().is_empty()
                && renewed.expose_secret() != taken.expose_secret() =>
        {
            store(tokens, addon, &renewed, &known, deadline).await?;
        }
        _ if known.begin_with(&taken) => {}
        // It is where it was, and is only tried later than it could be.
        _ => {
            if let Err(error) = tokens.put(addon, &taken, &known, deadline).await {
                tracing::warn!(%error, "the refresh token is not put before the others");
            }
        }
    }
    Ok(given.access_token)
}

/// Storing a token that nothing else has: tried again whatever the refusal.
struct Unstored(AwsError);

impl Transient for Unstored {
    fn is_transient(&self) -> bool {
        true
    }
}

async fn store(
    tokens: &Tokens,
    addon: &str,
    newest: &SecretString,
    before: &RefreshTokens,
    deadline: Deadline,
) -> Result<(), HerokuError> {
    let stored = retry(deadline, || async {
        let kept = tokens.keep(addon, newest, before, deadline).await;
        kept.map_err(|error| {
            tracing::error!(%error, "the renewed refresh token is not stored yet");
            Unstored(error)
        })
    });
    stored.await.map_err(|Unstored(source)| {
        Metric::RefreshTokenLost.count();
        HerokuError::Unstored {
            place: tokens.place(addon),
            source: Box::new(source),
        }
    })
}

/// Exchanges the newest token that Heroku takes: that one, and what was given for it.
async fn exchange_any(
    client: &HerokuClient,
    partner: &Partner,
    known: &RefreshTokens,
    tokens: &Tokens,
    addon: &str,
    deadline: Deadline,
) -> Result<(SecretString, Given), HerokuError> {
    let action = format!("Refreshing the access token of add-on {addon}");
    let remedy = remedy(tokens, addon);
    let mut refused = None;
    for token in known.iter() {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.expose_secret()),
            ("client_secret", partner.text("client_secret")?),
        ];
        let request = client.token_request().form(&form);
        let answer = request::send("v3", request, &action, deadline).await?;
        match read(&answer, &action, &remedy) {
            Err(error @ HerokuError::Unauthorized { .. }) => refused = Some(error),
            given => return Ok((token.clone(), given?)),
        }
    }
    Err(refused.unwrap_or_else(|| HerokuError::Unauthorized {
        action,
        answer: "no token".to_owned(),
        remedy,
    }))
}
