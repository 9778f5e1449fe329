//! v1, the legacy [App Info API](https://devcenter.heroku.com/articles/add-on-app-info): HTTP Basic
//! with the add-on manifest's id and password, one pair for the whole add-on service.

use std::collections::BTreeMap;

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::{HerokuClient, HerokuError, Partner, request};
use crate::deadline::Deadline;
use crate::fields::ConfigVars;
use crate::net::WRITE_TIMEOUT;

const REMEDY: &str =
    "Correct id and password in the partner secret (the manifest's id and api.password)";

#[derive(Debug)]
pub(super) struct Access<'a> {
    partner: &'a Partner,
}

#[derive(Deserialize)]
struct App {
    config: BTreeMap<String, Option<SecretString>>,
    /// Answers of before 2015 have none.
    resource: Option<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    uuid: Option<String>,
}

impl<'a> Access<'a> {
    pub(super) fn new(partner: &'a Partner) -> Self {
        Self { partner }
    }

    pub(super) async fn read(
        &self,
        client: &HerokuClient,
        id: &str,
        deadline: Deadline,
    ) -> Result<ConfigVars, HerokuError> {
        let app = self.app(client, id, deadline).await?;
        Ok(app
            .config
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect())
    }

    /// The add-on's UUID, whatever id it is asked for by, if the answer says it.
    pub(super) async fn uuid(
        &self,
        client: &HerokuClient,
        id: &str,
        deadline: Deadline,
    ) -> Result<Option<String>, HerokuError> {
        let app = self.app(client, id, deadline).await?;
        Ok(app.resource.and_then(|it| it.uuid))
    }

    async fn app(
        &self,
        client: &HerokuClient,
        id: &str,
        deadline: Deadline,
    ) -> Result<App, HerokuError> {
        let action = format!("Reading the config of add-on {id}");
        let request = self.authorized(client.request(Method::GET, &["vendor", "apps", id], 1))?;
        let answer = request::send("v1", request, &action, deadline).await?;
        request::read(&answer, &action, REMEDY)
    }

    /// The answer's body is unspecified.
    pub(super) async fn write(
        &self,
        client: &HerokuClient,
        id: &str,
        rendered: &ConfigVars,
        deadline: Deadline,
    ) -> Result<(), HerokuError> {
        let names: Vec<_> = rendered.names().collect();
        let action = format!("Writing {} of add-on {id}", names.join(", "));
        let config: BTreeMap<_, _> = rendered
            .iter()
            .map(|(name, value)| (name, value.expose_secret()))
            .collect();
        let request = self
            .authorized(client.request(Method::PUT, &["vendor", "apps", id], 1))?
            .json(&json!({ "config": config }));
        let answer = request::send_within("v1", WRITE_TIMEOUT, request, &action, deadline).await?;
        if answer.status.is_success() {
            Ok(())
        } else {
            Err(HerokuError::from_answer(action, &answer, REMEDY))
        }
    }

    fn authorized(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::RequestBuilder, HerokuError> {
        Ok(request.basic_auth(
            self.partner.text("id")?,
            Some(self.partner.text("password")?),
        ))
    }
}
