use super::*;
use crate::fixture::{FIRST, sound};

/// A number of an element's.
fn attribute(element: &str, name: &str) -> Option<f64> {
    let (_, rest) = element.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()?.parse().ok()
}

/// The credentials' rectangles, with when each begins and ends, in tenths of a second of a run that takes 27 seconds.
#[expect(clippy::cast_possible_truncation, reason = "seconds of a short run")]
fn bars(svg: &str) -> Vec<(&str, i32, i32)> {
    let tenths = |x: f64| ((x - LEFT) / (RIGHT - LEFT) * 270.0).round() as i32;
    let bar = |element: &'_ str| {
        let [x, y, width, height] = ["x", "y", "width", "height"].map(|it| attribute(element, it));
        let is_bar = x? >= LEFT && y? >= HEADER && (height? - 11.0).abs() < 0.1;
        is_bar.then(|| (tenths(x.unwrap()), tenths(x.unwrap() + width.unwrap())))
    };
    let elements = svg
        .split("<rect")
        .skip(1)
        .map(|it| it.split('>').next().unwrap());
    elements
        .filter_map(|element| {
            let (_, class) = element.split_once("class=\"")?;
            let (from, to) = bar(element)?;
            Some((class.split('"').next()?, from, to))
        })
        .collect()
}

#[test]
fn a_bar_reaches_from_issue_to_revocation_and_has_its_trigger_where_the_rotation_began() {
    let svg = svg(&sound());
    let expected = [
        ("c0 solid", 0, 45),
        ("c0 grace", 45, 198),
        ("c0 outline", 0, 198),
        ("c1 pending", 25, 45),
        ("c1 solid", 45, 85),
        ("c1 grace", 85, 238),
        ("c1 outline", 25, 238),
        // Beyond the end.
        ("c2 pending", 65, 85),
        ("c2 solid", 85, 270),
        ("c2 outline", 65, 270),
    ];
    assert_eq!(bars(&svg), expected);
    let drawn = |text: &str, class: &str| {
        let is_it = |element: &&str| {
            let (attributes, content) = element.split_once('>').unwrap();
            let content = content.split("</text>").next().unwrap();
            content.trim() == text && attributes.contains(class)
        };
        svg.split("<text").skip(1).filter(is_it).count()
    };
    for (text, class) in [
        ("ended at 19.8 s", "small muted end c0"),
        ("by schedule", "small cause c1"),
        ("ended at 23.8 s", "small muted end c1"),
        ("rotate now", "small cause c2"),
        ("imported", "name"),
        ("00000000", "small muted end"),
        ("first", "name"),
        ("11111111", "small muted end"),
        ("second", "name"),
        ("22222222", "small muted end"),
    ] {
        assert_eq!(drawn(text, &format!("\"{class}\"")), 1, "{text}");
    }
    assert_eq!(drawn("still accepted", ""), 0);
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
