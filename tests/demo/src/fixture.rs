//! Recordings that never happened, for the tests.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use local_cloud::customers::{GenerationTally, SLICE, SliceTally, Tally};
use serde_json::json;
use stand_in::events::{Event, EventKind};

use super::recording::{App, Outcome, Recording, Subject};

pub(super) const GRACE: u64 = 15;
pub(super) const IMPORTED: &str = "00000000-imported-version-of-the-secret";
pub(super) const FIRST: &str = "11111111-first-version-of-the-secret";
pub(super) const SECOND: &str = "22222222-second-version-of-the-secret";

/// When the customers began, as it were.
pub(super) fn began() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

pub(super) fn at(seconds: f64) -> Timestamp {
    began() + SignedDuration::from_secs_f64(seconds)
}

/// Writes the events of one instance.
struct Story {
    subject: Subject,
    events: Vec<Event>,
    releases: u32,
}

impl Story {
    fn record(&mut self, seconds: f64, kind: EventKind) {
        self.events.push(Event {
            at: at(seconds),
            kind,
        });
    }

    fn label(&mut self, seconds: f64, version: &str, label: &str, on: bool) {
        let (secret, version, label) = (
            self.subject.secret.clone(),
            version.to_owned(),
            label.to_owned(),
        );
        self.record(
            seconds,
            if on {
                EventKind::LabelAttached {
                    secret,
                    version,
                    label,
                }
            } else {
                EventKind::LabelRemoved {
                    secret,
                    version,
                    label,
                }
            },
        );
    }

    /// Three seconds, beginning at `start`: issued after 0.5, published after 1, current after 2.5.
    fn rotation(&mut self, start: f64, old: &str, new: &str, cause: &str, restart: f64) {
        let (secret, version) = (self.subject.secret.clone(), new.to_owned());
        let step = "setSecret".to_owned();
        let started = EventKind::RotationStarted {
            secret: secret.clone(),
            version: version.clone(),
            cause: cause.to_owned(),
        };
        self.record(start, started);
        self.label(start + 0.4, new, &format!("LIVE-{new}"), true);
        let issued = EventKind::CredentialIssued {
            service: "acme".to_owned(),
            credential: new.to_owned(),
        };
        self.record(start + 0.5, issued);
        let publishing = EventKind::StepStarted {
            secret: secret.clone(),
            version: version.clone(),
            step: step.clone(),
        };
        self.record(start + 0.9, publishing);
        let published = EventKind::ConfigChanged {
            addon: self.subject.addon.clone(),
            names: vec!["ACME_URL".to_owned()],
        };
        self.record(start + 1.0, published);
        self.release(start + 1.0, restart);
        let done = EventKind::StepSucceeded {
            secret: secret.clone(),
            version: version.clone(),
            step,
        };
        self.record(start + 1.5, done);
        self.label(start + 2.1, old, &format!("LIVE-{old}"), true);
        let input = json!({ "SecretId": self.subject.secret_arn, "VersionId": old, "Attempt": 1 });
        let scheduled = EventKind::ScheduleCreated {
            name: format!("revoke-{old}"),
            fires_at: at(start + 2.2 + 15.0),
            input: input.to_string(),
        };
        self.record(start + 2.2, scheduled);
        self.label(start + 2.5, old, "AWSCURRENT", false);
        self.label(start + 2.5, new, "AWSCURRENT", true);
        let succeeded = EventKind::RotationSucceeded { secret, version };
        self.record(start + 3.0, succeeded);
        self.events.sort_by_key(|event| event.at);
    }

    fn release(&mut self, seconds: f64, restart: f64) {
        self.releases += 1;
        for app in self.subject.apps.clone() {
            self.record(
                seconds,
                EventKind::Release {
                    app: app.name.clone(),
                    version: self.releases,
                },
            );
            for dyno in &app.dynos {
                let (app, dyno) = (app.name.clone(), dyno.clone());
                let restarting = EventKind::DynoRestarting {
                    app: app.clone(),
                    dyno: dyno.clone(),
                };
                self.record(seconds, restarting);
                self.record(seconds + restart, EventKind::DynoRestarted { app, dyno });
            }
        }
    }

    fn revocation(&mut self, seconds: f64, version: &str, credential: &str) {
        let input = json!({ "SecretId": self.subject.secret_arn, "VersionId": version });
        let (name, input) = (format!("revoke-{version}"), input.to_string());
        self.record(seconds, EventKind::ScheduleFired { name, input });
        let (service, credential) = ("acme".to_owned(), credential.to_owned());
        self.record(
            seconds + 0.5,
            EventKind::CredentialRevoked {
                service,
                credential,
            },
        );
        self.label(seconds + 0.7, version, &format!("LIVE-{version}"), false);
    }
}

fn subject(name: &str, kind: &str, apps: &[&str]) -> Subject {
    Subject {
        name: name.to_owned(),
        kind: kind.to_owned(),
        secret: format!("addon/credentials/{name}"),
        secret_arn: format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-AbCdEf"),
        addon: format!("addon-{name}"),
        imported: format!("imported-{name}"),
        apps: apps
            .iter()
            .map(|app| App {
                name: (*app).to_owned(),
                dynos: vec!["web.1".to_owned(), "web.2".to_owned()],
                note: app.ends_with("private").then_some("Private Space"),
            })
            .collect(),
    }
}

/// One instance with two apps, rotated twice in a row; everything as it should be.
pub(super) fn sound() -> Recording {
    let mut story = Story {
        subject: subject("tickets", "v3 · postgres", &["tickets", "tickets-private"]),
        events: Vec::new(),
        releases: 2,
    };
    story.label(-9.0, IMPORTED, "AWSCURRENT", true);
    story.release(-8.0, 1.0);
    story.rotation(2.0, IMPORTED, FIRST, "schedule", 1.5);
    story.rotation(6.0, FIRST, SECOND, "RotateSecret", 1.5);
    story.revocation(19.3, IMPORTED, "imported-tickets");
    story.revocation(23.3, FIRST, FIRST);
    let slice = SliceTally {
        accepted: 11,
        lost: 0,
    };
    // From a second before the picture begins.
    let slices = (-4..108).map(|it| (began() + SLICE * it, slice));
    let logins = Tally {
        accepted: 600,
        generations: BTreeMap::from([(
            5,
            GenerationTally {
                accepted: 300,
                refused: 0,
            },
        )]),
        slices: slices.collect(),
        ..Tally::default()
    };
    let tried = Tally {
        refused: 4,
        ..Tally::default()
    };
    let names = || story.subject.apps.iter().map(|app| app.name.clone());
    Recording {
        began: began(),
        ended: at(27.0),
        grace_period: Duration::from_secs(GRACE),
        outcomes: vec![Outcome {
            rotations: 2,
            logins: names().map(|app| (app, logins.clone())).collect(),
            newest_releases: names().map(|app| (app, 5)).collect(),
            live: vec![SECOND.to_owned()],
            expected: Some(SECOND.to_owned()),
            tried_again: BTreeMap::from([
                (IMPORTED.to_owned(), tried.clone()),
                (FIRST.to_owned(), tried),
            ]),
            subject: story.subject,
        }],
        events: story.events,
        unfinished: None,
    }
}
