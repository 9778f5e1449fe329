//! `status`: each secret's state, and no value read.

use std::collections::BTreeMap;
use std::time::SystemTime;

use addon_rotation::fleet::State;
use addon_rotation_operator::Outcome;
use addon_rotation_operator::status::{Options, look, run};
use axum::body::Bytes;
use http::Request;
use serde_json::json;

use super::{Words, id, operations, stack};
use crate::steps::{fire, schedule};
use crate::support::{Api, Crash, GRACE_PERIOD, Stand};

fn options() -> Options {
    Options {
        state: Vec::new(),
        name: None,
        limit: None,
        watch: None,
    }
}

#[tokio::test]
async fn every_state_is_told_by_labels_and_schedules_alone() {
    let stand = Stand::start_without_retries().await;
    let healthy = stand.enrolled(Api::V1).await;
    let waiting = stand.enrolled(Api::V3).await;
    stand.rotate(&waiting).await;
    let off = stand.instance(Api::V1).await;
    let lost = stand.enrolled(Api::V1).await;
    let first = stand.current(&lost);
    stand.rotate(&lost).await;
    let made = schedule(&stand, &first, 0).unwrap();
    let path = format!("/schedules/{}?groupName={}", made.name, made.group);
    let request = Request::delete(path).body(Bytes::new()).unwrap();
    let answer = stand.gateway.scheduler().handle(request).await;
    assert!(answer.status().is_success());
    let by_hand = stand.enrolled(Api::V1).await;
    let parameters = json!({ "SecretId": by_hand.secret.as_str(), "RecoveryWindowInDays": 7 });
    stand.call("DeleteSecret", parameters).await.unwrap();
    let deleted = stand.enrolled(Api::V1).await;
    let event = json!({ "AddonId": deleted.addon });
    stand
        .lambda
        .invoke("deprovision-addon", event)
        .await
        .unwrap();
    let rotating = stand.enrolled(Api::V1).await;
    stand.lambda.crash_next(Crash::before("publish-to-heroku"));
    let pending = stand.start_rotation(&rotating).await;
    stand.step_failed().await;

    let stack = stack(&stand);
    let seen = look(&stack, &options(), usize::MAX).await.unwrap();
    assert_eq!(seen.outcome(), Outcome::Attention);
    let states: BTreeMap<_, _> = seen
        .rows
        .iter()
        .map(|row| (stack.id_of(&row.name).to_owned(), row))
        .collect();
    for (instance, expected) in [
        (&healthy, State::Healthy),
        (&waiting, State::WaitingForRevocation),
        (&off, State::RotationOff),
        (&lost, State::Unscheduled),
        (&by_hand, State::RevocationImpossible),
        (&deleted, State::Deleted),
        (&rotating, State::Rotating),
    ] {
        assert_eq!(states[&id(instance)].state, expected);
    }
    assert_eq!(seen.rows.len(), 7);
    assert_eq!(seen.rows[0].state, State::Unscheduled, "first of all");
    assert_eq!(states[&id(&rotating)].pending.as_ref(), Some(&pending));
    let row = states[&id(&waiting)];
    assert_eq!(row.current, Some(stand.current(&waiting)));
    let [revocation] = row.revocations.as_slice() else {
        panic!("{row:?}")
    };
    let left = revocation
        .at
        .unwrap()
        .duration_since(SystemTime::now())
        .unwrap();
    assert!(
        left <= GRACE_PERIOD + std::time::Duration::from_secs(1),
        "{left:?}"
    );
    assert!(left + std::time::Duration::from_mins(1) > GRACE_PERIOD);
    assert!(states[&id(&healthy)].next_rotation > Some(SystemTime::now()));

    // For people the same, and how many there are of each.
    let words = Words::default();
    run(&stack, &words.for_people(), &options()).await.unwrap();
    let table = words.text();
    for (instance, row) in &states {
        let state = row.state.to_string();
        let mut lines = table.lines();
        let is_told = lines.any(|it| it.contains(instance) && it.contains(&state));
        let count = format!("1 {state}");
        assert!(is_told && table.contains(&count), "{state}: {table}");
    }

    let asked = operations(&stand);
    assert!(!asked.is_empty());
    for operation in &asked {
        let reads = [
            "secretsmanager:ListSecrets",
            "secretsmanager:DescribeSecret",
            "scheduler:GET",
        ];
        assert!(reads.contains(&operation.as_str()), "{operation}");
    }
}

#[tokio::test]
async fn filters_leave_what_the_exit_status_is_about() {
    let stand = Stand::start().await;
    let healthy = stand.enrolled(Api::V1).await;
    let waiting = stand.enrolled(Api::V1).await;
    let first = stand.current(&waiting);
    stand.rotate(&waiting).await;
    let words = Words::default();
    let filtered = Options {
        name: Some(id(&waiting)),
        ..options()
    };
    let outcome = run(&stack(&stand), &words.output(), &filtered).await;
    assert_eq!(outcome.unwrap(), Outcome::Fine);
    let rows = words.objects();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["instance"], id(&waiting).as_str());
    assert_eq!(rows[0]["state"], "waiting-for-revocation");
    assert_eq!(rows[0]["revocations"][0]["version"], first.as_str());
    assert_eq!(rows[0]["revocations"][0]["attempt"], 0);
    assert!(
        rows[0]["revocations"][0]["at"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );

    let filtered = Options {
        state: vec![State::Healthy],
        ..options()
    };
    let seen = look(&stack(&stand), &filtered, 10).await.unwrap();
    assert_eq!(seen.rows.len(), 1);
    assert!(seen.rows[0].name.ends_with(&id(&healthy)));
    // The limit leaves rows out, and no count.
    let seen = look(&stack(&stand), &options(), 1).await.unwrap();
    assert_eq!(
        (seen.rows.len(), seen.counts.values().sum::<usize>()),
        (1, 2)
    );
}

#[tokio::test]
async fn why_the_last_try_of_a_revocation_failed_is_told_for_people_and_programs() {
    let (stand, _, first) = Stand::rotated(Api::V1).await;
    let words = Words::default();
    run(&stack(&stand), &words.for_people(), &options())
        .await
        .unwrap();
    assert!(!words.text().contains("last error"), "{}", words.text());

    stand.refuse(http::Method::DELETE, 403);
    fire(&stand, &first, 0).await;
    let words = Words::default();
    run(&stack(&stand), &words.output(), &options())
        .await
        .unwrap();
    let [row] = &words.objects()[..] else {
        panic!("{}", words.text());
    };
    let told = &row["revocations"][0];
    assert_eq!(told["attempt"], 1);
    let error = told["last_error"].as_str().unwrap();
    assert!(
        error.contains("HTTP 403") || error.contains("403"),
        "{error}"
    );
    stand.assert_holds_no_secret(error);
    let words = Words::default();
    run(&stack(&stand), &words.for_people(), &options())
        .await
        .unwrap();
    let text = words.text();
    assert!(text.contains("last error"), "{text}");
    // Within the column's width.
    let start: Vec<_> = error.split(' ').take(3).collect();
    assert!(text.contains(&start.join(" ")), "{text}");
}
