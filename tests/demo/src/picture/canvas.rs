//! What the picture is drawn on: light, on a ground of its own, so that it reads on a page of any colour.

use jiff::Timestamp;
use svg::node::Text as Content;
use svg::node::element::{Definitions, Description, Path, Pattern, Rectangle, Style, Text, Title};
use svg::{Document, Node as _};

use crate::recording::Recording;

/// The width of a README on GitHub; heights follow from what is shown. Units are CSS pixels.
pub(super) const WIDTH: f64 = 900.0;
pub(super) const MARGIN: f64 = 14.0;
pub(super) const INDENT: f64 = 30.0;
/// Where time begins, right of the names.
pub(super) const LEFT: f64 = 206.0;
pub(super) const RIGHT: f64 = 870.0;

/// Each credential has a colour of its own. The colour-blind can tell them apart.
const STYLE: &str = "
text { font: 12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; fill: #16202c }
.title { font-size: 22px; font-weight: 650 }
.name { font-weight: 650 }
.muted { fill: #5b6878 }
.small { font-size: 11px }
.end { text-anchor: end }
.middle { text-anchor: middle }
.alarm { fill: #c81e1e; font-weight: 650 }
.ground { fill: #f4f6f9; stroke: #d5dce4 }
.panel { fill: #fff; stroke: #dde3ea }
path { fill: none }
.grid { stroke: #edf0f4 }
.c0 { color: #7b8794 } .c1 { color: #0b6fb8 } .c2 { color: #c26a00 }
.c3 { color: #0c8f6b } .c4 { color: #a24a90 } .c5 { color: #8a6d1f }
.solid { fill: currentColor }
.pending { fill: currentColor; fill-opacity: .42 }
.grace { fill: currentColor; fill-opacity: .2 }
.outline { fill: none; stroke: currentColor }
.restart { fill: url(#stripes) }
.cause { fill: currentColor; font-weight: 600 }
.line { stroke: currentColor; stroke-width: 1.5 }
.guide { stroke: currentColor; stroke-dasharray: 2 3 }
.accepted { stroke: #93a0ae; stroke-width: 1.5 }
.lost { stroke: #c81e1e; stroke-width: 4 }
";

pub(super) struct Canvas {
    document: Document,
    /// When the customers began to log in, at the left edge.
    pub(super) began: Timestamp,
    /// The seconds at the right edge.
    pub(super) end: f64,
}

impl Canvas {
    pub(super) fn new(recording: &Recording, height: f64, title: &str, setting: &str) -> Self {
        let stripes = Pattern::new()
            .set("id", "stripes")
            .set("width", 5)
            .set("height", 5)
            .set("patternUnits", "userSpaceOnUse")
            .set("patternTransform", "rotate(45)")
            .add(
                rectangle(0.0, 0.0, 2.5, 5.0)
                    .set("fill", "#fff")
                    .set("fill-opacity", 0.75),
            );
        let document = Document::new()
            .set("viewBox", (0, 0, WIDTH, height))
            .set("width", WIDTH)
            .set("height", height)
            .set("role", "img")
            .add(Title::new(title))
            .add(Description::new().add(Content::new(setting)))
            .add(Style::new(STYLE))
            .add(Definitions::new().add(stripes));
        let took = recording.ended.duration_since(recording.began);
        let mut canvas = Self {
            document,
            began: recording.began,
            end: took.as_secs_f64().max(1.0),
        };
        canvas.rectangle(0.5, 0.5, WIDTH - 1.0, height - 1.0, "ground");
        canvas
    }

    pub(super) fn into_svg(self) -> String {
        self.document.to_string()
    }

    /// The seconds from the left edge to a time, which may be beyond the edges.
    pub(super) fn seconds(&self, at: Timestamp) -> f64 {
        let seconds = at.duration_since(self.began).as_secs_f64();
        seconds.clamp(0.0, self.end)
    }

    pub(super) fn or_end(&self, at: Option<Timestamp>) -> f64 {
        at.map_or(self.end, |at| self.seconds(at))
    }

    pub(super) fn x(&self, seconds: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * seconds / self.end
    }

    pub(super) fn ticks(&self) -> Vec<f64> {
        let steps = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0];
        let few = |step: &f64| self.end / step <= 12.0;
        let step = steps.into_iter().find(few).unwrap_or(600.0);
        let ticks = std::iter::successors(Some(0.0), |at| Some(at + step));
        ticks.take_while(|at| *at <= self.end).collect()
    }

    pub(super) fn text(&mut self, x: f64, y: f64, class: &str, content: &str) {
        let text = Text::new(content).set("x", tenths(x)).set("y", tenths(y));
        self.document.append(text.set("class", class));
    }

    pub(super) fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        let rectangle = rectangle(x, y, width, height);
        self.document.append(rectangle.set("class", class));
    }

    pub(super) fn path(&mut self, class: &str, path: String) {
        if !path.is_empty() {
            let path = Path::new().set("d", path);
            self.document.append(path.set("class", class));
        }
    }

    pub(super) fn span(&mut self, from: f64, to: f64, y: f64, height: f64, class: &str) {
        let (from, to) = (self.x(from), self.x(to));
        if to > from {
            self.rectangle(from, y, to - from, height, class);
        }
    }

    pub(super) fn legend(&mut self, y: f64) {
        let (middle, mut x) = (y - 4.0, INDENT);
        for (name, class) in [
            ("logins, each quarter second", "accepted"),
            ("a refused login", "lost"),
            ("published to Heroku", "c1 guide"),
            ("new, not yet AWSCURRENT", "c1 pending"),
            ("dyno restarting", "c1 solid"),
        ] {
            match class {
                "accepted" => self.path(
                    class,
                    ticks((0..4).map(|it| x + 5.0 * f64::from(it)), middle, 3.0),
                ),
                "lost" | "c1 guide" => self.path(class, ticks([x + 8.0], middle, 7.0)),
                _ => self.rectangle(x, y - 9.0, 18.0, 10.0, class),
            }
            if class == "c1 solid" {
                self.rectangle(x, y - 9.0, 18.0, 10.0, "restart");
            }
            self.text(x + 23.0, y, "small muted", name);
            x += 23.0 + breadth(name) + 4.0;
        }
    }
}

fn rectangle(x: f64, y: f64, width: f64, height: f64) -> Rectangle {
    Rectangle::new()
        .set("x", tenths(x))
        .set("y", tenths(y))
        .set("width", tenths(width))
        .set("height", tenths(height))
}

pub(super) fn line(x: f64, from: f64, to: f64) -> String {
    format!("M{x:.1} {from:.1}V{to:.1}")
}

/// Lines at these places, of this reach up and down.
pub(super) fn ticks(places: impl IntoIterator<Item = f64>, middle: f64, reach: f64) -> String {
    let places = places.into_iter();
    places
        .map(|x| line(x, middle - reach, middle + reach))
        .collect()
}

/// A small text's width with some space after it, on the generous side: fonts differ.
pub(super) fn breadth(text: &str) -> f64 {
    let letter = |letter: char| if letter.is_uppercase() { 8.2 } else { 6.2 };
    text.chars().map(letter).sum::<f64>() + 8.0
}

fn tenths(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

pub(super) fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
