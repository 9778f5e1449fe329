use secrecy::ExposeSecret;
use serde_json::json;

use super::*;

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/db-AbCdEf";
const TOKEN: &str = "0a1b2c3d-0000-4000-8000-000000000001";

#[test]
fn reads_what_secrets_manager_sends_and_ignores_the_rest() {
    let event = RotationEvent::read(&json!({
        "Step": "createSecret", "SecretId": ARN, "ClientRequestToken": TOKEN,
        "RotationToken": "sensitive", "SomethingNew": {"a": 1},
    }))
    .unwrap();
    assert_eq!(event.step, Step::CreateSecret);
    assert_eq!(event.secret.as_str(), ARN);
    assert_eq!(
        event.rotation_token.as_ref().unwrap().expose_secret(),
        "sensitive"
    );
    assert!(!format!("{event:?}").contains("sensitive"));
}

#[test]
fn accepts_both_spellings_of_a_step() {
    for (text, step) in [
        ("setSecret", Step::SetSecret),
        ("set_secret", Step::SetSecret),
        ("finish_secret", Step::FinishSecret),
    ] {
        assert_eq!(text.parse(), Ok(step));
    }
}

#[test]
fn reports_every_problem_at_once_and_no_value() {
    let error =
        RotationEvent::read(&json!({"Step": "dropSecret", "SecretId": "hunter2"})).unwrap_err();
    assert_eq!(error.problems.len(), 3);
    let message = error.to_string();
    assert!(message.contains("Step must be one of createSecret"));
    assert!(message.contains("SecretId must be the ARN of a secret"));
    assert!(message.contains("ClientRequestToken is missing"));
    assert!(!message.contains("hunter2"));
}

#[test]
fn refuses_what_is_no_object() {
    assert_eq!(
        RevokeEvent::read(&json!([1])).unwrap_err().problems,
        ["it must be a JSON object"]
    );
}

#[test]
fn what_one_function_sends_the_other_reads() {
    let finish = FinishEvent {
        secret: ARN.parse().unwrap(),
        version: TOKEN.parse().unwrap(),
        revoke_after_seconds: Some(60),
        only_if_unscheduled: false,
        was_in_use: Some(true),
        even_if_in_use: true,
    };
    let read = FinishEvent::read(&serde_json::to_value(&finish).unwrap()).unwrap();
    assert_eq!(read.revoke_after_seconds, Some(60));
    assert!(read.was_in_use == Some(true) && read.even_if_in_use && !read.only_if_unscheduled);
    let revoke = RevokeEvent {
        secret: finish.secret,
        version: finish.version,
        attempt: 3,
        was_in_use: true,
        vouched: Some("u_1".to_owned()),
        held_seconds: 60,
        scheduled_at: Some(ScheduledAt::now()),
    };
    assert_eq!(
        RevokeEvent::read(&serde_json::to_value(&revoke).unwrap()),
        Ok(revoke)
    );
}

#[test]
fn a_dead_letter_is_read_however_it_is_wrapped_and_begins_anew() {
    let event = json!({ "SecretId": ARN, "VersionId": TOKEN, "Attempt": 11 });
    let message = |body: String| json!({ "Records": [{ "eventSource": "aws:sqs", "body": body }] });
    for body in [
        event.clone(),
        // Lambda's destination.
        json!({ "requestContext": { "condition": "RetriesExhausted" }, "requestPayload": event }),
        // EventBridge Scheduler's call.
        json!({ "FunctionName": "revoke-secret", "Payload": event.to_string() }),
    ] {
        let read = RevokeEvent::read(&message(body.to_string())).unwrap();
        assert_eq!((read.secret.as_str(), read.version.as_str()), (ARN, TOKEN));
        assert_eq!((read.attempt, read.was_in_use), (0, true));
    }
    let two = json!({ "Records": [{ "body": "{}" }, { "body": "{}" }] });
    for (payload, words) in [
        (two, "BatchSize"),
        (json!({ "Records": 1 }), "BatchSize"),
        (message("hunter2".to_owned()), "must be JSON"),
        (
            message(json!({ "Payload": "hunter2" }).to_string()),
            "must be JSON",
        ),
        (message("{}".to_owned()), "2. VersionId is missing"),
    ] {
        let error = RevokeEvent::read(&payload).unwrap_err().to_string();
        assert!(
            error.contains(words) && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn a_number_or_time_out_of_its_bounds_is_refused_at_reading() {
    let finish = |seconds: i64| {
        FinishEvent::read(
            &json!({ "SecretId": ARN, "VersionId": TOKEN, "RevokeAfterSeconds": seconds }),
        )
        .map(|event| event.revoke_after_seconds)
    };
    for seconds in [1, 604_800] {
        assert_eq!(finish(seconds), Ok(u32::try_from(seconds).ok()));
    }
    for seconds in [-1, 0, 604_801, 4_000_000_000, 5_000_000_000] {
        let error = finish(seconds).unwrap_err();
        assert_eq!(
            error.problems,
            ["RevokeAfterSeconds must be a whole number from 1 to 604800"]
        );
    }
    let addon = "01234567-89ab-cdef-0123-456789abcdef";
    let attempt = |attempt: u32| {
        let revoke = json!({ "SecretId": ARN, "VersionId": TOKEN, "Attempt": attempt });
        let deprovision = json!({ "AddonId": addon, "Attempt": attempt });
        [
            RevokeEvent::read(&revoke).map(|event| event.attempt),
            DeprovisionEvent::read(&deprovision).map(|event| event.attempt),
        ]
    };
    assert_eq!(attempt(99), [Ok(99), Ok(99)]);
    for read in [attempt(100), attempt(u32::MAX)].concat() {
        let problems = read.unwrap_err().problems;
        assert_eq!(problems, ["Attempt must be a whole number from 0 to 99"]);
    }
    let scheduled = |at: &str| {
        RevokeEvent::read(&json!({ "SecretId": ARN, "VersionId": TOKEN, "ScheduledAt": at }))
    };
    assert!(scheduled("2026-01-01T00:00:00Z").is_ok());
    let error = scheduled("2999-01-01T00:00:00Z").unwrap_err();
    assert_eq!(error.problems, ["ScheduledAt must not lie in the future"]);
}
