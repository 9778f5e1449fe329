//! What the picture is put together from, and where its measures and colours are.

use svg::node::element::{
    Definitions, Group, Line, Path, Pattern, Polygon, Rectangle, TSpan, Text,
};

/// The picture's width; heights follow from what it shows. Units are CSS pixels.
pub(super) const WIDTH: f64 = 1240.0;
pub(super) const MARGIN: f64 = 32.0;
/// Where time begins, right of the lanes' names.
pub(super) const LEFT: f64 = 256.0;
pub(super) const RIGHT: f64 = WIDTH - MARGIN - 24.0;

/// Nearer than this, the labels of two lines would run into each other.
const LABEL: f64 = 84.0;

pub(super) const PANEL: &str = "#ffffff";
pub(super) const MUTED: &str = "#5b6878";
const ALARM: &str = "#b42318";
/// Of the imported credential and then of each version: told apart by the colour-blind too.
pub(super) const COLOURS: [&str; 6] = [
    "#7b8794", "#0b6fb8", "#c26a00", "#0c8f6b", "#a24a90", "#8a6d1f",
];

/// A triangle on a bar's upper edge.
pub(super) fn promotion(x: f64, y: f64, colour: &str) -> Group {
    let points = format!(
        "{:.1},{:.1} {:.1},{:.1} {x:.1},{:.1}",
        x - 5.0,
        y - 4.0,
        x + 5.0,
        y - 4.0,
        y + 5.0
    );
    Group::new().add(
        Polygon::new()
            .set("points", points)
            .set("fill", colour)
            .set("stroke", PANEL)
            .set("stroke-width", 1),
    )
}

pub(super) fn revocation(x: f64, y: f64, at: f64) -> Group {
    let label = format!("refused from {at:.1} s");
    let fits = x + 11.0 + breadth(&label, 11.0) < WIDTH - MARGIN;
    let (anchor, beside) = if fits {
        ("start", 11.0)
    } else {
        ("end", -11.0)
    };
    Group::new().add(cross(x, y)).add(
        text(x + beside, y + 4.0, &label)
            .set("fill", ALARM)
            .set("font-size", 11)
            .set("text-anchor", anchor)
            .set("stroke", PANEL)
            .set("stroke-width", 4)
            .set("stroke-linejoin", "round")
            .set("paint-order", "stroke"),
    )
}

pub(super) fn cross(x: f64, y: f64) -> Path {
    let d = format!("M{:.1} {:.1}l10 10m0 -10l-10 10", x - 5.0, y - 5.0);
    Path::new()
        .set("d", d)
        .set("fill", "none")
        .set("stroke", ALARM)
        .set("stroke-width", 2.5)
        .set("stroke-linecap", "round")
}

pub(super) fn definitions() -> Definitions {
    let stripes = |id: &str, colour: &str, step: f64, width: f64| {
        Pattern::new()
            .set("id", id)
            .set("width", step)
            .set("height", step)
            .set("patternUnits", "userSpaceOnUse")
            .set("patternTransform", "rotate(45)")
            .add(rectangle(0.0, 0.0, width, step).set("fill", colour))
    };
    Definitions::new()
        .add(stripes("restart", "rgb(255 255 255 / 0.72)", 5.0, 2.5))
        .add(stripes("grace", "rgb(255 255 255 / 0.55)", 8.0, 3.0))
}

pub(super) fn swatch(x: f64, y: f64, colour: &str) -> Rectangle {
    rectangle(x, y, 10.0, 10.0)
        .set("rx", 2.5)
        .set("fill", colour)
}

pub(super) fn rectangle(x: f64, y: f64, width: f64, height: f64) -> Rectangle {
    Rectangle::new()
        .set("x", tenths(x))
        .set("y", tenths(y))
        .set("width", tenths(width))
        .set("height", tenths(height))
}

pub(super) fn vertical(x: f64, from: f64, to: f64) -> Line {
    let x = tenths(x);
    Line::new()
        .set("x1", x)
        .set("x2", x)
        .set("y1", tenths(from))
        .set("y2", tenths(to))
}

/// A name in bold, and in small what is to be known about it.
pub(super) fn heading(name: &str, note: Option<&str>, y: f64, size: f64) -> Text {
    let heading = text(MARGIN + 16.0, y, name)
        .set("font-size", size)
        .set("font-weight", 650);
    match note {
        Some(note) => heading.add(
            TSpan::new(note)
                .set("dx", 9)
                .set("fill", MUTED)
                .set("font-size", size.mul_add(0.4, 6.2))
                .set("font-weight", 400),
        ),
        None => heading,
    }
}

/// A label right of a line at `places[index]`; left of it if the next line is near.
pub(super) fn beside(places: &[f64], index: usize, y: f64, content: &str) -> Text {
    let x = places[index];
    let crowded = places.get(index + 1).is_some_and(|next| next - x < LABEL);
    let (anchor, beside) = if crowded {
        ("end", -4.0)
    } else {
        ("start", 4.0)
    };
    text(x + beside, y, content).set("text-anchor", anchor)
}

pub(super) fn text(x: f64, y: f64, content: &str) -> Text {
    Text::new(content).set("x", tenths(x)).set("y", tenths(y))
}

/// A text's width, on the generous side: fonts differ.
pub(super) fn breadth(text: &str, size: f64) -> f64 {
    let ems = |letter: char| if letter.is_uppercase() { 0.72 } else { 0.58 };
    text.chars().map(ems).sum::<f64>() * size
}

fn tenths(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

pub(super) fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}

pub(super) fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
