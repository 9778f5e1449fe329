//! How long versions are kept.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::harness::id;
use crate::secrets_manager::model::Model;
use crate::secrets_manager::request;

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
