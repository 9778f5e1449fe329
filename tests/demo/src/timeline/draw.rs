//! Draws a chart.

mod shapes;

use svg::Document;
use svg::node::element::{Description, Group, Line, Title};

use self::shapes::{
    COLOURS, LEFT, MARGIN, MUTED, PANEL, RIGHT, WIDTH, beside, breadth, colour, count, cross,
    definitions, heading, promotion, rectangle, revocation, swatch, text, vertical,
};
use super::{AppChart, Bar, Chart, DynoChart, InstanceChart};

const HEADER: f64 = 116.0;
const INSTANCE_HEADER: f64 = 58.0;
const BAR_STEP: f64 = 26.0;
const BAR_HEIGHT: f64 = 18.0;
const APP_HEADER: f64 = 24.0;
const DYNO_STEP: f64 = 14.0;
const DYNO_HEIGHT: f64 = 10.0;
const INSTANCE_GAP: f64 = 18.0;
const AXIS: f64 = 46.0;

const BACKGROUND: &str = "#f4f6f9";
const EDGE: &str = "#dde3ea";
const GRID: &str = "#e9edf2";
const INK: &str = "#16202c";
const FONT: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif";
pub(super) fn draw(chart: &Chart) -> Document {
    let scale = Scale::of(chart);
    let bodies: f64 = chart
        .instances
        .iter()
        .map(|it| height(it) + INSTANCE_GAP)
        .sum();
    let total = HEADER + bodies - INSTANCE_GAP.min(bodies) + AXIS;
    let mut document = Document::new()
        .set("viewBox", (0, 0, WIDTH, total))
        .set("width", WIDTH)
        .set("height", total)
        .set("role", "img")
        .set("font-family", FONT)
        .set("font-size", 12)
        .set("fill", INK)
        .add(Title::new(chart.title.clone()))
        .add(Description::new().add(svg::node::Text::new(chart.subtitle.clone())))
        .add(definitions())
        .add(
            rectangle(0.0, 0.0, WIDTH, total)
                .set("rx", 12)
                .set("fill", BACKGROUND),
        )
        .add(
            text(MARGIN, 42.0, &chart.title)
                .set("font-size", 22)
                .set("font-weight", 650),
        )
        .add(
            text(MARGIN, 63.0, &chart.subtitle)
                .set("fill", MUTED)
                .set("font-size", 13),
        )
        .add(legend(90.0));
    let mut top = HEADER;
    for instance in &chart.instances {
        document = document.add(panel(instance, top, scale));
        top += height(instance) + INSTANCE_GAP;
    }
    document.add(axis(top - INSTANCE_GAP.min(bodies), scale))
}

/// Where a time is.
#[derive(Clone, Copy)]
struct Scale {
    end: f64,
    tick: f64,
}

impl Scale {
    fn of(chart: &Chart) -> Self {
        let end = chart.end.max(1.0);
        let ticks = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0];
        let tick = ticks
            .into_iter()
            .find(|tick| end / tick <= 16.0)
            .unwrap_or(600.0);
        Self { end, tick }
    }

    fn x(self, seconds: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * seconds / self.end
    }

    fn ticks(self) -> impl Iterator<Item = f64> {
        std::iter::successors(Some(0.0), move |at| Some(at + self.tick))
            .take_while(move |at| *at <= self.end)
    }
}

fn height(instance: &InstanceChart) -> f64 {
    let bars = BAR_STEP * count(instance.bars.len());
    let apps: f64 = instance.apps.iter().map(app_height).sum();
    INSTANCE_HEADER + bars + apps + 14.0
}

fn app_height(app: &AppChart) -> f64 {
    APP_HEADER + DYNO_STEP * count(app.dynos.len())
}

fn panel(instance: &InstanceChart, top: f64, scale: Scale) -> Group {
    let (bottom, first) = (top + height(instance), top + INSTANCE_HEADER);
    let width = WIDTH - 2.0 * MARGIN;
    let mut group = Group::new().add(
        rectangle(MARGIN, top, width, bottom - top)
            .set("rx", 10)
            .set("fill", PANEL)
            .set("stroke", EDGE),
    );
    for at in scale.ticks() {
        group = group.add(vertical(scale.x(at), first - 4.0, bottom - 8.0).set("stroke", GRID));
    }
    group = group
        .add(heading(
            &instance.name,
            Some(&instance.kind),
            top + 25.0,
            15.0,
        ))
        .add(
            text(RIGHT, top + 25.0, &instance.summary)
                .set("text-anchor", "end")
                .set("fill", MUTED),
        );
    let places: Vec<_> = instance
        .publications
        .iter()
        .map(|it| scale.x(it.at))
        .collect();
    for (index, publication) in instance.publications.iter().enumerate() {
        let (x, colour) = (places[index], colour(publication.bar));
        let line = vertical(x, top + 50.0, bottom - 8.0)
            .set("stroke", colour)
            .set("stroke-width", 1.25)
            .set("stroke-dasharray", "2 3");
        let label = beside(&places, index, top + 46.0, publication.cause)
            .set("fill", colour)
            .set("font-size", 11)
            .set("font-weight", 600);
        group = group.add(line).add(label);
    }
    let mut y = first;
    for (index, bar) in instance.bars.iter().enumerate() {
        group = group.add(credential(bar, index, y, scale));
        y += BAR_STEP;
    }
    for app in &instance.apps {
        group = group.add(app_lanes(app, y, scale));
        y += app_height(app);
    }
    group
}

fn credential(bar: &Bar, index: usize, y: f64, scale: Scale) -> Group {
    let colour = colour(index);
    let middle = y + BAR_HEIGHT / 2.0;
    let end = bar.revoked.unwrap_or(scale.end);
    let due = bar.due.map_or(end, |due| due.clamp(bar.superseded, end));
    let label = if bar.imported { "imported" } else { &bar.label };
    let accepted = match bar.revoked {
        Some(at) => format!("accepted until {at:.1} s"),
        None => "still accepted".to_owned(),
    };
    let mut group = Group::new()
        .add(Title::new(format!("{} ({label}): {accepted}", bar.label)))
        .add(swatch(MARGIN + 16.0, middle - 5.0, colour))
        .add(text(MARGIN + 34.0, middle + 4.0, label).set("font-weight", 600));
    if bar.imported {
        let version = text(LEFT - 14.0, middle + 4.0, &bar.label).set("text-anchor", "end");
        group = group.add(version.set("fill", MUTED).set("font-size", 11));
    }
    for (from, to, phase) in [
        (bar.issued, bar.current, Phase::Pending),
        (bar.current, bar.superseded, Phase::Current),
        (bar.superseded, due, Phase::Grace),
        (due, end, Phase::Due),
    ] {
        group = group.add(stretch(from, to, y, phase, colour, scale));
    }
    group = group.add(
        rectangle(
            scale.x(bar.issued),
            y,
            scale.x(end) - scale.x(bar.issued),
            BAR_HEIGHT,
        )
        .set("rx", 3)
        .set("fill", "none")
        .set("stroke", colour)
        .set("stroke-width", 1.25),
    );
    if bar.current > 0.0 && bar.current < end {
        group = group.add(promotion(scale.x(bar.current), y, colour));
    }
    if let Some(at) = bar.revoked {
        group = group.add(revocation(scale.x(at), middle, at));
    }
    group
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Issued, and perhaps published, but not yet AWSCURRENT.
    Pending,
    Current,
    Grace,
    /// The grace period is over, the revocation is not.
    Due,
}

/// A phase of a credential's life, with its name if there is room.
fn stretch(from: f64, to: f64, y: f64, phase: Phase, colour: &str, scale: Scale) -> Group {
    let (x, width) = (scale.x(from), scale.x(to) - scale.x(from));
    if width <= 0.0 {
        return Group::new();
    }
    let (name, opacity, ink) = match phase {
        Phase::Pending => ("", 0.42, colour),
        Phase::Current => ("AWSCURRENT", 1.0, "#ffffff"),
        Phase::Grace => ("grace period", 0.16, colour),
        Phase::Due => ("", 0.16, colour),
    };
    let label = if width > breadth(name, 11.0) + 16.0 {
        name
    } else {
        ""
    };
    let mut group = Group::new().add(
        rectangle(x, y, width, BAR_HEIGHT)
            .set("fill", colour)
            .set("fill-opacity", opacity),
    );
    if phase == Phase::Grace {
        group = group.add(rectangle(x, y, width, BAR_HEIGHT).set("fill", "url(#grace)"));
    }
    if !label.is_empty() {
        group = group.add(
            text(x + width / 2.0, y + 13.0, label)
                .set("fill", ink)
                .set("font-size", 11)
                .set("font-weight", 600)
                .set("text-anchor", "middle"),
        );
    }
    group
}

fn app_lanes(app: &AppChart, top: f64, scale: Scale) -> Group {
    let mut group = Group::new().add(heading(&app.name, app.note, top + 17.0, 12.0));
    let places: Vec<_> = app.releases.iter().map(|(at, _)| scale.x(*at)).collect();
    for (index, (_, number)) in app.releases.iter().enumerate() {
        let label = beside(&places, index, top + 17.0, &format!("release v{number}"));
        group = group.add(label.set("fill", MUTED).set("font-size", 10.5));
    }
    let mut y = top + APP_HEADER;
    for dyno in &app.dynos {
        group = group.add(dyno_lane(dyno, y, scale));
        y += DYNO_STEP;
    }
    group
}

fn dyno_lane(dyno: &DynoChart, y: f64, scale: Scale) -> Group {
    let mut group = Group::new().add(
        text(LEFT - 14.0, y + 9.0, &dyno.name)
            .set("fill", MUTED)
            .set("font-size", 10.5)
            .set("text-anchor", "end"),
    );
    for stretch in &dyno.stretches {
        let (x, width) = (
            scale.x(stretch.from),
            scale.x(stretch.to) - scale.x(stretch.from),
        );
        group = group.add(rectangle(x, y, width, DYNO_HEIGHT).set("fill", colour(stretch.bar)));
        if stretch.restarting {
            group = group.add(rectangle(x, y, width, DYNO_HEIGHT).set("fill", "url(#restart)"));
        }
    }
    group
}

fn axis(top: f64, scale: Scale) -> Group {
    let mut group = Group::new().set("fill", MUTED).set("font-size", 11);
    for at in scale.ticks() {
        group = group
            .add(text(scale.x(at), top + 20.0, &format!("{at:.0} s")).set("text-anchor", "middle"));
    }
    group.add(text(
        MARGIN + 16.0,
        top + 20.0,
        "time since the first login",
    ))
}

fn legend(y: f64) -> Group {
    let sample = COLOURS[1];
    let block = |opacity: f64, pattern: Option<&str>| {
        let block = || rectangle(0.0, y - 10.0, 24.0, 12.0);
        let group = Group::new().add(
            block()
                .set("fill", sample)
                .set("fill-opacity", opacity)
                .set("stroke", sample),
        );
        match pattern {
            Some(pattern) => group.add(block().set("fill", format!("url(#{pattern})"))),
            None => group,
        }
    };
    let dashes = Line::new()
        .set("x1", 0)
        .set("x2", 24)
        .set("y1", y - 4.0)
        .set("y2", y - 4.0)
        .set("stroke", sample)
        .set("stroke-width", 1.5)
        .set("stroke-dasharray", "2 3");
    let entries = [
        ("issued, not yet current", block(0.42, None)),
        ("AWSCURRENT", block(1.0, None)),
        ("superseded, still accepted", block(0.16, Some("grace"))),
        ("promoted", promotion(12.0, y - 6.0, sample)),
        ("revoked", Group::new().add(cross(12.0, y - 4.0))),
        ("published to Heroku", Group::new().add(dashes)),
        (
            "dyno restarting, on the old one",
            block(1.0, Some("restart")),
        ),
    ];
    let mut x = MARGIN;
    let mut group = Group::new().set("fill", MUTED).set("font-size", 11.5);
    for (name, sample) in entries {
        let entry = Group::new()
            .set("transform", format!("translate({x:.1} 0)"))
            .add(sample)
            .add(text(31.0, y, name));
        group = group.add(entry);
        x += 31.0 + breadth(name, 11.5) + 16.0;
    }
    group
}
