//! The rules and the OpenAPI file belong together, and the local cloud's service keeps both.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::contract::{Contract, FILE};

fn documented() -> BTreeSet<String> {
    let contract = Contract::read().unwrap();
    contract.responses().map(str::to_owned).collect()
}

#[test]
fn every_documented_response_has_a_rule_and_every_rule_a_place_in_the_file() {
    let file: Value = serde_saphyr::from_str(FILE).unwrap();
    let mut covered = BTreeSet::new();
    for rule in RULES {
        assert!(!rule.contract.is_empty(), "{}", rule.name);
        for at in rule.contract {
            assert!(resolves(at), "{}: {at} is not in the file", rule.name);
            covered.insert((*at).to_owned());
        }
    }
    // Read from the file itself, whatever operations it has.
    let mut responses = BTreeSet::new();
    for (path, operations) in file["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            for status in operation["responses"]
                .as_object()
                .into_iter()
                .flat_map(|it| it.keys())
            {
                responses.insert(format!("paths.{path}.{method}.responses.{status}"));
            }
        }
    }
    assert!(responses.len() > 10, "{responses:?}");
    assert_eq!(responses, documented());
    let missing: Vec<_> = responses.difference(&covered).collect();
    assert!(missing.is_empty(), "no rule covers {missing:?}");
}

/// Whether the file has what is written like `paths./credentials/{id}.put.responses.204`; no part
/// has a full stop in it.
pub(super) fn resolves(at: &str) -> bool {
    let file: Value = serde_saphyr::from_str(FILE).unwrap();
    let found = at.split('.').fold(&file, |value, part| &value[part]);
    !found.is_null()
}

#[test]
fn a_rule_builds_upon_earlier_ones() {
    let mut earlier = BTreeSet::new();
    for rule in RULES {
        for needed in rule.needs {
            assert!(earlier.contains(needed), "{} needs {needed}", rule.name);
        }
        assert!(earlier.insert(rule.name), "{} is there twice", rule.name);
    }
}

/// What the engine does, the file says.
#[test]
fn the_file_says_what_the_engine_relies_on() {
    let file: Value = serde_saphyr::from_str(FILE).unwrap();
    let says = file["info"]["description"].as_str().unwrap();
    let says = says.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let seconds = addon_rotation::net::REQUEST_TIMEOUT.as_secs();
    let largest = addon_rotation::net::LARGEST_ANSWER / 1024 / 1024;
    for due in [
        format!("within {seconds} seconds"),
        format!("larger than {largest} MiB"),
        "No redirect is followed".to_owned(),
    ] {
        assert!(says.contains(&due), "{due}: {says}");
    }
    for title in ["in-time", "bounded"] {
        let rule = RULES.iter().find(|it| it.name == title).unwrap();
        let due = [format!("{seconds} seconds"), format!("{largest} MiB")];
        assert!(
            due.iter().any(|it| rule.title.contains(it)),
            "{}",
            rule.title
        );
    }
}

#[tokio::test]
async fn the_local_clouds_service_passes_every_rule() {
    let service = credential_service().await;
    service.register("first", "first-key").unwrap();
    let tested = super::super::Service::new(
        settings(service.url().as_str()),
        PATIENCE,
        CancellationToken::new(),
    )
    .unwrap();
    tested.reach().await.unwrap();
    let report = examine_with(&tested, &Signals::default(), |_| {}).await;
    assert_eq!(
        names(&report, |it| *it != Verdict::Passed),
        [""; 0],
        "{}",
        report.text(false)
    );
    assert_eq!(report.findings.len(), RULES.len());
    assert_eq!(report.status(), 0);
    // What was there before is there still, and nothing else.
    assert_eq!(service.live(), ["first"]);
    // Each documented response was met, `default` apart, which is none in particular.
    let shown = tested.answers().shown;
    let due = documented()
        .into_iter()
        .filter(|it| !it.ends_with("default"));
    let missing: Vec<_> = due.filter(|it| !shown.contains(it)).collect();
    assert!(missing.is_empty(), "never met: {missing:?}");
}
