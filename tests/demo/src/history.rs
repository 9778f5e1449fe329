//! Makes sense of the events, and says each in words: the lives of an instance's credentials, its rotations, and what
//! its apps ran with. No secret value is in an event.

use jiff::Timestamp;
use serde_json::Value;
use stand_in::events::{Event, EventKind};

use super::recording::{Outcome, Recording, Subject};
use super::verdict::short;

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

#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// In the order in which they became known; the first is the imported one.
    pub(crate) credentials: Vec<Credential>,
    /// In the order in which they began; attempts of the same version are one.
    pub(crate) rotations: Vec<Rotation>,
    /// In the order of [`Subject::apps`].
    pub(crate) apps: Vec<AppHistory>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Credential {
    pub(crate) version: String,
    /// When the service could first accept it; `None` if before the secret was.
    pub(crate) issued: Option<Timestamp>,
    pub(crate) current: Option<Timestamp>,
    pub(crate) superseded: Option<Timestamp>,
    /// For when its revocation was last scheduled.
    pub(crate) due: Option<Timestamp>,
    pub(crate) revoked: Option<Timestamp>,
    /// When its `LIVE-` label was taken off, the revocation's last act.
    pub(crate) closed: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    pub(crate) version: String,
    /// What started it: `RotateSecret` or `schedule`.
    pub(crate) cause: String,
    pub(crate) started: Timestamp,
    pub(crate) failures: usize,
    step: Option<String>,
    pub(crate) published: Option<Timestamp>,
    pub(crate) succeeded: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct AppHistory {
    name: String,
    pub(crate) releases: Vec<Release>,
    /// Its dynos' restarts, in the order in which they began.
    pub(crate) restarts: Vec<Restart>,
}

#[derive(Clone, Debug)]
pub(crate) struct Release {
    pub(crate) at: Timestamp,
    pub(crate) number: u32,
    /// The version whose credential it carries, as an index of [`History::credentials`].
    credential: usize,
}

/// A dyno's restart: until it is over, the dyno runs with what it had.
#[derive(Clone, Debug)]
pub(crate) struct Restart {
    pub(crate) dyno: String,
    pub(crate) began: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    /// What the dyno runs with afterwards, as an index of [`History::credentials`].
    pub(crate) credential: usize,
}

impl History {
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

    pub(crate) fn succeeded(&self) -> usize {
        let rotations = self.rotations.iter();
        rotations.filter(|it| it.succeeded.is_some()).count()
    }

    pub(crate) fn old_credentials(&self) -> impl Iterator<Item = &Credential> {
        self.credentials.iter().filter(|it| it.superseded.is_some())
    }

    /// The credential that is AWSCURRENT at the end of the events.
    pub(crate) fn current(&self) -> Option<&Credential> {
        self.credentials
            .iter()
            .rfind(|it| it.current.is_some() && it.superseded.is_none())
    }

    /// Takes an event in. Whom it is about, by a short name, and what happened, if it is about the instance and worth a
    /// line: a step's start is told by what it brings about.
    pub(crate) fn add(&mut self, subject: &Subject, event: &Event) -> Option<(String, String)> {
        let at = event.at;
        let of_app = |app: &str, what: String| Some((app.to_owned(), what));
        let what = match &event.kind {
            EventKind::ScheduleCreated {
                fires_at, input, ..
            } => {
                let credential = self.scheduled(subject, input)?;
                credential.due = Some(*fires_at);
                let seconds = fires_at.duration_since(at).as_secs();
                let version = short(&credential.version);
                format!("revocation of {version} scheduled in {seconds} s")
            }
            EventKind::ScheduleFired { input, .. } => {
                let version = &self.scheduled(subject, input)?.version;
                format!("revocation of {} is due", short(version))
            }
            EventKind::ConfigChanged { addon, names } if *addon == subject.addon => {
                if let Some(rotation) = self.publishing() {
                    rotation.published = Some(at);
                }
                format!("{} published to Heroku", names.join(", "))
            }
            EventKind::Release { app, version } => {
                self.released(app, *version, at)?;
                return of_app(app, format!("release v{version}"));
            }
            EventKind::DynoRestarting { app, dyno } => {
                let of = self.app(app)?;
                of.restarts.push(Restart {
                    dyno: dyno.clone(),
                    began: at,
                    ended: None,
                    credential: of.runs_with(),
                });
                return of_app(app, format!("{dyno} restarts"));
            }
            EventKind::DynoRestarted { app, dyno } => {
                let mut restarts = self.app(app)?.restarts.iter_mut();
                let open = restarts.find(|it| it.dyno == *dyno && it.ended.is_none());
                open?.ended = Some(at);
                return of_app(app, format!("{dyno} is back"));
            }
            EventKind::CredentialIssued {
                service,
                credential,
            } => {
                // The label came first, and the credential is known by it.
                let known = self.named(credential)?;
                known.issued = Some(at);
                format!("{service} accepts {} from now on", short(&known.version))
            }
            EventKind::CredentialRevoked {
                service,
                credential,
            } => {
                let known = if *credential == subject.imported {
                    self.credentials.first_mut()?
                } else {
                    self.named(credential)?
                };
                known.revoked = Some(at);
                format!("{service} refuses {} from now on", short(&known.version))
            }
            kind => {
                let (secret, version) = kind.version()?;
                if secret != subject.secret {
                    return None;
                }
                self.add_of_version(version, event)?
            }
        };
        Some((subject.name.clone(), what))
    }

    /// What Secrets Manager tells of a version of the instance's.
    fn add_of_version(&mut self, version: &str, Event { at, kind }: &Event) -> Option<String> {
        let id = short(version);
        match kind {
            EventKind::RotationStarted { cause, .. } => {
                if self.rotation(version).is_none() {
                    self.rotations.push(Rotation {
                        version: version.to_owned(),
                        cause: cause.clone(),
                        started: *at,
                        failures: 0,
                        step: None,
                        published: None,
                        succeeded: None,
                    });
                }
                let cause = match cause.as_str() {
                    "schedule" => "by its schedule",
                    "RotateSecret" => "asked for by RotateSecret",
                    _ => "once more",
                };
                return Some(format!("rotation to {id} begins, {cause}"));
            }
            EventKind::LabelAttached { label, .. } => {
                self.label_attached(version, label, *at);
                return None;
            }
            EventKind::LabelRemoved { label, .. } => {
                let credential = self.credential_mut(version)?;
                if label == CURRENT {
                    credential.superseded = Some(*at);
                } else if is_live(label, version) {
                    credential.revoked.get_or_insert(*at);
                    credential.closed = Some(*at);
                    return Some(format!("revocation of {id} complete ✓"));
                }
                return None;
            }
            _ => {}
        }
        let rotation = self.rotation(version)?;
        match kind {
            EventKind::StepStarted { step, .. } => {
                rotation.step = Some(step.clone());
                None
            }
            EventKind::StepSucceeded { step, .. } => {
                rotation.step = None;
                Some(format!("{step} ✓"))
            }
            EventKind::RotationSucceeded { .. } => {
                rotation.succeeded = Some(*at);
                Some(format!("{id} is AWSCURRENT ✓"))
            }
            EventKind::RotationFailed { message, .. } => {
                rotation.step = None;
                rotation.failures += 1;
                Some(format!("✗ the attempt to rotate to {id} failed: {message}"))
            }
            _ => None,
        }
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

    fn released(&mut self, app: &str, number: u32, at: Timestamp) -> Option<()> {
        let publishing = self.publishing().map(|it| it.version.clone());
        let published = publishing
            .and_then(|version| self.credentials.iter().position(|it| it.version == version));
        let app = self.app(app)?;
        // A release for another reason carries on with what was there.
        let credential = published.unwrap_or_else(|| app.runs_with());
        app.releases.push(Release {
            at,
            number,
            credential,
        });
        Some(())
    }

    fn app(&mut self, name: &str) -> Option<&mut AppHistory> {
        self.apps.iter_mut().find(|it| it.name == name)
    }

    fn rotation(&mut self, version: &str) -> Option<&mut Rotation> {
        self.rotations.iter_mut().find(|it| it.version == version)
    }

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
        let input: Value = serde_json::from_str(input).ok()?;
        let is_its = input["SecretId"] == subject.secret_arn;
        self.credential_mut(input["VersionId"].as_str().filter(|_| is_its)?)
    }
}

impl AppHistory {
    pub(crate) fn releases_since(&self, start: Timestamp) -> usize {
        self.releases.iter().filter(|it| it.at >= start).count()
    }

    fn runs_with(&self) -> usize {
        self.releases.last().map_or(0, |it| it.credential)
    }
}

fn is_live(label: &str, version: &str) -> bool {
    label.strip_prefix("LIVE-") == Some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::sound;

    #[test]
    fn a_rotation_is_told_by_short_names_and_what_is_nobodys_is_left_out() {
        let recording = sound();
        let mut subject = recording.outcomes[0].subject.clone();
        let mut history = History::of(&subject, &[]);
        let events = recording.events.iter();
        let told: Vec<_> = events
            .filter_map(|it| history.add(&subject, it))
            .map(|(who, what)| format!("{who}: {what}"))
            .collect();
        for line in [
            "tickets: rotation to 11111111 begins, by its schedule",
            "tickets: setSecret ✓",
            "tickets: ACME_URL published to Heroku",
            "tickets-private: release v4",
            "tickets-private: web.2 is back",
            "tickets: revocation of 00000000 scheduled in 15 s",
            "tickets: revocation of 00000000 is due",
            "tickets: acme refuses 00000000 from now on",
            "tickets: acme refuses 11111111 from now on",
            "tickets: revocation of 11111111 complete ✓",
        ] {
            assert!(told.iter().any(|it| it == line), "{line:?}: {told:#?}");
        }
        subject.secret = "another".to_owned();
        subject.secret_arn.clear();
        subject.addon.clear();
        subject.apps.clear();
        let mut others = History::of(&subject, &[]);
        let mut events = recording.events.iter();
        assert_eq!(events.find_map(|it| others.add(&subject, it)), None);
    }
}
