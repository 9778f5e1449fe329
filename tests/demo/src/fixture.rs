//! Recordings that never happened, for the tests.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use local_cloud::customers::{GenerationTally, SLICE, SliceTally, Tally};
use serde_json::{Value, json};
use stand_in::events::Event;

use super::recording::{App, Outcome, Recording, Subject};

const GRACE: u64 = 15;
pub(super) const IMPORTED: &str = "00000000-imported-version-of-the-secret";
pub(super) const FIRST: &str = "11111111-first-version-of-the-secret";
pub(super) const SECOND: &str = "22222222-second-version-of-the-secret";

const SECRET: &str = "addon/credentials/tickets";
const ARN: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:tickets-AbCdEf";
const ADDON: &str = "addon-tickets";
const APPS: [&str; 2] = ["tickets", "tickets-private"];
const DYNOS: [&str; 2] = ["web.1", "web.2"];

/// When the customers began, as it were.
fn began() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

pub(super) fn at(seconds: f64) -> Timestamp {
    began() + SignedDuration::from_secs_f64(seconds)
}

#[derive(Default)]
struct Story(Vec<Event>);

impl Story {
    fn record(&mut self, seconds: f64, event: Value) {
        let (at, kind) = (at(seconds), serde_json::from_value(event).unwrap());
        self.0.push(Event { at, kind });
    }

    /// What Secrets Manager tells of a version.
    fn tell(&mut self, seconds: f64, version: &str, kind: &str, field: &str, value: &str) {
        let event = json!({ "kind": kind, "secret": SECRET, "version": version, field: value });
        self.record(seconds, event);
    }

    /// Three seconds, beginning at `start`: issued after 0.5, published after 1, current after 2.5.
    fn rotation(&mut self, start: f64, old: &str, new: &str, cause: &str, release: u32) {
        let [was_alive, is_alive] = [old, new].map(|version| format!("LIVE-{version}"));
        let input = json!({ "SecretId": ARN, "VersionId": old, "Attempt": 1 }).to_string();
        let due = at(start + 2.2 + 15.0);
        for (after, version, kind, field, value) in [
            (0.0, new, "RotationStarted", "cause", cause),
            (0.4, new, "LabelAttached", "label", is_alive.as_str()),
            (0.9, new, "StepStarted", "step", "setSecret"),
            (1.5, new, "StepSucceeded", "step", "setSecret"),
            (2.1, old, "LabelAttached", "label", was_alive.as_str()),
            (2.5, old, "LabelRemoved", "label", "AWSCURRENT"),
            (2.5, new, "LabelAttached", "label", "AWSCURRENT"),
            (3.0, new, "RotationSucceeded", "", ""),
        ] {
            self.tell(start + after, version, kind, field, value);
        }
        for (after, event) in [
            (
                0.5,
                json!({ "kind": "CredentialIssued", "service": "acme", "credential": new }),
            ),
            (
                1.0,
                json!({ "kind": "ConfigChanged", "addon": ADDON, "names": ["ACME_URL"] }),
            ),
            (
                2.2,
                json!({ "kind": "ScheduleCreated", "name": old, "fires_at": due, "input": input }),
            ),
        ] {
            self.record(start + after, event);
        }
        self.release(start + 1.0, 1.5, release);
    }

    fn release(&mut self, seconds: f64, restart: f64, version: u32) {
        for app in APPS {
            let release = json!({ "kind": "Release", "app": app, "version": version });
            self.record(seconds, release);
            for dyno in DYNOS {
                for (after, kind) in [(0.0, "DynoRestarting"), (restart, "DynoRestarted")] {
                    let event = json!({ "kind": kind, "app": app, "dyno": dyno });
                    self.record(seconds + after, event);
                }
            }
        }
    }

    fn revocation(&mut self, seconds: f64, version: &str, credential: &str) {
        let input = json!({ "SecretId": ARN, "VersionId": version }).to_string();
        let fired = json!({ "kind": "ScheduleFired", "name": version, "input": input });
        self.record(seconds, fired);
        let revoked =
            json!({ "kind": "CredentialRevoked", "service": "acme", "credential": credential });
        self.record(seconds + 0.5, revoked);
        let label = format!("LIVE-{version}");
        self.tell(seconds + 0.7, version, "LabelRemoved", "label", &label);
    }
}

/// One instance with two apps, rotated twice in a row; everything as it should be.
pub(super) fn sound() -> Recording {
    let mut story = Story::default();
    story.tell(-9.0, IMPORTED, "LabelAttached", "label", "AWSCURRENT");
    story.release(-8.0, 1.0, 3);
    story.rotation(2.0, IMPORTED, FIRST, "schedule", 4);
    story.rotation(6.0, FIRST, SECOND, "RotateSecret", 5);
    story.revocation(19.3, IMPORTED, "imported-tickets");
    story.revocation(23.3, FIRST, FIRST);
    let mut events = story.0;
    events.sort_by_key(|event| event.at);
    let slice = SliceTally {
        accepted: 11,
        lost: 0,
    };
    let newest = GenerationTally {
        accepted: 300,
        refused: 0,
    };
    let logins = Tally {
        accepted: 600,
        generations: BTreeMap::from([(5, newest)]),
        // From a second before the picture begins.
        slices: (-4..108).map(|it| (began() + SLICE * it, slice)).collect(),
        ..Tally::default()
    };
    let tried = Tally {
        refused: 4,
        ..Tally::default()
    };
    let subject = Subject {
        name: "tickets".to_owned(),
        kind: "v3 · postgres".to_owned(),
        secret: SECRET.to_owned(),
        secret_arn: ARN.to_owned(),
        addon: ADDON.to_owned(),
        imported: "imported-tickets".to_owned(),
        apps: APPS
            .map(|app| App {
                name: app.to_owned(),
                dynos: DYNOS.map(ToOwned::to_owned).into(),
                note: app.ends_with("private").then_some("Private Space"),
            })
            .into(),
    };
    Recording {
        began: began(),
        ended: at(27.0),
        grace_period: Duration::from_secs(GRACE),
        outcomes: vec![Outcome {
            rotations: 2,
            logins: APPS.map(|app| (app.to_owned(), logins.clone())).into(),
            newest_releases: APPS.map(|app| (app.to_owned(), 5)).into(),
            live: vec![SECOND.to_owned()],
            expected: Some(SECOND.to_owned()),
            tried_again: [IMPORTED, FIRST]
                .map(|it| (it.to_owned(), tried.clone()))
                .into(),
            subject,
        }],
        events,
        unfinished: None,
    }
}
