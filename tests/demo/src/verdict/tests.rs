use local_cloud::events::{Event, EventKind};

use super::*;
use crate::fixture::{FIRST, IMPORTED, SECOND, at, began, sound};

/// The recording fails by exactly one rule, and the violation says where.
#[track_caller]
fn fails(recording: &Recording, rule: &str, violation: &str) {
    let verdict = Verdict::of(recording);
    assert!(!verdict.passed());
    let failed: Vec<_> = verdict.checks.iter().filter(|it| !it.holds()).collect();
    assert_eq!(failed.len(), 1, "{:#?}", verdict.lines());
    assert_eq!(failed[0].rule, rule);
    assert!(
        failed[0].violations.iter().any(|it| it.contains(violation)),
        "{:?}",
        failed[0].violations
    );
}

fn logins<'a>(recording: &'a mut Recording, app: &str) -> &'a mut Tally {
    recording.outcomes[0].logins.get_mut(app).unwrap()
}

#[test]
fn a_sound_run_passes() {
    let verdict = Verdict::of(&sound());
    assert!(verdict.passed(), "{:#?}", verdict.lines());
    assert!(verdict.lines().iter().all(|line| line.contains('✓')));
}

#[test]
fn a_run_without_instances_is_judged_by_its_end() {
    let mut recording = sound();
    recording.outcomes.clear();
    recording.unfinished = Some("waited in vain for the rotation of `tickets`".to_owned());
    fails(
        &recording,
        "the story came to its end",
        "the rotation of `tickets`",
    );
}

#[test]
fn a_refused_login_fails() {
    let mut recording = sound();
    let tally = logins(&mut recording, "tickets-private");
    tally.refused = 1;
    tally.first_refusal = Some("web.2, release v5: the service answered 401".to_owned());
    fails(
        &recording,
        "no login was refused",
        "tickets-private: 1 refused, first web.2",
    );
}

#[test]
fn a_refusal_that_a_restart_overtook_fails() {
    let mut recording = sound();
    logins(&mut recording, "tickets").overtaken = 2;
    fails(
        &recording,
        "no login was refused",
        "tickets: 2 refused, first overtaken",
    );
}

#[test]
fn a_service_that_was_down_fails() {
    let mut recording = sound();
    let tally = logins(&mut recording, "tickets");
    tally.errors = 3;
    tally.first_error = Some("web.1: no answer".to_owned());
    fails(
        &recording,
        "no login failed for another reason",
        "tickets: 3 failed, first web.1",
    );
}

#[test]
fn an_app_that_never_logged_in_fails() {
    let mut recording = sound();
    *logins(&mut recording, "tickets") = Tally::default();
    fails(
        &recording,
        "every app logged in, with its newest release too",
        "tickets: never logged in",
    );
}

#[test]
fn an_app_that_never_used_its_newest_release_fails() {
    let mut recording = sound();
    recording.outcomes[0]
        .newest_releases
        .insert("tickets".to_owned(), 6);
    fails(
        &recording,
        "every app logged in, with its newest release too",
        "tickets: never logged in with its newest release",
    );
}

#[test]
fn a_second_release_for_a_rotation_fails() {
    let mut recording = sound();
    let release = EventKind::Release {
        app: "tickets".to_owned(),
        version: 6,
    };
    recording.events.push(Event {
        at: at(9.0),
        kind: release,
    });
    fails(
        &recording,
        "one release per rotation and app",
        "tickets: 3 releases for 2 rotations of tickets",
    );
}

#[test]
fn a_release_before_the_customers_began_does_not_count() {
    let mut recording = sound();
    let release = EventKind::Release {
        app: "tickets".to_owned(),
        version: 2,
    };
    let at = began() - jiff::SignedDuration::from_millis(1);
    recording.events.insert(0, Event { at, kind: release });
    assert!(Verdict::of(&recording).passed());
}

#[test]
fn a_missing_rotation_fails() {
    let mut recording = sound();
    recording.events.retain(
        |it| !matches!(&it.kind, EventKind::RotationSucceeded { version, .. } if version == SECOND),
    );
    fails(
        &recording,
        "every rotation succeeded",
        "tickets: 1 of 2 rotations succeeded",
    );
}

#[test]
fn an_attempt_that_failed_fails_although_the_next_succeeded() {
    let mut recording = sound();
    let failed = EventKind::RotationFailed {
        secret: recording.outcomes[0].subject.secret.clone(),
        version: FIRST.to_owned(),
        message: "setSecret: 503".to_owned(),
    };
    let after = recording.events.iter().position(
        |it| matches!(&it.kind, EventKind::RotationSucceeded { version, .. } if version == FIRST),
    );
    recording.events.insert(
        after.unwrap(),
        Event {
            at: at(4.9),
            kind: failed,
        },
    );
    fails(
        &recording,
        "every rotation succeeded",
        "the rotation to 11111111 failed 1 times",
    );
}

#[test]
fn a_credential_that_ends_too_soon_fails() {
    let mut recording = sound();
    for event in &mut recording.events {
        if let EventKind::ScheduleCreated { fires_at, name, .. } = &mut event.kind
            && name.contains(IMPORTED)
        {
            *fires_at = at(20.0);
        }
    }
    fails(
        &recording,
        "no credential ended before its time",
        "00000000 ended before its grace period",
    );
}

#[test]
fn a_revocation_that_nobody_scheduled_fails() {
    let mut recording = sound();
    recording.events.retain(
        |it| !matches!(&it.kind, EventKind::ScheduleCreated { name, .. } if name.contains(FIRST)),
    );
    fails(
        &recording,
        "no credential ended before its time",
        "no revocation of 11111111 was scheduled",
    );
}

#[test]
fn a_revocation_that_was_not_completed_fails() {
    let mut recording = sound();
    let label = format!("LIVE-{FIRST}");
    recording.events.retain(
        |it| !matches!(&it.kind, EventKind::LabelRemoved { label: of, .. } if *of == label),
    );
    fails(
        &recording,
        "every old credential is refused",
        "the revocation of 11111111 was not completed",
    );
}

#[test]
fn an_old_credential_that_is_accepted_fails() {
    let mut recording = sound();
    let tried = recording.outcomes[0].tried_again.get_mut(IMPORTED).unwrap();
    tried.accepted = 1;
    fails(
        &recording,
        "every old credential is refused",
        "00000000 is accepted after its end",
    );
}

#[test]
fn an_old_credential_that_was_not_tried_fails() {
    let mut recording = sound();
    recording.outcomes[0].tried_again.remove(IMPORTED);
    fails(
        &recording,
        "every old credential is refused",
        "00000000 was not tried",
    );
}

#[test]
fn an_old_credential_whose_try_came_to_nothing_fails() {
    let mut recording = sound();
    let tried = recording.outcomes[0].tried_again.get_mut(IMPORTED).unwrap();
    *tried = Tally {
        errors: 1,
        first_error: Some("no answer".to_owned()),
        ..Tally::default()
    };
    fails(
        &recording,
        "every old credential is refused",
        "not shown to be refused: no answer",
    );
}

#[test]
fn two_live_credentials_fail() {
    let mut recording = sound();
    recording.outcomes[0].live.push(FIRST.to_owned());
    fails(
        &recording,
        "one live credential per add-on, the current one",
        "tickets: the service accepts [22222222, 11111111] instead of 22222222 alone",
    );
}

#[test]
fn another_live_credential_than_the_current_one_fails() {
    let mut recording = sound();
    recording.outcomes[0].live = vec![FIRST.to_owned()];
    fails(
        &recording,
        "one live credential per add-on, the current one",
        "instead of 22222222 alone",
    );
}

#[test]
fn no_live_credential_fails() {
    let mut recording = sound();
    recording.outcomes[0].live.clear();
    fails(
        &recording,
        "one live credential per add-on, the current one",
        "accepts []",
    );
}

#[test]
fn the_table_has_a_row_for_each_app() {
    let text = table(&sound(), false);
    let rows: Vec<_> = text.lines().filter(|line| line.contains("600")).collect();
    assert_eq!(rows.len(), 2, "{text}");
    assert!(rows[0].contains("2 of 2"), "{text}");
    assert!(rows[1].contains("tickets-private"), "{text}");
}

#[test]
fn thousands_are_grouped() {
    let texts: Vec<_> = [0, 999, 1000, 1_234_567]
        .into_iter()
        .map(thousands)
        .collect();
    assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
}
