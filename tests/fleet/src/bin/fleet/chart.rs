//! `infra/fleet.svg`: the backlog of every fleet over time.

use std::fmt::Write as _;

use fleet::calls::Api;
use fleet::{MINUTE, number};
use svg::Document;
use svg::node::element::{Group, Path};

use super::Result;
use super::cases::{Part, SIZES, Stage};
use super::tables::{of_api, thousands, time};
use crate::drawing::{COLOURS, MUTED, PANEL, count, picture, rectangle, text};

const WIDTH: f64 = 1240.0;
const MARGIN: f64 = 28.0;
const HEADER: f64 = 104.0;
const GAP: f64 = 12.0;
const COLUMN: f64 = (WIDTH - 2.0 * MARGIN + GAP) / 4.0;
const HEIGHT: f64 = 176.0;
/// Of a panel: above its curves, and below them.
const ABOVE: f64 = 60.0;
const BELOW: f64 = 26.0;
const EDGE: f64 = 14.0;
/// A curve has so many moments; each shows the most of its time.
const MOMENTS: usize = 120;

/// Which curve of a column a part is, if it is of that column.
type Stages = fn(Part) -> Option<Stage>;

/// The columns: which API's, which part's.
const COLUMNS: [(Api, Stages, &str); 4] = [
    (Api::V1, scheduled, "v1, every 90 days"),
    (Api::V1, now, "v1, everything now"),
    (Api::V3, scheduled, "v3, every 90 days"),
    (Api::V3, now, "v3, everything now"),
];

fn scheduled(part: Part) -> Option<Stage> {
    match part {
        Part::Schedule(stage) => Some(stage),
        Part::Now(_) => None,
    }
}

fn now(part: Part) -> Option<Stage> {
    match part {
        Part::Now(stage) => Some(stage),
        Part::Schedule(_) => None,
    }
}

fn colour(stage: Stage) -> &'static str {
    match stage {
        Stage::Before => COLOURS[1],
        Stage::Between => "#9aa5b1",
        Stage::After => COLOURS[0],
    }
}

/// Draws all of them.
pub(super) fn draw(results: &[Result]) -> Document {
    let total = HEADER + (HEIGHT + GAP) * count(SIZES.len()) + MARGIN - GAP;
    let mut document = picture(
        WIDTH,
        total,
        "Backlog over time",
        "Instances that are due and not rotated, failed ones among them; simulated by cargo xtask fleet",
    );
    for (index, (stage, words)) in [
        (
            Stage::Before,
            "before: rate(90 days), all of one day; all at once",
        ),
        (
            Stage::Between,
            "between: rate(90 days), of 90 days; v1 paced, with one check more",
        ),
        (Stage::After, "after: a schedule each; paced"),
    ]
    .into_iter()
    .enumerate()
    {
        let x = MARGIN + 360.0 * count(index);
        document = document
            .add(rectangle(x, 74.0, 14.0, 4.0, colour(stage)))
            .add(text(x + 20.0, 80.0, words).set("font-size", 11));
    }
    for (line, size) in SIZES.iter().enumerate() {
        for (column, (api, stage, title)) in COLUMNS.iter().enumerate() {
            let curves: Vec<Curve> = of_api(results, *api)
                .filter(|it| it.case.fleet.instances == *size)
                .filter_map(|it| Some(Curve::of(it, stage(it.case.part)?)))
                .collect();
            let x = MARGIN + COLUMN * count(column);
            let y = HEADER + (HEIGHT + GAP) * count(line);
            let title = format!("{} {title}", thousands((*size).into()));
            document = document.add(panel(&title, &curves, x, y));
        }
    }
    document
}

struct Curve<'a> {
    stage: Stage,
    minutes: &'a [u32],
    peak: u64,
    failed: u64,
}

impl<'a> Curve<'a> {
    fn of(result: &'a Result, stage: Stage) -> Self {
        Self {
            stage,
            minutes: &result.outcome.backlog,
            peak: result.outcome.peak_backlog,
            failed: result.outcome.failed,
        }
    }

    /// The most in each of the moments of so many minutes; who failed stays.
    fn moments(&self, minutes: usize) -> Vec<u64> {
        (0..MOMENTS)
            .map(|moment| {
                let from = moment * minutes / MOMENTS;
                let until = ((moment + 1) * minutes / MOMENTS).max(from + 1);
                let seen = self.minutes.get(from..until.min(self.minutes.len()));
                let seen = seen.and_then(|it| it.iter().max()).copied();
                seen.map_or(self.failed, u64::from)
            })
            .collect()
    }
}

fn panel(title: &str, curves: &[Curve<'_>], x: f64, y: f64) -> Group {
    let width = COLUMN - GAP;
    let minutes = curves.iter().map(|it| it.minutes.len()).max().unwrap_or(1);
    let most = curves.iter().map(|it| it.peak).max().unwrap_or(1).max(1);
    let (left, right) = (x + EDGE, x + width - EDGE);
    let (top, bottom) = (y + ABOVE, y + HEIGHT - BELOW);
    let mut group = Group::new()
        .add(rectangle(x, y, width, HEIGHT, PANEL).set("rx", 8))
        .add(text(left, y + 22.0, title).set("font-weight", 600))
        .add(
            text(left, y + 40.0, "peak")
                .set("font-size", 11)
                .set("fill", MUTED),
        )
        .add(rectangle(left, bottom, right - left, 0.75, MUTED));
    for (index, curve) in curves.iter().enumerate() {
        let mut path = String::new();
        for (moment, seen) in curve.moments(minutes).into_iter().enumerate() {
            let at = left + (right - left) * count(moment) / count(MOMENTS - 1);
            let height = bottom - (bottom - top) * number(seen) / number(most);
            let command = if moment == 0 { 'M' } else { 'L' };
            // Writing to a String cannot fail.
            let _ = write!(path, "{command}{at:.1},{height:.1}");
        }
        group = group
            .add(
                Path::new()
                    .set("d", path)
                    .set("fill", "none")
                    .set("stroke", colour(curve.stage))
                    .set("stroke-width", 1.75),
            )
            .add(
                text(
                    left + 34.0 + 80.0 * count(index),
                    y + 40.0,
                    &thousands(curve.peak),
                )
                .set("font-size", 11)
                .set("font-weight", 600)
                .set("fill", colour(curve.stage)),
            );
    }
    let end = u64::try_from(minutes).unwrap_or(u64::MAX) * MINUTE;
    group
        .add(
            text(left, bottom + 15.0, "0")
                .set("font-size", 10)
                .set("fill", MUTED),
        )
        .add(
            text(right, bottom + 15.0, &time(end))
                .set("font-size", 10)
                .set("fill", MUTED)
                .set("text-anchor", "end"),
        )
}
