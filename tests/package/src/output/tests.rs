use std::process::Command;

use super::*;
use crate::elf::GlibcVersion;
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

#[test]
fn the_table_tells_sizes_sums_and_glibc() {
    let package = package("rotate");
    let table = table(std::slice::from_ref(&package)).to_string();
    for part in ["rotate", "6 B", &package.sha256[..SHORT], "2.34 or later"] {
        assert!(table.contains(part), "{part}: {table}");
    }
}
