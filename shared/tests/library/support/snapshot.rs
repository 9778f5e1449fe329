//! What the product says, in files that a reviewer reads: `messages/*.txt` beside these tests.

use std::path::Path;

/// Compares a text with its file. `UPDATE_SNAPSHOTS=1` writes the file instead.
pub(crate) fn assert_snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/library/messages")
        .join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == text,
        "{} is not what the product says now. Read the difference after UPDATE_SNAPSHOTS=1 cargo test. It says:\n{text}",
        path.display()
    );
}
