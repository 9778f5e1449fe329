use super::*;
use crate::fixture::{FIRST, sound};

/// A text, and its class.
type Word = (String, String);

/// A class, and left, top, right, bottom.
type Rectangle = (String, [f64; 4]);

/// A picture's texts, and its rectangles.
fn drawn(recording: &Recording) -> (Vec<Word>, Vec<Rectangle>) {
    let svg = svg(recording);
    let (mut texts, mut rectangles) = (Vec::new(), Vec::new());
    let mut begun = None;
    for event in svg::read(&svg).unwrap() {
        match event {
            svg::parser::Event::Tag(name, _, attributes) => {
                let class = attributes.get("class").map_or("", |it| &**it).to_owned();
                let number = |name: &str| -> f64 { attributes[name].parse().unwrap() };
                if name == "text" && attributes.contains_key("x") {
                    begun = Some(class);
                } else if name == "rect" && !class.is_empty() {
                    let (x, y) = (number("x"), number("y"));
                    let place = [x, y, x + number("width"), y + number("height")];
                    rectangles.push((class, place));
                }
            }
            svg::parser::Event::Text(content) => {
                let text = content.trim().to_owned();
                texts.extend(begun.take().map(|class| (text, class)));
            }
            _ => {}
        }
    }
    (texts, rectangles)
}

/// The credentials' rectangles: row by row, with when each begins and ends, in tenths of a second of a run that takes
/// 27 seconds.
fn rows(rectangles: &[Rectangle]) -> Vec<Vec<(&str, i32, i32)>> {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a short run")]
    let tenths = |x: f64| ((x - LEFT) / (RIGHT - LEFT) * 270.0).round() as i32;
    let mut rows: Vec<(f64, Vec<_>)> = Vec::new();
    for (class, [left, top, right, bottom]) in rectangles {
        if *left < LEFT || *top < HEADER || (bottom - top - 11.0).abs() > 0.1 {
            continue;
        }
        let bar = (class.as_str(), tenths(*left), tenths(*right));
        match rows.last_mut() {
            Some((y, row)) if (*y - top).abs() < 0.1 => row.push(bar),
            _ => rows.push((*top, vec![bar])),
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

#[test]
fn a_bar_reaches_from_issue_to_revocation_and_has_its_trigger_where_the_rotation_began() {
    let (texts, rectangles) = drawn(&sound());
    let classes = |wanted: &str| -> Vec<_> {
        let found = texts.iter().filter(|(text, _)| text == wanted);
        found.map(|(_, class)| class.as_str()).collect()
    };
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
    assert_eq!(rows(&rectangles), expected);
    for (text, class) in [
        ("ended at 19.8 s", "small muted end c0"),
        ("by schedule", "small cause c1"),
        ("ended at 23.8 s", "small muted end c1"),
        ("rotate now", "small cause c2"),
    ] {
        assert_eq!(classes(text), [class]);
    }
    assert_eq!(classes("still accepted"), [""; 0]);
    for (name, id) in [
        ("imported", "00000000"),
        ("first", "11111111"),
        ("second", "22222222"),
    ] {
        assert_eq!(classes(name).len() + classes(id).len(), 2);
    }
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
