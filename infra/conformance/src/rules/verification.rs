//! `GET`.

use super::Judged;
use crate::service::{Login, Service};

const OWN_KEY: &str = "Let in nobody but the customer with this credential's own key.";

pub(super) async fn unknown(service: &Service) -> Judged {
    let seen = service.log_in(&service.credential()?).await?;
    seen.is(
        &[404, 401],
        "Answer 404 (or 401) for an id that was never registered.",
    )?;
    Ok(None)
}

pub(super) async fn accepted(service: &Service) -> Judged {
    let credential = service.registered().await?;
    let seen = service.log_in(&credential).await?;
    seen.is(
        &[200],
        "Accept a credential from the moment in which its registration is answered, by the header that --authorization describes.",
    )?;
    Ok(None)
}

pub(super) async fn wrong_key(service: &Service) -> Judged {
    let credential = service.registered().await?;
    let nobodys = service.credential()?;
    let login = Login::Header(&nobodys.authorization);
    let seen = service.get(&credential.id, &login).await?;
    seen.is(&[401], OWN_KEY)?;
    let seen = service.get(&credential.id, &Login::Administrator).await?;
    seen.is(&[401], OWN_KEY)?;
    Ok(None)
}

pub(super) async fn no_key(service: &Service) -> Judged {
    let credential = service.registered().await?;
    let seen = service.get(&credential.id, &Login::Nobody).await?;
    seen.is(
        &[401],
        "Answer 401 to a GET without an Authorization header.",
    )?;
    Ok(None)
}

pub(super) async fn others_key(service: &Service) -> Judged {
    let (first, second) = (service.registered().await?, service.registered().await?);
    let login = Login::Header(&first.authorization);
    let seen = service.get(&second.id, &login).await?;
    seen.is(&[401], OWN_KEY)?;
    Ok(None)
}
