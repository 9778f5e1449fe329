//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum as _};
use faults::engine::Engine;
use tools::target_directory;

/// Has requests go wrong, and looks whether what must hold does.
#[derive(Parser)]
pub(crate) struct Arguments {
    /// Only instances of this engine; may be given several times.
    #[arg(long = "engine", value_enum, global = true)]
    engines: Vec<Engine>,
    /// Ends at the first violation.
    #[arg(long, global = true)]
    pub(crate) until_violation: bool,
    #[command(subcommand)]
    pub(crate) task: Task,
}

#[derive(Subcommand)]
pub(crate) enum Task {
    /// Every single fault, pairs of them, and random histories.
    Run(Plan),
    /// Breaks the functions in one place after the other, in a copy, and runs until that shows.
    Mutants {
        /// Only those whose names contain this.
        only: Option<String>,
        /// Leaves out those that tests of the library must show, for each of which these are built again.
        #[arg(long)]
        no_tests: bool,
    },
    /// One run again, from a script of an earlier one.
    Replay { script: PathBuf },
}

/// How much to run.
#[derive(Args)]
pub(crate) struct Plan {
    /// Leaves the single faults out.
    #[arg(long)]
    pub(crate) no_single: bool,
    /// Only each so many-th of the single faults.
    #[arg(long, default_value = "1")]
    pub(crate) every: NonZeroUsize,
    /// Only the single faults in a database's protocol: what goes to AWS and to Heroku is alike for all engines.
    #[arg(long)]
    pub(crate) turns: bool,
    /// AWS and Heroku are as untidy as they may be; in histories they are so by chance.
    #[arg(long)]
    pub(crate) untidy: bool,
    #[arg(long, default_value_t = 0)]
    pub(crate) pairs: usize,
    /// How many histories.
    #[arg(long, default_value_t = 0)]
    pub(crate) histories: usize,
    /// What pairs and histories are drawn from.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

impl Arguments {
    pub(crate) fn engines(&self) -> Vec<Engine> {
        if self.engines.is_empty() {
            return Engine::value_variants().to_vec();
        }
        self.engines.clone()
    }

    pub(crate) fn directory() -> PathBuf {
        let workspace = tools::workspace();
        target_directory(&workspace).join("faults")
    }
}
