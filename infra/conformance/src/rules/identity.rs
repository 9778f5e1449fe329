//! Ids: the longest, those that something in between has escaped, those outside the pattern.

use percent_encoding::percent_encode_byte;

use super::{Failure, Judged, Stop};
use crate::contract::Operation;
use crate::service::{Login, Seen, Service};

/// `maxLength` in the contract.
const LONGEST: usize = 128;

pub(super) async fn longest(service: &Service) -> Judged {
    let mut id = service.credential()?.id;
    id.extend(std::iter::repeat_n('x', LONGEST - id.len()));
    let credential = service.credential_at(&id)?;
    let change = "Take ids of up to 128 characters, whole.";
    service.put(&credential).await?.is(&[201], change)?;
    service.log_in(&credential).await?.is(&[200], change)?;
    // Cut off at the end, it would be the same.
    let neighbour = format!("{}y", &id[..LONGEST - 1]);
    let neighbour = service.credential_at(&neighbour)?;
    service.put(&neighbour).await?.is(&[201], change)?;
    Ok(None)
}

pub(super) async fn encoded(service: &Service) -> Judged {
    let id = format!("{}.a_b~c", service.credential()?.id);
    let credential = service.credential_at(&id)?;
    let change =
        "Decode the path's id before it is compared, and take letters, digits, and . _ ~ - in it.";
    service.put(&credential).await?.is(&[201], change)?;
    let encoded: String = id.bytes().map(percent_encode_byte).collect();
    let login = Login::Header(&credential.authorization);
    service.get(&encoded, &login).await?.is(&[200], change)?;
    let seen = service.delete(&encoded, &Login::Administrator).await?;
    seen.is(&[204], change)?;
    let seen = service.log_in(&credential).await?;
    seen.is(&[404, 401], change)?;
    Ok(None)
}

pub(super) async fn outside(service: &Service) -> Judged {
    let neighbour = service.registered().await?;
    let login = Login::Header(&neighbour.authorization);
    let base = &neighbour.id;
    for id in [
        format!("{base}%2Fx"),
        format!("{base}%20x"),
        format!("{base}%00x"),
        format!("{base}%C3%A9"),
        format!("{base}{}", "x".repeat(LONGEST)),
    ] {
        let seen = service.get(&id, &login).await?;
        if seen.is_accepted() {
            return fails(
                Operation::Get,
                "a key is accepted under another id than its own",
            );
        }
        is_an_answer(seen, Operation::Get)?;
        let other = service.credential_at(&id)?;
        is_an_answer(service.put(&other).await?, Operation::Put)?;
        let seen = service.delete(&id, &Login::Administrator).await?;
        is_an_answer(seen, Operation::Delete)?;
    }
    if service.log_in(&neighbour).await?.is_accepted() {
        Ok(None)
    } else {
        fails(
            Operation::Delete,
            "the revocation of another id has ended a credential whose id it begins with",
        )
    }
}

fn is_an_answer(seen: Seen, operation: Operation) -> Result<(), Stop> {
    if seen.is_accepted() || (400..500).contains(&seen.status) {
        Ok(())
    } else {
        fails(operation, "the service was out of order").map(|_| ())
    }
}

fn fails(operation: Operation, seen: &str) -> Judged {
    Err(Stop::Fails(Failure {
        seen: seen.to_owned(),
        change: "Take an id with a slash, a space, a null, a letter outside ASCII or more than 128 characters for what it is, or answer 400: never part of it, and never 5xx.".to_owned(),
        at: operation.response("default"),
    }))
}
