//! Words that the project does not use where users read it: in the messages of the product's sources, in what
//! the operator's tool says, and in the template's descriptions.

use std::fs;
use std::path::Path;

use crate::text::files;

/// The list: a word or phrase a line, and what is written instead.
const WORDS: &str = include_str!("../words.txt");

pub(crate) fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    WORDS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(" = ").unwrap())
}

/// A text's words in lower case, each between blanks.
pub(crate) fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|it: char| !it.is_alphanumeric() && it != '\'' && it != '-');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

fn found(text: &str) -> Vec<String> {
    let plain = plain(text);
    words()
        .filter(|(word, _)| plain.contains(&format!(" {word} ")))
        .map(|(word, instead)| format!("{word:?} (write {instead}): {text}"))
        .collect()
}

/// The texts between quotes of a source file, with their lines; what its tests say is not read.
fn literals(source: &str) -> Vec<(usize, String)> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let (mut texts, mut line) = (Vec::new(), 1);
    let mut rest = source.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = rest.next() {
        match letter {
            '\n' => line += 1,
            '/' if rest.peek() == Some(&'/') => {
                for skipped in rest.by_ref() {
                    if skipped == '\n' {
                        line += 1;
                        break;
                    }
                }
            }
            // A quote as a character is no text's beginning.
            '"' if before != '\'' => {
                let (mut text, begin) = (String::new(), line);
                while let Some(letter) = rest.next() {
                    match letter {
                        '"' => break,
                        '\\' => {
                            if rest.next() == Some('\n') {
                                line += 1;
                            }
                        }
                        letter => {
                            line += usize::from(letter == '\n');
                            text.push(letter);
                        }
                    }
                }
                texts.push((begin, text));
            }
            _ => {}
        }
        before = letter;
    }
    texts
}

/// The descriptions of a template, with their lines: of one line, or folded.
fn descriptions(template: &str) -> Vec<(usize, String)> {
    let mut texts = Vec::new();
    let mut lines = (1..).zip(template.lines()).peekable();
    while let Some((number, line)) = lines.next() {
        let Some((key, text)) = line.split_once("Description:") else {
            continue;
        };
        let indent = |line: &str| line.len() - line.trim_start().len();
        if !key.trim().chars().all(char::is_alphabetic) {
            continue;
        }
        let mut whole = text.trim().to_owned();
        while let Some((_, next)) = lines.next_if(|(_, next)| indent(next) > indent(line)) {
            whole = format!("{whole} {}", next.trim());
        }
        texts.push((number, whole));
    }
    texts
}

#[test]
fn messages_and_descriptions_are_in_the_projects_words() {
    let root = tools::workspace();
    let mut complaints = Vec::new();
    let mut read = 0;
    let mut check = |path: &Path, texts: Vec<(usize, String)>| {
        for (line, text) in texts {
            read += 1;
            let path = path.strip_prefix(&root).unwrap_or(path).display();
            complaints.extend(found(&text).iter().map(|it| format!("{path}:{line}: {it}")));
        }
    };
    let sources =
        ["shared/src", "functions", "infra"].map(|folder| files(&root.join(folder), "rs"));
    for path in sources.into_iter().flatten() {
        let is_test = path.components().any(|it| it.as_os_str() == "tests")
            || path.ends_with("tests.rs")
            || path.to_string_lossy().contains("snapshots");
        if !is_test {
            let source = fs::read_to_string(&path).unwrap();
            check(&path, literals(&source));
        }
    }
    for path in files(&root.join("shared/tests/library/messages"), "txt") {
        let text = fs::read_to_string(&path).unwrap();
        let lines = (1..).zip(text.lines().map(ToOwned::to_owned));
        check(&path, lines.collect());
    }
    let template = root.join("infra/template.yaml");
    let text = fs::read_to_string(&template).unwrap();
    check(&template, descriptions(&text));
    assert!(read > 1000, "{read} texts");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn texts_are_found_where_users_read_them_and_nowhere_else() {
    let source =
        "// \"anew\"\nlet a = \"begins anew\";\nlet b = '\"';\n#[cfg(test)]\nlet c = \"told\";";
    let texts = literals(source);
    assert_eq!(texts[0], (2, "begins anew".to_owned()));
    let all: Vec<_> = texts.iter().flat_map(|(_, text)| found(text)).collect();
    assert_eq!(all, ["\"anew\" (write again): begins anew"]);
    assert!(found("Retold, and canew").is_empty());
    let template = "  Description: >-\n    It begins\n    anew.\n  Other: told\n";
    assert_eq!(
        descriptions(template),
        [(1, ">- It begins anew.".to_owned())]
    );
}
