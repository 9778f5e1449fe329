//! The fleet, for people.

use std::time::SystemTime;

use addon_rotation::fleet::{Overview, State};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, Color, ColumnConstraint, Table, Width};

use super::Seen;
use crate::stack::Stack;
use crate::time::{from_now, words};

/// An error is as long as a paragraph.
const ERROR_WIDTH: u16 = 60;

/// Neither a label nor a schedule tells of a rotation's error.
const IN_THE_LOGS: &str = "rotation: see the log of rotate";

/// The table, and below it how many there are. `styled` gives states their colours.
pub(super) fn text(stack: &Stack, seen: &Seen, styled: bool) -> String {
    let mut table = Table::new();
    // As wide as it is: a name that is cut cannot be used in a command.
    table.load_style(UTF8_FULL_CONDENSED.with_rounded_corners());
    if styled {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let mut header = vec![
        "instance",
        "state",
        "current for",
        "revocations",
        "next rotation",
    ];
    let errors: Vec<_> = seen.rows.iter().map(last_error).collect();
    let has_errors = errors.iter().any(|it| !it.is_empty());
    if has_errors {
        header.push("last error");
    }
    table.set_header(header);
    if let Some(column) = table.column_mut(5) {
        column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(ERROR_WIDTH)));
    }
    for (row, error) in seen.rows.iter().zip(errors) {
        let state = Cell::new(row.state);
        let state = match (styled, color(row.state)) {
            (true, Some(color)) => state.fg(color),
            _ => state,
        };
        let age = row.since.and_then(|since| since.elapsed().ok());
        let mut cells = vec![
            Cell::new(stack.id_of(&row.name)),
            state,
            Cell::new(age.map(words).unwrap_or_default()),
            Cell::new(revocations(row)),
            Cell::new(row.next_rotation.map(from_now).unwrap_or_default()),
        ];
        if has_errors {
            cells.push(Cell::new(error));
        }
        table.add_row(cells);
    }
    let count: usize = seen.counts.values().sum();
    let counts: Vec<_> = seen
        .counts
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let more = match count - seen.rows.len() {
        0 => String::new(),
        more => format!("; {more} more rows (--limit, --state, --name)"),
    };
    let counts = if counts.is_empty() {
        "no instance".to_owned()
    } else {
        counts.join(", ")
    };
    format!("{table}\n{}: {counts}{more}", stack.name)
}

fn color(state: State) -> Option<Color> {
    match state {
        State::Unscheduled
        | State::Overdue
        | State::RevocationImpossible
        | State::RotationFailed => Some(Color::Red),
        State::Rotating | State::WaitingForRevocation => Some(Color::Yellow),
        State::Healthy => Some(Color::Green),
        State::RotationOff | State::Deleted => None,
    }
}

/// What went wrong last: of a revocation its schedule says so, of a rotation the logs alone do.
fn last_error(row: &Overview) -> String {
    let errors = row
        .revocations
        .iter()
        .filter_map(|it| it.last_error.clone());
    let rotation = (row.state == State::RotationFailed).then(|| IN_THE_LOGS.to_owned());
    let errors: Vec<_> = rotation.into_iter().chain(errors).collect();
    errors.join("\n")
}

/// How many wait, and when the first of them ends.
fn revocations(row: &Overview) -> String {
    let lost = row.revocations.iter().filter(|it| it.attempt.is_none());
    let times = row.revocations.iter().filter_map(|it| it.at);
    match (row.revocations.len(), lost.count()) {
        (0, _) => String::new(),
        (count, 0) => match times.min() {
            Some(first) if first < SystemTime::now() => format!("{count}, now"),
            Some(first) => format!("{count}, {}", from_now(first)),
            None => count.to_string(),
        },
        (count, lost) => format!("{count}, {lost} not scheduled"),
    }
}
