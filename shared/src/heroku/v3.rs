//! v3, the [Platform API for Partners](https://devcenter.heroku.com/articles/platform-api-for-partners):
//! a bearer token that is scoped to one add-on instance.

use std::cell::RefCell;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::{HerokuClient, HerokuError, Partner, oauth, request};
use crate::deadline::Deadline;
use crate::document::HerokuBlock;
use crate::fields::ConfigVars;
use crate::net::{Answer, REQUEST_TIMEOUT, WRITE_TIMEOUT};
use crate::tokens::Tokens;

pub(super) struct Access<'a> {
    partner: &'a Partner,
    heroku: &'a HerokuBlock,
    tokens: &'a Tokens,
    /// For the length of one invocation.
    token: RefCell<Option<SecretString>>,
}

impl std::fmt::Debug for Access<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access")
            .field("addon", &self.heroku.addon_id)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Var {
    name: String,
    value: Option<SecretString>,
}

impl<'a> Access<'a> {
    pub(super) fn new(partner: &'a Partner, heroku: &'a HerokuBlock, tokens: &'a Tokens) -> Self {
        Self {
            partner,
            heroku,
            tokens,
            token: RefCell::default(),
        }
    }

    pub(super) fn know(&self, token: Option<SecretString>) {
        *self.token.borrow_mut() = token;
    }

    pub(super) fn has_token(&self) -> bool {
        self.token.borrow().is_some()
    }

    pub(super) async fn read(
        &self,
        client: &HerokuClient,
        id: &str,
        deadline: Deadline,
    ) -> Result<ConfigVars, HerokuError> {
        let action = format!("Reading the config of add-on {id}");
        let build = || client.request(Method::GET, &["addons", id, "config"], 3);
        let answer = self
            .send(REQUEST_TIMEOUT, client, build, &action, deadline)
            .await?;
        self.config(&answer, &action)
    }

    /// The answer to a write is the whole config.
    pub(super) async fn write(
        &self,
        client: &HerokuClient,
        id: &str,
        rendered: &ConfigVars,
        removed: &[&str],
        deadline: Deadline,
    ) -> Result<ConfigVars, HerokuError> {
        let names: Vec<_> = rendered.names().collect();
        let mut action = format!("Writing {} of add-on {id}", names.join(", "));
        if !removed.is_empty() {
            let names = removed.join(", ");
            action = format!("{action}, and removing {names}");
        }
        let values = rendered
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value.expose_secret() }));
        let nothing = removed
            .iter()
            .map(|name| json!({ "name": name, "value": null }));
        let vars: Vec<_> = values.chain(nothing).collect();
        let body = json!({ "config": vars });
        let build = || {
            client
                .request(Method::PATCH, &["addons", id, "config"], 3)
                .json(&body)
        };
        let answer = self
            .send(WRITE_TIMEOUT, client, build, &action, deadline)
            .await?;
        self.config(&answer, &action)
    }

    fn config(&self, answer: &Answer, action: &str) -> Result<ConfigVars, HerokuError> {
        let vars: Vec<Var> = {
            let remedy = oauth::remedy(self.tokens, &self.heroku.addon_id);
            request::read(answer, action, &remedy)?
        };
        Ok(vars
            .into_iter()
            .filter_map(|var| Some((var.name, var.value?)))
            .collect())
    }

    /// Sends a request with the token; after a 401 once more with a fresh one, since tokens may end
    /// before their time.
    async fn send(
        &self,
        timeout: Duration,
        client: &HerokuClient,
        build: impl Fn() -> reqwest::RequestBuilder,
        action: &str,
        deadline: Deadline,
    ) -> Result<Answer, HerokuError> {
        let known = self.token.borrow().clone();
        let is_known = known.is_some();
        let token = match known {
            Some(token) => token,
            None => self.refresh(client, deadline).await?,
        };
        let answer = request::send_within(
            "v3",
            timeout,
            build().bearer_auth(token.expose_secret()),
            action,
            deadline,
        )
        .await?;
        if answer.status != StatusCode::UNAUTHORIZED || !is_known {
            return Ok(answer);
        }
        let token = self.refresh(client, deadline).await?;
        request::send_within(
            "v3",
            timeout,
            build().bearer_auth(token.expose_secret()),
            action,
            deadline,
        )
        .await
    }

    async fn refresh(
        &self,
        client: &HerokuClient,
        deadline: Deadline,
    ) -> Result<SecretString, HerokuError> {
        let token =
            oauth::refresh(client, self.partner, self.heroku, self.tokens, deadline).await?;
        *self.token.borrow_mut() = Some(token.clone());
        Ok(token)
    }
}
