//! The verdict's figures as a table.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table};

use super::{is_ended, refused, thousands};
use crate::history::History;
use crate::recording::Recording;

/// The table of what became of each instance. `styled` makes violations stand out by colour.
pub(crate) fn table(recording: &Recording, styled: bool) -> String {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED.with_rounded_corners())
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header([
            "add-on",
            "rotated",
            "app",
            "releases",
            "logins",
            "refused",
            "old refused",
            "live",
        ]);
    let figure = |figure: String, sound: bool| {
        let cell = Cell::new(figure).set_alignment(CellAlignment::Right);
        if sound || !styled {
            cell
        } else {
            cell.fg(Color::Red).add_attribute(Attribute::Bold)
        }
    };
    for outcome in &recording.outcomes {
        let history = History::of(&outcome.subject, &recording.events);
        let old = history.old_credentials().count();
        let ended = outcome
            .tried_again
            .values()
            .filter(|it| is_ended(it))
            .count();
        for (index, app) in history.apps.iter().enumerate() {
            let tally = outcome.logins.get(&app.name).cloned().unwrap_or_default();
            let releases = app.releases_since(recording.began);
            let once = |text: String| if index == 0 { text } else { String::new() };
            table.add_row([
                Cell::new(once(format!(
                    "{}\n{}",
                    outcome.subject.name, outcome.subject.kind
                ))),
                figure(
                    once(format!("{} of {}", history.succeeded(), outcome.rotations)),
                    history.succeeded() == outcome.rotations,
                ),
                Cell::new(&app.name),
                figure(releases.to_string(), releases == outcome.rotations),
                figure(thousands(tally.accepted), tally.accepted > 0),
                figure(thousands(refused(&tally)), refused(&tally) == 0),
                figure(once(format!("{ended} of {old}")), ended == old),
                figure(
                    once(outcome.live.len().to_string()),
                    outcome.live.len() == 1,
                ),
            ]);
        }
    }
    table.to_string()
}
