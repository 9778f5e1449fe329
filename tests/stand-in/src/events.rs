//! What happened in the local cloud, in order: the one record that the live view, the timeline
//! picture and the tests read.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

#[derive(Clone, Debug, Serialize)]
pub struct Event {
    pub at: Timestamp,
    pub kind: EventKind,
}

/// The kinds of event, by who reports them. `secret` is a secret's name, `addon` an add-on's
/// UUID, `app` a Heroku app's name. No kind carries a secret value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "snake_case")]
#[allow(missing_docs)] // the fields are named after what they hold; see above
pub enum EventKind {
    // Secrets Manager
    RotationStarted {
        secret: String,
        version: String,
        /// `RotateSecret`, `schedule` or `retry`.
        cause: String,
    },
    StepStarted {
        secret: String,
        version: String,
        step: String,
    },
    StepSucceeded {
        secret: String,
        version: String,
        step: String,
    },
    StepFailed {
        secret: String,
        version: String,
        step: String,
        message: String,
    },
    RotationSucceeded {
        secret: String,
        version: String,
    },
    /// An attempt ended; Secrets Manager may try again.
    RotationFailed {
        secret: String,
        version: String,
        message: String,
    },
    LabelAttached {
        secret: String,
        version: String,
        label: String,
    },
    LabelRemoved {
        secret: String,
        version: String,
        label: String,
    },
    // EventBridge Scheduler
    ScheduleCreated {
        name: String,
        fires_at: Timestamp,
        input: String,
    },
    ScheduleFired {
        name: String,
        input: String,
    },
    ScheduleDeadLettered {
        name: String,
        message: String,
    },
    // Heroku
    ConfigChanged {
        addon: String,
        names: Vec<String>,
    },
    Release {
        app: String,
        version: u32,
    },
    DynoRestarting {
        app: String,
        dyno: String,
    },
    DynoRestarted {
        app: String,
        dyno: String,
    },
    // The partner's services
    CredentialIssued {
        service: String,
        credential: String,
    },
    CredentialRevoked {
        service: String,
        credential: String,
    },
}

impl EventKind {
    /// The secret and its version that Secrets Manager tells of.
    pub fn version(&self) -> Option<(&str, &str)> {
        match self {
            Self::RotationStarted {
                secret, version, ..
            }
            | Self::StepStarted {
                secret, version, ..
            }
            | Self::StepSucceeded {
                secret, version, ..
            }
            | Self::StepFailed {
                secret, version, ..
            }
            | Self::RotationSucceeded { secret, version }
            | Self::RotationFailed {
                secret, version, ..
            }
            | Self::LabelAttached {
                secret, version, ..
            }
            | Self::LabelRemoved {
                secret, version, ..
            } => Some((secret, version)),
            _ => None,
        }
    }
}

/// The events so far, shared by everything in the local cloud.
#[derive(Clone, Debug)]
pub struct EventLog {
    events: Arc<Mutex<Vec<Event>>>,
    length: watch::Sender<usize>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self {
            events: Arc::default(),
            length: watch::Sender::new(0),
        }
    }
}

impl EventLog {
    pub fn record(&self, kind: EventKind) {
        let length = {
            let mut events = crate::lock(&self.events);
            events.push(Event {
                at: Timestamp::now(),
                kind,
            });
            events.len()
        };
        self.length
            .send_modify(|known| *known = (*known).max(length));
    }

    /// All events from the `start`-th on, oldest first.
    pub fn since(&self, start: usize) -> Vec<Event> {
        let events = crate::lock(&self.events);
        events.get(start..).unwrap_or_default().to_vec()
    }

    /// Waits until `found` answers for the events so far, and returns its answer. Ends at once if
    /// it already does. Callers bound the wait with [`tokio::time::timeout`].
    pub async fn wait_for<T>(&self, mut found: impl FnMut(&[Event]) -> Option<T>) -> T {
        let mut length = self.length.subscribe();
        // Each is copied once: a fleet's events are tens of thousands.
        let mut events = Vec::new();
        loop {
            length.borrow_and_update();
            events.extend(self.since(events.len()));
            if let Some(answer) = found(&events) {
                return answer;
            }
            if length.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
