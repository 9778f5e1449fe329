//! What is promised has a test: behind every cell of tests/README.md's table of engines, and at every guarantee of
//! infra/reference.md.

use std::path::Path;

/// What the service does by itself, and nothing here could show.
const THE_SERVICES_OWN: &str = "the service's";

#[test]
fn every_cell_of_the_engines_names_a_test_that_is_there() {
    let root = tools::workspace();
    let root = root.join("tests");
    let page = std::fs::read_to_string(root.join("README.md")).unwrap();
    let table = page.split("| | `http` |").nth(1).unwrap();
    let rows: Vec<&str> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with("| "))
        .collect();
    assert!(rows.len() > 10, "{} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{row}");
        for cell in &cells[1..] {
            if *cell != THE_SERVICES_OWN {
                assert!(is_there(&root, cell), "{cell} in: {row}");
            }
        }
    }
}

#[test]
fn every_guarantee_names_tests_that_are_there() {
    let root = tools::workspace().join("infra");
    let page = std::fs::read_to_string(root.join("reference.md")).unwrap();
    let section = page.split("\n## Guarantees\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
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
