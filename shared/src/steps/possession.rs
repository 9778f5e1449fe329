//! Whose a credential is: the proofs that a step asks for before it issues or ends one.

use std::time::Duration;

use super::StepError;
use crate::Error;
use crate::authority::AuthorityError;
use crate::deadline::Deadline;
use crate::document::Document;
use crate::event::StepEvent;
use crate::ids::{SecretArn, VersionId};
use crate::service::{Kind, Services, Verdict};
use crate::telemetry::Metric;

/// Kept back to look whether the pending credential is there already.
const LOOKING: Duration = Duration::from_secs(5);

/// What is to be issued, and what it is to be issued in place of.
pub(crate) struct Succession<'a> {
    /// The pending version's document.
    pub(crate) pending: &'a Document,
    /// The current version, and its document.
    pub(crate) current: (&'a VersionId, &'a Document),
}

/// Whose word stands for a credential that is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Possession {
    /// The current version's credential has logged in.
    Shown,
    /// An operator's.
    Vouched,
    /// Nobody's is needed: the pending credential is accepted already.
    Issued,
}

/// Shows that the pending document is the current one's renewal, and nothing else.
///
/// # Errors
/// If they differ in more than rotation makes, with the paths.
pub(crate) fn renews(event: &StepEvent, succession: &Succession<'_>) -> Result<(), Error> {
    let (version, current) = succession.current;
    let paths = current
        .unlike(succession.pending, &event.version)
        .map_err(StepError::from)?;
    if paths.is_empty() {
        return Ok(());
    }
    Err(AuthorityError::NoRenewal {
        secret: event.secret.clone(),
        pending: event.version.clone(),
        current: version.clone(),
        paths,
    }
    .into())
}

/// Shows that whoever had the pending document made has the credential that it takes the place of.
///
/// # Errors
/// If the service refuses the current credential, or says that its login is another than the document claims, or
/// does not answer.
pub(crate) async fn possession(
    event: &StepEvent,
    succession: &Succession<'_>,
    services: &Services,
    deadline: Deadline,
) -> Result<Possession, Error> {
    let (version, current) = succession.current;
    // Repeated after the rotation, the word is for a version that is no more: the one that took its place logs in.
    if event.vouched.as_deref() == Some(current.engine.login()) {
        tracing::warn!(current = %version, "an operator vouches for the current credential: it does not have to log in");
        Metric::Vouched.count();
        return Ok(Possession::Vouched);
    }
    let shown = services.verify(current, deadline.less(LOOKING)).await;
    if shown == Ok(Verdict::Accepted) {
        return Ok(Possession::Shown);
    }
    // The password is right. Whoever has it may have set what leaves it no session, or another one, but his own.
    if let Err(error) = &shown
        && error.kind() == Some(Kind::KeptOut)
    {
        tracing::warn!(current = %version, %error, "the current credential is kept out: it counts as shown");
        return Ok(Possession::Shown);
    }
    // What an operator has vouched for is issued.
    if services.verify(succession.pending, deadline).await == Ok(Verdict::Accepted) {
        tracing::info!(current = %version, "the pending credential is issued already");
        return Ok(Possession::Issued);
    }
    shown?;
    if let Some(vouched) = &event.vouched {
        vouched_for(&event.secret, version, current.engine.login(), vouched)?;
    }
    Err(AuthorityError::NotShown {
        secret: event.secret.clone(),
        current: version.clone(),
        login: current.engine.login().to_owned(),
        addon: current.heroku.addon_id.clone(),
    }
    .into())
}

/// Shows that an operator's word is for the login that the document names: whoever stored the document chose that name.
///
/// # Errors
/// If it is for another.
pub(crate) fn vouched_for(
    secret: &SecretArn,
    version: &VersionId,
    found: &str,
    vouched: &str,
) -> Result<(), AuthorityError> {
    if found == vouched {
        return Ok(());
    }
    Err(AuthorityError::OtherVouched {
        secret: secret.clone(),
        version: version.clone(),
        found: found.to_owned(),
        vouched: vouched.to_owned(),
    })
}
