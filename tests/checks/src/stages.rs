//! What is checked, in which order: each stage says its number, what it does, and how long it took.

mod programs;

use std::env;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tools::Tools;
use tools::process::OnLine;

use programs::Program;

/// What `cargo xtask prove` runs of the end-to-end tests: those that `test` leaves out.
const REST: &str = "rest";

/// Of those, what `core` has with one engine, with the others.
const MATRIX: &str = "matrix";

/// The test programs that `cargo xtask prove` runs: what pages and `up` say, typed, the largest stack's sweep and survey,
/// and CONTRIBUTING.md's engine, for which a copy of the project is compiled.
const LATER: [&str; 5] = ["moving", "up", "scale", "survey", "contributing"];

/// What runs the functions built for arm64, which [`PROVE`] does in a stage of its own.
const ARM64: &str = "arm64";

/// The programs that take longest, in this order: they start first.
const LONG: [&str; 3] = ["end-to-end", "library", "faults-run"];

/// Whether all is as it must be.
type Ended = Result<bool, Box<dyn Error>>;

#[derive(Clone, Copy)]
pub(crate) enum Stage {
    Dependencies,
    AllTests,
    SetUp,
    SetUpBrowser,
    /// The programs that [`Stage::AllTests`] leaves out.
    Later,
    /// The end-to-end tests of one kind.
    EndToEnd(&'static str),
    Sessions,
    /// What has requests go wrong, built to be faster than tests are: that takes longer than a sample's run.
    Faults(&'static str),
    /// A package, and what it is called with.
    Task(&'static str),
    /// What is for another processor than this one.
    Emulated,
}

use Stage::{
    AllTests, Dependencies, Emulated, EndToEnd, Faults, Later, Sessions, SetUp, SetUpBrowser, Task,
};

/// What to run before a commit.
pub(crate) const TEST: &[(&str, Stage)] = &[
    ("dependencies", Dependencies),
    (
        "unit, contract, engine and end-to-end tests, the model, faults of one engine",
        AllTests,
    ),
];

/// Of what [`TEST`] leaves out, what takes minutes.
pub(crate) const QUICK: &[(&str, Stage)] = &[
    ("set up the tools", SetUp),
    ("fleets of the largest size, the pages typed", Later),
    ("each engine, deployed", EndToEnd(MATRIX)),
];

/// Everything that [`TEST`] leaves out.
pub(crate) const PROVE: &[(&str, Stage)] = &[
    ("set up the tools", SetUp),
    ("set up a browser", SetUpBrowser),
    ("fleets of the largest size, the pages typed", Later),
    (
        "each permission removed, linters, the dashboard in a browser, a fleet, updates and removal",
        EndToEnd(REST),
    ),
    (
        "sessions compared over 200 set-ups of each database server, PostgreSQL's versions between",
        Sessions,
    ),
    (
        "a sample of the other engines' single faults, pairs of faults, histories",
        Faults(SAMPLE),
    ),
    (
        "every single fault of one engine",
        Faults("--engine http run"),
    ),
    (
        "single faults against an untidy AWS",
        Faults("--engine http run --untidy --every 8"),
    ),
    ("what is made from the template", Task("infra -- --check")),
    ("the functions built for arm64, and emulated", Emulated),
    // One function stands for all: they are built alike, and a whole build takes minutes.
    (
        "a package built twice",
        Task("package -- --verify --function finish-secret"),
    ),
];

/// The stages one after the other, up to the first that fails.
pub(crate) async fn run(workspace: &Path, stages: &[(&str, Stage)]) -> Ended {
    let count = stages.len();
    let began = Instant::now();
    for (index, (what, stage)) in stages.iter().enumerate() {
        println!("\n{} of {count}  {what}", index + 1);
        let started = Instant::now();
        let ended = stage.run(workspace).await?;
        println!(
            "{} of {count}  {what}: {} s",
            index + 1,
            started.elapsed().as_secs()
        );
        if !ended {
            return Ok(false);
        }
    }
    println!("\nall {count} passed, in {} s", began.elapsed().as_secs());
    Ok(true)
}

impl Stage {
    async fn run(self, workspace: &Path) -> Ended {
        match self {
            Dependencies => crate::deny::run(workspace).await,
            AllTests => all_tests(workspace).await,
            SetUp => set_up(workspace).await,
            SetUpBrowser => set_up_browser(workspace).await,
            Later => later(workspace).await,
            EndToEnd(which) => {
                let mut cargo = cargo_test(workspace, &["--test", "end_to_end"]);
                cargo.env("LOCAL_CLOUD", which);
                status(cargo).await
            }
            Sessions => {
                let mut cargo = cargo_test(workspace, &["--test", "library"]);
                cargo.arg("every_version_is_the_same_session").args(BETWEEN);
                cargo.env("PROBE_SETUPS", "200");
                status(cargo).await
            }
            Faults(arguments) => {
                let mut cargo = tools::cargo(workspace);
                cargo.args(["run", "--profile", "faults", "--package", "faults", "--"]);
                cargo.args(arguments.split(' '));
                status(cargo).await
            }
            Task(task) => {
                let mut cargo = tools::cargo(workspace);
                cargo.args(["run", "--package"]).args(task.split(' '));
                status(cargo).await
            }
            Emulated => status(cargo_test(workspace, &["--test", ARM64])).await,
        }
    }
}

/// Only tests whose names contain this.
pub(crate) async fn filtered(workspace: &Path, filter: &str) -> Ended {
    set_up(workspace).await?;
    tests(workspace, filter).await
}

/// Of the engines that [`TEST`] leaves out a sample, which takes minutes; `cargo xtask faults run` is everything.
const SAMPLE: &str =
    "--engine postgres --engine mysql --engine redis run --every 8 --pairs 50 --histories 100";

async fn set_up(workspace: &Path) -> Ended {
    let progress: OnLine = Arc::new(|line| println!("  {line}"));
    let target = tools::target_directory(workspace);
    Tools::ensure(&target, Arc::clone(&progress)).await?;
    tools::ensure_postgres(&target, Arc::clone(&progress)).await?;
    tools::ensure_redis(&target, Arc::clone(&progress)).await?;
    tools::ensure_mariadb(&target, Arc::clone(&progress)).await?;
    tools::ensure_mysql(&target, Arc::clone(&progress)).await?;
    for server in &tools::LATER_POSTGRES {
        server.ensure(&target, Arc::clone(&progress)).await?;
    }
    tools::ensure_checkov(&target, progress).await?;
    Ok(true)
}

/// Where there is none, the test of the dashboard leaves it out.
async fn set_up_browser(workspace: &Path) -> Ended {
    let progress: OnLine = Arc::new(|line| println!("  {line}"));
    let target = tools::target_directory(workspace);
    if let Err(error) = tools::ensure_chromium(&target, progress).await {
        println!("  LEFT OUT: the dashboard in a browser. {error:#}");
    }
    Ok(true)
}

/// The functions, as the local cloud builds them, and what has requests go wrong.
async fn functions(workspace: &Path) -> Ended {
    let mut cargo = tools::building(workspace)?;
    cargo.args(["--bin", "faults"]);
    status(cargo).await
}

/// The tests whose names contain the filter, the local cloud's among them.
async fn tests(workspace: &Path, filter: &str) -> Ended {
    if !functions(workspace).await? {
        return Ok(false);
    }
    let mut cargo = cargo_test(workspace, &["--no-fail-fast", filter]);
    cargo.env("LOCAL_CLOUD", "all");
    status(cargo).await
}

/// The tests of everything, which explore the model, and a sample of the single faults of one engine. The tools come
/// from the network while the processors build.
async fn all_tests(workspace: &Path) -> Ended {
    if !functions(workspace).await? {
        return Ok(false);
    }
    let build = programs::build(workspace, |name| !LATER.contains(&name) && name != ARM64);
    let (built_now, tools) = tokio::join!(build, set_up(workspace));
    let mut programs = built_now?;
    tools?;
    for program in &mut programs {
        program.command.env("LOCAL_CLOUD", "core");
        if program.name.ends_with("library") {
            let skipped = BETWEEN.iter().flat_map(|it| ["--skip", it]);
            program.command.args(skipped);
        }
    }
    let sample = ["--engine", "http", "run", "--every", "96"];
    programs.push(built("faults", &sample)?);
    let place = |program: &Program| {
        let place = LONG.iter().position(|it| program.name.ends_with(it));
        place.unwrap_or(LONG.len())
    };
    programs.sort_by_key(place);
    at_once(workspace, programs).await
}

async fn later(workspace: &Path) -> Ended {
    if !functions(workspace).await? {
        return Ok(false);
    }
    let programs = programs::build(workspace, |name| LATER.contains(&name)).await?;
    if !at_once(workspace, programs).await? {
        return Ok(false);
    }
    let mut examples = tools::cargo(workspace);
    examples.args(["test", "--workspace", "--doc", "--quiet"]);
    status(examples).await
}

async fn at_once(workspace: &Path, programs: Vec<Program>) -> Ended {
    let logs = tools::target_directory(workspace).join("checks");
    Ok(programs::run(programs, &logs).await?)
}

/// The whole workspace, or cargo would unite other features and build everything again.
fn cargo_test(workspace: &Path, arguments: &[&str]) -> tokio::process::Command {
    let mut cargo = tools::cargo(workspace);
    cargo
        .args(["test", "--workspace"])
        .args(arguments)
        .args(["--", "--include-ignored"])
        .env("RUST_TEST_THREADS", programs::TESTS);
    cargo
}

/// PostgreSQL's versions between the first and the last that are run: their tests, but for those that compare sessions.
const BETWEEN: [&str; 2] = ["::v16::", "::v17::"];

fn built(name: &str, arguments: &[&str]) -> Result<Program, Box<dyn Error>> {
    let path = env::current_exe()?.with_file_name(name);
    let mut command = programs::nice(&path);
    command.args(arguments);
    Ok(Program {
        name: format!("{name}-run"),
        command,
    })
}

async fn status(mut command: tokio::process::Command) -> Ended {
    Ok(command.status().await?.success())
}
