use super::*;
use crate::fixture::{FIRST, sound};

fn chart() -> InstanceChart {
    Chart::of(&sound()).instances.remove(0)
}

#[track_caller]
fn assert_close(actual: f64, expected: f64) {
    assert!(
        (actual - expected).abs() < 1e-6,
        "{actual} instead of {expected}"
    );
}

#[test]
fn a_bar_reaches_from_issue_to_revocation() {
    let bars = chart().bars;
    assert_eq!(bars.len(), 3);
    let first = &bars[1];
    assert_eq!(first.label, "11111111");
    assert_close(first.issued, 2.5);
    assert_close(first.current, 4.5);
    assert_close(first.superseded, 8.5);
    assert_close(first.due.unwrap(), 23.2);
    assert_close(first.revoked.unwrap(), 23.8);
}

#[test]
fn the_imported_credential_is_there_from_the_start() {
    let imported = chart().bars.remove(0);
    assert!(imported.imported);
    assert_close(imported.issued, 0.0);
    assert_close(imported.current, 0.0);
    assert_close(imported.superseded, 4.5);
    assert_close(imported.revoked.unwrap(), 19.8);
}

#[test]
fn the_newest_credential_lasts_beyond_the_end() {
    let newest = chart().bars.remove(2);
    assert_close(newest.current, 8.5);
    assert_close(newest.superseded, 27.0);
    assert_eq!((newest.due, newest.revoked), (None, None));
}

#[test]
fn a_credential_that_is_accepted_after_its_end_is_not_drawn_as_refused() {
    let mut recording = sound();
    let tried = recording.outcomes[0].tried_again.get_mut(FIRST).unwrap();
    tried.accepted = 1;
    let bars = Chart::of(&recording).instances.remove(0).bars;
    assert_eq!(bars[1].revoked, None);
    assert!(bars[0].revoked.is_some());
}

#[test]
fn a_dyno_keeps_what_it_had_until_its_restart_is_over() {
    let dyno = chart().apps[1].dynos.remove(0);
    let stretches: Vec<_> = dyno
        .stretches
        .iter()
        .map(|it| (it.from, it.to, it.bar, it.restarting))
        .collect();
    assert_eq!(
        stretches,
        [
            (0.0, 3.0, 0, false),
            (3.0, 4.5, 0, true),
            (4.5, 7.0, 1, false),
            (7.0, 8.5, 1, true),
            (8.5, 27.0, 2, false),
        ]
    );
}

#[test]
fn a_publication_is_a_release_of_each_app() {
    let chart = chart();
    let published: Vec<_> = chart
        .publications
        .iter()
        .map(|it| (it.at, it.bar, it.cause))
        .collect();
    assert_eq!(published, [(3.0, 1, "by schedule"), (7.0, 2, "rotate now")]);
    for app in &chart.apps {
        assert_eq!(app.releases, [(3.0, 4), (7.0, 5)]);
    }
}

#[test]
fn the_title_says_what_was_refused_and_when_the_verdict_is_bad() {
    let mut recording = sound();
    assert_eq!(
        Chart::of(&recording).title,
        "2 rotations, 1,200 logins, 0 refused"
    );
    let tally = recording.outcomes[0].logins.get_mut("tickets").unwrap();
    tally.refused = 7;
    let title = Chart::of(&recording).title;
    assert_eq!(
        title,
        "2 rotations, 1,207 logins, 7 refused — verdict: failed"
    );
}

#[test]
fn the_picture_is_drawn_of_names_and_times_only() {
    let mut recording = sound();
    let outcome = &mut recording.outcomes[0];
    let tried = outcome.tried_again.get_mut(FIRST).unwrap();
    tried.first_refusal = Some("text-of-a-refusal".to_owned());
    outcome.live = vec!["name-of-a-login-role".to_owned()];
    let svg = svg(&recording);
    for name in [
        "tickets-private",
        "Private Space",
        "release v4",
        "11111111",
        "refused from 23.8 s",
    ] {
        assert!(svg.contains(name), "{name} is missing");
    }
    for other in [
        "text-of-a-refusal",
        "name-of-a-login-role",
        "arn:aws",
        "NaN",
        "inf",
    ] {
        assert!(!svg.contains(other), "{other} is there");
    }
}

#[test]
fn a_run_that_broke_off_is_drawn_too() {
    let mut recording = sound();
    recording.events.truncate(14);
    recording.ended = recording.began;
    assert!(svg(&recording).contains("verdict: failed"));
    recording.outcomes.clear();
    assert!(svg(&recording).starts_with("<svg"));
}
