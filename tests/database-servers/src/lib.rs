//! Database servers, each started with a directory and a port of its own, and stopped with the value that owns it; and the
//! certificates that servers show.

#![allow(clippy::must_use_candidate)]

pub mod certificates;
pub mod mysqld;
pub mod postgres;
pub mod redis;

use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes a new file that nobody else can read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())
}
