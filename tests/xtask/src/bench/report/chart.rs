//! The figures as a picture: bars beside one another, the floor's first, and a line where the budget is.

use svg::Document;
use svg::node::element::{Group, Line};

use super::{Mode, Report, Row, number};
use crate::bench::budget;
use crate::drawing::{COLOURS, MUTED, PANEL, count, picture, rectangle, text};

const WIDTH: f64 = 1080.0;
const MARGIN: f64 = 28.0;
const HEADER: f64 = 84.0;
const NAMES: f64 = 130.0;
const COLUMN: f64 = (WIDTH - 2.0 * MARGIN) / 2.0;
const ROW: f64 = 22.0;
const BAR: f64 = 8.0;
const PANEL_HEADER: f64 = 36.0;
const PANEL_GAP: f64 = 20.0;
const BUDGET: &str = "#b42318";

/// One figure of all functions.
struct Panel {
    title: &'static str,
    figure: fn(&Row) -> f64,
    /// The most that the function may have, given the floor's, in each mode.
    budget: fn(&Row, &Mode) -> Option<f64>,
}

const PANELS: [Panel; 4] = [
    Panel {
        title: "init: start to ready, ms",
        figure: |row| row.figures.init_ms,
        budget: |_, mode| Some(budget::init(mode.tls) * mode.floor.figures.init_ms),
    },
    Panel {
        title: "cold: start to first answer, ms",
        figure: |row| row.figures.cold_ms,
        budget: |_, mode| Some(budget::cold(mode.tls)? * mode.floor.figures.cold_ms),
    },
    Panel {
        title: "peak memory, MB",
        figure: |row| number(row.figures.memory_bytes) / 1e6,
        budget: |_, _| Some(number(budget::MEMORY) / 1e6),
    },
    Panel {
        title: "zip, MB",
        figure: |row| number(row.zip_bytes) / 1e6,
        budget: |row, _| Some(number(budget::zip(&row.function)) / 1e6),
    },
];

/// Draws the report.
pub(crate) fn draw(report: &Report) -> Document {
    let rows = report.modes.first().map_or(0, |mode| mode.functions.len()) + 1;
    let height = PANEL_HEADER + ROW * count(rows) + 12.0;
    let total = HEADER + 2.0 * (height + PANEL_GAP) + 8.0;
    let title = "What a cold start costs";
    let subtitle = format!(
        "{}; medians of {}; the red line is the budget",
        report.machine.describe(),
        report.rounds
    );
    let mut document = picture(WIDTH, total, title, &subtitle);
    for (index, mode) in report.modes.iter().enumerate() {
        let x = MARGIN + 150.0 * count(index);
        document = document
            .add(rectangle(x, 64.0, 12.0, BAR, COLOURS[index % 2]))
            .add(text(x + 18.0, 72.0, mode.name()).set("font-size", 11));
    }
    for (index, panel) in PANELS.iter().enumerate() {
        let x = MARGIN + COLUMN * count(index % 2);
        let y = HEADER + (height + PANEL_GAP) * count(index / 2);
        document = document.add(draw_panel(panel, report, x, y, height));
    }
    document
}

fn draw_panel(panel: &Panel, report: &Report, x: f64, y: f64, height: f64) -> Group {
    let rows = |mode: &Mode| -> Vec<Row> {
        let functions = mode.functions.iter().cloned();
        std::iter::once(mode.floor.clone())
            .chain(functions)
            .collect()
    };
    let modes: Vec<(&Mode, Vec<Row>)> = report.modes.iter().map(|it| (it, rows(it))).collect();
    let most = modes.iter().flat_map(|(mode, rows)| {
        rows.iter().flat_map(|row| {
            let budget = (panel.budget)(row, mode);
            budget.into_iter().chain([(panel.figure)(row)])
        })
    });
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    let left = x + NAMES;
    let scale = (COLUMN - NAMES - 70.0) / most;
    let mut group = Group::new()
        .add(rectangle(x, y, COLUMN - 16.0, height, PANEL).set("rx", 8))
        .add(text(x + 12.0, y + 22.0, panel.title).set("font-weight", 600));
    for (index, (mode, rows)) in modes.iter().enumerate() {
        for (line, row) in rows.iter().enumerate() {
            let top = y + PANEL_HEADER + ROW * count(line) + (BAR + 1.0) * count(index);
            let figure = (panel.figure)(row);
            if index == 0 {
                group = group.add(text(x + 12.0, top + 11.0, &row.function));
            }
            let length = figure * scale;
            group = group
                .add(rectangle(left, top, length, BAR, COLOURS[index % 2]))
                .add(
                    text(left + length + 4.0, top + 7.5, &format!("{figure:.2}"))
                        .set("font-size", 9)
                        .set("fill", MUTED),
                );
            let is_floor = line == 0;
            if let Some(budget) = (panel.budget)(row, mode).filter(|_| !is_floor) {
                let at = left + budget * scale;
                group = group.add(
                    Line::new()
                        .set("x1", at)
                        .set("x2", at)
                        .set("y1", top - 1.0)
                        .set("y2", top + BAR + 1.0)
                        .set("stroke", BUDGET)
                        .set("stroke-width", 1.5),
                );
            }
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn every_function_has_a_bar_in_every_panel_and_mode() {
        let drawn = draw(&report(2.0, 3_000_000, 900_000)).to_string();
        // Two functions and the floor, twice, in four panels; the background, four panels, two keys.
        assert_eq!(drawn.matches("<rect").count(), 3 * 2 * 4 + 1 + 4 + 2);
        assert_eq!(drawn.matches("rotate").count(), 4);
        // No budget for cold with TLS: the issue has none.
        assert_eq!(drawn.matches("<line").count(), 2 * (2 * 4 - 1));
    }

    #[test]
    fn a_figure_twice_as_large_has_a_bar_twice_as_long() {
        let mut report = report(1.0, 6_000_000, 900_000);
        for mode in &mut report.modes {
            mode.functions[1].figures.memory_bytes = 12_000_000;
        }
        let drawn = draw(&report).to_string();
        let width = |figure: &str| {
            let (before, _) = drawn.split_once(&format!(">\n{figure}\n")).unwrap();
            let bar = before.rsplit("<rect").next().unwrap();
            let width = bar.split("width=\"").nth(1).unwrap();
            width.split('"').next().unwrap().parse::<f64>().unwrap()
        };
        assert!((width("12.00") / width("6.00") - 2.0).abs() < 0.01);
    }
}
