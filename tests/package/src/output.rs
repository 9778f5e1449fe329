//! What is written for whoever deploys: files under `target/package/`, and a table.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use indicatif::HumanBytes;

use super::archive::sha256;
use super::build::Package;
use super::{PackageError, sbom};

/// How much of a sum is enough for the eye.
const SHORT: usize = 16;

/// Takes away what an earlier run has left: what lies there is always of one run.
pub(crate) fn clear(directory: &Path) -> Result<(), PackageError> {
    let entries = match directory.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(PackageError::file(directory))?,
    };
    for entry in entries {
        let path = entry.map_err(PackageError::file(directory))?.path();
        if path.is_file() {
            fs::remove_file(&path).map_err(PackageError::file(&path))?;
        }
    }
    Ok(())
}

/// Writes the zips, their bill of materials, and the sums of all.
pub(crate) fn write(
    directory: &Path,
    packages: &[Package],
    bill: &str,
) -> Result<(), PackageError> {
    for package in packages {
        write_file(&directory.join(package.file_name()), &package.zip)?;
    }
    write_file(&directory.join(sbom::FILE), bill.as_bytes())?;
    let sum = sha256(bill.as_bytes());
    let sums = format!("{}{sum}  {}\n", sums(packages), sbom::FILE);
    write_file(&directory.join("SHA256SUMS"), sums.as_bytes())
}

/// Writes a file.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), PackageError> {
    fs::write(path, bytes).map_err(PackageError::file(path))
}

/// Reads a text.
pub(crate) fn read(path: &Path) -> Result<String, PackageError> {
    fs::read_to_string(path).map_err(PackageError::file(path))
}

/// As `sha256sum -c` takes it.
fn sums(packages: &[Package]) -> String {
    packages.iter().fold(String::new(), |mut text, package| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}  {}", package.sha256, package.file_name());
        text
    })
}

/// What the packages are.
pub(crate) fn table(packages: &[Package]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED.with_rounded_corners())
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header([
            "function",
            "executable",
            "zip",
            "SHA-256 of the zip",
            "glibc",
        ]);
    for package in packages {
        let size = |bytes: &[u8]| {
            let size = HumanBytes(bytes.len() as u64).to_string();
            Cell::new(size).set_alignment(CellAlignment::Right)
        };
        let sum = package.sha256.get(..SHORT).unwrap_or(&package.sha256);
        table.add_row([
            Cell::new(&package.function),
            size(&package.bootstrap),
            size(&package.zip),
            Cell::new(format!("{sum}…")),
            Cell::new(format!("{} or later", package.glibc)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests;
