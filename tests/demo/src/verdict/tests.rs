use local_cloud::customers::Tally;
use stand_in::events::{Event, EventKind};

use super::*;
use crate::fixture::{FIRST, IMPORTED, SECOND, at, sound};

fn without(recording: &mut Recording, is: impl Fn(&EventKind) -> bool) {
    recording.events.retain(|event| !is(&event.kind));
}

fn with(recording: &mut Recording, seconds: f64, kind: EventKind) {
    let at = at(seconds);
    recording.events.push(Event { at, kind });
    recording.events.sort_by_key(|event| event.at);
}

fn release(app: &str) -> EventKind {
    EventKind::Release {
        app: app.to_owned(),
        version: 6,
    }
}

#[test]
fn a_sound_run_passes() {
    let mut recording = sound();
    // One before the customers began does not count.
    with(&mut recording, -0.001, release("tickets"));
    let verdict = Verdict::of(&recording);
    assert!(verdict.passed(), "{:#?}", verdict.lines());
    assert!(verdict.lines().iter().all(|line| line.contains('✓')));
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn each_fault_fails_by_exactly_one_rule_and_is_named() {
    const ENDED: &str = "the story came to its end";
    const REFUSED: &str = "no login was refused";
    const FAILED: &str = "no login failed for another reason";
    const LOGGED_IN: &str = "every app logged in, with its newest release too";
    const RELEASES: &str = "one release per rotation and app";
    const SUCCEEDED: &str = "every rotation succeeded";
    const IN_TIME: &str = "no credential ended before its time";
    const OLD: &str = "every old credential is refused";
    const LIVE: &str = "one live credential per add-on, the current one";
    type Fault = fn(&mut Recording);
    fn logins<'a>(recording: &'a mut Recording, app: &str) -> &'a mut Tally {
        recording.outcomes[0].logins.get_mut(app).unwrap()
    }
    fn tried(recording: &mut Recording) -> &mut Tally {
        recording.outcomes[0].tried_again.get_mut(IMPORTED).unwrap()
    }
    let faults: [(Fault, &str, &str); 18] = [
        (
            |it| {
                it.outcomes.clear();
                it.unfinished = Some("waited in vain for the rotation of `tickets`".to_owned());
            },
            ENDED,
            "the rotation of `tickets`",
        ),
        (
            |it| {
                let tally = logins(it, "tickets-private");
                tally.refused = 1;
                tally.first_refusal = Some("web.2, release v5: 401".to_owned());
            },
            REFUSED,
            "tickets-private: 1 refused, first web.2",
        ),
        (
            |it| logins(it, "tickets").overtaken = 2,
            REFUSED,
            "tickets: 2 refused, first overtaken",
        ),
        (
            |it| {
                let tally = logins(it, "tickets");
                tally.errors = 3;
                tally.first_error = Some("web.1: no answer".to_owned());
            },
            FAILED,
            "tickets: 3 failed, first web.1",
        ),
        (
            |it| *logins(it, "tickets") = Tally::default(),
            LOGGED_IN,
            "tickets: never logged in",
        ),
        (
            |it| {
                it.outcomes[0]
                    .newest_releases
                    .insert("tickets".to_owned(), 6);
            },
            LOGGED_IN,
            "tickets: never logged in with its newest release",
        ),
        (
            |it| with(it, 9.0, release("tickets")),
            RELEASES,
            "tickets: 3 releases for 2 rotations of tickets",
        ),
        (
            |it| {
                without(
                    it,
                    |kind| matches!(kind, EventKind::RotationSucceeded { version, .. } if version == SECOND),
                );
            },
            SUCCEEDED,
            "tickets: 1 of 2 rotations succeeded",
        ),
        (
            // The next attempt succeeded before.
            |it| {
                let failed = EventKind::RotationFailed {
                    secret: it.outcomes[0].subject.secret.clone(),
                    version: FIRST.to_owned(),
                    message: "setSecret: 503".to_owned(),
                };
                with(it, 4.9, failed);
            },
            SUCCEEDED,
            "the rotation to 11111111 failed 1 times",
        ),
        (
            |it| {
                for event in &mut it.events {
                    if let EventKind::ScheduleCreated { fires_at, name, .. } = &mut event.kind
                        && name.contains(IMPORTED)
                    {
                        *fires_at = at(20.0);
                    }
                }
            },
            IN_TIME,
            "00000000 ended before its grace period",
        ),
        (
            |it| {
                without(
                    it,
                    |kind| matches!(kind, EventKind::ScheduleCreated { name, .. } if name.contains(FIRST)),
                );
            },
            IN_TIME,
            "11111111: no revocation was scheduled",
        ),
        (
            |it| {
                let live = format!("LIVE-{FIRST}");
                without(
                    it,
                    |kind| matches!(kind, EventKind::LabelRemoved { label, .. } if *label == live),
                );
            },
            OLD,
            "11111111: its revocation was not completed",
        ),
        (
            |it| tried(it).accepted = 1,
            OLD,
            "00000000 is accepted after its end",
        ),
        (
            |it| {
                it.outcomes[0].tried_again.remove(IMPORTED);
            },
            OLD,
            "00000000 was not tried",
        ),
        (
            |it| {
                *tried(it) = Tally {
                    errors: 1,
                    first_error: Some("no answer".to_owned()),
                    ..Tally::default()
                };
            },
            OLD,
            "not shown to be refused: no answer",
        ),
        (
            |it| it.outcomes[0].live.push(FIRST.to_owned()),
            LIVE,
            "tickets: the service accepts [22222222, 11111111] instead of 22222222 alone",
        ),
        (
            |it| it.outcomes[0].live = vec![FIRST.to_owned()],
            LIVE,
            "instead of 22222222 alone",
        ),
        (|it| it.outcomes[0].live.clear(), LIVE, "accepts []"),
    ];
    for (fault, rule, told) in faults {
        let mut recording = sound();
        fault(&mut recording);
        let verdict = Verdict::of(&recording);
        let checks = verdict.0.iter();
        let failed: Vec<_> = checks.filter(|it| !it.violations.is_empty()).collect();
        assert_eq!(failed.len(), 1, "{told}: {:#?}", verdict.lines());
        assert_eq!(failed[0].rule, rule, "{told}");
        let violations = &failed[0].violations;
        assert!(
            violations.iter().any(|it| it.contains(told)),
            "{told}: {violations:?}"
        );
    }
}
