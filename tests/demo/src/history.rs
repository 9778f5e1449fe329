//! Makes sense of the events: the lives of an instance's credentials, its rotations, and what its
//! apps ran with.

use jiff::Timestamp;
use serde_json::Value;
use stand_in::events::{Event, EventKind};

use super::recording::{Outcome, Recording, Subject};

const CURRENT: &str = "AWSCURRENT";
const PUBLISH: &str = "setSecret";

/// What became of an add-on instance, beside what the events tell of it.
pub(crate) struct Instance<'a> {
    pub(crate) outcome: &'a Outcome,
    pub(crate) history: History,
}

impl Recording {
    pub(crate) fn instances(&self) -> Vec<Instance<'_>> {
        let instances = self.outcomes.iter().map(|outcome| Instance {
            outcome,
            history: History::of(&outcome.subject, &self.events),
        });
        instances.collect()
    }
}

/// What the events tell of one add-on instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// In the order in which they became known; the first is the imported one.
    pub(crate) credentials: Vec<Credential>,
    /// In the order in which they began; attempts of the same version are one.
    pub(crate) rotations: Vec<Rotation>,
    /// In the order of [`Subject::apps`].
    pub(crate) apps: Vec<AppHistory>,
}

/// The life of a version's credential.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credential {
    /// The version's id.
    pub(crate) version: String,
    /// When the service could first accept it; `None` if before the secret was.
    pub(crate) issued: Option<Timestamp>,
    /// When the version became AWSCURRENT.
    pub(crate) current: Option<Timestamp>,
    /// When another one did.
    pub(crate) superseded: Option<Timestamp>,
    /// When its revocation was last scheduled, and for when.
    pub(crate) scheduled: Option<(Timestamp, Timestamp)>,
    /// When the scheduler last handed its revocation over.
    pub(crate) fired: Option<Timestamp>,
    /// When the service stopped accepting it.
    pub(crate) revoked: Option<Timestamp>,
    /// When its `LIVE-` label was taken off, the revocation's last act.
    pub(crate) closed: Option<Timestamp>,
}

/// A rotation.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    /// The new version's id.
    pub(crate) version: String,
    /// What started it: `RotateSecret` or `schedule`.
    pub(crate) cause: String,
    /// When the first of its attempts began.
    pub(crate) started: Timestamp,
    /// How many of its attempts failed.
    pub(crate) failures: usize,
    /// The step that is under way.
    pub(crate) step: Option<String>,
    /// When Heroku's config changed.
    pub(crate) published: Option<Timestamp>,
    /// When it was complete.
    pub(crate) succeeded: Option<Timestamp>,
}

/// What happened to an app.
#[derive(Clone, Debug, Default)]
pub(crate) struct AppHistory {
    /// The app's name.
    pub(crate) name: String,
    /// Its releases.
    pub(crate) releases: Vec<Release>,
    /// Its dynos' restarts, in the order in which they began.
    pub(crate) restarts: Vec<Restart>,
}

/// A release.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    /// When it was made.
    pub(crate) at: Timestamp,
    /// Heroku's number.
    pub(crate) number: u32,
    /// The version whose credential it carries, as an index of [`History::credentials`].
    pub(crate) credential: usize,
}

/// A dyno's restart: until it is over, the dyno runs with what it had.
#[derive(Clone, Debug)]
pub(crate) struct Restart {
    /// `web.1` and so on.
    pub(crate) dyno: String,
    /// When it began.
    pub(crate) began: Timestamp,
    /// When it was over.
    pub(crate) ended: Option<Timestamp>,
    /// What the dyno runs with afterwards, as an index of [`History::credentials`].
    pub(crate) credential: usize,
}

impl History {
    /// Reads the events that concern the instance.
    pub(crate) fn of(subject: &Subject, events: &[Event]) -> Self {
        let apps = subject.apps.iter().map(|app| AppHistory {
            name: app.name.clone(),
            ..AppHistory::default()
        });
        let mut history = Self {
            apps: apps.collect(),
            ..Self::default()
        };
        for event in events {
            history.add(subject, event);
        }
        history
    }

    /// The rotations that were completed.
    pub(crate) fn succeeded(&self) -> usize {
        self.rotations
            .iter()
            .filter(|it| it.succeeded.is_some())
            .count()
    }

    /// All credentials but the newest of a completed rotation.
    pub(crate) fn old_credentials(&self) -> impl Iterator<Item = &Credential> {
        self.credentials.iter().filter(|it| it.superseded.is_some())
    }

    /// The credential that is AWSCURRENT at the end of the events.
    pub(crate) fn current(&self) -> Option<&Credential> {
        self.credentials
            .iter()
            .rfind(|it| it.current.is_some() && it.superseded.is_none())
    }

    fn add(&mut self, subject: &Subject, event: &Event) {
        let at = event.at;
        if let Some((secret, version)) = event.kind.version() {
            if secret == subject.secret {
                self.add_of_version(version, event);
            }
            return;
        }
        match &event.kind {
            EventKind::ScheduleCreated {
                fires_at, input, ..
            } => {
                if let Some(credential) = self.scheduled(subject, input) {
                    credential.scheduled = Some((at, *fires_at));
                }
            }
            EventKind::ScheduleFired { input, .. } => {
                if let Some(credential) = self.scheduled(subject, input) {
                    credential.fired = Some(at);
                }
            }
            EventKind::ConfigChanged { addon, .. } if *addon == subject.addon => {
                if let Some(rotation) = self.publishing() {
                    rotation.published = Some(at);
                }
            }
            EventKind::Release { app, version } => self.released(app, *version, at),
            EventKind::DynoRestarting { app, dyno } => self.restarting(app, dyno, at),
            EventKind::DynoRestarted { app, dyno } => self.restarted(app, dyno, at),
            EventKind::CredentialIssued { credential, .. } => {
                // The label came first, and the credential is known by it.
                if let Some(credential) = self.named(credential) {
                    credential.issued = Some(at);
                }
            }
            EventKind::CredentialRevoked { credential, .. } => {
                let revoked = if *credential == subject.imported {
                    self.credentials.first_mut()
                } else {
                    self.named(credential)
                };
                if let Some(credential) = revoked {
                    credential.revoked = Some(at);
                }
            }
            _ => {}
        }
    }

    /// What Secrets Manager tells of a version of the instance's.
    fn add_of_version(&mut self, version: &str, Event { at, kind }: &Event) {
        match kind {
            EventKind::RotationStarted { cause, .. } => {
                return self.rotation_started(version, cause, *at);
            }
            EventKind::LabelAttached { label, .. } => {
                return self.label_attached(version, label, *at);
            }
            EventKind::LabelRemoved { label, .. } => {
                return self.label_removed(version, label, *at);
            }
            _ => {}
        }
        let Some(rotation) = self.rotation(version) else {
            return;
        };
        match kind {
            EventKind::StepStarted { step, .. } => rotation.step = Some(step.clone()),
            EventKind::StepSucceeded { .. } => rotation.step = None,
            EventKind::RotationSucceeded { .. } => rotation.succeeded = Some(*at),
            EventKind::RotationFailed { .. } => {
                rotation.step = None;
                rotation.failures += 1;
            }
            _ => {}
        }
    }

    fn rotation_started(&mut self, version: &str, cause: &str, at: Timestamp) {
        if self.rotation(version).is_some() {
            return;
        }
        self.rotations.push(Rotation {
            version: version.to_owned(),
            cause: cause.to_owned(),
            started: at,
            failures: 0,
            step: None,
            published: None,
            succeeded: None,
        });
    }

    fn label_attached(&mut self, version: &str, label: &str, at: Timestamp) {
        if label == CURRENT {
            let imported = self.credentials.is_empty();
            let credential = self.credential(version);
            credential.current.get_or_insert(at);
            if !imported {
                credential.issued.get_or_insert(at);
            }
        } else if is_live(label, version) && self.credential_mut(version).is_none() {
            // An imported version has been AWSCURRENT before.
            self.credential(version).issued = Some(at);
        }
    }

    fn label_removed(&mut self, version: &str, label: &str, at: Timestamp) {
        let Some(credential) = self.credential_mut(version) else {
            return;
        };
        if label == CURRENT {
            credential.superseded = Some(at);
        } else if is_live(label, version) {
            credential.revoked.get_or_insert(at);
            credential.closed = Some(at);
        }
    }

    fn released(&mut self, app: &str, number: u32, at: Timestamp) {
        let publishing = self.publishing().map(|it| it.version.clone());
        let before = |app: &AppHistory| app.releases.last().map_or(0, |it| it.credential);
        let published = publishing
            .and_then(|version| self.credentials.iter().position(|it| it.version == version));
        if let Some(app) = self.app(app) {
            // A release for another reason carries on with what was there.
            let credential = published.unwrap_or_else(|| before(app));
            app.releases.push(Release {
                at,
                number,
                credential,
            });
        }
    }

    fn restarting(&mut self, app: &str, dyno: &str, at: Timestamp) {
        if let Some(app) = self.app(app) {
            let credential = app.releases.last().map_or(0, |it| it.credential);
            app.restarts.push(Restart {
                dyno: dyno.to_owned(),
                began: at,
                ended: None,
                credential,
            });
        }
    }

    fn restarted(&mut self, app: &str, dyno: &str, at: Timestamp) {
        let open = |it: &&mut Restart| it.dyno == dyno && it.ended.is_none();
        if let Some(restart) = self
            .app(app)
            .and_then(|app| app.restarts.iter_mut().find(open))
        {
            restart.ended = Some(at);
        }
    }

    fn app(&mut self, name: &str) -> Option<&mut AppHistory> {
        self.apps.iter_mut().find(|it| it.name == name)
    }

    fn rotation(&mut self, version: &str) -> Option<&mut Rotation> {
        self.rotations.iter_mut().find(|it| it.version == version)
    }

    /// The rotation that is writing to Heroku.
    fn publishing(&mut self) -> Option<&mut Rotation> {
        self.rotations
            .iter_mut()
            .rfind(|it| it.step.as_deref() == Some(PUBLISH))
    }

    fn credential_mut(&mut self, version: &str) -> Option<&mut Credential> {
        self.credentials.iter_mut().find(|it| it.version == version)
    }

    /// By its name at the service, which begins with the version's id.
    fn named(&mut self, name: &str) -> Option<&mut Credential> {
        self.credentials
            .iter_mut()
            .find(|it| name.starts_with(&it.version))
    }

    fn credential(&mut self, version: &str) -> &mut Credential {
        let known = self.credentials.iter().position(|it| it.version == version);
        let index = known.unwrap_or_else(|| {
            self.credentials.push(Credential {
                version: version.to_owned(),
                ..Credential::default()
            });
            self.credentials.len() - 1
        });
        &mut self.credentials[index]
    }

    fn scheduled(&mut self, subject: &Subject, input: &str) -> Option<&mut Credential> {
        let (arn, version) = revocation(input)?;
        if arn == subject.secret_arn {
            self.credential_mut(&version)
        } else {
            None
        }
    }
}

impl AppHistory {
    /// The releases made from `start` on.
    pub(crate) fn releases_since(&self, start: Timestamp) -> usize {
        self.releases.iter().filter(|it| it.at >= start).count()
    }
}

/// The secret's ARN and the version that a schedule's input asks to revoke.
pub(crate) fn revocation(input: &str) -> Option<(String, String)> {
    let input: Value = serde_json::from_str(input).ok()?;
    let text = |field: &str| input[field].as_str().map(ToOwned::to_owned);
    Some((text("SecretId")?, text("VersionId")?))
}

pub(crate) fn is_live(label: &str, version: &str) -> bool {
    label.strip_prefix("LIVE-") == Some(version)
}
