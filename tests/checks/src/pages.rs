//! The pages are kept true and readable: links lead somewhere, lines and sentences are short, words are plain.
//!
//! Each check is a function from pages to complaints, so that a planted mistake shows what it finds.

pub(crate) mod facts;
mod links;
mod page;
mod prose;

use std::path::Path;

use self::page::Page;
use crate::text::files;

/// Written for each release and not rewritten afterwards.
const HISTORY: &str = "CHANGELOG.md";

/// Made of figures by a command: its lists have lines as long as they come.
const MADE: &str = "infra/fleet.md";

fn pages() -> Vec<Page> {
    let root = tools::workspace();
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(&root).unwrap();
        Page::new(&path.to_string_lossy(), &text)
    };
    let pages: Vec<_> = files(&root, "md").into_iter().map(read).collect();
    assert!(pages.len() > 9, "{} pages", pages.len());
    pages
}

#[track_caller]
fn no(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    let known = include_str!("pages/known_links.txt");
    no(&links::complaints(&pages(), &tools::workspace(), known));
}

#[test]
fn pages_lines_and_sentences_are_short_and_words_are_plain() {
    let pages = pages();
    let mut complaints = Vec::new();
    for page in &pages {
        if page.path == HISTORY {
            continue;
        }
        complaints.extend(prose::words(page));
        if page.path != MADE {
            complaints.extend(prose::lengths(page));
            complaints.extend(prose::sentences(page));
        }
    }
    no(&complaints);
}

#[test]
fn shell_blocks_can_be_read_by_a_shell() {
    no(&pages().iter().flat_map(prose::shell).collect::<Vec<_>>());
}

/// One mistake of each kind, and what is said of it.
#[test]
fn planted_mistakes_are_found() {
    let long = "a ".repeat(31);
    let wide = "w".repeat(121);
    for (text, told) in [
        ("[gone](nowhere.md)", "bad.md:1: nowhere.md is not there"),
        (
            "[gone](#nothing)",
            "bad.md:1: no heading #nothing in bad.md",
        ),
        ("[gone][ref]", "bad.md:1: [ref] is not defined"),
        ("[x](https://example.org/new)", "is not in known_links.txt"),
        (&wide, "bad.md:1: 121 characters"),
        (&format!("{long}."), "bad.md:1: a sentence of 31 words"),
        ("It is mended.", "\"mended\": write \"fixed\""),
        ("It is\nmade anew.", "\"anew\": write \"again\""),
        ("It gave up.", "\"gave up\": write \"stopped\""),
        (
            "It is to be\nhad there.",
            "\"to be had\": write \"available\"",
        ),
        (
            "```sh\nls <old>\n```",
            "bad.md:1: bash cannot read this block",
        ),
        ("```sh\nls", "bad.md:1: the block does not end"),
    ] {
        let page = Page::new("bad.md", text);
        let root = tools::workspace();
        let mut complaints = links::complaints(std::slice::from_ref(&page), &root, "");
        complaints.extend(prose::lengths(&page));
        complaints.extend(prose::sentences(&page));
        complaints.extend(prose::words(&page));
        complaints.extend(prose::shell(&page));
        assert!(
            complaints.iter().any(|complaint| complaint.contains(told)),
            "{text}: {complaints:?}"
        );
    }
    let pages = [
        Page::new("README.md", &"x\n".repeat(201)),
        Page::new("a.md", &"x\n".repeat(401)),
    ];
    assert_eq!(pages.iter().flat_map(prose::lengths).count(), 2);
    let unused = links::complaints(&[], Path::new("."), "https://example.org/\n");
    assert!(unused[0].contains("no page links to it"), "{unused:?}");
}

#[test]
fn what_is_right_is_let_alone() {
    let text = "# A *heading*, with `code`\n\n[up](#a-heading-with-code) and `mended`, [told](https://example.org/a#b).\n\n\
        | anew table that is as wide as it needs to be | and holds a sentence of as many words as it needs |\n\n\
        ```text\nanew\n```\n\n    told in code\n\n- An item\n  that goes on.\n";
    let page = Page::new(
        "good.md",
        &text
            .replace("anew table", &"t ".repeat(99))
            .replace("[told]", "[said]"),
    );
    let pages = std::slice::from_ref(&page);
    let root = tools::workspace();
    no(&links::complaints(pages, &root, "https://example.org/a\n"));
    no(&prose::lengths(&page));
    no(&prose::sentences(&page));
    no(&prose::words(&page));
}
