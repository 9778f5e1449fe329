//! Links: those within the repository are followed, those out of it are on a list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::page::{Kind, Page, without_code};

/// Everything that is wrong with the pages' links. `known` has the addresses that somebody has opened, one a line.
pub(super) fn complaints(pages: &[Page], root: &Path, known: &str) -> Vec<String> {
    let known: BTreeSet<&str> = known.lines().filter(|line| line.contains("://")).collect();
    let anchors: BTreeMap<&str, Vec<String>> = pages
        .iter()
        .map(|page| (page.path.as_str(), page.anchors()))
        .collect();
    let mut used = BTreeSet::new();
    let mut complaints = Vec::new();
    for page in pages {
        let (targets, undefined) = targets(page);
        complaints.extend(undefined);
        for (line, target) in targets {
            let place = format!("{}:{line}", page.path);
            if target.contains("://") {
                let address = target.split('#').next().unwrap_or_default().to_owned();
                if !known.contains(address.as_str()) {
                    complaints.push(format!(
                        "{place}: {address} is not in known_links.txt: open it, and add it there"
                    ));
                }
                used.insert(address);
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() {
                page.path.clone()
            } else {
                beside(&page.path, file)
            };
            if !root.join(&file).exists() && !anchors.contains_key(file.as_str()) {
                complaints.push(format!("{place}: {file} is not there"));
            } else if !anchor.is_empty()
                && !anchors
                    .get(file.as_str())
                    .is_some_and(|anchors| anchors.iter().any(|it| it == anchor))
            {
                complaints.push(format!("{place}: no heading #{anchor} in {file}"));
            }
        }
    }
    let unused = known.iter().filter(|address| !used.contains(**address));
    complaints.extend(unused.map(|it| format!("known_links.txt: {it}: no page links to it")));
    complaints
}

/// A path from the root, of a file that is named from a page.
fn beside(page: &str, file: &str) -> String {
    let mut path = PathBuf::from(page);
    path.pop();
    for part in Path::new(file).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path.to_string_lossy().into_owned()
}

/// The targets of all links with their lines, and what is said of those that name no target.
fn targets(page: &Page) -> (Vec<(usize, String)>, Vec<String>) {
    let mut targets = Vec::new();
    let definitions: BTreeMap<&str, &str> = page
        .lines
        .iter()
        .filter(|line| line.kind == Kind::Definition)
        .filter_map(|line| line.text.strip_prefix('[')?.split_once("]: "))
        .collect();
    let mut undefined = Vec::new();
    // A link's text may go over the end of a line, its target not.
    for line in &page.lines {
        match line.kind {
            Kind::Code => continue,
            Kind::Definition => {
                let target = line.text.split_once("]: ").map_or("", |(_, target)| target);
                targets.push((line.number, target.to_owned()));
                continue;
            }
            Kind::Text | Kind::Table => {}
        }
        let text = without_code(&line.text);
        for rest in text.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            targets.push((line.number, target.to_owned()));
        }
        for rest in text.split("][").skip(1) {
            let name = rest.split(']').next().unwrap_or_default();
            if !definitions.contains_key(name) {
                undefined.push(format!(
                    "{}:{}: [{name}] is not defined",
                    page.path, line.number
                ));
            }
        }
    }
    (targets, undefined)
}
