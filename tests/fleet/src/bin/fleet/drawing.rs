//! What the tasks' charts are put together from.

use svg::Document;
use svg::node::element::{Description, Rectangle, Text, Title};

/// The edge of a picture that stays empty, in CSS pixels.
const MARGIN: f64 = 28.0;
const INK: &str = "#16202c";
pub(crate) const MUTED: &str = "#5b6878";
const BACKGROUND: &str = "#f4f6f9";
pub(crate) const PANEL: &str = "#ffffff";
/// Of two things side by side: told apart by the colour-blind too.
pub(crate) const COLOURS: [&str; 2] = ["#0b6fb8", "#c26a00"];
const FONT: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif";

/// An empty picture with a heading; what comes next is below y = 64.
pub(crate) fn picture(width: f64, height: f64, title: &str, subtitle: &str) -> Document {
    Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .set("role", "img")
        .set("font-family", FONT)
        .set("font-size", 12)
        .set("fill", INK)
        .add(Title::new(title))
        .add(Description::new().add(svg::node::Text::new(subtitle)))
        .add(rectangle(0.0, 0.0, width, height, BACKGROUND))
        .add(
            text(MARGIN, 34.0, title)
                .set("font-size", 20)
                .set("font-weight", 650),
        )
        .add(
            text(MARGIN, 54.0, subtitle)
                .set("fill", MUTED)
                .set("font-size", 11),
        )
}

pub(crate) fn rectangle(x: f64, y: f64, width: f64, height: f64, colour: &str) -> Rectangle {
    Rectangle::new()
        .set("x", x)
        .set("y", y)
        .set("width", width)
        .set("height", height)
        .set("fill", colour)
}

pub(crate) fn text(x: f64, y: f64, content: &str) -> Text {
    Text::new(content).set("x", x).set("y", y)
}

/// A place in a row as a number to draw with.
pub(crate) fn count(count: usize) -> f64 {
    fleet::number(u64::try_from(count).unwrap_or(u64::MAX))
}
