//! The fleet, for people.

use std::time::SystemTime;

use addon_rotation::fleet::{Overview, State};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, Color, Table};

use super::Seen;
use crate::stack::Stack;
use crate::time::{from_now, words};

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
    table.set_header([
        "instance",
        "state",
        "current for",
        "revocations",
        "next rotation",
    ]);
    for row in &seen.rows {
        let state = Cell::new(row.state);
        let state = match (styled, color(row.state)) {
            (true, Some(color)) => state.fg(color),
            _ => state,
        };
        let age = row.since.and_then(|since| since.elapsed().ok());
        table.add_row([
            Cell::new(stack.id_of(&row.name)),
            state,
            Cell::new(age.map(words).unwrap_or_default()),
            Cell::new(revocations(row)),
            Cell::new(row.next_rotation.map(from_now).unwrap_or_default()),
        ]);
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
        State::Unscheduled | State::Overdue | State::RotationFailed => Some(Color::Red),
        State::Rotating | State::WaitingForRevocation => Some(Color::Yellow),
        State::Healthy => Some(Color::Green),
        State::RotationOff | State::Deleted => None,
    }
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
