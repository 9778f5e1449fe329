//! The secret's value: whoever may write it need not mean well.

use addon_rotation::document::{Document, DocumentError};
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{CANARY, any_json, assert_without_values, at_once, cases, changed, changes, odd_text};
use crate::support::version_id;

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:addon/masters/db7-AbCdEf";

/// Looks at a value in every way that a function does.
fn parse(text: String) -> Result<Document, DocumentError> {
    let document = Document::parse(&SecretString::from(text)).inspect_err(assert_without_values)?;
    assert!(!format!("{document:?}").contains(CANARY), "{document:?}");
    document.render().inspect_err(assert_without_values)?;
    let next = document.next(&version_id()).unwrap();
    if let Err(error) = Document::parse(&next) {
        assert_without_values(&error);
    }
    Ok(document)
}

fn database(engine: &str) -> Value {
    json!({
        "engine": engine,
        "host": "db7.acme.example", "port": 5432, "dbname": "d7f3k2",
        "username": "u_imported", "password": format!("{CANARY}password"),
        "masterarn": ARN,
        "heroku": {
            "api": "v3", "addon_id": "01234567-89ab-cdef-0123-456789abcdef", "oauth": ARN,
            "config": { "ACME_URL": "{{ username }}:{{ password | urlencode }}@{{ host }}" },
        },
    })
}

pub(super) fn http() -> Value {
    json!({
        "engine": "http",
        "url": "https://api.acme.example/v1",
        "credential_id": "key-1",
        "api_key": format!("{CANARY}api_key"),
        "authorization": "Bearer {{ api_key }}",
        "generate": { "api_key": { "prefix": "acme_live_", "length": 40 } },
        "masterarn": ARN,
        "heroku": {
            "api": "v1", "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
            "config": { "ACME_KEY": "{{ api_key }}" },
        },
    })
}

fn documents() -> Vec<Value> {
    let mut documents: Vec<_> = ["postgres", "mysql", "redis"].map(database).into();
    documents.push(http());
    documents
}

#[test]
fn what_is_spoilt_below_is_right_before() {
    for document in documents() {
        parse(document.to_string()).unwrap();
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn any_text_is_parsed_or_refused(text in prop_oneof![".{0,300}", any_json().prop_map(|it| it.to_string())]) {
        let refused = parse(text);
        prop_assert!(refused.is_err());
    }

    #[test]
    fn a_spoilt_document_is_refused_without_its_values(
        document in prop::sample::select(documents()),
        changes in changes(),
    ) {
        let _ = parse(changed(document, changes).to_string());
    }

    #[test]
    fn a_cut_or_patched_text_is_refused_without_its_values(
        document in prop::sample::select(documents()),
        at in any::<prop::sample::Index>(),
        length in 0_usize..20,
        patch in prop_oneof![odd_text(), ".{0,10}", Just("\\ud800".to_owned())],
    ) {
        let text: Vec<char> = document.to_string().chars().collect();
        let at = at.index(text.len());
        let after = text.iter().skip(at + length);
        let patched = text[..at].iter().copied().chain(patch.chars()).chain(after.copied());
        let _ = parse(patched.collect());
    }

    #[test]
    fn names_and_values_in_every_script_are_taken_and_arrive(
        key in "\\PC{1,40}",
        name in "\\PC{1,12}",
        note in any_json(),
    ) {
        let mut document = http();
        document["api_key"] = key.as_str().into();
        document["heroku"]["config"]["ACME_KEY"] = "{{ api_key | urlencode }}".into();
        // `authorization` goes into a header, which is not for every script.
        document["authorization"] = "Bearer {{ api_key | urlencode }}".into();
        prop_assume!(document.get(&name).is_none());
        document[name.as_str()] = note.clone();
        let document = parse(document.to_string()).unwrap();
        let rendered = document.render().unwrap();
        let shown = rendered.get("ACME_KEY").unwrap();
        prop_assert!(shown.is_ascii());
        let query = format!("key={shown}");
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
        prop_assert_eq!(pairs[0].1.as_ref(), key.as_str());
        let next = document.next(&version_id()).unwrap();
        let next: Value = serde_json::from_str(next.expose_secret()).unwrap();
        prop_assert_eq!(&next[name.as_str()], &note);
    }
}

#[test]
fn of_fields_of_one_name_the_last_counts_and_no_other_is_shown() {
    let text = http().to_string();
    let twice = text.replacen(
        '{',
        r#"{"api_key":"canary_first","url":"file:///etc/passwd","#,
        1,
    );
    let document = parse(twice).unwrap();
    let shown = document.render().unwrap();
    assert_eq!(shown.get("ACME_KEY"), Some("canary_api_key"));
}

#[test]
fn a_document_may_be_as_large_as_a_secret_and_no_larger() {
    let mut document = http();
    document["note"] = "".into();
    let filler = 65_536 - document.to_string().len();
    document["note"] = "x".repeat(filler).into();
    assert_eq!(document.to_string().len(), 65_536);
    parse(document.to_string()).unwrap();
    document["note"] = "x".repeat(filler + 1).into();
    let error = parse(document.to_string()).unwrap_err();
    assert_eq!(error.problems, ["it is larger than 65536 bytes"]);
}

#[test]
fn however_deep_it_is_nested_it_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let depth = 60_000 / (open.len() + close.len());
        let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        for text in [
            text.clone(),
            format!(r#"{{"heroku":{text}}}"#),
            open.repeat(60_000 / open.len()),
        ] {
            assert!(at_once(|| parse(text)).is_err());
        }
    }
}

#[test]
fn a_document_full_of_mistakes_has_an_error_that_can_be_read() {
    // Each config var is a mistake whose words name every field; each pair of a field and a config
    // var is another.
    let mut unknown = database("postgres");
    let mut word_for_word = http();
    for number in 0..700 {
        unknown[format!("field_{number:0>30}")] = 1.into();
        unknown["heroku"]["config"][format!("V{number}")] = "{{ x }}".into();
        word_for_word[format!("f{number}")] = "aaaaaaaa".into();
        word_for_word["generate"][format!("f{number}")] = json!({ "length": 22 });
        word_for_word["heroku"]["config"][format!("V{number}")] = "aaaaaaaa".into();
    }
    for document in [unknown, word_for_word] {
        let text = document.to_string();
        assert!(text.len() <= 65_536, "{}", text.len());
        let error = at_once(|| parse(text)).unwrap_err().to_string();
        assert!(error.len() < 100_000, "{}", error.len());
        assert!(error.contains("at least"), "{error}");
    }
}
