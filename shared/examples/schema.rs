//! Prints the JSON Schema of the secret's document: `cargo xtask schema` writes it to `infra/`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    let schema = serde_json::to_string_pretty(&addon_rotation::document::schema())?;
    writeln!(std::io::stdout(), "{schema}")
}
