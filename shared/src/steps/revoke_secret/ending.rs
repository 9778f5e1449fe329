//! The end itself: at the version's own address, and where the current version has the service by now.

use super::look::{Seen, Versions};
use super::{Outcome, RevokeSecret};
use crate::Error;
use crate::authority::AuthorityError;
use crate::deadline::Deadline;
use crate::document::Document;
use crate::event::RevokeEvent;
use crate::fields::Fields;
use crate::schedule::retry_delay;
use crate::secrets::Secret;
use crate::service::ServiceError;

impl RevokeSecret {
    /// Has the service refuse the old credential, and shows that it does: at both addresses, whichever is out of order.
    /// Or holds that back while sessions are open with it.
    pub(super) async fn end(
        &self,
        event: &RevokeEvent,
        secret: &Secret,
        versions: &Versions,
        seen: Seen,
        deadline: Deadline,
    ) -> Result<Outcome, Error> {
        let Versions { old, current, .. } = versions;
        let has_moved = !old.is_where(current);
        // One that does not answer leaves the other its time.
        let first = if has_moved {
            deadline.at_most(deadline.left() / 2)
        } else {
            deadline
        };
        let ended = self.end_at_its_own(event, secret, old, first).await;
        if let Ok(held @ Outcome::Held(..)) = ended {
            return Ok(held);
        }
        let elsewhere = if has_moved {
            self.end_where_it_moved(event, versions, deadline).await
        } else {
            Ok(())
        };
        let ended = match ended {
            // Whoever may say what the administrator's login is for has taken the old address out of it.
            Err(error) if has_moved && elsewhere.is_ok() && is_given_up(&error) => {
                tracing::warn!(%error, "the service has moved from the old credential's address, which is not asked");
                Outcome::Revoked(None)
            }
            ended => ended?,
        };
        elsewhere?;
        // A server that refuses everybody has proved nothing.
        if seen == Seen::Current {
            self.services
                .prove_control(current, &event.version, deadline)
                .await?;
        }
        Ok(ended)
    }

    async fn end_at_its_own(
        &self,
        event: &RevokeEvent,
        secret: &Secret,
        old: &Document,
        deadline: Deadline,
    ) -> Result<Outcome, Error> {
        let administrator = self.secrets.fields(&old.administrator, deadline).await?;
        let sessions = self.sessions(old, &administrator, deadline).await?;
        if let Some(sessions) = &sessions {
            let own = secret.hold_while_in_use_seconds().ok().flatten();
            let most = own.unwrap_or(self.hold_while_in_use_seconds);
            let left = most.saturating_sub(event.held_seconds);
            // An operator who asks for it now, and a day of tries, are no time to wait.
            let may_wait = event.scheduled_at.is_some() && retry_delay(event.attempt).is_some();
            if left > 0 && may_wait {
                return Ok(Outcome::Held(sessions.clone(), left));
            }
            tracing::warn!(
                sessions = sessions.count,
                from = sessions.from.join(" "),
                "sessions are open with the old credential: the service ends them now"
            );
        }
        self.refuse(event, old, &administrator, deadline).await?;
        Ok(Outcome::Revoked(sessions))
    }

    /// A service that moved may have taken the old credential along. By its name alone it may be somebody else's there:
    /// it ends if it logs in.
    async fn end_where_it_moved(
        &self,
        event: &RevokeEvent,
        versions: &Versions,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let Some(moved) = versions.current.with_login_of(&versions.old)? else {
            return Ok(());
        };
        let administrator = self.secrets.fields(&moved.administrator, deadline).await?;
        let is_there = self
            .services
            .shows_possession(&moved, &administrator, deadline);
        if is_there.await? {
            tracing::warn!(
                "the service has moved, and accepts the old credential at its new address too"
            );
            self.refuse(event, &moved, &administrator, deadline).await?;
        }
        Ok(())
    }

    async fn refuse(
        &self,
        event: &RevokeEvent,
        document: &Document,
        administrator: &Fields,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let services = &self.services;
        services.revoke(document, administrator, deadline).await?;
        let refused = services.prove_refused(document, &event.version, deadline);
        Ok(refused.await?)
    }
}

/// Whether the administrator's login is no longer for the address.
fn is_given_up(error: &Error) -> bool {
    matches!(
        error,
        Error::Service(ServiceError::Authority(AuthorityError::NotServed { .. }))
    )
}
