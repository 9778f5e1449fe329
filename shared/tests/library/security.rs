//! SECURITY.md: each statement has a test, or is marked as advice.

use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = include_str!("../../../SECURITY.md");

#[test]
fn each_statement_has_a_test_or_is_marked_as_advice() {
    let root = tools::workspace();
    let links: BTreeMap<&str, &str> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
        .collect();
    let statements = statements_of(PAGE);
    let inline = statements.iter().flat_map(|it| inline_files(it));
    for file in inline.chain(links.values().copied()) {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        let is_one = file.contains("tests") || text.contains("#[cfg(test)]");
        assert!(
            is_one && text.contains("fn "),
            "{file} is no file with tests"
        );
    }
    let mut used = BTreeSet::new();
    for statement in &statements {
        let named: Vec<_> = statement
            .split("][")
            .skip(1)
            .map(|rest| rest.split(']').next().unwrap())
            .collect();
        assert!(
            !named.is_empty()
                || inline_files(statement).next().is_some()
                || statement.ends_with("*advice*"),
            "neither a test nor advice: {statement}"
        );
        for name in named {
            assert!(
                links.contains_key(name),
                "{name} leads nowhere: {statement}"
            );
            used.insert(name);
        }
    }
    assert!(statements.len() > 40, "{} statements", statements.len());
    let unused: Vec<_> = links.keys().filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
    assert!(PAGE.lines().count() <= 160);
}

/// The files of the tests that a statement links to itself: one that no other statement names.
fn inline_files(statement: &str) -> impl Iterator<Item = &str> {
    let links = statement.split("](").skip(1);
    let files = links.map(|rest| rest.split(')').next().unwrap());
    files.filter(|file| std::path::Path::new(file).extension() == Some("rs".as_ref()))
}

/// The rows of the table, but for its head, and the items of the lists.
fn statements_of(page: &str) -> Vec<String> {
    let mut statements: Vec<String> = Vec::new();
    let mut in_item = false;
    for line in page.lines() {
        if let Some(item) = line.strip_prefix("- ") {
            statements.push(item.to_owned());
            in_item = true;
        } else if in_item && line.starts_with("  ") {
            let last = statements.last_mut().unwrap();
            *last = format!("{last} {}", line.trim());
        } else {
            in_item = false;
            if line.starts_with("| ") && !line.starts_with("| who |") {
                statements.push(line.to_owned());
            }
        }
    }
    statements
}
