//! What is written for whoever deploys: files under `target/package/`, and a table.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use indicatif::HumanBytes;

use super::archive::sha256;
use super::build::Package;
use super::sbom;

/// How much of a sum is enough for the eye.
const SHORT: usize = 16;

/// Takes away what an earlier run has left: what lies there is always of one run.
pub(crate) fn clear(directory: &Path) -> Result<()> {
    let unusable = || format!("cannot use {}", directory.display());
    let entries = match directory.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(unusable)?,
    };
    for entry in entries {
        let path = entry.with_context(unusable)?.path();
        if path.is_file() {
            fs::remove_file(&path).with_context(unusable)?;
        }
    }
    Ok(())
}

/// Writes the zips, their bill of materials, and the sums of all.
pub(crate) fn write(directory: &Path, packages: &[Package], bill: &str) -> Result<()> {
    for package in packages {
        write_file(&directory.join(package.file_name()), &package.zip)?;
    }
    write_file(&directory.join(sbom::FILE), bill.as_bytes())?;
    let sum = sha256(bill.as_bytes());
    let sums = format!("{}{sum}  {}\n", sums(packages), sbom::FILE);
    write_file(&directory.join("SHA256SUMS"), sums.as_bytes())
}

pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// As `sha256sum -c` takes it.
fn sums(packages: &[Package]) -> String {
    packages.iter().fold(String::new(), |mut text, package| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}  {}", package.sha256, package.file_name());
        text
    })
}

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
mod tests {
    use std::process::Command;

    use super::*;
    use package::GlibcVersion;
    use package::archive;

    fn package(function: &str) -> Package {
        let zip = archive::zip(function.as_bytes()).unwrap();
        Package {
            function: function.to_owned(),
            bootstrap: function.as_bytes().to_vec(),
            sha256: archive::sha256(&zip),
            zip,
            glibc: GlibcVersion::new([2, 34]),
        }
    }

    #[test]
    fn the_sums_are_what_sha256sum_checks() {
        let directory = tempfile::tempdir().unwrap();
        write(
            directory.path(),
            &[package("rotate"), package("test-secret")],
            "{}\n",
        )
        .unwrap();
        let sums = read(&directory.path().join("SHA256SUMS")).unwrap();
        assert_eq!(sums.lines().count(), 3);
        assert!(sums.ends_with("  sbom.cdx.json\n"), "{sums}");
        assert!(
            sums.lines().next().unwrap().ends_with("  rotate.zip"),
            "{sums}"
        );

        let check = || {
            Command::new("sha256sum")
                .args(["--check", "--strict", "SHA256SUMS"])
                .current_dir(directory.path())
                .output()
        };
        let Ok(checked) = check() else {
            println!("left out: there is no sha256sum");
            return;
        };
        assert!(checked.status.success(), "{checked:?}");
        fs::write(directory.path().join("rotate.zip"), "another").unwrap();
        assert!(!check().unwrap().status.success());
    }

    #[test]
    fn what_an_earlier_run_left_is_taken_away_but_not_its_build() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("build")).unwrap();
        fs::write(directory.path().join("gone.zip"), "").unwrap();
        clear(directory.path()).unwrap();
        let left: Vec<_> = directory.path().read_dir().unwrap().collect();
        assert_eq!(left.len(), 1);
        clear(&directory.path().join("none")).unwrap();
    }
}
