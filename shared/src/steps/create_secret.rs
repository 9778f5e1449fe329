//! createSecret's power: has the service issue the stored credential, and tries it.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::claims::{self, Names};
use crate::deadline::Deadline;
use crate::event::StepEvent;
use crate::function::Function;
use crate::ids::Note;
use crate::secrets::Secrets;
use crate::service::Services;
use crate::start::Start;

use super::possession::{self, Possession, Succession};

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

    async fn handle(&self, event: StepEvent, deadline: Deadline) -> Result<Created, Error> {
        let Self {
            secrets,
            names,
            services,
        } = self;
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
        let administrator = secrets.fields(&pending.administrator, deadline).await?;
        // Before any login: not even the customer's own goes to an address that is nobody's.
        claims::serves(&pending, &administrator)?;
        let possession = possession::possession(&event, &succession, services, deadline).await?;
        if possession != Possession::Issued {
            services.issue(&pending, &administrator, deadline).await?;
            services
                .prove_accepted(&pending, &event.version, deadline)
                .await?;
        }
        Ok(Created {
            current_version_id: version.to_string(),
            current_accepted: possession == Possession::Shown,
            current_note: (!current.is_named_after(&version)).then(|| current.note(&version)),
        })
    }
}
