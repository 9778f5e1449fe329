//! The whole, tried in the local cloud: the deployed stack, the unmodified AWS CLI, and whatever
//! stands in for Heroku and the partner's services. `cargo xtask test` sets up what is missing and
//! runs this; a plain `cargo test` leaves it out and says so.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test runner talks to whoever runs it"
)]

mod button;
mod dashboard;
mod engines;
mod faults;
mod fleet;
mod infrastructure;
mod leaks;
mod operator;
mod permissions;
mod revocation;
mod rotation;
mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use local_cloud::cloud::{Cloud, CloudOptions, Parameters};
use tokio::runtime::Runtime;

/// Which tests run: `core`, what `cargo xtask test` runs; `rest`, what is left to `cargo xtask prove`; of that `matrix`,
/// what `core` has with one engine, with the others; or `all`. Without it, none.
const WHICH: &str = "LOCAL_CLOUD";

/// What a test answers.
pub(crate) type TestResult = Result<(), Failed>;

/// The production default: the schedules' times are asserted, and then brought forward.
const GRACE_PERIOD: Duration = Duration::from_hours(2);

/// A part of the tests.
struct Phase {
    /// Who runs it.
    tiers: &'static [&'static str],
    /// Adds its tests.
    add: fn(&mut Suite),
    /// How many run side by side.
    threads: usize,
}

const CORE: &[&str] = &["core", "all"];
const MATRIX: &[&str] = &["matrix", "rest", "all"];
const REST: &[&str] = &["rest", "all"];
const EVERY: &[&str] = &["core", "matrix", "rest", "all"];

/// Side by side; so the other engines; reviews, and the example of a dashboard; then a fleet, alone; then what
/// changes the deployed roles and the stack, one at a time; then what looks back at everything before; last the
/// stack's end.
const PHASES: [Phase; 9] = [
    Phase {
        tiers: CORE,
        add: |suite| {
            // Its tests wait longest.
            operator::tests(suite);
            engines::postgres(suite);
            rotation::tests(suite);
            button::tests(suite);
            revocation::tests(suite);
            fleet::tests(suite);
        },
        threads: 4,
    },
    Phase {
        tiers: MATRIX,
        add: |suite| {
            rotation::matrix(suite);
            faults::tests(suite);
            engines::others(suite);
        },
        threads: 4,
    },
    Phase {
        tiers: REST,
        add: infrastructure::reviews,
        threads: 4,
    },
    Phase {
        tiers: REST,
        add: dashboard::tests,
        threads: 2,
    },
    Phase {
        tiers: REST,
        add: operator::fleet,
        threads: 1,
    },
    Phase {
        tiers: REST,
        add: permissions::tests,
        threads: 1,
    },
    Phase {
        tiers: REST,
        add: infrastructure::changes,
        threads: 1,
    },
    Phase {
        tiers: EVERY,
        add: leaks::tests,
        threads: 1,
    },
    Phase {
        tiers: REST,
        add: infrastructure::end,
        threads: 1,
    },
];

struct Suite {
    runtime: Arc<Runtime>,
    cloud: Option<Arc<Cloud>>,
    trials: Vec<Trial>,
}

impl Suite {
    /// Adds a test.
    pub(crate) fn test<F>(
        &mut self,
        name: &str,
        test: impl FnOnce(Arc<Cloud>) -> F + Send + 'static,
    ) where
        F: Future<Output = TestResult>,
    {
        let (runtime, cloud) = (Arc::clone(&self.runtime), self.cloud.clone());
        let left_out = cloud.is_none();
        let run = move || match cloud {
            Some(cloud) => runtime.block_on(test(cloud)),
            None => Err("there is no local cloud".into()),
        };
        self.trials
            .push(Trial::test(name, run).with_ignored_flag(left_out));
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let which = std::env::var(WHICH).ok();
    if let Some(unknown) = which.as_ref().filter(|it| !EVERY.contains(&it.as_str())) {
        eprintln!("{WHICH} is {unknown}: there is core, matrix, rest and all");
        return ExitCode::FAILURE;
    }
    if which.is_none() && !arguments.list {
        println!("Left out: these tests need the local cloud. Run `cargo xtask test`.");
    }
    let runtime = match Runtime::new() {
        Ok(runtime) => Arc::new(runtime),
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let cloud = if which.is_some() && !arguments.list {
        match runtime.block_on(Cloud::start(options())) {
            Ok(cloud) => Some(Arc::new(cloud)),
            Err(error) => {
                eprintln!("the local cloud does not start: {error}");
                return ExitCode::FAILURE;
            }
        }
    } else {
        None
    };

    let mut failed = false;
    let is_chosen = |phase: &&Phase| match &which {
        Some(which) => phase.tiers.contains(&which.as_str()),
        None => true,
    };
    for phase in PHASES.iter().filter(is_chosen) {
        let mut suite = Suite {
            runtime: Arc::clone(&runtime),
            cloud: cloud.clone(),
            trials: Vec::new(),
        };
        (phase.add)(&mut suite);
        let arguments = Arguments {
            test_threads: Some(phase.threads),
            ..arguments.clone()
        };
        failed |= libtest_mimic::run(&arguments, suite.trials).has_failed();
    }
    if failed && let Some(cloud) = &cloud {
        match support::write_events(cloud) {
            Ok(path) => eprintln!("What happened is in {}.", path.display()),
            Err(error) => eprintln!("What happened could not be written: {error}"),
        }
    }
    if let Some(cloud) = cloud.and_then(Arc::into_inner) {
        runtime.block_on(cloud.stop());
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn options() -> CloudOptions {
    CloudOptions {
        workspace: support::workspace(),
        grace_period: GRACE_PERIOD,
        parameters: Parameters::All,
        progress: Arc::new(|line| eprintln!("{line}")),
    }
}
