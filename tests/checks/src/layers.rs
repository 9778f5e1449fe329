//! No module of the library imports upwards: each imports only from those before it in the table of `shared/src/lib.rs`.

use std::path::Path;

use crate::text::files;

fn order(page: &str) -> Vec<&str> {
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("//! | [`"));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split("`], [`"));
    names.map(|name| name.trim_end_matches("`]")).collect()
}

/// The modules that a text of the product's code names by their path, once each line.
fn imported(text: &str) -> Vec<&str> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut found = Vec::new();
    for line in lines {
        for (at, _) in line.match_indices("crate::") {
            if line[..at].ends_with('$') || line[..at].ends_with(|c: char| c.is_alphanumeric()) {
                continue;
            }
            let path = &line[at + "crate::".len()..];
            let names = match path.strip_prefix('{') {
                Some(several) => several.split('}').next().unwrap(),
                None => path,
            };
            let is_several = path.starts_with('{');
            for name in names.split(", ").take(if is_several { 99 } else { 1 }) {
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
                found.push(&name[..end.unwrap_or(name.len())]);
            }
        }
    }
    found
}

/// What a module imports that does not come before it.
fn upward<'a>(order: &[&str], module: &str, text: &'a str) -> Vec<&'a str> {
    let place = |name: &str| order.iter().position(|it| *it == name);
    let own = place(module).unwrap_or_else(|| panic!("{module} is not in the table of lib.rs"));
    let mut found = imported(text);
    found.retain(|name| {
        // The crate's one type of its own is that module's.
        let name = if *name == "Error" { "error" } else { name };
        place(name).is_none_or(|place| place > own)
    });
    found
}

#[test]
fn no_module_imports_upwards() {
    let library = tools::workspace().join("shared/src");
    let page = std::fs::read_to_string(library.join("lib.rs")).unwrap();
    let order = order(&page);
    let mut declared: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let mut listed = order.clone();
    declared.sort_unstable();
    listed.sort_unstable();
    assert_eq!(declared, listed, "the table of lib.rs");
    let mut all = files(&library, "rs");
    all.retain(|file| {
        let below = file.strip_prefix(&library).unwrap().with_extension("");
        !below.iter().any(|it| it == "tests" || it == "snapshots")
    });
    assert!(all.len() > 60, "{}", all.len());
    let mut problems = Vec::new();
    for file in all {
        let below = file.strip_prefix(&library).unwrap();
        let first = below.iter().next().unwrap();
        let module = Path::new(first).file_stem().unwrap().to_str().unwrap();
        if module == "lib" {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let upward = upward(&order, module, &text);
        problems.extend(
            upward
                .iter()
                .map(|name| format!("{}: {name}", below.display())),
        );
    }
    assert_eq!(
        problems, [""; 0],
        "imported from further down the table of lib.rs"
    );
}

#[test]
fn an_import_from_above_is_found_however_it_is_written() {
    let order = ["low", "error", "middle", "high"];
    for text in [
        "use crate::high;",
        "use crate::high::Thing;",
        "use crate::{low, high};",
        "fn it() -> crate::high::Thing {}",
        "use crate::new::Thing;",
    ] {
        assert_eq!(upward(&order, "middle", text).len(), 1, "{text}");
    }
    for text in [
        "use crate::low::Thing;",
        "use crate::{Error, low};",
        "use crate::middle::Thing;",
        "/// As [`it`](crate::high::it).",
        "$crate::high::it!()",
        "#[cfg(test)]\nmod tests {\n    use crate::high::Thing;\n}",
    ] {
        assert_eq!(upward(&order, "middle", text), [""; 0], "{text}");
    }
    assert_eq!(upward(&order, "low", "use crate::{Error, low};"), ["Error"]);
}
