//! What the checks read of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file of this kind below a directory, but for what tools leave there.
pub(crate) fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let entries = entries.map(|entry| entry.unwrap().path());
    let entries = entries.filter(|path| !path.is_symlink());
    entries
        .flat_map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let left_by_a_tool =
                name.starts_with('.') || name == "target" || name == "node_modules";
            if path.is_dir() && !left_by_a_tool {
                files(&path, extension)
            } else if path.is_file() && path.extension().is_some_and(|it| it == extension) {
                vec![path]
            } else {
                Vec::new()
            }
        })
        .collect()
}

pub(crate) fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let section = page.split(&format!("\n## {heading}\n")).nth(1);
    let section = section.unwrap_or_else(|| panic!("no section is headed {heading:?}"));
    section.split("\n## ").next().unwrap()
}

/// The cells of the table whose head begins so, without the head.
pub(crate) fn table(page: &str, head: &str) -> Vec<Vec<String>> {
    let begin = format!("| {head} |");
    let mut lines = page.lines().skip_while(|line| !line.starts_with(&begin));
    let row = |line: &str| -> Vec<String> {
        let line = line.trim().trim_matches('|').replace("\\|", "/");
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    assert!(lines.next().is_some(), "no table is headed {head:?}");
    let rows: Vec<_> = lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(row)
        .collect();
    assert!(!rows.is_empty(), "the table {head:?} is empty");
    rows
}
