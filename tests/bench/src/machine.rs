//! Where it was measured.

use jiff::Timestamp;
use serde::Serialize;

/// The machine, and what else it did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// When the run began.
    pub(crate) date: Timestamp,
    /// The processor's name.
    pub(crate) processor: String,
    /// How many there are.
    pub(crate) processors: usize,
    /// The kernel's version.
    pub(crate) kernel: String,
    /// Processes that ran or wanted to, over the minute before the run.
    pub(crate) load_before: String,
    /// The same at its end.
    pub(crate) load_after: String,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let cpuinfo = read("/proc/cpuinfo");
        let named = |line: &str| {
            Some(
                line.strip_prefix("model name")?
                    .split_once(':')?
                    .1
                    .to_owned(),
            )
        };
        let name = cpuinfo.lines().find_map(named).unwrap_or_default();
        Self {
            date: Timestamp::now(),
            processor: name.trim().to_owned(),
            processors: cpuinfo
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load_before: load(),
            load_after: String::new(),
        }
    }

    pub(crate) fn ended(&mut self) {
        self.load_after = load();
    }

    /// In one line.
    pub(crate) fn describe(&self) -> String {
        let Self {
            date,
            processor,
            processors,
            kernel,
            load_before,
            load_after,
        } = self;
        let day = date.strftime("%Y-%m-%d");
        format!(
            "{day}, {processors} x {processor}, Linux {kernel}, load {load_before} before and {load_after} after"
        )
    }
}

fn load() -> String {
    let load = read("/proc/loadavg");
    load.split(' ').next().unwrap_or_default().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
