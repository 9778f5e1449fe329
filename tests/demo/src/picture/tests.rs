use stand_in::events::{Event, EventKind};

use super::*;
use crate::fixture::{FIRST, SECOND, at, sound};

/// Left, top, right, bottom.
type Place = [f64; 4];

/// What has a place in a picture, with its class.
struct Drawn {
    /// The text, or empty.
    text: String,
    class: String,
    place: Place,
}

impl Drawn {
    fn is(&self, class: &str) -> bool {
        self.class.split(' ').any(|it| it == class)
    }

    /// From when to when, in tenths of a second of a run that takes 27 seconds.
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a short run")]
    fn tenths(&self) -> (i32, i32) {
        let tenths = |x: f64| ((x - LEFT) / (RIGHT - LEFT) * 270.0).round() as i32;
        (tenths(self.place[0]), tenths(self.place[2]))
    }
}

/// A picture's texts, and its rectangles.
fn drawn(recording: &Recording) -> (Vec<Drawn>, Vec<Drawn>) {
    let svg = svg(recording);
    let (mut texts, mut rectangles) = (Vec::new(), Vec::new());
    let mut begun = None;
    for event in svg::read(&svg).unwrap() {
        match event {
            svg::parser::Event::Tag(name, _, attributes) => {
                let class = attributes.get("class").map_or("", |it| &**it).to_owned();
                let number = |name: &str| -> f64 { attributes[name].parse().unwrap() };
                if name == "text" && attributes.contains_key("x") {
                    begun = Some((number("x"), number("y"), class));
                } else if name == "rect" && !class.is_empty() {
                    let (x, y) = (number("x"), number("y"));
                    rectangles.push(Drawn {
                        text: String::new(),
                        class,
                        place: [x, y, x + number("width"), y + number("height")],
                    });
                }
            }
            svg::parser::Event::Text(content) => {
                let Some((x, y, class)) = begun.take() else {
                    continue;
                };
                let mut text = Drawn {
                    text: content.trim().to_owned(),
                    class,
                    place: [0.0; 4],
                };
                let size = if text.is("title") { 22.0 } else { 12.0 };
                let width = canvas::breadth(&text.text) * size / 12.0;
                let left = match (text.is("end"), text.is("middle")) {
                    (true, _) => x - width,
                    (_, true) => x - width / 2.0,
                    _ => x,
                };
                text.place = [left, y - size * 0.75, left + width, y + 1.0];
                texts.push(text);
            }
            _ => {}
        }
    }
    (texts, rectangles)
}

/// The classes of the texts that are exactly this.
fn classes(texts: &[Drawn], wanted: &str) -> Vec<String> {
    let found = texts.iter().filter(|it| it.text == wanted);
    found.map(|it| it.class.clone()).collect()
}

/// The rectangles of this height, right of the names: row by row, with when each begins and ends.
fn rows(rectangles: &[Drawn], height: f64) -> Vec<Vec<(&str, i32, i32)>> {
    let mut rows: Vec<(f64, Vec<_>)> = Vec::new();
    for it in rectangles {
        let [left, top, _, bottom] = it.place;
        if left < LEFT || top < HEADER || (bottom - top - height).abs() > 0.1 {
            continue;
        }
        let (from, to) = it.tenths();
        let bar = (it.class.as_str(), from, to);
        match rows.last_mut() {
            Some((y, row)) if (*y - top).abs() < 0.1 => row.push(bar),
            _ => rows.push((top, vec![bar])),
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The lines that are drawn of logins, class by class.
fn logins(svg: &str, class: &str) -> Vec<usize> {
    let paths = svg.split("<path ").skip(1);
    let paths = paths.filter(|it| it.contains(&format!("class=\"{class}\"")));
    paths.map(|it| it.matches('M').count()).collect()
}

#[test]
fn a_bar_reaches_from_issue_to_revocation_and_has_its_trigger_where_the_rotation_began() {
    let (texts, rectangles) = drawn(&sound());
    let expected = [
        vec![
            ("c0 solid", 0, 45),
            ("c0 grace", 45, 198),
            ("c0 outline", 0, 198),
        ],
        vec![
            ("c1 pending", 25, 45),
            ("c1 solid", 45, 85),
            ("c1 grace", 85, 238),
            ("c1 outline", 25, 238),
        ],
        // Beyond the end.
        vec![
            ("c2 pending", 65, 85),
            ("c2 solid", 85, 270),
            ("c2 outline", 65, 270),
        ],
    ];
    assert_eq!(rows(&rectangles, 11.0), expected);
    for (text, class) in [
        ("ended at 19.8 s", "small muted end c0"),
        ("by schedule", "small cause c1"),
        ("ended at 23.8 s", "small muted end c1"),
        ("rotate now", "small cause c2"),
    ] {
        assert_eq!(classes(&texts, text), [class]);
    }
    assert_eq!(classes(&texts, "still accepted"), [""; 0]);
    for (name, id) in [
        ("imported", "00000000"),
        ("first", "11111111"),
        ("second", "22222222"),
    ] {
        assert_eq!(classes(&texts, name).len() + classes(&texts, id).len(), 2);
    }
}

#[test]
fn a_rotation_that_was_retried_was_triggered_when_it_first_began() {
    let before = svg(&sound());
    let mut recording = sound();
    let outcome = &recording.outcomes[0];
    recording.events.push(Event {
        at: at(7.0),
        kind: EventKind::RotationStarted {
            secret: outcome.subject.secret.clone(),
            version: SECOND.to_owned(),
            cause: "retry".to_owned(),
        },
    });
    assert!(svg(&recording) == before);
}

#[test]
fn a_credential_that_is_accepted_after_its_end_is_drawn_as_wrong() {
    let mut recording = sound();
    let tried = recording.outcomes[0].tried_again.get_mut(FIRST).unwrap();
    tried.accepted = 1;
    let (texts, _) = drawn(&recording);
    assert_eq!(classes(&texts, "still accepted"), ["small alarm end c1"]);
    assert_eq!(classes(&texts, "ended at 23.8 s"), [""; 0]);
    assert_eq!(classes(&texts, "ended at 19.8 s").len(), 1);
}

#[test]
fn a_credential_is_overdue_only_once_its_grace_period_is_over() {
    let mut recording = sound();
    recording
        .events
        .retain(|it| !matches!(it.kind, EventKind::CredentialRevoked { .. }));
    let live = |it: &EventKind| matches!(it, EventKind::LabelRemoved { label, .. } if label != "AWSCURRENT");
    recording.events.retain(|it| !live(&it.kind));
    // The imported one was due at 19.2 s, the first at 23.2 s.
    recording.ended = at(20.0);
    let (texts, _) = drawn(&recording);
    assert_eq!(classes(&texts, "still accepted"), ["small alarm end c0"]);
}

#[test]
fn a_dyno_keeps_what_it_had_until_its_restart_is_over() {
    let (_, rectangles) = drawn(&sound());
    let dynos = rows(&rectangles, DYNO);
    assert_eq!(dynos.len(), 4);
    // Those of the second app.
    let expected = [
        ("c0 solid", 0, 30),
        ("c0 solid", 30, 45),
        ("restart", 30, 45),
        ("c1 solid", 45, 70),
        ("c1 solid", 70, 85),
        ("restart", 70, 85),
        ("c2 solid", 85, 270),
    ];
    assert_eq!(dynos[2], expected);
}

#[test]
fn a_lost_login_is_drawn_where_it_was_lost() {
    let mut recording = sound();
    let before = svg(&recording);
    // The legend's are first, and slices from the picture's beginning.
    assert_eq!(logins(&before, "accepted"), [4, 108, 108]);
    assert_eq!(logins(&before, "lost"), [1]);
    let tally = recording.outcomes[0].logins.get_mut("tickets").unwrap();
    tally.slices.get_mut(&at(12.0)).unwrap().lost = 1;
    tally.slices.remove(&at(13.0));
    let after = svg(&recording);
    assert_eq!(logins(&after, "accepted"), [4, 107, 108]);
    assert_eq!(logins(&after, "lost"), [1, 1]);
    let x = LEFT + (RIGHT - LEFT) * 12.125 / 27.0;
    let lost = after
        .split("<path ")
        .find(|it| it.contains("lost") && it.contains(&format!("M{x:.1} ")));
    assert!(lost.is_some(), "at {x}");
    let (texts, _) = drawn(&recording);
    let summary = "1,200 logins accepted, 0 refused";
    assert_eq!(classes(&texts, summary), ["small alarm end"]);
}

#[test]
fn the_title_says_what_was_refused_and_when_the_verdict_is_bad() {
    let mut recording = sound();
    let is_titled = |recording: &Recording, title: &str, class: &str| {
        assert_eq!(classes(&drawn(recording).0, title), [class]);
    };
    is_titled(&recording, "2 rotations, 1,200 logins, 0 refused", "title");
    let tally = recording.outcomes[0].logins.get_mut("tickets").unwrap();
    tally.refused = 7;
    let title = "2 rotations, 1,207 logins, 7 refused — verdict: failed";
    is_titled(&recording, title, "title alarm");
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
        "releases v4, v5",
        "11111111",
        "ended at 23.8 s",
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

fn overlap(one: &Place, other: &Place) -> bool {
    // Places are rounded to tenths.
    let before = |a: f64, b: f64| a + 0.2 < b;
    before(one[0], other[2])
        && before(other[0], one[2])
        && before(one[1], other[3])
        && before(other[1], one[3])
}

#[test]
fn no_text_lies_on_a_bar_on_another_text_or_beyond_the_edge() {
    // The longer the run, the closer together is what happens in its first half minute.
    for seconds in [27.0, 45.0, 120.0, 600.0, 4_000.0] {
        let mut recording = sound();
        recording.ended = at(seconds);
        let (texts, mut bars) = drawn(&recording);
        bars.retain(|it| it.is("outline") || it.is("solid") || it.is("grace"));
        assert!(texts.len() > 30 && bars.len() > 15);
        for (index, Drawn { text, place, .. }) in texts.iter().enumerate() {
            assert!(place[0] >= 0.0 && place[2] <= 900.0, "{text}: {place:?}");
            for beside in bars.iter().chain(&texts[index + 1..]) {
                let other = format!("{} {}", beside.class, beside.text);
                assert!(
                    !overlap(place, &beside.place),
                    "{text} lies on {other}, {seconds} s"
                );
            }
        }
    }
}
