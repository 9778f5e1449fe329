//! CONTRIBUTING.md's engine, added to a copy of the project as the page says, works.

#![cfg(test)]

use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

use tokio::process::Command;
use tools::process;
use tools::target_directory;

const PAGE: &str = include_str!("../../CONTRIBUTING.md");
/// What is done with the engine; it is compiled in the copy only.
const USE: &str = include_str!("contributing/rotation.rs");
/// All that cargo reads.
const PROJECT: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "shared",
    "functions",
    "tests",
    "infra",
];

/// The page's block of code that begins so.
fn block(beginning: &str) -> &'static str {
    PAGE.split("```rust\n")
        .filter_map(|rest| rest.split_once("```").map(|(block, _)| block))
        .find(|block| block.starts_with(beginning))
        .unwrap_or_else(|| panic!("the page has no block that begins with {beginning:?}"))
}

/// With the time of the original, so that cargo builds again only what has changed.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        write(to, &fs::read(from).unwrap(), modified(from));
    }
}

fn write(path: &Path, text: &[u8], time: SystemTime) {
    fs::write(path, text).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

fn modified(path: &Path) -> SystemTime {
    path.metadata().unwrap().modified().unwrap()
}

/// Replaces what is there once.
fn replace(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old:?}");
    text.replace(old, new)
}

fn insert(text: &str, before: &str, new: &str) -> String {
    replace(text, before, &format!("{new}{before}"))
}

#[tokio::test]
#[ignore = "builds the library a second time: cargo xtask test"]
async fn the_page_s_engine_is_one_module_and_one_line() {
    let project = &tools::workspace();
    let here = project.join("shared");
    let copied = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contributing");
    let _ = fs::remove_dir_all(&copied);
    fs::create_dir_all(&copied).unwrap();
    for name in PROJECT {
        copy(&project.join(name), &copied.join(name));
    }

    // Of another version, so that cargo does not take what it builds for the project's own.
    let manifest = project.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let version = concat!("\nversion = \"", env!("CARGO_PKG_VERSION"), "\"\n");
    let text = replace(&text, version, "\nversion = \"0.0.0\"\n");
    write(
        &copied.join("Cargo.toml"),
        text.as_bytes(),
        modified(&manifest),
    );

    let (page, service) = (project.join("CONTRIBUTING.md"), here.join("src/engine.rs"));
    let library = copied.join("shared");
    let module = library.join("src/engine/users.rs");
    write(
        &module,
        block("//! The `users` engine").as_bytes(),
        modified(&page),
    );
    let text = fs::read_to_string(&service).unwrap();
    let text = insert(&text, "\nuse url::", block("mod "));
    let text = insert(&text, "    \"http\" =>", block("    \"users\""));
    let time = modified(&page).max(modified(&service));
    write(&library.join("src/engine.rs"), text.as_bytes(), time);
    let rotation = here.join("tests/contributing/rotation.rs");
    let own_test = library.join("tests/users_engine.rs");
    write(&own_test, USE.as_bytes(), modified(&rotation));

    let formatted = Command::new("rustfmt")
        .args(["--check", "--edition", "2024"])
        .args([&module, &own_test])
        .status()
        .await;
    assert!(formatted.unwrap().success());
    // As the page says: first the schema is written, which the engine's test then reads.
    for (arguments, passed) in [
        (["--lib", "the_schema_in_the_repository"], "1 passed"),
        (["--test", "users_engine"], "2 passed"),
    ] {
        let mut cargo = Command::new(env!("CARGO"));
        process::forget_cargo(cargo.as_std_mut());
        let output = cargo
            .current_dir(&copied)
            .args(["test", "--offline", "--package", "addon-rotation"])
            .args(arguments)
            .arg("--target-dir")
            .arg(target_directory(project))
            .env("CARGO_INCREMENTAL", "0")
            .env("UPDATE_SNAPSHOTS", "1")
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(said.contains(passed), "{said}");
        assert!(!said.contains("warning"), "{said}");
    }
}
