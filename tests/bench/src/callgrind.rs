//! Instructions, counted by valgrind: the figure that does not move with the machine or its load.

use std::path::{Path, PathBuf};

use local_cloud::process::find_program;

use super::BenchError;
use super::sandbox::Launch;

/// Whether valgrind is installed.
pub(crate) fn is_there() -> bool {
    find_program("valgrind", &[]).is_some()
}

/// The same function under valgrind, and where its report will be.
pub(crate) fn under(launch: &Launch) -> (Launch, PathBuf) {
    let report = launch.log.with_extension("callgrind");
    let program = find_program("valgrind", &[]).unwrap_or_else(|| PathBuf::from("valgrind"));
    let under = vec![
        program.display().to_string(),
        "--tool=callgrind".to_owned(),
        "--quiet".to_owned(),
        format!("--callgrind-out-file={}", report.display()),
    ];
    let launch = Launch {
        under,
        ..launch.clone()
    };
    (launch, report)
}

/// The instructions of a report.
pub(crate) fn instructions(report: &Path) -> Result<u64, BenchError> {
    let text = std::fs::read_to_string(report).map_err(BenchError::file(report))?;
    total(&text).ok_or_else(|| BenchError::Callgrind(report.to_owned()))
}

fn total(report: &str) -> Option<u64> {
    let line = report.lines().find_map(|line| line.strip_prefix("totals:"));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_the_whole_programs() {
        let report = "version: 1\nevents: Ir\nfl=(1)\nfn=(1)\n0 12\n\ntotals: 1234567\n";
        assert_eq!(total(report), Some(1_234_567));
        assert_eq!(total("version: 1\n"), None);
    }
}
