//! setSecret's power: the config vars at Heroku.

use crate::Error;
use crate::authority::Names;
use crate::configuration::HerokuConfiguration;
use crate::deadline::Deadline;
use crate::event::StepEvent;
use crate::heroku::{AddOn, HerokuClient, Partner, Publication};
use crate::secrets::Secrets;
use crate::telemetry::Metric;

/// Has Heroku show the pending version's credential. Nothing is written if it does already.
///
/// # Errors
/// If the document is not usable, or Heroku refuses or does not answer in time.
pub async fn publish_to_heroku(
    event: StepEvent,
    secrets: &Secrets,
    names: &Names,
    client: &HerokuClient,
    configuration: &HerokuConfiguration,
    deadline: Deadline,
) -> Result<(), Error> {
    let document = secrets
        .document(names, &event.secret, &event.version, deadline)
        .await?;
    let rendered = document.render()?;
    let partner = Partner::new(secrets.fields(&configuration.partner, deadline).await?);
    let addon = AddOn::of(&document, client, &partner, secrets);
    match addon.publish(&rendered, deadline).await? {
        Publication::Changed => Metric::ConfigChanged.count(),
        Publication::AlreadyShown => {
            tracing::info!("Heroku already shows these values: nothing was written");
        }
    }
    Ok(())
}
