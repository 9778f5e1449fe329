//! Whether an executable runs on a given processor and glibc.

use anyhow::{Context as _, Result, ensure};
use object::elf::FileHeader64;
use object::read::elf::{ElfFile64, FileHeader as _};
use object::{Endianness, Object as _};

/// A version of glibc by its numbers; a later one is greater.
pub type GlibcVersion = Vec<u32>;

pub fn dotted(version: &[u32]) -> String {
    let numbers: Vec<_> = version.iter().map(u32::to_string).collect();
    numbers.join(".")
}

/// The glibc that an executable needs, if it is for this processor and needs no newer one than `limit`.
pub(crate) fn check(
    bytes: &[u8],
    expected: object::Architecture,
    limit: &[u32],
) -> Result<GlibcVersion> {
    let file = ElfFile64::<Endianness>::parse(bytes).context("it is no 64-bit ELF file")?;
    let found = file.architecture();
    ensure!(
        found == expected,
        "it is built for another processor: {found:?} instead of {expected:?}"
    );
    let needed = glibc_needed(bytes)?;
    ensure!(
        needed.as_slice() <= limit,
        "it needs glibc {}, and where it runs there is {}: is it linked by cargo-lambda's zig?",
        dotted(&needed),
        dotted(limit)
    );
    Ok(needed)
}

fn glibc_needed(bytes: &[u8]) -> Result<GlibcVersion> {
    const NONE: &str = "it names no version of glibc: is it built for another C library?";
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let (mut libraries, link) = sections.gnu_verneed(endian, bytes)?.context(NONE)?;
    let strings = sections.strings(endian, bytes, link)?;
    let mut highest = None;
    while let Some((_, mut versions)) = libraries.next()? {
        while let Some(version) = versions.next()? {
            let name = String::from_utf8_lossy(version.name(endian, strings)?);
            if let Some(number) = name.strip_prefix("GLIBC_") {
                let numbers: Result<Vec<u32>, _> = number.split('.').map(str::parse).collect();
                let numbers = numbers
                    .with_context(|| format!("it needs {name} of glibc, which is no version"))?;
                highest = highest.max(Some(numbers));
            }
        }
    }
    highest.context(NONE)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn this_test_needs_a_glibc_that_there_is() {
        let needed = check(&own_executable(), own_architecture(), &[3]).unwrap();
        assert!(needed[..] >= [2, 17][..], "{needed:?}");
        // Exactly that is enough.
        check(&own_executable(), own_architecture(), &needed).unwrap();
    }

    #[test]
    fn what_cannot_be_deployed_is_refused() {
        let own = own_executable();
        let (here, another) = (own_architecture(), object::Architecture::Riscv64);
        let (old, new) = (&[2, 2, 5][..], &[3][..]);
        for (bytes, architecture, limit, told) in [
            (&own[..], here, old, "there is 2.2.5"),
            (&own, another, new, "another processor"),
            (b"", here, new, "no 64-bit ELF file"),
            (b"#!/bin/sh\n", here, new, "no 64-bit ELF file"),
            (&own[..1000], here, new, "no 64-bit ELF file"),
        ] {
            let error = format!("{:#}", check(bytes, architecture, limit).unwrap_err());
            assert!(error.contains(told), "{told}: {error}");
        }
    }
}
