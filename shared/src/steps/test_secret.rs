//! testSecret's power: tries the credential where it is used.

use super::StepError;
use crate::Error;
use crate::authority::Names;
use crate::configuration::HerokuConfiguration;
use crate::deadline::Deadline;
use crate::event::{Step, StepEvent};
use crate::heroku::{AddOn, HerokuClient, Partner};
use crate::secrets::Secrets;
use crate::service::Services;

/// Logs in to the service as the customer does, and looks whether Heroku shows the credential.
///
/// # Errors
/// If the document is not usable, the service does not accept the credential, or Heroku shows
/// another one, or either does not answer in time.
///
/// With the step createSecret nothing is published yet: then it is the service alone that is asked, as by
/// an operator before a rollback.
pub async fn test_secret(
    event: StepEvent,
    secrets: &Secrets,
    names: &Names,
    services: &Services,
    client: &HerokuClient,
    configuration: &HerokuConfiguration,
    deadline: Deadline,
) -> Result<(), Error> {
    let document = secrets
        .document(names, &event.secret, &event.version, deadline)
        .await?;
    if event.step == Step::CreateSecret {
        services
            .prove_accepted(&document, &event.version, deadline)
            .await?;
        return Ok(());
    }
    let rendered = document.render()?;
    let shown = async {
        let partner = Partner::new(secrets.fields(&configuration.partner, deadline).await?);
        let addon = AddOn::of(&document, client, &partner, secrets);
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
        return Ok(());
    }
    Err(StepError::NotShown {
        secret: event.secret,
        version: event.version,
        addon: document.heroku.addon_id.clone(),
        vars: missing.join(", "),
    }
    .into())
}
