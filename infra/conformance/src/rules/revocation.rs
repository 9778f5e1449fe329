//! `DELETE`.

use super::Judged;
use crate::service::{Login, Service};

pub(super) async fn live(service: &Service) -> Judged {
    let credential = service.registered().await?;
    let seen = service
        .delete(&credential.id, &Login::Administrator)
        .await?;
    // The first of two tries may have taken effect.
    let due: &[u16] = if seen.again { &[204, 404] } else { &[204] };
    seen.is(
        due,
        "Revoke the credential before the answer, and answer 204.",
    )?;
    Ok(None)
}

pub(super) async fn refused(service: &Service) -> Judged {
    let credential = service.registered().await?;
    service
        .delete(&credential.id, &Login::Administrator)
        .await?;
    let seen = service.log_in(&credential).await?;
    seen.is(
        &[404, 401],
        "Refuse a credential from the moment in which its revocation is answered.",
    )?;
    Ok(None)
}

pub(super) async fn others(service: &Service) -> Judged {
    let (first, second) = (service.registered().await?, service.registered().await?);
    service.delete(&first.id, &Login::Administrator).await?;
    let seen = service.log_in(&second).await?;
    seen.is(
        &[200],
        "Revoke the credential of the path's id alone: the other one is what customers have now.",
    )?;
    Ok(None)
}

pub(super) async fn again(service: &Service) -> Judged {
    let credential = service.registered().await?;
    service
        .delete(&credential.id, &Login::Administrator)
        .await?;
    let seen = service
        .delete(&credential.id, &Login::Administrator)
        .await?;
    seen.is(
        &[404, 204],
        "Answer 404 (or 204) when a credential is revoked again: an answer can get lost, and the engine asks again.",
    )?;
    Ok(None)
}

pub(super) async fn unknown(service: &Service) -> Judged {
    let credential = service.credential()?;
    let seen = service
        .delete(&credential.id, &Login::Administrator)
        .await?;
    seen.is(
        &[404, 204],
        "Answer 404 (or 204) for an id that was never registered.",
    )?;
    Ok(None)
}

pub(super) async fn wrong_token(service: &Service) -> Judged {
    let wrong = service.wrong_token();
    let login = Login::Header(&wrong);
    let change =
        "Answer 401 to a DELETE whose bearer token is not the administrator's, and revoke nothing.";
    not_by(service, &login, change).await
}

pub(super) async fn no_token(service: &Service) -> Judged {
    let change = "Answer 401 to a DELETE without an Authorization header, and revoke nothing.";
    not_by(service, &Login::Nobody, change).await
}

async fn not_by(service: &Service, login: &Login<'_>, change: &str) -> Judged {
    let credential = service.registered().await?;
    let seen = service.delete(&credential.id, login).await?;
    seen.is(&[401], change)?;
    service.log_in(&credential).await?.is(&[200], change)?;
    Ok(None)
}
