//! How the pages are written.

use std::process::{Command, Stdio};

use super::page::{Kind, Page, without_code, without_links};
use crate::words::{plain, words as unused};

const LONGEST_LINE: usize = 120;
const LONGEST_SENTENCE: usize = 30;

/// What pages do not say either. In the code an event and an alarm are called so.
const NOT_ON_PAGES: [(&str, &str); 3] = [
    ("gave up", "stopped"),
    ("given up", "failed, or stopped"),
    ("gives up", "stops"),
];

pub(super) fn lengths(page: &Page) -> Vec<String> {
    let most = match page.path.as_str() {
        "README.md" => 200,
        _ => 400,
    };
    let mut complaints = Vec::new();
    if page.lines.len() > most {
        let count = page.lines.len();
        complaints.push(format!("{}: {count} lines, at most {most}", page.path));
    }
    for line in page.lines.iter().filter(|line| line.kind == Kind::Text) {
        // What a link leads to is not read.
        let count = without_links(&line.text).chars().count();
        if count > LONGEST_LINE {
            complaints.push(format!("{}:{}: {count} characters", page.path, line.number));
        }
    }
    complaints
}

pub(super) fn sentences(page: &Page) -> Vec<String> {
    let mut complaints = Vec::new();
    for (line, paragraph) in page.paragraphs() {
        let (mut count, mut begin) = (0, String::new());
        for word in paragraph.split_whitespace() {
            count += usize::from(word.contains(char::is_alphanumeric));
            if count <= 8 {
                begin = format!("{begin}{word} ");
            }
            let end = word.trim_end_matches([')', '*', '"', '_']);
            if !end.ends_with(['.', '!', '?']) {
                continue;
            }
            complaints.extend(too_long(page, line, count, &begin));
            (count, begin) = (0, String::new());
        }
        complaints.extend(too_long(page, line, count, &begin));
    }
    complaints
}

fn too_long(page: &Page, line: usize, count: usize, begin: &str) -> Option<String> {
    let path = &page.path;
    (count > LONGEST_SENTENCE)
        .then(|| format!("{path}:{line}: a sentence of {count} words: {begin}…"))
}

pub(super) fn words(page: &Page) -> Vec<String> {
    let tables = page.lines.iter().filter(|line| line.kind == Kind::Table);
    let tables = tables.map(|line| (line.number, without_links(&without_code(&line.text))));
    let mut complaints = Vec::new();
    for (line, text) in page.paragraphs().into_iter().chain(tables) {
        let text = plain(&text);
        for (word, instead) in unused().chain(NOT_ON_PAGES) {
            if text.contains(&format!(" {word} ")) {
                complaints.push(format!("{}:{line}: {word:?}: write {instead:?}", page.path));
            }
        }
    }
    complaints
}

/// Blocks of shell that do not end, or that bash cannot read.
pub(super) fn shell(page: &Page) -> Vec<String> {
    let mut complaints = Vec::new();
    for block in &page.blocks {
        let place = format!("{}:{}", page.path, block.line);
        if !block.is_closed {
            complaints.push(format!("{place}: the block does not end"));
        } else if matches!(block.language.as_str(), "sh" | "bash") {
            let read = Command::new("bash")
                .args(["-n", "-c", &block.text])
                .stdin(Stdio::null())
                .output()
                .unwrap();
            if !read.status.success() {
                let words = String::from_utf8_lossy(&read.stderr).into_owned();
                complaints.push(format!("{place}: bash cannot read this block: {words}"));
            }
        }
    }
    complaints
}
