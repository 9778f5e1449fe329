use super::*;
use crate::fixture::{at, sound};

fn state_at(seconds: f64) -> String {
    let recording = sound();
    let past: Vec<_> = recording
        .events
        .iter()
        .filter(|event| event.at <= at(seconds))
        .cloned()
        .collect();
    state(
        &History::of(&recording.outcomes[0].subject, &past),
        at(seconds),
    )
}

#[test]
fn a_state_tells_the_step_and_what_is_to_end() {
    assert_eq!(state_at(1.0), "not yet rotated");
    assert_eq!(state_at(2.1), "createSecret");
    assert_eq!(state_at(5.5), "00000000 ends in 14 s");
    assert_eq!(state_at(6.95), "setSecret · 00000000 ends in 13 s");
    assert_eq!(state_at(19.4), "00000000 ends now · 11111111 ends in 4 s");
    assert_eq!(state_at(26.0), "2 revoked");
}

#[test]
fn figures_tell_refused_from_failed() {
    let recording = sound();
    let subject = &recording.outcomes[0].subject;
    let tally = Tally {
        accepted: 1_500,
        overtaken: 1,
        missing: 2,
        ..Tally::default()
    };
    let figures = Figures::of(subject, &|_| tally.clone());
    assert_eq!(figures.text(), "3,000 logins accepted, 2 refused, 4 failed");
    assert_eq!(figures.lost, 6);
}
