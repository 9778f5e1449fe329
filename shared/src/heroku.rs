//! Heroku's partner API: an add-on instance's config vars, through the
//! [App Info API](https://devcenter.heroku.com/articles/add-on-app-info) (v1) or the
//! [Platform API for Partners](https://devcenter.heroku.com/articles/platform-api-for-partners)
//! (v3), behind [`AddOn`].
//!
//! A write of a config var is a release, and a restart of the dynos, for every app that the add-on
//! is attached to. So nothing is written that is already there, and when the answer to a write is
//! lost, the config is read again before anything is written again.

mod config;
mod error;
mod line;
mod oauth;
mod request;
mod v1;
mod v3;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use secrecy::SecretString;

pub use error::HerokuError;
pub use line::Line;
pub use oauth::{Exchanged, Partner, exchange};
pub use request::{HerokuClient, HerokuConfiguration};

use crate::deadline::{Deadline, retry, retry_as};
use crate::document::{Api, Document};
use crate::fields::ConfigVars;
use crate::tokens::Tokens;

/// What publishing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// Heroku showed these values already; nothing was written.
    AlreadyShown,
    /// The config was changed, and Heroku shows it.
    Changed,
}

/// One add-on instance at Heroku.
#[derive(Debug)]
pub struct AddOn<'a> {
    client: &'a HerokuClient,
    id: &'a str,
    access: Access<'a>,
    line: RefCell<Line>,
}

#[derive(Debug)]
enum Access<'a> {
    V1(v1::Access<'a>),
    V3(v3::Access<'a>),
}

impl<'a> AddOn<'a> {
    /// The add-on instance of a document. `tokens` gives and takes a v3 instance's tokens.
    #[must_use]
    pub fn of(
        document: &'a Document,
        client: &'a HerokuClient,
        partner: &'a Partner,
        tokens: &'a Tokens,
    ) -> Self {
        let access = match &document.heroku.api {
            Api::V1 => Access::V1(v1::Access::new(partner)),
            Api::V3 { .. } => Access::V3(v3::Access::new(partner, &document.heroku, tokens)),
        };
        Self {
            client,
            id: &document.heroku.addon_id,
            access,
            line: RefCell::default(),
        }
    }

    /// What is asked is the rest of something, and goes first where the account's requests are used up: Heroku
    /// shows the new credential already, and the rotation waits for nothing else.
    #[must_use]
    pub fn having_begun(self) -> Self {
        self.line.borrow_mut().begin();
        self
    }

    /// Begins with an access token that is known already.
    #[must_use]
    pub fn knowing(self, token: Option<SecretString>) -> Self {
        if let Access::V3(access) = &self.access {
            access.know(token);
        }
        self
    }

    /// Reads the config vars. Transient faults are retried within the deadline.
    ///
    /// # Errors
    /// If Heroku refuses, or does not answer in time; [`HerokuError::is_gone`] if there is no such
    /// add-on any more.
    pub async fn config(&self, deadline: Deadline) -> Result<ConfigVars, HerokuError> {
        retry_as(deadline, |error| self.wait(error), || self.read(deadline)).await
    }

    /// The UUID of an add-on that v1 knows by an older id, if Heroku says it: one add-on has one id here.
    ///
    /// # Errors
    /// As [`Self::config`].
    pub async fn uuid(&self, deadline: Deadline) -> Result<Option<String>, HerokuError> {
        match &self.access {
            Access::V1(access) => {
                let uuid = || access.uuid(self.client, self.id, deadline);
                retry_as(deadline, |error| self.wait(error), uuid).await
            }
            Access::V3(_) => Ok(None),
        }
    }

    /// Whether the add-on is gone although v3 cannot say so: its refresh token ends with it, so
    /// that Heroku answers `error` to the exchange. The App Info API still knows, if the partner's
    /// secret has its id and password.
    pub async fn is_gone_by_v1(
        &self,
        error: &HerokuError,
        partner: &Partner,
        deadline: Deadline,
    ) -> bool {
        let is_v3 = matches!(self.access, Access::V3(_));
        if !is_v3 || !matches!(error, HerokuError::Unauthorized { .. }) {
            return false;
        }
        let v1 = v1::Access::new(partner);
        let answer = retry(deadline, || v1.read(self.client, self.id, deadline)).await;
        answer.is_err_and(|error| error.is_gone())
    }

    /// Has Heroku show `rendered`: looks, and writes only if something differs. v3 answers with what it shows
    /// then, which is looked at; v1's answer says nothing of it, and testSecret, which looks next, would
    /// find it. What Heroku has stored in another text than was written is not written again: each write restarts the
    /// dynos. Config vars that `rendered` is to be without go with what is written, and are no reason to write: Heroku
    /// has been [seen](https://github.com/heroku/sudo-sandwich/pull/17) to leave them where they are.
    /// Transient faults are retried within the deadline, beginning with the look.
    ///
    /// # Errors
    /// If Heroku refuses, does not answer in time, or shows something else afterwards.
    pub async fn publish(
        &self,
        rendered: &ConfigVars,
        deadline: Deadline,
    ) -> Result<Publication, HerokuError> {
        let (written, limited) = (&Cell::new(false), &Cell::new(false));
        let removed = &RefCell::new(Vec::new());
        let publish = || async {
            // A write that met the rate limit did nothing, and what was seen before it still holds: another
            // look would take what the write needs.
            if !limited.take() {
                let shown = self.read(deadline).await?;
                let missing = shown.missing(rendered);
                if missing.is_empty() {
                    return Ok(());
                }
                shown.unambiguous(self.id, rendered)?;
                if missing.iter().all(|name| shown.is_altered(name, rendered)) {
                    return Err(HerokuError::not_shown(self.id, &missing));
                }
                removed.replace(shown.to_remove(rendered));
            }
            let removed = removed.borrow().clone();
            // Set before the answer is known: a write whose answer is lost may have taken effect.
            written.set(true);
            let answer = self.write(rendered, &removed, deadline).await;
            limited.set(matches!(answer, Err(HerokuError::RateLimited { .. })));
            let Some(shown) = answer? else {
                return Ok(());
            };
            let missing = shown.missing(rendered);
            if missing.is_empty() {
                Ok(())
            } else {
                Err(HerokuError::not_shown(self.id, &missing))
            }
        };
        retry_as(deadline, |error| self.wait(error), publish).await?;
        Ok(if written.get() {
            Publication::Changed
        } else {
            Publication::AlreadyShown
        })
    }

    async fn read(&self, deadline: Deadline) -> Result<ConfigVars, HerokuError> {
        let shown = match &self.access {
            Access::V1(access) => access.read(self.client, self.id, deadline).await?,
            Access::V3(access) => access.read(self.client, self.id, deadline).await?,
        };
        self.line.borrow_mut().begin();
        Ok(shown)
    }

    /// How long to wait where the account's requests are used up; after another fault the back-off says.
    fn wait(&self, error: &HerokuError) -> Option<Duration> {
        if !matches!(error, HerokuError::RateLimited { .. }) {
            return None;
        }
        let mut line = self.line.borrow_mut();
        if matches!(&self.access, Access::V3(access) if access.has_token()) {
            line.begin();
        }
        line.wait()
    }

    /// The config as Heroku shows it then, if the answer says so.
    async fn write(
        &self,
        rendered: &ConfigVars,
        removed: &[&str],
        deadline: Deadline,
    ) -> Result<Option<ConfigVars>, HerokuError> {
        match &self.access {
            Access::V1(access) => {
                let written = access.write(self.client, self.id, rendered, deadline).await;
                written.map(|()| None)
            }
            Access::V3(access) => {
                let shown = access.write(self.client, self.id, rendered, removed, deadline);
                shown.await.map(Some)
            }
        }
    }
}
