//! What holds of labels whatever is done to them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::harness::id;
use crate::secrets_manager::model::Model;
use crate::secrets_manager::request;

const LABELS: [&str; 5] = [
    "AWSCURRENT",
    "AWSPENDING",
    "AWSPREVIOUS",
    "LIVE-1",
    "LIVE-2",
];
const VERSIONS: std::ops::Range<u32> = 0..6;

#[derive(Clone, Debug)]
enum Action {
    Put {
        version: u32,
        value: u32,
        labels: Option<Vec<&'static str>>,
    },
    Move {
        label: &'static str,
        from: Option<u32>,
        to: Option<u32>,
        /// Names the version that has the label, whatever `from` says.
        from_holder: bool,
    },
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let label = || proptest::sample::select(LABELS.to_vec());
    let put = (
        VERSIONS,
        0..2_u32,
        proptest::option::of(proptest::collection::vec(label(), 1..4)),
    )
        .prop_map(|(version, value, labels)| Action::Put {
            version,
            value,
            labels,
        });
    let moved = (
        label(),
        proptest::option::of(VERSIONS),
        proptest::option::of(VERSIONS),
        any::<bool>(),
    )
        .prop_map(|(label, from, to, from_holder)| Action::Move {
            label,
            from,
            to,
            from_holder,
        });
    proptest::collection::vec(prop_oneof![put, moved], 1..40)
}

/// Carries the action out; whether it was accepted.
fn carry_out(model: &mut Model, action: &Action) -> bool {
    let now = Timestamp::now();
    match action {
        Action::Put {
            version,
            value,
            labels,
        } => {
            let mut body = json!({
                "SecretId": "s", "SecretString": value.to_string(),
                "ClientRequestToken": id(*version),
            });
            if let Some(labels) = labels {
                body["VersionStages"] = json!(labels);
            }
            let request: request::PutSecretValue = request::parse(&body).unwrap();
            model.put_value(&request, now).is_ok()
        }
        Action::Move {
            label,
            from,
            to,
            from_holder,
        } => {
            let mut body = json!({"SecretId": "s", "VersionStage": label});
            if let Some(from) = from {
                body["RemoveFromVersionId"] = json!(id(*from));
            }
            if *from_holder && let Some(holder) = model.find("s").unwrap().labelled(label) {
                body["RemoveFromVersionId"] = json!(holder.id);
            }
            if let Some(to) = to {
                body["MoveToVersionId"] = json!(id(*to));
            }
            let request: request::UpdateSecretVersionStage = request::parse(&body).unwrap();
            model.update_version_stage(&request, now).is_ok()
        }
    }
}

/// Every label on every version that has it.
fn placed(model: &Model) -> BTreeMap<String, Vec<String>> {
    let mut placed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for version in &model.find("s").unwrap().versions {
        for label in &version.labels {
            placed
                .entry(label.clone())
                .or_default()
                .push(version.id.clone());
        }
    }
    placed
}

proptest! {
    #[test]
    fn labels_stay_sound(actions in actions()) {
        let mut model = Model::default();
        let create = json!({
            "Name": "s", "SecretString": "first", "ClientRequestToken": id(0),
        });
        let create: request::CreateSecret = request::parse(&create).unwrap();
        model.create(&create, "arn".to_owned(), Timestamp::now()).unwrap();
        for action in &actions {
            let before = placed(&model);
            let accepted = carry_out(&mut model, action);
            let after = placed(&model);

            prop_assert!(after.values().all(|versions| versions.len() == 1), "{after:?}");
            let current = after.get("AWSCURRENT");
            prop_assert!(current.is_some(), "no AWSCURRENT: {after:?}");
            prop_assert_ne!(after.get("AWSPREVIOUS"), current);
            let was_current = before.get("AWSCURRENT");
            if was_current != current {
                let names_previous = matches!(
                    action, Action::Put { labels: Some(labels), .. } if labels.contains(&"AWSPREVIOUS")
                );
                prop_assert!(!names_previous);
                prop_assert_eq!(after.get("AWSPREVIOUS"), was_current);
            }
            if !accepted {
                prop_assert_eq!(before, after, "a refused {:?} changed something", action);
            }
        }
    }
}

#[test]
fn outdated_versions_go_when_there_are_many_and_they_are_old() {
    let start: Timestamp = "2026-11-23T05:30:00Z".parse().unwrap();
    let day = SignedDuration::from_hours(24);
    let mut model = Model::default();
    let create = json!({"Name": "s", "SecretString": "x", "ClientRequestToken": id(0)});
    model
        .create(&request::parse(&create).unwrap(), "arn".to_owned(), start)
        .unwrap();
    let mut put = |number: u32, label: &str, now: Timestamp| {
        let put = json!({
            "SecretId": "s", "SecretString": "x", "ClientRequestToken": id(number),
            "VersionStages": [label],
        });
        model
            .put_value(&request::parse(&put).unwrap(), now)
            .unwrap();
        let versions = &model.find("s").unwrap().versions;
        (
            versions.len(),
            versions.iter().any(|version| version.id == id(1)),
        )
    };
    put(1, "LIVE-1", start);
    for number in 2..120 {
        put(number, "AWSPENDING", start);
    }
    assert_eq!(put(120, "AWSPENDING", start), (121, true));
    // A label keeps its version.
    assert_eq!(put(121, "AWSPENDING", start + day), (100, true));
    // Once it has none, it is the oldest to go.
    assert_eq!(put(122, "LIVE-1", start + day), (100, false));
}
