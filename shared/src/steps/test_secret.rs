//! testSecret's power: tries the credential where it is used.

use serde::{Deserialize, Serialize};

use super::StepError;
use crate::Error;
use crate::claims::Names;
use crate::deadline::Deadline;
use crate::event::{Step, StepEvent};
use crate::fields::ConfigVars;
use crate::function::{Function, Handling};
use crate::heroku::{AddOn, HerokuClient, Partner};
use crate::secrets::Secrets;
use crate::service::Services;
use crate::start::Start;
use crate::tokens::Tokens;

/// What `test-secret` answers if Heroku may go on showing the credential that this one takes the place of: dynos may
/// be started with that one until nothing shows it any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LeftBehind {
    /// The version whose credential that is; none if it could not be looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// The names of the config vars that show it; none if it could not be looked.
    pub config_vars: Vec<String>,
}

/// Logs in to the service as the customer does, and looks whether Heroku shows the credential.
///
/// With the step createSecret nothing is published yet: then it is the service alone that is asked, as by
/// an operator before a rollback.
#[derive(Debug)]
pub struct TestSecret {
    secrets: Secrets,
    names: Names,
    services: Services,
    heroku: HerokuClient,
    tokens: Tokens,
}

impl Function for TestSecret {
    type Event = StepEvent;
    type Answer = Option<LeftBehind>;

    fn start(start: &mut Start) -> Option<Self> {
        let names = Names::read(&mut start.variables());
        let (services, heroku) = (Services::start(start), HerokuClient::start(start));
        let tokens = Tokens::start(start);
        Some(Self {
            secrets: Secrets::new(&start.aws),
            names: names?,
            services: services?,
            heroku: heroku?,
            tokens: tokens?,
        })
    }

    fn handle(&self, event: StepEvent, deadline: Deadline) -> Handling<'_, Option<LeftBehind>> {
        Box::pin(async move {
            let Self {
                secrets,
                names,
                services,
                heroku,
                tokens,
            } = self;
            let document = secrets
                .document(names, &event.secret, &event.version, deadline)
                .await?;
            if event.step == Step::CreateSecret {
                services
                    .prove_accepted(&document, &event.version, deadline)
                    .await?;
                return Ok(None);
            }
            let rendered = document.render()?;
            let shown = async {
                let partner = Partner::new(secrets.fields(heroku.partner(), deadline).await?);
                let addon = AddOn::of(&document, heroku, &partner, tokens).having_begun();
                Ok::<_, Error>(addon.config(deadline).await?)
            };
            // Neither needs the other. Both to their end: a refresh token that is renewed on the way must be
            // stored, whatever the service says.
            let (accepted, shown) = tokio::join!(
                services.prove_accepted(&document, &event.version, deadline),
                shown
            );
            accepted?;
            let shown = shown?;
            let missing = shown.missing(&rendered);
            if missing.is_empty() {
                return Ok(self.left_behind(&event, &rendered, &shown, deadline).await);
            }
            Err(StepError::NotShown {
                secret: event.secret,
                version: event.version,
                addon: document.heroku.addon_id.clone(),
                vars: missing.join(", "),
            }
            .into())
        })
    }
}

impl TestSecret {
    /// Which config vars go on showing the credential that this one takes the place of: apps that read them keep it,
    /// and its revocation will be refused.
    async fn left_behind(
        &self,
        event: &StepEvent,
        rendered: &ConfigVars,
        shown: &ConfigVars,
        deadline: Deadline,
    ) -> Option<LeftBehind> {
        let others = shown.besides(rendered);
        others.names().next()?;
        let current = self
            .secrets
            .current_document(&self.names, &event.secret, deadline);
        let (version, current) = match current.await {
            Ok(current) => current,
            Err(error) => {
                tracing::warn!(%error, "not looked whether Heroku goes on showing the previous credential elsewhere");
                return Some(LeftBehind {
                    version_id: None,
                    config_vars: Vec::new(),
                });
            }
        };
        let old = current.render().ok().filter(|_| version != event.version)?;
        let config_vars = others.still_showing(&old, rendered);
        if config_vars.is_empty() {
            return None;
        }
        tracing::warn!(config_vars = config_vars.join(", "), "{LEFT_BEHIND}");
        let config_vars = config_vars.into_iter().map(str::to_owned).collect();
        Some(LeftBehind {
            version_id: Some(version.to_string()),
            config_vars,
        })
    }
}

const LEFT_BEHIND: &str = "Heroku goes on showing the previous credential in config vars that the document does not \
    name, and as long as it does, that credential cannot be revoked. → Name them in heroku.removed (v3; `change` stores a document), or \
    have the config vars removed: then it begins its grace period";
