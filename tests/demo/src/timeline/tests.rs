use super::*;
use crate::fixture::{FIRST, SECOND, at, sound};
use local_cloud::events::{Event, EventKind};

/// How often a login that came to nothing is drawn; once in the legend.
fn lost_in(svg: &str) -> usize {
    svg.matches(r#"class="lost""#).count()
}

fn chart() -> InstanceChart {
    Chart::of(&sound()).instances.remove(0)
}

/// As a whole number: times are floating.
#[expect(clippy::cast_possible_truncation, reason = "seconds of a short run")]
fn tenths(seconds: f64) -> i32 {
    (seconds * 10.0).round() as i32
}

#[test]
fn a_bar_reaches_from_issue_to_revocation_and_has_its_trigger_where_the_rotation_began() {
    let bars = chart().bars.into_iter().map(|it| {
        assert!(!it.overdue);
        let name = format!("{} {}", it.name, it.id);
        let lives = [it.issued, it.current, it.superseded].map(tenths);
        (
            name,
            it.trigger,
            it.published.map(tenths),
            lives,
            it.ended.map(tenths),
        )
    });
    let expected = [
        ("imported 00000000", None, None, [0, 0, 45], Some(198)),
        (
            "first 11111111",
            Some((2.0, "by schedule")),
            Some(30),
            [25, 45, 85],
            Some(238),
        ),
        // Beyond the end.
        (
            "second 22222222",
            Some((6.0, "rotate now")),
            Some(70),
            [65, 85, 270],
            None,
        ),
    ];
    let expected = expected.map(|it| (it.0.to_owned(), it.1, it.2, it.3, it.4));
    assert_eq!(bars.collect::<Vec<_>>(), expected);
}

#[test]
fn a_rotation_that_was_retried_was_triggered_when_it_first_began() {
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
    let bars = Chart::of(&recording).instances.remove(0).bars;
    assert_eq!(bars[2].trigger, Some((6.0, "rotate now")));
}

#[test]
fn a_credential_that_is_accepted_after_its_end_is_drawn_as_wrong() {
    let mut recording = sound();
    let tried = recording.outcomes[0].tried_again.get_mut(FIRST).unwrap();
    tried.accepted = 1;
    let bars = Chart::of(&recording).instances.remove(0).bars;
    assert_eq!((bars[1].ended, bars[1].overdue), (None, true));
    assert!(bars[0].ended.is_some() && !bars[0].overdue);
    assert!(svg(&recording).contains("still accepted"));
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
    let bars = Chart::of(&recording).instances.remove(0).bars;
    let overdue: Vec<_> = bars.iter().map(|it| it.overdue).collect();
    assert_eq!(overdue, [true, false, false]);
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
fn an_app_is_drawn_with_its_releases_and_what_is_particular() {
    let [app, private] = &chart().apps[..] else {
        panic!("there are two apps");
    };
    assert_eq!(app.notes, ["releases v4, v5"]);
    assert_eq!(private.notes, ["releases v4, v5", "Private Space"]);
}

#[test]
fn logins_are_drawn_by_the_slice_of_time_from_the_picture_s_beginning() {
    let logins = chart().apps.remove(0).logins;
    assert_eq!(logins.len(), 108);
    assert_eq!((logins[0].at, logins[107].at), (0.125, 26.875));
    assert!(logins.iter().all(|it| it.accepted && !it.lost));
}

#[test]
fn a_lost_login_is_drawn_where_it_was_lost() {
    let mut recording = sound();
    assert_eq!(lost_in(&svg(&recording)), 1);
    let tally = recording.outcomes[0].logins.get_mut("tickets").unwrap();
    tally.slices.get_mut(&at(12.0)).unwrap().lost = 1;
    tally.slices.remove(&at(13.0));
    let instance = Chart::of(&recording).instances.remove(0);
    let logins = &instance.apps[0].logins;
    let lost: Vec<_> = logins.iter().filter(|it| it.lost).collect();
    let expected = Logins {
        at: 12.125,
        accepted: true,
        lost: true,
    };
    assert_eq!(lost, [&expected]);
    assert!(logins.iter().all(|it| (it.at - 13.125).abs() > 0.1));
    assert!(instance.lost);
    assert_eq!(lost_in(&svg(&recording)), 2);
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

/// Left, top, right, bottom.
type Place = [f64; 4];

/// Where a picture has texts, and where bars.
fn places(svg: &str) -> (Vec<(String, Place)>, Vec<Place>) {
    let (mut texts, mut bars) = (Vec::new(), Vec::new());
    let mut text = None;
    for event in svg::read(svg).unwrap() {
        match event {
            svg::parser::Event::Tag(name, _, attributes) => {
                let class = attributes.get("class").map_or("", |it| &**it).to_owned();
                let is = |wanted: &str| class.split(' ').any(|it| it == wanted);
                let number = |name: &str| -> f64 { attributes[name].parse().unwrap() };
                if name == "text" && attributes.contains_key("x") {
                    let size = if is("title") { 22.0 } else { 12.0 };
                    text = Some((number("x"), number("y"), size, is("end"), is("middle")));
                } else if name == "rect" && (is("outline") || is("solid") || is("grace")) {
                    let (x, y) = (number("x"), number("y"));
                    bars.push([x, y, x + number("width"), y + number("height")]);
                }
            }
            svg::parser::Event::Text(content) => {
                if let Some((x, y, size, end, middle)) = text.take() {
                    let width = draw::breadth(content.trim()) * size / 12.0;
                    let left = match (end, middle) {
                        (true, _) => x - width,
                        (_, true) => x - width / 2.0,
                        _ => x,
                    };
                    let place = [left, y - size * 0.75, left + width, y + 1.0];
                    texts.push((content.trim().to_owned(), place));
                }
            }
            _ => {}
        }
    }
    (texts, bars)
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
        let drawn = svg(&recording);
        let (texts, bars) = places(&drawn);
        assert!(texts.len() > 30 && bars.len() > 15);
        for (index, (text, place)) in texts.iter().enumerate() {
            assert!(place[0] >= 0.0 && place[2] <= 900.0, "{text}: {place:?}");
            for bar in &bars {
                assert!(!overlap(place, bar), "{text} lies on a bar, {seconds} s");
            }
            for (other, beside) in &texts[index + 1..] {
                assert!(
                    !overlap(place, beside),
                    "{text} lies on {other}, {seconds} s"
                );
            }
        }
    }
}
