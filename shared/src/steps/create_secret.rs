//! createSecret's power: has the service issue the stored credential, and tries it.

use crate::Error;
use crate::authority::Names;
use crate::deadline::Deadline;
use crate::event::StepEvent;
use crate::secrets::Secrets;
use crate::service::Services;

/// Has the service accept the pending version's credential, and logs in with it.
///
/// # Errors
/// If the document is not usable, or the service or its administrator's credential is not as it
/// must be.
pub async fn create_secret(
    event: StepEvent,
    secrets: &Secrets,
    names: &Names,
    services: &Services,
    deadline: Deadline,
) -> Result<(), Error> {
    let document = secrets
        .document(names, &event.secret, &event.version, deadline)
        .await?;
    let administrator = secrets.fields(&document.administrator, deadline).await?;
    services.issue(&document, &administrator, deadline).await?;
    services
        .prove_accepted(&document, &event.version, deadline)
        .await?;
    Ok(())
}
