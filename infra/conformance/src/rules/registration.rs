//! `PUT`.

use serde_json::json;

use super::{Failure, Judged, Stop};
use crate::contract::Operation;
use crate::service::{Credential, Login, Service};

const NOTHING_CHANGED: &str = "Change nothing when a request is refused.";

impl Service {
    /// A credential that is registered, for rules about something else.
    pub(super) async fn registered(&self) -> Result<Credential, Stop> {
        let credential = self.credential()?;
        let seen = self.put(&credential).await?;
        if seen.is_accepted() {
            Ok(credential)
        } else {
            Err(Stop::Skipped(
                "its credential could not be registered".to_owned(),
            ))
        }
    }

    /// A refused registration has had no effect.
    async fn is_nowhere(&self, credential: &Credential) -> Result<(), Stop> {
        if self.log_in(credential).await?.is_accepted() {
            Err(Stop::Fails(Failure {
                seen: "the credential is accepted all the same".to_owned(),
                change: NOTHING_CHANGED.to_owned(),
                at: Operation::Put.response("401"),
            }))
        } else {
            Ok(())
        }
    }
}

pub(super) async fn new(service: &Service) -> Judged {
    let seen = service.put(&service.credential()?).await?;
    let change = match seen.status {
        401 | 403 => "Have the service accept the token in --token-file, or give the right one.",
        _ => "Register the credential under the path's id, and answer 201.",
    };
    // The first of two tries may have taken effect.
    let due: &[u16] = if seen.again { &[201, 200] } else { &[201] };
    seen.is(due, change)?;
    Ok(None)
}

pub(super) async fn again(service: &Service) -> Judged {
    let credential = service.registered().await?;
    let seen = service.put(&credential).await?;
    seen.is(
        &[200],
        "Answer 200 when the same fields come again under the same id: an answer can get lost, and the engine asks again.",
    )?;
    let seen = service.log_in(&credential).await?;
    seen.is(
        &[200],
        "Go on accepting a credential that is registered again.",
    )?;
    Ok(None)
}

pub(super) async fn other_fields(service: &Service) -> Judged {
    let first = service.registered().await?;
    let other = service.credential_at(&first.id)?;
    let seen = service.put(&other).await?;
    seen.is(
        &[409],
        "Answer 409 when other fields come under an id that is registered.",
    )?;
    let keep = "Keep the fields that came first: they are what customers have.";
    service.log_in(&first).await?.is(&[200], keep)?;
    service.log_in(&other).await?.is(&[401], keep)?;
    Ok(None)
}

pub(super) async fn bad_body(service: &Service) -> Judged {
    let credential = service.credential()?;
    let whole = credential.body();
    let mut lacking = whole.clone();
    let mut numbers = whole.clone();
    if let (Some(lacking), Some(numbers)) = (lacking.as_object_mut(), numbers.as_object_mut()) {
        let first = lacking.keys().next().cloned().unwrap_or_default();
        lacking.remove(&first);
        lacking.insert("conformance".to_owned(), "unknown".into());
        numbers.insert(first, 1.into());
    }
    for (body, what) in [
        (json!([whole.clone()]).to_string(), "an array"),
        (whole.to_string().replace('}', ""), "no JSON"),
        (numbers.to_string(), "an object with a number in it"),
        (lacking.to_string(), "an object without the first --field"),
    ] {
        let administrator = Login::Administrator;
        let seen = service.put_body(&credential, body, &administrator).await?;
        let change = format!("Answer 400 when the body is {what}.");
        seen.is(&[400], &change)?;
    }
    let seen = service.put(&credential).await?;
    seen.is(
        &[201],
        "Register nothing when the body is refused: the right one still has to be new.",
    )?;
    Ok(None)
}

pub(super) async fn wrong_token(service: &Service) -> Judged {
    let wrong = service.wrong_token();
    refused(
        service,
        &Login::Header(&wrong),
        "Answer 401 to a PUT whose bearer token is not the administrator's.",
    )
    .await
}

pub(super) async fn no_token(service: &Service) -> Judged {
    refused(
        service,
        &Login::Nobody,
        "Answer 401 to a PUT without an Authorization header.",
    )
    .await
}

async fn refused(service: &Service, login: &Login<'_>, change: &str) -> Judged {
    let credential = service.credential()?;
    let body = credential.body().to_string();
    let seen = service.put_body(&credential, body, login).await?;
    seen.is(&[401], change)?;
    service.is_nowhere(&credential).await?;
    Ok(None)
}

pub(super) async fn by_customer(service: &Service) -> Judged {
    let customer = service.registered().await?;
    let login = Login::Header(&customer.authorization);
    let change = "Let nobody but the administrator register and revoke.";
    let other = service.credential()?;
    let body = other.body().to_string();
    let seen = service.put_body(&other, body, &login).await?;
    seen.is(&[401], change)?;
    let seen = service.delete(&customer.id, &login).await?;
    seen.is(&[401], change)?;
    let seen = service.log_in(&customer).await?;
    seen.is(&[200], NOTHING_CHANGED)?;
    Ok(None)
}

pub(super) async fn two(service: &Service) -> Judged {
    let first = service.registered().await?;
    let second = service.credential()?;
    let change = "Accept all registered credentials at the same time: dynos that have not restarted use the one before.";
    let seen = service.put(&second).await?;
    seen.is(&[201], change)?;
    for credential in [&first, &second] {
        let seen = service.log_in(credential).await?;
        seen.is(&[200], change)?;
    }
    Ok(None)
}
