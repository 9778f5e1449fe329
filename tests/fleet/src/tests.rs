//! The page is what the command says.

use super::*;
use crate::tables::{thousands, time};

/// Those sizes that take seconds.
const QUICK: [u32; 2] = [1_000, 10_000];

fn rows(page: &str) -> Vec<&str> {
    let of_size = |row: &&str| {
        QUICK
            .iter()
            .any(|size| row.starts_with(&format!("| {} |", thousands((*size).into()))))
    };
    page.lines().filter(of_size).collect()
}

#[test]
fn the_page_has_the_figures_that_the_command_computes_now() {
    let parameters = Parameters::documented();
    let mut results = simulated(QUICK.into_iter().flat_map(cases), &parameters, SEED);
    results.extend(simulated_on(&parameters, SEED));
    let computed = page::page(&results, &parameters);
    let written = std::fs::read_to_string(workspace().join("infra/fleet.md")).unwrap();
    // Each size has six schedules, six of now, and two of costs.
    assert_eq!(rows(&computed).len(), 14 * QUICK.len());
    let written_again = "write the page again: cargo xtask fleet --write";
    assert_eq!(rows(&written), rows(&computed), "{written_again}");
    // And all that is taken as given.
    for heading in ["\n## If Secrets Manager goes on\n", "\n## Assumptions\n"] {
        let part = |page: &str| {
            let part = page.split(heading).nth(1).unwrap();
            part.split("\n## ").next().unwrap().to_owned()
        };
        assert_eq!(part(&written), part(&computed), "{written_again}");
    }
}

#[test]
fn figures_are_written_for_readers() {
    assert_eq!(time(90 * crate::SECOND), "1.5 min");
    assert_eq!(time(4 * crate::HOUR), "4 h");
    assert_eq!(time(20 * crate::SECOND), "20 s");
}
