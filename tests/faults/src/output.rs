//! All that the functions write: a process of its own writes it to a file, which is searched.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use aho_corasick::AhoCorasick;

/// The file of the process that runs the functions.
const FILE: &str = "FAULTS_OUTPUT";

/// Where this process's standard output goes, if it is the one that runs the functions.
pub fn file() -> Option<PathBuf> {
    std::env::var_os(FILE).map(PathBuf::from)
}

/// Runs this program again with its standard output in `file`, and with everything that the
/// library ever logs. What is for whoever runs it goes to standard error.
pub fn run_again(file: &Path) -> io::Result<ExitCode> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    let status = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(FILE, file)
        .env("RUST_LOG", "trace")
        .stdout(Stdio::from(File::create(file)?))
        .status()?;
    Ok(ExitCode::from(u8::from(!status.success())))
}

/// How many of the values are in the output, and how many lines it has.
pub fn search(file: &Path, values: &[String]) -> io::Result<(usize, usize)> {
    let output = fs::read(file)?;
    let search = AhoCorasick::builder()
        .kind(Some(aho_corasick::AhoCorasickKind::ContiguousNFA))
        .build(values)
        .map_err(io::Error::other)?;
    let found = search.find_iter(&output).count();
    Ok((found, output.split(|byte| *byte == b'\n').count()))
}
