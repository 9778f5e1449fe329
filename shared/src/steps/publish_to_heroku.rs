//! setSecret's power: the config vars at Heroku.

use crate::claims::Names;
use crate::deadline::Deadline;
use crate::event::StepEvent;
use crate::function::{Function, Handling};
use crate::heroku::{AddOn, HerokuClient, Partner, Publication};
use crate::secrets::Secrets;
use crate::start::Start;
use crate::telemetry::Metric;
use crate::tokens::Tokens;

/// Has Heroku show the pending version's credential. Nothing is written if it does already.
#[derive(Debug)]
pub struct PublishToHeroku {
    secrets: Secrets,
    names: Names,
    heroku: HerokuClient,
    tokens: Tokens,
}

impl Function for PublishToHeroku {
    type Event = StepEvent;
    type Answer = ();

    fn start(start: &mut Start) -> Option<Self> {
        let names = Names::read(&mut start.variables());
        let heroku = HerokuClient::start(start);
        let tokens = Tokens::start(start);
        Some(Self {
            secrets: Secrets::new(&start.aws),
            names: names?,
            heroku: heroku?,
            tokens: tokens?,
        })
    }

    fn handle(&self, event: StepEvent, deadline: Deadline) -> Handling<'_, ()> {
        Box::pin(async move {
            let Self {
                secrets,
                names,
                heroku,
                tokens,
            } = self;
            let document = secrets
                .document(names, &event.secret, &event.version, deadline)
                .await?;
            let rendered = document.render()?;
            let partner = Partner::new(secrets.fields(heroku.partner(), deadline).await?);
            let addon = AddOn::of(&document, heroku, &partner, tokens);
            match addon.publish(&rendered, deadline).await? {
                Publication::Changed => Metric::ConfigChanged.count(),
                Publication::AlreadyShown => {
                    tracing::info!("Heroku already shows these values: nothing was written");
                }
            }
            Ok(())
        })
    }
}
