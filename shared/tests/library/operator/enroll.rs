//! `enroll` and `deprovision`, with functions that answer as those of the stack do.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use addon_rotation_operator::{Outcome, deprovision, enroll};
use serde_json::{Value, json};

use super::{Words, id, stack};
use crate::support::{Api, Stand, failure};

type Shared<T> = Arc<Mutex<T>>;

/// Enrols whatever is not refused: which are, and those that were asked for.
fn enrolling(stand: &Stand) -> (Shared<BTreeSet<String>>, Shared<Vec<String>>) {
    let refused: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (no, log) = (Arc::clone(&refused), Arc::clone(&asked));
    stand.lambda.answer_with("enroll-addon", move |event| {
        let addon = event["Document"]["heroku"]["addon_id"].as_str().unwrap();
        log.lock().unwrap().push(addon.to_owned());
        if no.lock().unwrap().contains(addon) {
            return Err(failure("the document is not usable: url is missing"));
        }
        assert_eq!(event["RefreshToken"], "hunter2");
        Ok(json!({
            "SecretArn": format!("arn:aws:secretsmanager:us-east-1:0:secret:acme/credentials/{addon}-AbCdEf"),
            "VersionId": "0a1b2c3d-0000-4000-8000-000000000001",
            "ScheduleExpression": "cron(0 3 ? 1/3 MON#2 *)",
            "Outcome": "created",
        }))
    });
    (refused, asked)
}

fn options(directory: &tempfile::TempDir) -> enroll::Options {
    enroll::Options {
        file: directory.path().join("fleet.jsonl"),
        concurrency: 4,
        report: Some(directory.path().join("report.jsonl")),
        check: false,
    }
}

fn addon(number: usize) -> String {
    format!("01234567-89ab-cdef-0123-{number:012}")
}

fn fleet(count: usize) -> String {
    (0..count)
        .map(|number| {
            let document = json!({
                "engine": "http", "url": "https://api.acme.example/", "api_key": "hunter2",
                "credential_id": "imported", "authorization": "Bearer {{ api_key }}",
                "generate": { "api_key": { "length": 40 } },
                "masterarn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/masters/api-AbCdEf",
                "heroku": {
                    "api": "v3",
                    "addon_id": addon(number),
                    "config": { "ACME_KEY": "{{ api_key }}" },
                },
            });
            json!({ "Document": document, "RefreshToken": "hunter2" }).to_string() + "\n"
        })
        .collect()
}

#[tokio::test]
async fn a_second_run_tries_what_failed_and_nothing_else() {
    let stand = Stand::start().await;
    let (refused, asked) = enrolling(&stand);
    refused.lock().unwrap().insert(addon(7));
    let directory = tempfile::tempdir().unwrap();
    let options = options(&directory);
    fs::write(&options.file, fleet(20)).unwrap();
    let report: PathBuf = options.report.clone().unwrap();

    let words = Words::default();
    let outcome = enroll::run(&stack(&stand), &words.output(), &options).await;
    assert_eq!(outcome.unwrap(), Outcome::Attention);
    assert_eq!(asked.lock().unwrap().len(), 20);
    let read = || -> Vec<Value> {
        let text = fs::read_to_string(&report).unwrap();
        assert!(!text.contains("hunter2"));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let failed: Vec<_> = read()
        .into_iter()
        .filter(|it| !it["error"].is_null())
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["addon_id"], *addon(7));
    assert_eq!(failed[0]["line"], 8);
    let done = read().into_iter().find(|it| it["addon_id"] == *addon(3));
    let done = done.unwrap();
    assert_eq!(
        (&done["line"], &done["outcome"]),
        (&json!(4), &json!("created"))
    );
    let [secret, version] = ["secret", "version"].map(|it| done[it].as_str().unwrap());
    assert!(secret.contains(&addon(3)) && version.ends_with("-000000000001"));
    assert!(
        failed[0]["error"]
            .as_str()
            .unwrap()
            .contains("url is missing")
    );

    refused.lock().unwrap().clear();
    asked.lock().unwrap().clear();
    let people = Words::default();
    let again = enroll::Options {
        report: None,
        ..options
    };
    let outcome = enroll::run(&stack(&stand), &people.for_people(), &again).await;
    assert_eq!(outcome.unwrap(), Outcome::Fine);
    println!("{}", people.text());
    assert!(
        people
            .text()
            .contains("✓ enroll: 20 enrolled, 0 failed, 0 skipped")
    );
    asked.lock().unwrap().clear();
    let options = self::options(&directory);
    let outcome = enroll::run(&stack(&stand), &words.output(), &options).await;
    assert_eq!(outcome.unwrap(), Outcome::Fine);
    assert_eq!(*asked.lock().unwrap(), [addon(7)]);
    assert_eq!(read().len(), 21);
    let said = words.objects();
    assert!(!format!("{said:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_file_that_is_wrong_is_refused_as_a_whole() {
    let stand = Stand::start().await;
    let (_, asked) = enrolling(&stand);
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(&directory);
    let day = fleet(1).replace("{\"Document\"", "{\"RotationDay\":30,\"Document\"");
    let text = fleet(3) + "hunter2\n{\"Document\": 1}\n" + &day.replace(&addon(0), &addon(9));
    fs::write(&options.file, text).unwrap();
    for check in [true, false] {
        options.check = check;
        let outcome = enroll::run(&stack(&stand), &Words::default().output(), &options).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.status(), 2);
        let error = error.to_string();
        for words in [
            "line 4 is not JSON",
            "line 5 is not valid: Document must be an object",
            "line 6 is not valid: RotationDay is unknown: did you mean RotationDays?",
            "nothing was sent",
        ] {
            assert!(error.contains(words), "{error}");
        }
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(asked.lock().unwrap().is_empty());
    // Only checked; then sent, however it is laid out.
    let events: Vec<Value> = fleet(3)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    fs::write(
        &options.file,
        serde_json::to_string_pretty(&events).unwrap(),
    )
    .unwrap();
    let words = Words::default();
    options.check = true;
    let outcome = enroll::run(&stack(&stand), &words.for_people(), &options).await;
    assert_eq!(outcome.unwrap(), Outcome::Fine);
    assert!(
        words
            .text()
            .contains("3 instances are valid; nothing was sent")
    );
    assert!(asked.lock().unwrap().is_empty());
    options.check = false;
    let outcome = enroll::run(&stack(&stand), &words.output(), &options).await;
    assert_eq!(outcome.unwrap(), Outcome::Fine);
    assert_eq!(asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn what_was_never_there_cannot_be_deprovisioned() {
    let stand = Stand::start().await;
    let options = deprovision::Options {
        addons: ["nope".to_owned()].into(),
        yes: true,
    };
    let people = Words::default();
    let outcome = deprovision::run(&stack(&stand), &people.for_people(), &options).await;
    assert_eq!(outcome.unwrap(), Outcome::Attention);
    let text = people.text();
    let expected = "✗ nope: There is no instance nope in stack addon-rotation. → Check AWS_REGION, and list the instances";
    assert!(text.contains(expected), "{text}");
    // What was deprovisioned before is done.
    let instance = stand.enrolled(Api::V1).await;
    let options = deprovision::Options {
        addons: [id(&instance)].into(),
        yes: true,
    };
    for became in ["deprovisioned, 1 credentials", "unchanged, 0 credentials"] {
        let people = Words::default();
        let outcome = deprovision::run(&stack(&stand), &people.for_people(), &options).await;
        assert_eq!(outcome.unwrap(), Outcome::Fine);
        assert!(people.text().contains(became), "{}", people.text());
    }
}

#[tokio::test]
async fn what_cannot_be_deprovisioned_keeps_no_other_from_it() {
    let stand = Stand::start().await;
    stand.lambda.answer_with("deprovision-addon", |event| {
        let addon = event["AddonId"].as_str().unwrap();
        if addon == "unknown" {
            return Err(failure("there is no such add-on"));
        }
        Ok(json!({ "SecretArn": "arn", "Revoked": ["a", "b"], "Outcome": "deprovisioned" }))
    });
    let people = Words::default();
    let mut options = deprovision::Options {
        addons: ["one", "unknown", "two"].map(ToOwned::to_owned).into(),
        yes: true,
    };
    let outcome = deprovision::run(&stack(&stand), &people.for_people(), &options).await;
    assert_eq!(outcome.unwrap(), Outcome::Attention);
    let text = people.text();
    for line in [
        "these 3 add-ons",
        "✓ one: deprovisioned, 2 credentials revoked",
        "✗ unknown: there is no such add-on",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let words = Words::default();
    let outcome = deprovision::run(&stack(&stand), &words.output(), &options).await;
    assert_eq!(outcome.unwrap(), Outcome::Attention);
    let said = words.objects();
    assert_eq!(said[0]["outcome"], "deprovisioned");
    assert_eq!(said[1]["error"], "there is no such add-on");
    assert_eq!(said[2]["revoked"], json!(["a", "b"]));

    // Nobody is there to agree.
    options.yes = false;
    let before = stand.lambda.records().len();
    let outcome = deprovision::run(&stack(&stand), &words.output(), &options).await;
    assert_eq!(outcome.unwrap_err().status(), 2);
    assert_eq!(stand.lambda.records().len(), before);
}

#[tokio::test]
async fn what_a_deprovisioning_leaves_to_do_is_said() {
    let stand = Stand::start().await;
    let version = "0a1b2c3d-0000-4000-8000-000000000001";
    stand.lambda.answer_with("deprovision-addon", move |event| {
        Ok(match event["AddonId"].as_str().unwrap() {
            "by-hand" => json!({
                "SecretArn": "arn", "Revoked": [], "Unproven": [version], "Outcome": "deprovisioned",
            }),
            _ => json!({ "SecretArn": "arn", "Revoked": ["a"], "Outcome": "revoked" }),
        })
    });
    for (addon, words) in [
        ("by-hand", [version, "End it at the service"]),
        ("rotating", ["1 credentials revoked", "not deleted yet"]),
    ] {
        let options = deprovision::Options {
            addons: [addon.to_owned()].into(),
            yes: true,
        };
        let people = Words::default();
        let outcome = deprovision::run(&stack(&stand), &people.for_people(), &options).await;
        assert_eq!(outcome.unwrap(), Outcome::Attention, "{addon}");
        let text = people.text();
        for word in words {
            assert!(text.contains(word), "{text}");
        }
        assert!(!text.contains('✓'), "{text}");
        let program = Words::default();
        let outcome = deprovision::run(&stack(&stand), &program.output(), &options).await;
        assert_eq!(outcome.unwrap(), Outcome::Attention, "{addon}");
        let said = program.objects();
        let unproven = if addon == "by-hand" {
            json!([version])
        } else {
            json!([])
        };
        assert_eq!(said[0]["unproven"], unproven);
    }
}
