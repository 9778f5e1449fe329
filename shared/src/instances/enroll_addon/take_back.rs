//! What a failed enrolment has made goes again, unless something may use it, or it cannot be had once more.

use std::fmt::Display;

use super::look::first_version;
use super::{EnrollAddon, EnrollError, Made, Stored};
use crate::Error;
use crate::deadline::{Deadline, Transient, retry};
use crate::ids::{SecretArn, VersionId};
use crate::message;
use crate::secrets::{Deletion, Secret};

impl EnrollAddon {
    /// Removes what a failed call has made, but for a refresh token that is nowhere else. The error to give.
    pub(super) async fn take_back(
        &self,
        addon: &str,
        made: Made,
        error: Error,
        deadline: Deadline,
    ) -> Error {
        let transient = error.is_transient() || message::helps(&error.to_string());
        let mut left = Vec::new();
        if let Some(secret) = &made.secret {
            let removed = if made.may_rotate {
                Err("its rotation may be on".to_owned())
            } else {
                self.take_away(addon, secret, deadline).await
            };
            if let Err(problem) = removed {
                left.push(behind(secret, &problem));
            }
        }
        let token = format!("The refresh token of {}", self.tokens.place(addon));
        match &made.token {
            // What needs it is still there.
            _ if !left.is_empty() => {}
            None => {}
            Some(Stored::Exchanged) => left.push(kept(&token, "the grant code is used up")),
            Some(Stored::Given(given)) => {
                match self.tokens.take_back(addon, given, deadline).await {
                    Ok(true) => {}
                    Ok(false) => left.push(kept(&token, "Heroku has renewed it")),
                    Err(problem) => left.push(behind(&token, &problem)),
                }
            }
        }
        if left.is_empty() {
            return error;
        }
        EnrollError::Left {
            addon: addon.to_owned(),
            cause: error.to_string(),
            left: left.join(" "),
            transient,
        }
        .into()
    }

    /// Removes the rotating secret that this call has made, unless anything was done with it since.
    async fn take_away(
        &self,
        addon: &str,
        secret: &SecretArn,
        deadline: Deadline,
    ) -> Result<(), String> {
        let version = first_version(&self.fleet, addon);
        match retry(deadline, || self.secrets.describe(secret, deadline)).await {
            Ok(it) if !is_untouched(&it, &version) => Err("it is in use".to_owned()),
            // Not to be seen yet, it is as it was made.
            Err(error) if !error.is("ResourceNotFoundException") => Err(error.to_string()),
            Ok(_) | Err(_) => {
                let removed = self.remove(secret, deadline).await;
                removed.map_err(|error| error.to_string())
            }
        }
    }

    async fn remove(&self, secret: &SecretArn, deadline: Deadline) -> Result<(), Error> {
        retry(deadline, || {
            self.secrets.delete(secret, Deletion::Forced, deadline)
        })
        .await?;
        Ok(())
    }
}

fn kept(token: &str, why: &str) -> String {
    format!("{token} is kept: {why}, and it cannot be replaced.")
}

/// What to do about the reason, repeating the enrolment shows again.
fn behind(what: &impl Display, problem: &impl ToString) -> String {
    let problem = problem.to_string();
    let reason = problem.split(" → ").next().unwrap_or_default();
    format!("{what} is left behind: {}", message::sentence(reason))
}

/// Whether a secret is as it was made: not rotating, and never rotated.
pub(super) fn is_untouched(secret: &Secret, first: &VersionId) -> bool {
    let is_first = secret.current().is_none_or(|current| current == *first);
    is_first && !secret.deleted && !secret.rotation_enabled && secret.live().next().is_none()
}
