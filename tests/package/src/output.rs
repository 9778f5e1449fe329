//! What is written for whoever deploys: files under `target/package/`, and a table.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};
use package::archive::sha256;
use package::dotted;

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

pub(crate) fn lines(packages: &[Package]) -> String {
    let line = |it: &Package| {
        let (function, glibc) = (&it.function, dotted(&it.glibc));
        let [executable, zip] = [&it.bootstrap, &it.zip].map(|it| it.len() / 1000);
        let sum = it.sha256.get(..SHORT).unwrap_or(&it.sha256);
        format!(
            "  {function:<20}{executable:>6} kB, zip {zip:>5} kB, SHA-256 {sum}…, glibc {glibc}"
        )
    };
    packages.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use package::archive;

    fn package(function: &str) -> Package {
        let zip = archive::zip(function.as_bytes()).unwrap();
        Package {
            function: function.to_owned(),
            bootstrap: function.as_bytes().to_vec(),
            sha256: archive::sha256(&zip),
            zip,
            glibc: vec![2, 34],
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
