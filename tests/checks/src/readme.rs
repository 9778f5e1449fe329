//! What is promised has a test: behind every cell of tests/README.md's table of engines, and at every guarantee of
//! infra/reference.md.

use std::path::Path;

use crate::text::{section, table};

/// What the service does by itself, and nothing here could show.
const THE_SERVICES_OWN: &str = "the service's";

#[test]
fn every_cell_of_the_engines_names_a_test_that_is_there() {
    let root = tools::workspace().join("tests");
    let page = std::fs::read_to_string(root.join("README.md")).unwrap();
    // Its first head is empty.
    let (_, page) = page.split_once("\n## Tests by engine\n").unwrap();
    let rows = table(&page.replace("| | `http`", "| about | `http`"), "about");
    assert!(rows.len() > 10, "{} rows", rows.len());
    for row in rows {
        assert_eq!(row.len(), 5, "{row:?}");
        for cell in &row[1..] {
            let is_well = cell == THE_SERVICES_OWN || is_there(&root, cell);
            assert!(is_well, "{cell} in: {row:?}");
        }
    }
}

#[test]
fn every_guarantee_names_tests_that_are_there() {
    let root = tools::workspace().join("infra");
    let page = std::fs::read_to_string(root.join("reference.md")).unwrap();
    let section = section(&page, "Guarantees");
    let guarantees: Vec<&str> = section.split("\n- **").skip(1).collect();
    assert!(guarantees.len() > 10, "{} guarantees", guarantees.len());
    for guarantee in guarantees {
        let links: Vec<&str> = guarantee.split("[test](").skip(1).collect();
        assert!(!links.is_empty(), "no test for {guarantee}");
        for link in links {
            let link = link.split(')').next().unwrap_or_default();
            let is_there = is_there(&root, &format!("[test]({link})"));
            assert!(is_there, "{link} in: {guarantee}");
        }
    }
}

/// `[test](<file> "<function>")`
fn is_there(root: &Path, cell: &str) -> bool {
    let target = cell
        .strip_prefix("[test](")
        .and_then(|it| it.strip_suffix("\")"));
    let Some((file, function)) = target.and_then(|it| it.split_once(" \"")) else {
        return false;
    };
    std::fs::read_to_string(root.join(file))
        .is_ok_and(|text| text.contains(&format!("fn {function}(")))
}
