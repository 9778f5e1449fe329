//! The figures as text, ratios to the floor beside them.

use std::fmt::Write as _;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use super::{Report, Row, number, ratio};

/// All tables, each with its heading.
pub(crate) fn tables(report: &Report) -> String {
    let mut text = format!(
        "{}\nmedians of {} cold starts, times the floor\n",
        report.machine.describe(),
        report.rounds,
    );
    if report.latency_ms > 0 {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "each answer {} ms after its request",
            report.latency_ms
        );
    }
    for mode in &report.modes {
        let rows = std::iter::once(&mode.floor).chain(&mode.functions);
        let mut table = table(&[
            "function",
            "init ms",
            "cold ms",
            "warm ms",
            "memory MB",
            "zip MB",
            "instructions M",
            "requests",
        ]);
        for row in rows {
            table.add_row(cells(row, &mode.floor));
        }
        let _ = write!(text, "\n{}\n{table}\n", mode.name());
    }
    let mut steps = table(&["API", "step", "AWS", "Heroku", "service"]);
    for step in &report.rotation {
        let counts = [step.aws, step.heroku, step.service];
        let names = [step.api, step.step].map(Cell::new);
        steps.add_row(names.into_iter().chain(counts.map(right)));
    }
    let _ = write!(text, "\nrequests of a clean rotation\n{steps}\n");
    text
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED.with_rounded_corners())
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    table
}

fn cells(row: &Row, floor: &Row) -> Vec<Cell> {
    let beside = |figure: f64, of: f64, digits: usize| {
        right(format!("{figure:.digits$}  {:4.1}x", ratio(figure, of)))
    };
    let (own, least) = (&row.figures, &floor.figures);
    let mega = |count: u64| number(count) / 1e6;
    let instructions = own.instructions.zip(least.instructions).map_or_else(
        || right("-"),
        |(own, least)| beside(mega(own), mega(least), 1),
    );
    let requests: Vec<String> = row
        .requests
        .iter()
        .map(|(host, count)| format!("{} {count}", host.name()))
        .collect();
    vec![
        Cell::new(&row.function),
        beside(own.init_ms, least.init_ms, 2),
        beside(own.cold_ms, least.cold_ms, 2),
        beside(own.warm_ms, least.warm_ms, 2),
        beside(mega(own.memory_bytes), mega(least.memory_bytes), 1),
        beside(mega(row.zip_bytes), mega(floor.zip_bytes), 2),
        instructions,
        Cell::new(requests.join(", ")),
    ]
}

fn right(content: impl ToString) -> Cell {
    Cell::new(content).set_alignment(CellAlignment::Right)
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn a_figure_has_its_ratio_beside_it() {
        let report = report(2.0, 3_000_000, 900_000);
        let text = tables(&report);
        let rotate = text.lines().find(|line| line.contains("rotate ")).unwrap();
        for part in [
            "4.00   2.0x",
            "6.00   2.0x",
            "1.00   2.0x",
            "3.0   1.5x",
            "0.90   2.2x",
            "1.0   1.0x",
            "secretsmanager 2, lambda 1",
        ] {
            assert!(rotate.contains(part), "{part} is not in {rotate}");
        }
        assert!(text.contains("without TLS") && text.contains("TLS, certificates checked"));
        assert!(text.contains("setSecret"), "{text}");
    }

    #[test]
    fn without_valgrind_the_column_is_empty() {
        let mut report = report(2.0, 3_000_000, 900_000);
        for mode in &mut report.modes {
            mode.floor.figures.instructions = None;
        }
        let text = tables(&report);
        let rotate = text.lines().find(|line| line.contains("rotate ")).unwrap();
        assert!(rotate.contains(" - "), "{rotate}");
    }
}
