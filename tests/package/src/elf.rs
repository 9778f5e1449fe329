//! What is to be known of an executable: does it run on a given glibc, and where does it differ
//! from another.

use std::fmt;

use object::elf::FileHeader64;
use object::read::elf::{ElfFile64, FileHeader as _};
use object::{Endianness, Object as _, ObjectSection as _};

/// How much of a text around a difference is quoted, before and after it.
const CONTEXT: usize = 60;
/// Shorter ones are chance.
const LEGIBLE: usize = 8;

/// Why an executable cannot be deployed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ElfError {
    /// It is none.
    #[error("it is no 64-bit ELF file: {0}")]
    Malformed(#[from] object::read::Error),
    /// It is for another processor.
    #[error("it is built for another processor: {found:?} instead of {expected:?}")]
    Architecture {
        /// What was asked for.
        expected: object::Architecture,
        /// What it is.
        found: object::Architecture,
    },
    /// Nothing tells which glibc it needs.
    #[error("it names no version of glibc: is it built for another C library?")]
    NoGlibc,
    /// It needs something of glibc that is not numbered.
    #[error("it needs {0} of glibc, which is no version that can be compared")]
    UnknownVersion(String),
    /// It needs a newer glibc.
    #[error(
        "it needs glibc {needed}, and where it runs there is {limit}: is it linked by cargo-lambda's zig?"
    )]
    TooNew {
        /// What it needs.
        needed: GlibcVersion,
        /// What there is.
        limit: GlibcVersion,
    },
}

/// A version of glibc; a later one is greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GlibcVersion(Vec<u32>);

impl GlibcVersion {
    pub(crate) fn new(numbers: impl Into<Vec<u32>>) -> Self {
        Self(numbers.into())
    }
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.0.iter().map(u32::to_string).collect();
        formatter.write_str(&numbers.join("."))
    }
}

/// The glibc that an executable needs, if it is for this processor and needs no newer one than `limit`.
pub(crate) fn check(
    bytes: &[u8],
    expected: object::Architecture,
    limit: &GlibcVersion,
) -> Result<GlibcVersion, ElfError> {
    let found = ElfFile64::<Endianness>::parse(bytes)?.architecture();
    if found != expected {
        return Err(ElfError::Architecture { expected, found });
    }
    let needed = glibc_needed(bytes)?;
    if needed > *limit {
        return Err(ElfError::TooNew {
            needed,
            limit: limit.clone(),
        });
    }
    Ok(needed)
}

/// The highest version among those of the symbols that it takes from glibc.
fn glibc_needed(bytes: &[u8]) -> Result<GlibcVersion, ElfError> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let Some((mut libraries, link)) = sections.gnu_verneed(endian, bytes)? else {
        return Err(ElfError::NoGlibc);
    };
    let strings = sections.strings(endian, bytes, link)?;
    let mut highest = None;
    while let Some((_, mut versions)) = libraries.next()? {
        while let Some(version) = versions.next()? {
            let name = String::from_utf8_lossy(version.name(endian, strings)?);
            if let Some(number) = name.strip_prefix("GLIBC_") {
                let numbers: Result<Vec<u32>, _> = number.split('.').map(str::parse).collect();
                let Ok(numbers) = numbers else {
                    return Err(ElfError::UnknownVersion(name.into_owned()));
                };
                highest = highest.max(Some(GlibcVersion(numbers)));
            }
        }
    }
    highest.ok_or(ElfError::NoGlibc)
}

/// Where two executables differ first, for people.
pub(crate) fn difference(one: &[u8], other: &[u8]) -> String {
    if one == other {
        return "the executables are the same: the zips differ".to_owned();
    }
    let parsed = (
        ElfFile64::<Endianness>::parse(one),
        ElfFile64::<Endianness>::parse(other),
    );
    let (Ok(first), Ok(second)) = parsed else {
        return "one of them is no ELF file".to_owned();
    };
    // The texts tell most, and the rest differs wherever the place of a text does.
    let sections = first.sections().filter_map(|section| {
        let name = section.name().ok()?.to_owned();
        Some((name, section.data().ok()?))
    });
    let (texts, rest): (Vec<_>, Vec<_>) = sections.partition(|(name, _)| name == ".rodata");
    for (name, data) in texts.into_iter().chain(rest) {
        let twin = second.section_by_name(&name);
        let twin = twin.and_then(|section| section.data().ok());
        let twin = twin.unwrap_or_default();
        if data != twin {
            let at = common(data, twin);
            let (data_length, twin_length) = (data.len(), twin.len());
            let found = text_difference(data, twin).unwrap_or_default();
            return format!(
                "section {name} differs from byte {at:#x} on (of {data_length:#x} and {twin_length:#x}){found}"
            );
        }
    }
    "no section differs, only what is between them".to_owned()
}

/// The first text of each that the other does not have, around where the two part.
fn text_difference(one: &[u8], other: &[u8]) -> Option<String> {
    let first = texts(one).find(|text| !contains(other, text))?;
    let second = texts(other).find(|text| !contains(one, text))?;
    let at = common(first, second);
    let quoted = |text: &[u8]| {
        let from = at.saturating_sub(CONTEXT);
        let to = text.len().min(at + CONTEXT);
        let part = text.get(from..to).unwrap_or_default();
        String::from_utf8_lossy(part).into_owned()
    };
    Some(format!(
        "; its texts:\n  {}\n  {}",
        quoted(first),
        quoted(second)
    ))
}

/// What a person can read.
fn texts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| !byte.is_ascii_graphic() && *byte != b' ')
        .filter(|text| text.len() >= LEGIBLE)
}

fn contains(data: &[u8], text: &[u8]) -> bool {
    texts(data).any(|it| it == text)
}

/// How many bytes are the same from the beginning.
fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
