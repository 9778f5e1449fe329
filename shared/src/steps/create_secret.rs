//! createSecret's power: has the service issue the stored credential, and tries it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::claims::{self, Names};
use crate::deadline::Deadline;
use crate::document::Document;
use crate::event::{Step, StepEvent};
use crate::fields::Fields;
use crate::function::{Function, Handling};
use crate::ids::{Note, VersionId};
use crate::secrets::Secrets;
use crate::service::Services;
use crate::start::Start;

use super::StepError;
use super::possession::{self, Possession, Succession};

/// The longest that the administrator's login is tried for. Whoever enrols waits for it, and can enrol again.
const REHEARSAL: Duration = Duration::from_secs(20);

/// What `create-secret` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Created {
    /// The version that was current.
    pub current_version_id: String,
    /// Whether its credential was seen to log in.
    pub current_accepted: bool,
    /// What notes that it was; nothing if its credential has the name that only this version has, so that nobody need
    /// note what was seen.
    pub current_note: Option<Note>,
}

/// Has the service accept the pending version's credential, and logs in with it. First the current version's
/// logs in: nothing is issued for an instance whose credential nobody has shown.
///
/// With the step `rehearse` nothing is issued: then it is the administrator's login that is tried, for an instance
/// that is being enrolled.
#[derive(Debug)]
pub struct CreateSecret {
    secrets: Secrets,
    names: Names,
    services: Services,
}

impl Function for CreateSecret {
    type Event = StepEvent;
    type Answer = Created;

    fn start(start: &mut Start) -> Option<Self> {
        let names = Names::read(&mut start.variables());
        let services = Services::start(start);
        Some(Self {
            secrets: Secrets::new(&start.aws),
            names: names?,
            services: services?,
        })
    }

    fn handle(&self, event: StepEvent, deadline: Deadline) -> Handling<'_, Created> {
        Box::pin(async move {
            if event.step == Step::Rehearse {
                return self.rehearse(&event, deadline.at_most(REHEARSAL)).await;
            }
            let (secrets, names) = (&self.secrets, &self.names);
            let pending = secrets
                .document(names, &event.secret, &event.version, deadline)
                .await?;
            let (version, current) = secrets
                .current_document(names, &event.secret, deadline)
                .await?;
            let succession = Succession {
                pending: &pending,
                current: (&version, &current),
            };
            possession::renews(&event, &succession)?;
            let (administrator, possession) =
                self.possession(&event, &succession, deadline).await?;
            if possession != Possession::Issued {
                let services = &self.services;
                if possession == Possession::Vouched {
                    services
                        .issue_vouched(&pending, &administrator, deadline)
                        .await?;
                } else {
                    services.issue(&pending, &administrator, deadline).await?;
                }
                services
                    .prove_accepted(&pending, &event.version, deadline)
                    .await?;
            }
            Ok(Created::of(&current, &version, possession))
        })
    }
}

impl CreateSecret {
    /// Tries the administrator's login for the version, which is current, with a credential that nobody ever gets.
    async fn rehearse(&self, event: &StepEvent, deadline: Deadline) -> Result<Created, Error> {
        let version = &event.version;
        let current = self
            .secrets
            .document(&self.names, &event.secret, version, deadline);
        let current = current.await?;
        let never = VersionId::hashed("rehearsal-", event.secret.as_str());
        let next = current.next(&never).map_err(StepError::from)?;
        let next = Document::parse(&next)?;
        let succession = Succession {
            pending: &next,
            current: (version, &current),
        };
        let (administrator, possession) = self.possession(event, &succession, deadline).await?;
        self.services
            .rehearse(&next, &administrator, deadline)
            .await?;
        Ok(Created::of(&current, version, possession))
    }

    /// The administrator's secret, and what shows whose the current credential is.
    async fn possession(
        &self,
        event: &StepEvent,
        succession: &Succession<'_>,
        deadline: Deadline,
    ) -> Result<(Fields, Possession), Error> {
        let pending = succession.pending;
        let administrator = self
            .secrets
            .fields(&pending.administrator, deadline)
            .await?;
        // Before any login: not even the customer's own goes to an address that is nobody's.
        claims::serves(pending, &administrator)?;
        let possession = possession::possession(event, succession, &self.services, deadline);
        Ok((administrator, possession.await?))
    }
}

impl Created {
    fn of(current: &Document, version: &VersionId, possession: Possession) -> Self {
        Self {
            current_version_id: version.to_string(),
            current_accepted: possession == Possession::Shown,
            current_note: (!current.is_named_after(version)).then(|| current.note(version)),
        }
    }
}
