use super::*;

fn own_executable() -> Vec<u8> {
    std::fs::read(std::env::current_exe().unwrap()).unwrap()
}

fn own_architecture() -> object::Architecture {
    match std::env::consts::ARCH {
        "x86_64" => object::Architecture::X86_64,
        "aarch64" => object::Architecture::Aarch64,
        other => panic!("no function runs on {other}"),
    }
}

fn version(numbers: &[u32]) -> GlibcVersion {
    GlibcVersion::new(numbers)
}

#[test]
fn a_later_version_is_greater() {
    let ascending = [
        &[2, 2, 5][..],
        &[2, 9],
        &[2, 34],
        &[2, 34, 1],
        &[2, 100],
        &[3],
    ];
    let versions = ascending.map(version);
    assert!(versions.is_sorted_by(|one, other| one < other));
    assert_eq!(versions[0].to_string(), "2.2.5");
}

#[test]
fn this_test_needs_a_glibc_that_there_is() {
    let needed = check(&own_executable(), own_architecture(), &version(&[3])).unwrap();
    assert!(needed >= version(&[2, 17]), "{needed}");
    // Exactly that is enough.
    check(&own_executable(), own_architecture(), &needed).unwrap();
}

#[test]
fn a_newer_glibc_than_there_is_is_refused() {
    let limit = version(&[2, 2, 5]);
    let error = check(&own_executable(), own_architecture(), &limit).unwrap_err();
    assert!(matches!(error, ElfError::TooNew { .. }), "{error}");
    assert!(error.to_string().contains("there is 2.2.5"), "{error}");
}

#[test]
fn another_processor_is_refused() {
    let another = object::Architecture::Riscv64;
    let error = check(&own_executable(), another, &version(&[3])).unwrap_err();
    assert!(matches!(error, ElfError::Architecture { .. }), "{error}");
}

#[test]
fn what_is_no_executable_is_refused() {
    for bytes in [&b""[..], b"#!/bin/sh\n", &own_executable()[..1000]] {
        let error = check(bytes, own_architecture(), &version(&[3])).unwrap_err();
        assert!(matches!(error, ElfError::Malformed(_)), "{error}");
    }
}

#[test]
fn a_need_that_is_no_version_is_refused() {
    let mut executable = own_executable();
    let needed = check(&executable, own_architecture(), &version(&[3])).unwrap();
    let name = format!("\0GLIBC_{needed}\0");
    let at = executable
        .windows(name.len())
        .position(|it| it == name.as_bytes());
    executable[at.unwrap() + "\0GLIBC_".len()] = b'X';
    let error = check(&executable, own_architecture(), &version(&[3])).unwrap_err();
    assert!(
        matches!(&error, ElfError::UnknownVersion(name) if name.starts_with("GLIBC_X")),
        "{error}"
    );
}

#[test]
fn a_difference_is_named_by_its_section_and_text() {
    const TEXT: &str = "a text that only this test has: /home/one/project";
    let one = own_executable();
    assert_eq!(
        difference(&one, &one),
        "the executables are the same: the zips differ"
    );
    let mut other = one.clone();
    let text = std::hint::black_box(TEXT).as_bytes();
    let at = one.windows(text.len()).position(|it| it == text).unwrap();
    let place = at + text.len() - "/project".len() - "one".len();
    other[place..][..3].copy_from_slice(b"two");
    let difference = difference(&one, &other);
    for part in ["section .rodata", "/home/one/project", "/home/two/project"] {
        assert!(difference.contains(part), "{difference}");
    }
}
