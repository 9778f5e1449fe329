//! A page, taken apart into lines of prose, tables and code.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Prose: a paragraph's, an item's or a heading's.
    Text,
    Table,
    Code,
    /// `[name]: target`
    Definition,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) kind: Kind,
}

/// A block between fences.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) line: usize,
    pub(super) language: String,
    pub(super) text: String,
    pub(super) is_closed: bool,
}

#[derive(Debug)]
pub(super) struct Page {
    pub(super) path: String,
    pub(super) lines: Vec<Line>,
    pub(super) blocks: Vec<Block>,
}

impl Page {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let (mut lines, mut blocks) = (Vec::new(), Vec::<Block>::new());
        let mut is_after_blank = true;
        let mut is_indented_code = false;
        for (index, text) in text.lines().enumerate() {
            let number = index + 1;
            let trimmed = text.trim_start();
            let open = blocks.last_mut().filter(|block| !block.is_closed);
            let is_indented = text.starts_with("    ");
            is_indented_code = is_indented && (is_after_blank || is_indented_code)
                || is_indented_code && trimmed.is_empty();
            let kind = if let Some(block) = open {
                if trimmed.starts_with("```") {
                    block.is_closed = true;
                } else {
                    block.text.push_str(text);
                    block.text.push('\n');
                }
                Kind::Code
            } else if let Some(language) = trimmed.strip_prefix("```") {
                blocks.push(Block {
                    line: number,
                    language: language.to_owned(),
                    text: String::new(),
                    is_closed: false,
                });
                Kind::Code
            } else if is_indented_code {
                Kind::Code
            } else if trimmed.starts_with('|') {
                Kind::Table
            } else if text.starts_with('[') && text.contains("]: ") {
                Kind::Definition
            } else {
                Kind::Text
            };
            is_after_blank = trimmed.is_empty();
            lines.push(Line {
                number,
                text: text.to_owned(),
                kind,
            });
        }
        Self {
            path: path.to_owned(),
            lines,
            blocks,
        }
    }

    /// Paragraphs, items and headings, each with its first line's number. Code spans are one word, `code`; of a
    /// link its text is left.
    pub(super) fn paragraphs(&self) -> Vec<(usize, String)> {
        let mut paragraphs: Vec<(usize, String)> = Vec::new();
        let mut goes_on = false;
        for line in &self.lines {
            let text = line.text.trim();
            if line.kind != Kind::Text || text.is_empty() || text.starts_with('#') {
                goes_on = false;
                if line.kind == Kind::Text && text.starts_with('#') {
                    paragraphs.push((line.number, text.trim_start_matches('#').trim().to_owned()));
                }
                continue;
            }
            let item = ["- ", "* ", "> "]
                .iter()
                .find_map(|mark| text.strip_prefix(mark));
            let item = item.or_else(|| {
                let (number, rest) = text.split_once(". ")?;
                number.parse::<u8>().is_ok().then_some(rest)
            });
            match paragraphs.last_mut() {
                Some((_, paragraph)) if goes_on && item.is_none() => {
                    paragraph.push(' ');
                    paragraph.push_str(text);
                }
                _ => paragraphs.push((line.number, item.unwrap_or(text).to_owned())),
            }
            goes_on = true;
        }
        for (_, text) in &mut paragraphs {
            *text = without_links(&without_code(text));
        }
        paragraphs
    }

    /// The anchors that GitHub gives the headings.
    pub(super) fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for line in &self.lines {
            let heading = line.text.trim_start_matches('#');
            if line.kind != Kind::Text || !line.text.starts_with('#') || !heading.starts_with(' ') {
                continue;
            }
            let heading = without_links(&heading.trim().replace('`', ""));
            let kept = heading
                .to_lowercase()
                .chars()
                .filter_map(|character| match character {
                    ' ' => Some('-'),
                    '-' | '_' => Some(character),
                    _ => character.is_alphanumeric().then_some(character),
                })
                .collect::<String>();
            let again = anchors.iter().filter(|it| **it == kept).count();
            anchors.push(if again == 0 {
                kept
            } else {
                format!("{kept}-{again}")
            });
        }
        anchors
    }
}

pub(super) fn without_code(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    pieces
        .map(|(index, piece)| if index % 2 == 0 { piece } else { "code" })
        .collect()
}

pub(super) fn without_links(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once(']') {
        let Some(target) = after.strip_prefix(['(', '[']) else {
            plain.push_str(before);
            plain.push(']');
            rest = after;
            continue;
        };
        match before.rsplit_once('[') {
            Some((before, label)) => {
                plain.push_str(before.strip_suffix('!').unwrap_or(before));
                plain.push_str(label);
            }
            None => plain.push_str(before),
        }
        rest = target.split_once([')', ']']).map_or("", |(_, rest)| rest);
    }
    plain + rest
}
