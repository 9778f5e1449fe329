//! Draws a chart: light, on a ground of its own, so that it reads on a page of any colour.

use svg::node::Text as Content;
use svg::node::element::{Definitions, Description, Path, Pattern, Rectangle, Style, Text, Title};
use svg::{Document, Node as _};

use super::{AppChart, Bar, Chart, DynoChart, InstanceChart, Logins};

/// The width of a README on GitHub; heights follow from what is shown. Units are CSS pixels.
const WIDTH: f64 = 900.0;
const MARGIN: f64 = 14.0;
const INDENT: f64 = 30.0;
/// Where time begins, right of the names.
const LEFT: f64 = 206.0;
const RIGHT: f64 = 870.0;

const HEADER: f64 = 128.0;
const INSTANCE_HEADER: f64 = 34.0;
const LABEL: f64 = 14.0;
const BAR: f64 = 11.0;
const BAR_STEP: f64 = 32.0;
/// Between the credentials and the apps.
const APPS: f64 = 8.0;
const LOGINS: f64 = 17.0;
const DYNO: f64 = 9.0;
const DYNO_STEP: f64 = 13.0;
const GAP: f64 = 10.0;
const FOOTER: f64 = 52.0;

/// The imported credential's is `c0`; then each version's. The colour-blind can tell them apart.
const COLOURS: usize = 6;
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

pub(super) fn draw(chart: &Chart) -> Document {
    let panels: f64 = chart.instances.iter().map(|it| height(it) + GAP).sum();
    let total = HEADER + panels + FOOTER;
    let mut canvas = Canvas::new(chart, total);
    canvas.rectangle(0.5, 0.5, WIDTH - 1.0, total - 1.0, "ground");
    let title = if chart.failed { "title alarm" } else { "title" };
    canvas.text(INDENT, 40.0, title, &chart.title);
    for (y, line) in [
        (
            62.0,
            "Every dyno logs in all the time. A rotation publishes a new credential, and the dynos restart with it, one by one.",
        ),
        (
            78.0,
            "The old credential is accepted until its grace period is over. A dyno's colour is the credential that it runs with.",
        ),
    ] {
        canvas.text(INDENT, y, "muted", line);
    }
    canvas.legend(106.0);
    let mut top = HEADER;
    for instance in &chart.instances {
        canvas.panel(instance, top);
        top += height(instance) + GAP;
    }
    for at in canvas.ticks() {
        canvas.text(
            canvas.x(at),
            top + 8.0,
            "small muted middle",
            &format!("{at:.0} s"),
        );
    }
    canvas.text(INDENT, top + 8.0, "small muted", "since the first login");
    canvas.text(INDENT, top + 32.0, "small muted", &chart.setting);
    canvas.document
}

fn height(instance: &InstanceChart) -> f64 {
    let apps: f64 = instance.apps.iter().map(app_height).sum();
    INSTANCE_HEADER + BAR_STEP * count(instance.bars.len()) + APPS + apps
}

fn app_height(app: &AppChart) -> f64 {
    LOGINS + DYNO_STEP * count(app.dynos.len().max(app.notes.len())) + 8.0
}

struct Canvas {
    document: Document,
    /// The time at the right edge.
    end: f64,
}

impl Canvas {
    fn new(chart: &Chart, height: f64) -> Self {
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
            .add(Title::new(chart.title.clone()))
            .add(Description::new().add(Content::new(chart.setting.clone())))
            .add(Style::new(STYLE))
            .add(Definitions::new().add(stripes));
        Self {
            document,
            end: chart.end.max(1.0),
        }
    }

    /// Where a time is.
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * seconds / self.end
    }

    fn ticks(&self) -> Vec<f64> {
        let steps = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0];
        let few = |step: &f64| self.end / step <= 12.0;
        let step = steps.into_iter().find(few).unwrap_or(600.0);
        let ticks = std::iter::successors(Some(0.0), |at| Some(at + step));
        ticks.take_while(|at| *at <= self.end).collect()
    }

    fn text(&mut self, x: f64, y: f64, class: &str, content: &str) {
        let text = Text::new(content).set("x", tenths(x)).set("y", tenths(y));
        self.document.append(text.set("class", class));
    }

    fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        let rectangle = rectangle(x, y, width, height);
        self.document.append(rectangle.set("class", class));
    }

    fn path(&mut self, class: &str, path: String) {
        if !path.is_empty() {
            let path = Path::new().set("d", path);
            self.document.append(path.set("class", class));
        }
    }

    /// From one time to another.
    fn span(&mut self, from: f64, to: f64, y: f64, height: f64, class: &str) {
        let (from, to) = (self.x(from), self.x(to));
        if to > from {
            self.rectangle(from, y, to - from, height, class);
        }
    }

    fn legend(&mut self, y: f64) {
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

    fn panel(&mut self, instance: &InstanceChart, top: f64) {
        let bottom = top + height(instance);
        self.rectangle(MARGIN, top, WIDTH - 2.0 * MARGIN, bottom - top, "panel");
        let first = top + INSTANCE_HEADER;
        let grid = self.ticks();
        let grid = grid
            .iter()
            .map(|at| line(self.x(*at), first - 4.0, bottom - 6.0));
        self.path("grid", grid.collect());
        self.text(INDENT, top + 22.0, "name", &instance.name);
        self.text(LEFT, top + 22.0, "small muted", &instance.kind);
        let class = if instance.lost {
            "small alarm end"
        } else {
            "small muted end"
        };
        self.text(RIGHT, top + 22.0, class, &instance.summary);
        let mut y = first;
        for (index, bar) in instance.bars.iter().enumerate() {
            let colour = format!("c{}", index % COLOURS);
            if let Some(at) = bar.published {
                self.path(
                    &format!("{colour} guide"),
                    line(self.x(at), y + LABEL + BAR, bottom - 6.0),
                );
            }
            self.credential(bar, &colour, y);
            y += BAR_STEP;
        }
        y += APPS;
        for app in &instance.apps {
            self.app(app, y);
            y += app_height(app);
        }
    }

    fn credential(&mut self, bar: &Bar, colour: &str, top: f64) {
        let y = top + LABEL;
        self.rectangle(INDENT, y, 10.0, BAR, &format!("{colour} solid"));
        self.text(INDENT + 17.0, y + 10.0, "name", &bar.name);
        self.text(LEFT - 14.0, y + 10.0, "small muted end", &bar.id);
        if let Some((at, _)) = bar.trigger {
            self.path(
                &format!("{colour} line"),
                line(self.x(at), top + 2.0, y + BAR),
            );
        }
        let end = bar.ended.unwrap_or(self.end);
        for (from, to, phase) in [
            (bar.issued, bar.current, "pending"),
            (bar.current, bar.superseded, "solid"),
            (bar.superseded, end, "grace"),
            (bar.issued, end, "outline"),
        ] {
            self.span(from, to, y, BAR, &format!("{colour} {phase}"));
        }
        for (x, class, text) in self.labels(bar) {
            self.text(x, top + 10.0, &format!("small {class} {colour}"), &text);
        }
    }

    /// The texts above a bar: what started it and how it ended; where there is room between, its phases.
    fn labels(&self, bar: &Bar) -> Vec<(f64, &'static str, String)> {
        let ending = match bar.ended {
            Some(at) => Some((at, "muted end", format!("ended at {at:.1} s"))),
            None if bar.overdue => Some((self.end, "alarm end", "still accepted".to_owned())),
            None => None,
        };
        let mut labels = Vec::new();
        let (mut left, mut right) = (LEFT, RIGHT);
        let room = ending.as_ref().map_or(0.0, |(_, _, text)| breadth(text));
        if let Some((at, cause)) = bar.trigger {
            let x = (self.x(at) + 4.0).min(RIGHT - room - breadth(cause));
            left = x + breadth(cause);
            labels.push((x, "cause", cause.to_owned()));
        }
        if let Some((at, class, text)) = ending {
            let x = self.x(at).max(left + room);
            right = x - room;
            labels.push((x, class, text));
        }
        let over = bar.ended.unwrap_or(bar.superseded);
        for (from, to, phase) in [
            (bar.current, bar.superseded, "current (AWSCURRENT)"),
            (bar.superseded, over, "grace period: still accepted"),
        ] {
            let (from, to) = (self.x(from).max(left), self.x(to).min(right));
            if to - from >= breadth(phase) {
                labels.push((f64::midpoint(from, to), "muted middle", phase.to_owned()));
            }
        }
        labels
    }

    fn app(&mut self, app: &AppChart, top: f64) {
        let middle = top + LOGINS / 2.0;
        self.text(INDENT, middle + 4.0, "name", &app.name);
        self.text(LEFT - 14.0, middle + 4.0, "small muted end", "logins");
        let x = |it: &Logins| self.x(it.at);
        let accepted = app.logins.iter().filter(|it| it.accepted).map(x);
        let accepted = ticks(accepted, middle, 3.0);
        let lost = ticks(app.logins.iter().filter(|it| it.lost).map(x), middle, 7.0);
        self.path("accepted", accepted);
        self.path("lost", lost);
        for (row, note) in app.notes.iter().enumerate() {
            let y = top + LOGINS + DYNO_STEP * count(row);
            self.text(INDENT, y + 9.0, "small muted", note);
        }
        for (row, dyno) in app.dynos.iter().enumerate() {
            self.dyno(dyno, top + LOGINS + DYNO_STEP * count(row));
        }
    }

    fn dyno(&mut self, dyno: &DynoChart, y: f64) {
        self.text(LEFT - 14.0, y + 9.0, "small muted end", &dyno.name);
        for it in &dyno.stretches {
            self.span(
                it.from,
                it.to,
                y,
                DYNO,
                &format!("c{} solid", it.bar % COLOURS),
            );
            if it.restarting {
                self.span(it.from, it.to, y, DYNO, "restart");
            }
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

fn line(x: f64, from: f64, to: f64) -> String {
    format!("M{x:.1} {from:.1}V{to:.1}")
}

/// Lines at these places, of this reach up and down.
fn ticks(places: impl IntoIterator<Item = f64>, middle: f64, reach: f64) -> String {
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

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
