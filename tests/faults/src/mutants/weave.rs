//! All the breaks in one build: each function that somebody breaks has their bodies beside its own, and an environment
//! variable chooses.

use std::collections::BTreeMap;
use std::ops::Range;

use proc_macro2::Span;
use syn::visit::{self, Visit};

use faults::Problem;

/// Names what is broken, in the environment of the built programs.
pub(super) const BROKEN: &str = "BROKEN";

/// A text of a file, and what is there instead if `name` is broken.
pub(super) struct Change<'a> {
    pub(super) name: &'a str,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
}

/// What stands there instead.
type Edit<'a> = (Range<usize>, &'a str);

/// The file with every break in it.
/// Fails if a text is not there once, or is in no function's body: only there can a program choose.
pub(super) fn weave(source: &str, changes: &[Change]) -> Result<String, Problem> {
    let bodies = bodies(source)?;
    let mut broken: BTreeMap<usize, BTreeMap<&str, Vec<Edit>>> = BTreeMap::new();
    for change in changes {
        let (edited, to) = edit(source, change)?;
        let within = |body: &Range<usize>| body.start < edited.start && edited.end < body.end;
        let Some(body) = bodies.iter().position(within) else {
            let (name, from) = (change.name, change.from);
            return Err(format!("\"{name}\" changes what is in no function: {from}").into());
        };
        let edits = broken.entry(body).or_default().entry(change.name);
        edits.or_default().push((edited, to));
    }
    let mut woven = source.to_owned();
    for (body, breaks) in broken.into_iter().rev() {
        let body = bodies[body].clone();
        let mut chosen = String::from("{ ");
        for (name, edits) in breaks {
            let edited = with(source, &body, edits);
            let condition =
                format!("std::env::var_os(\"{BROKEN}\").is_some_and(|it| it == \"{name}\")");
            chosen.extend(["if ", &condition, " ", &edited, " else "]);
        }
        chosen += &source[body.clone()];
        chosen += " }";
        woven.replace_range(body, &chosen);
    }
    Ok(woven)
}

/// Where the change is: without what both texts begin and end with.
fn edit<'a>(source: &str, change: &Change<'a>) -> Result<Edit<'a>, Problem> {
    let Change { name, from, to } = change;
    let mut found = source.match_indices(from);
    let (Some((start, _)), None, true) = (found.next(), found.next(), from != to) else {
        return Err(format!("\"{name}\" changes what is not there once: {from}").into());
    };
    let same = |(one, other): &(char, char)| one == other;
    let length = |(one, _): (char, char)| one.len_utf8();
    let before: usize = from
        .chars()
        .zip(to.chars())
        .take_while(same)
        .map(length)
        .sum();
    let ends = from[before..].chars().rev().zip(to[before..].chars().rev());
    let after: usize = ends.take_while(same).map(length).sum();
    let edited = start + before..start + from.len() - after;
    Ok((edited, &to[before..to.len() - after]))
}

fn with(source: &str, body: &Range<usize>, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(edited, _)| edited.start);
    let mut text = source[body.clone()].to_owned();
    for (edited, to) in edits.into_iter().rev() {
        text.replace_range(edited.start - body.start..edited.end - body.start, to);
    }
    text
}

/// Where the bodies of the functions are, braces included, in the file's order; without those inside another.
fn bodies(source: &str) -> Result<Vec<Range<usize>>, Problem> {
    let mut bodies = Bodies::default();
    bodies.visit_file(&syn::parse_file(source)?);
    Ok(bodies.0)
}

#[derive(Default)]
struct Bodies(Vec<Range<usize>>);

impl Bodies {
    fn add(&mut self, braces: Span) {
        self.0.push(braces.byte_range());
    }
}

impl<'ast> Visit<'ast> for Bodies {
    fn visit_item_fn(&mut self, it: &'ast syn::ItemFn) {
        self.add(it.block.brace_token.span.join());
    }

    fn visit_impl_item_fn(&mut self, it: &'ast syn::ImplItemFn) {
        self.add(it.block.brace_token.span.join());
    }

    fn visit_trait_item_fn(&mut self, it: &'ast syn::TraitItemFn) {
        if let Some(block) = &it.default {
            self.add(block.brace_token.span.join());
        }
        visit::visit_trait_item_fn(self, it);
    }
}
