//! tests/README.md is kept true: the table of engines has a test behind every cell.

use std::path::Path;

/// What the service does by itself, and nothing here could show.
const THE_SERVICES_OWN: &str = "the service's";

#[test]
fn every_cell_of_the_engines_names_a_test_that_is_there() {
    let root = local_cloud::tools::workspace();
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
