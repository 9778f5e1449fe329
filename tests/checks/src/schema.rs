//! `cargo xtask schema`: the JSON Schema of the secret's document, from the types.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

const FILE: &str = "infra/document.schema.json";

/// Writes the schema.
pub(crate) async fn write(workspace: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let output = local_cloud::tools::cargo(workspace)
        .args(["run", "--quiet", "--package", "addon-rotation"])
        .args(["--features", "schema", "--example", "schema"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .await?;
    if !output.status.success() {
        return Ok(ExitCode::FAILURE);
    }
    std::fs::write(workspace.join(FILE), output.stdout)?;
    println!("wrote {FILE}");
    Ok(ExitCode::SUCCESS)
}
