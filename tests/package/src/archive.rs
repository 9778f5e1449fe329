//! A function's zip and its sum: nothing in them but the executable's bytes decides theirs.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use ring::digest::{SHA256, digest};
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// What Lambda's `provided` runtimes start.
pub const EXECUTABLE: &str = "bootstrap";

/// Above 9 it is zopfli, by so many rounds: some 2 or 3% smaller than zlib's best, and read as fast. More
/// rounds gain next to nothing.
const ZOPFLI: i64 = 9 + 5;

/// A zip with the executable and nothing else.
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
    zip.write_all(bootstrap)?;
    Ok(zip.finish()?.into_inner())
}

/// The SHA-256 sum, in hexadecimal digits.
#[must_use]
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
