//! What can be looked at before anything is changed.

use std::time::Duration;

use super::{EnrollAddon, EnrollOutcome, Enrolled};
use crate::Error;
use crate::deadline::Deadline;
use crate::document::{Api, Document, is_legacy_id};
use crate::error::{EnrollError, NO_GRANT, Problem};
use crate::event::EnrollEvent;
use crate::heroku::AddOn;
use crate::ids::{SecretArn, VersionId};
use crate::instances::FleetConfiguration;
use crate::secrets::{Secret, SecretError};
use crate::service::Verdict;
use crate::tokens::RefreshTokens;

/// The longest that the service is tried for. Whoever enrols waits for it, and can enrol again.
pub(super) const TRYING: Duration = Duration::from_secs(20);

/// What there is of an instance already, all of it this stack's and this add-on's.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) secret: Option<FoundSecret>,
    /// Whether its refresh token is in the table.
    token: bool,
}

#[derive(Debug)]
pub(super) struct FoundSecret {
    pub(super) arn: SecretArn,
    pub(super) version: VersionId,
    pub(super) document: Document,
    described: Secret,
}

impl Found {
    pub(super) fn is_something(&self) -> bool {
        self.secret.is_some() || self.token
    }

    /// Whether there is a refresh token, in the table or where an earlier version has kept it.
    pub(super) fn has_token(&self) -> bool {
        let api = self.secret.as_ref().map(|it| &it.document.heroku.api);
        self.token || matches!(api, Some(Api::V3 { oauth: Some(_) }))
    }

    /// The answer, if nothing is left to do.
    pub(super) fn enrolled(&self) -> Option<Enrolled> {
        let secret = self.secret.as_ref()?;
        secret.described.rotation_enabled.then(|| Enrolled {
            secret_arn: secret.arn.clone(),
            version_id: secret.version.clone(),
            schedule_expression: secret
                .described
                .schedule_expression
                .clone()
                .unwrap_or_default(),
            outcome: EnrollOutcome::Unchanged,
        })
    }
}

/// The id of the first version of an instance's secrets: the same for each try, so that repeating one makes
/// nothing twice.
pub(super) fn first_version(fleet: &FleetConfiguration, addon: &str) -> VersionId {
    VersionId::hashed(
        "enrolled-",
        &format!("{}\n{}", fleet.stack, fleet.names.secret_of(addon)),
    )
}

impl EnrollAddon {
    /// What there is of the instance, and what of that is not as it must be.
    pub(super) async fn look(
        &self,
        event: &EnrollEvent,
        deadline: Deadline,
    ) -> Result<(Found, Vec<Problem>), Error> {
        let fleet = &self.fleet;
        let addon = event.document.heroku.addon_id.as_str();
        let name = fleet.names.secret_of(addon);
        let is_v3 = event.document.heroku.api != Api::V1;
        let (secret, tokens) = tokio::join!(self.secrets.find(&name, deadline), async {
            if is_v3 {
                self.tokens.find(addon, deadline).await
            } else {
                Ok(RefreshTokens::default())
            }
        });
        let mut problems = Vec::new();
        let mut found = Found {
            secret: None,
            token: tokens?.are_kept(),
        };
        if let Some((arn, described)) = secret? {
            problems = self.foreign(&arn, &described);
            if problems.is_empty() {
                match self.stored(arn, described, event, deadline).await? {
                    Ok(secret) => found.secret = Some(secret),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        if is_v3 && problems.is_empty() && !found.has_token() && event.grant.is_none() {
            problems.push(Problem::lasting(NO_GRANT));
        }
        Ok((found, problems))
    }

    /// Everything that can be tried without changing anything, and without a grant code.
    pub(super) async fn check(&self, event: &EnrollEvent, deadline: Deadline) -> Vec<Problem> {
        let document = &event.document;
        let (administrator, accepted, shown) = tokio::join!(
            self.has_administrator(document, deadline),
            self.is_accepted(document, deadline.at_most(TRYING)),
            self.is_shown(document, deadline),
        );
        [administrator.err(), accepted.err(), shown.err()]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Its value is not looked at: only issuing and revoking need it.
    async fn has_administrator(
        &self,
        document: &Document,
        deadline: Deadline,
    ) -> Result<(), Problem> {
        let (names, rotate) = (&self.fleet.names, &self.rotate);
        names.bind_administrator(rotate, document)?;
        let administrator = &document.administrator;
        if self
            .secrets
            .describe(administrator, deadline)
            .await?
            .deleted
        {
            return Err(Problem::lasting(format!(
                "The administrator's secret {administrator} (masterarn) is marked for deletion. → Restore it, or name another"
            )));
        }
        Ok(())
    }

    async fn is_accepted(&self, document: &Document, deadline: Deadline) -> Result<(), Problem> {
        match self.services.verify(document, deadline).await? {
            Verdict::Accepted => Ok(()),
            Verdict::Refused => Err(Problem::lasting(
                "The service refuses the document's credential. → Send the one that works, which Heroku shows",
            )),
        }
    }

    /// For v3 only that the partner has what tokens are had with.
    async fn is_shown(&self, document: &Document, deadline: Deadline) -> Result<(), Problem> {
        let partner = self.partner(deadline).await?;
        partner.check(&document.heroku.api)?;
        if document.heroku.api == Api::V1 {
            let addon = AddOn::of(document, &self.heroku, &partner, &self.tokens);
            let shown = addon.config(deadline).await?;
            EnrollError::unless_shown(document, &shown)?;
            let addon_id = &document.heroku.addon_id;
            if is_legacy_id(addon_id)
                && let Some(uuid) = addon.uuid(deadline).await?
            {
                return Err(Problem::lasting(format!(
                    "heroku.addon_id is {addon_id}, an older id of add-on {uuid}. → Enrol it by its UUID, under which it may be enrolled already"
                )));
            }
        }
        Ok(())
    }

    pub(super) fn foreign(&self, arn: &SecretArn, secret: &Secret) -> Vec<Problem> {
        let stack = &self.fleet.stack;
        let mut problems = Vec::new();
        if secret.deleted {
            problems.push(Problem::deleted(arn));
        }
        if !secret.is_of_stack(stack) {
            problems.push(Problem::lasting(format!(
                "{arn} does not have the tag rotation:stack={stack}. → If it is this stack's, tag it"
            )));
        }
        if let Some(function) = &secret.rotation_function
            && *function != self.rotate
        {
            problems.push(Problem::lasting(format!(
                "{arn} is rotated by {function}. → Name this stack's function there (RotateSecret)"
            )));
        }
        problems
    }

    /// The secret that is there, if it holds what the event's document has.
    async fn stored(
        &self,
        arn: SecretArn,
        described: Secret,
        event: &EnrollEvent,
        deadline: Deadline,
    ) -> Result<Result<FoundSecret, Problem>, Error> {
        let addon = &event.document.heroku.addon_id;
        let Some(version) = described.current() else {
            return Ok(Err(Problem::without_current(&arn)));
        };
        let names = &self.fleet.names;
        let document = match self.secrets.document(names, &arn, &version, deadline).await {
            Err(SecretError::Authority(problem)) => return Ok(Err(problem.into())),
            document => document?,
        };
        let mut differences = event.document.differences(&document);
        // It may have been rotated since.
        let first = first_version(&self.fleet, addon);
        if !differences.is_empty()
            && first != version
            && let Some(value) = self.secrets.value(&arn, &first, deadline).await?
            && let Ok(first) = Document::parse(&value)
        {
            let since = event.document.differences(&first);
            if since.is_empty() {
                differences = since;
            }
        }
        if differences.is_empty() {
            return Ok(Ok(FoundSecret {
                arn,
                version,
                document,
                described,
            }));
        }
        Ok(Err(Problem::lasting(format!(
            "{arn} holds another document, which differs in {}: the add-on is enrolled with that. → If the event's document is the right one, store it there (PutSecretValue)",
            differences.join(", ")
        ))))
    }
}
