//! An app's dynos: each restarts on its own, and runs with the release that it was started with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stand_in::events::{EventKind, EventLog};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::model::DynoState;

/// What a release fixes: on Heroku, the config of that moment.
#[derive(Clone, Default)]
pub(super) struct Deployed {
    pub(super) version: u32,
    pub(super) config: BTreeMap<String, String>,
}

/// A dyno, restarting after each release until dropped.
pub(super) struct Dyno {
    name: String,
    running: Arc<Mutex<Arc<Deployed>>>,
    newest: watch::Receiver<Arc<Deployed>>,
    _restarts: AbortOnDropHandle<()>,
}

impl Dyno {
    pub(super) fn start(
        app: String,
        name: String,
        restart: Duration,
        newest: watch::Receiver<Arc<Deployed>>,
        events: EventLog,
    ) -> Self {
        let running = Arc::new(Mutex::new(newest.borrow().clone()));
        let restarts = restart_after_releases(
            app,
            name.clone(),
            restart,
            newest.clone(),
            Arc::clone(&running),
            events,
        );
        Self {
            name,
            running,
            newest,
            _restarts: AbortOnDropHandle::new(tokio::spawn(restarts)),
        }
    }

    pub(super) fn state(&self) -> DynoState {
        let running = now(&self.running);
        DynoState {
            name: self.name.clone(),
            release: running.version,
            config: running.config.clone(),
            restarting: running.version != self.newest.borrow().version,
        }
    }
}

/// A release during a restart does not cut it short: the dyno first comes back with the release
/// it is being started with, then restarts with the newest. So a credential can come into use
/// after the next one was published, as it can in a Private Space.
async fn restart_after_releases(
    app: String,
    dyno: String,
    restart: Duration,
    mut newest: watch::Receiver<Arc<Deployed>>,
    running: Arc<Mutex<Arc<Deployed>>>,
    events: EventLog,
) {
    loop {
        let starting = Arc::clone(&newest.borrow_and_update());
        if starting.version != now(&running).version {
            events.record(EventKind::DynoRestarting {
                app: app.clone(),
                dyno: dyno.clone(),
            });
            tokio::time::sleep(restart).await;
            *stand_in::lock(&running) = starting;
            events.record(EventKind::DynoRestarted {
                app: app.clone(),
                dyno: dyno.clone(),
            });
        }
        if newest.changed().await.is_err() {
            return;
        }
    }
}

fn now(running: &Mutex<Arc<Deployed>>) -> Arc<Deployed> {
    Arc::clone(&stand_in::lock(running))
}
