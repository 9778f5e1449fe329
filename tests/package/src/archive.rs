//! A function's zip and its sum: nothing in them but the executable's bytes decides theirs.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use object::endian::Endianness;
use object::read::elf::ElfFile64;
use object::{Object as _, ObjectSection as _};
use ring::digest::{SHA256, digest};
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// What Lambda's `provided` runtimes start.
pub const EXECUTABLE: &str = "bootstrap";

/// Above 9 it is zopfli, by so many rounds: some 2 or 3% smaller than zlib's best, and read as fast. More
/// rounds gain next to nothing.
const ZOPFLI: i64 = 9 + 5;

/// What unwinds the stack: a tenth of a zip. The functions' release profile has panics abort, so that nothing reads it.
/// The compiler writes it all the same, as the standard library was compiled with it.
const UNWINDING: [&str; 3] = [".eh_frame", ".eh_frame_hdr", ".gcc_except_table"];

/// The executable with empty tables for unwinding, every byte at its place; anything else as it is.
fn without_unwinding(executable: &[u8]) -> Vec<u8> {
    let mut bytes = executable.to_vec();
    let Ok(file) = ElfFile64::<Endianness>::parse(executable) else {
        return bytes;
    };
    for section in file.sections() {
        let is_unwinding = section.name().is_ok_and(|it| UNWINDING.contains(&it));
        let place = section.file_range().filter(|_| is_unwinding);
        if let Some((at, size)) = place
            && let Ok(at) = usize::try_from(at)
            && let Ok(size) = usize::try_from(size)
            && let Some(table) = bytes.get_mut(at..at.saturating_add(size))
        {
            // Four zeros end `.eh_frame`, and no version of `.eh_frame_hdr` is 0 (Linux Standard Base, 10.6).
            table.fill(0);
        }
    }
    bytes
}

pub fn zip(bootstrap: &[u8]) -> ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(ZOPFLI))
        // The executable is written at once.
        .with_zopfli_buffer(None)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(EXECUTABLE, options)?;
    zip.write_all(&without_unwinding(bootstrap))?;
    Ok(zip.finish()?.into_inner())
}

pub fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes)
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
