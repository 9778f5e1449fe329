//! The ways in which the functions are broken.

mod authority;
mod ending;
mod held_up;
mod moved;
mod protocol;
mod sessions;
mod untidy;

use faults::Problem;
use serde_json::json;

use super::{Mutant, Runs};

/// Every one. Each is a paragraph: its name; the rule that it breaks, and the runs that must show it, or what the names
/// of the library's tests contain that must; then a file, `- ` a text that it has once, and `+ ` what is there instead,
/// line by line. Without the latter nothing is.
pub(super) fn mutants() -> Result<Vec<Mutant>, Problem> {
    let tables = [
        protocol::MUTANTS,
        authority::MUTANTS,
        ending::MUTANTS,
        held_up::MUTANTS,
        moved::MUTANTS,
        untidy::MUTANTS,
        sessions::MUTANTS,
    ];
    let paragraphs = tables.iter().flat_map(|it| it.trim().split("\n\n"));
    paragraphs.map(mutant).collect()
}

fn mutant(paragraph: &'static str) -> Result<Mutant, Problem> {
    let bad = || format!("this is no mutant: {paragraph}");
    let mut lines = paragraph.lines().filter(|line| !line.starts_with('#'));
    let name = lines.next().ok_or_else(bad)?;
    let second = lines.next().and_then(|line| line.split_once(' '));
    let (breaks, runs) = second.ok_or_else(bad)?;
    let mut changes: Vec<(&str, Vec<&str>, Vec<&str>)> = Vec::new();
    for line in lines {
        let text = line.get(2..).unwrap_or_default();
        match (line.chars().next(), changes.last_mut()) {
            (Some('@'), _) => changes.push((text, Vec::new(), Vec::new())),
            (Some('-'), Some((_, from, _))) => from.push(text),
            (Some('+'), Some((.., to))) => to.push(text),
            _ => return Err(bad().into()),
        }
    }
    let changes = changes.into_iter();
    Ok(Mutant {
        name,
        changes: changes
            .map(|(file, from, to)| (file, from.join("\n"), to.join("\n")))
            .collect(),
        runs: match runs {
            "single" => Runs::Single,
            "histories" => Runs::Histories,
            tests => Runs::Tests(tests),
        },
        breaks: serde_json::from_value(json!(breaks))?,
    })
}
