//! `cargo xtask demo`, `up` and `picture`: rotations to watch and to try, on one machine.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks talk to whoever runs them"
)]

#[cfg(test)]
mod fixture;
mod history;
mod picture;
mod recording;
mod stage;
mod story;
mod up;
mod verdict;
mod view;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use local_cloud::cloud::{
    Cloud, CloudOptions, Embedded, EmbeddedOptions, Engine, Parameters, Partner,
};
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use self::verdict::Verdict;
use self::view::View;

/// In place of two hours. Longer than the slowest dynos take to restart twice in a row.
const GRACE_PERIOD: Duration = Duration::from_secs(12);

/// Where the picture for the README is, within the workspace.
const PICTURE: &str = "infra/demo.svg";

/// Rotations to watch and to try, on one machine.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Rotates three add-on instances while their customers log in, and shows that nobody is locked out.
    ///
    /// The functions are the real ones, run as Lambda runs them; AWS, Heroku and the partner's service are
    /// stand-ins within this program. It needs nothing but Rust.
    Demo(DemoOptions),
    /// Leaves the demo's cloud running, with one enrolled instance, for the AWS CLI and boto3, until Ctrl-C.
    Up(CloudKind),
    /// Plays the demo, and writes its picture for the README: infra/demo.svg.
    Picture,
}

#[derive(clap::Args)]
struct DemoOptions {
    #[command(flatten)]
    cloud: CloudKind,
    /// The engine of all three instances: http, postgres, mysql, redis. The default is http, and with --deployed
    /// http and postgres. The databases are real servers: what is installed, or Debian's, unpacked under target/.
    #[arg(long, value_parser = engine)]
    engine: Option<Engine>,
}

#[derive(clap::Args, Clone, Copy)]
struct CloudKind {
    /// Deploys infra/template.yaml with `sam deploy` to MiniStack, which enforces IAM. It takes some minutes more,
    /// Python 3 with its venv module, and on the first run packages from `PyPI`.
    #[arg(long)]
    deployed: bool,
}

fn engine(name: &str) -> Result<Engine, String> {
    let found = Engine::ALL.into_iter().find(|it| it.name() == name);
    found.ok_or_else(|| {
        let names = Engine::ALL.map(Engine::name);
        format!("there is {}", names.join(", "))
    })
}

#[tokio::main]
async fn main() -> ExitCode {
    let workspace = tools::workspace();
    let picture = tools::target_directory(&workspace).join("demo/timeline.svg");
    match Arguments::parse().task {
        Task::Demo(options) => Box::pin(tools::task(demo(&workspace, &picture, options))).await,
        Task::Picture => {
            let options = DemoOptions {
                cloud: CloudKind { deployed: false },
                engine: None,
            };
            Box::pin(tools::task(demo(
                &workspace,
                &workspace.join(PICTURE),
                options,
            )))
            .await
        }
        Task::Up(kind) => up::run(&workspace, kind).await,
    }
}

/// A directory for this process's logs. Those of processes that have ended are removed.
fn logs(parent: &Path) -> PathBuf {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let has_ended = |pid| kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH);
        if pid.is_some_and(has_ended) {
            // What cannot be removed is left to the next.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    parent.join(std::process::id().to_string())
}

enum Running {
    Embedded(Box<Embedded>),
    Deployed(Box<Cloud>),
}

impl Running {
    async fn start(
        workspace: &Path,
        kind: CloudKind,
        grace_period: Duration,
        view: &View,
    ) -> Result<Self> {
        let progress = view.progress();
        if kind.deployed {
            let options = CloudOptions {
                workspace: workspace.to_owned(),
                grace_period,
                parameters: Parameters::Defaults,
                progress,
            };
            return Ok(Self::Deployed(Box::new(Cloud::start(options).await?)));
        }
        progress("AWS, Heroku and the partner's service, within this program");
        let this = std::env::current_exe()
            .context("where this program, and so the functions, are is unknown")?;
        let target = tools::target_directory(workspace);
        let logs = logs(&target.join("demo/logs"));
        let options = EmbeddedOptions {
            logs,
            target,
            // Built together with this program.
            executables: this.parent().map(Path::to_owned).unwrap_or_default(),
            grace_period,
        };
        Ok(Self::Embedded(Box::new(Embedded::start(options).await?)))
    }

    async fn stop(self) {
        match self {
            Self::Embedded(embedded) => drop(embedded),
            Self::Deployed(cloud) => cloud.stop().await,
        }
    }
}

impl Deref for Running {
    type Target = Partner;

    fn deref(&self) -> &Partner {
        match self {
            Self::Embedded(embedded) => embedded,
            Self::Deployed(cloud) => cloud,
        }
    }
}

/// Plays the demo. Success means that everything is as it must be.
async fn demo(workspace: &Path, picture: &Path, options: DemoOptions) -> Result<ExitCode> {
    let DemoOptions {
        cloud: kind,
        engine,
    } = options;
    let view = View::new();
    view.phase(2, "setting up the local cloud");
    let cloud = Running::start(workspace, kind, GRACE_PERIOD, &view).await?;
    // Without databases where nothing is to be installed.
    let engine = engine.or((!kind.deployed).then_some(Engine::Http));
    let logs = cloud.logs().to_owned();
    let recording = story::record(&cloud, &view, engine).await;
    view.say("stopping the local cloud");
    cloud.stop().await;
    let recording = recording.inspect_err(|_| {
        view.print(&format!("  logs: {}", logs.display()));
    })?;

    save(picture, &picture::svg(&recording))?;
    let verdict = Verdict::of(&recording);
    view.print("");
    for line in verdict.lines() {
        view.print(&line);
    }
    view.print(&format!("\n  picture: {}", picture.display()));
    if kind.deployed {
        view.print("  next: cargo xtask up --deployed");
    } else {
        view.print("  not shown: IAM, SAM and CloudFormation, with `cargo xtask demo --deployed`");
        view.print("  next: cargo xtask up");
    }
    Ok(if verdict.passed() {
        view.print("  verdict: passed");
        ExitCode::SUCCESS
    } else {
        view.print(&format!("  logs: {}", logs.display()));
        view.print("  verdict: FAILED");
        ExitCode::FAILURE
    })
}

fn save(path: &Path, svg: &str) -> Result<()> {
    let unusable = || format!("the picture {} cannot be written", path.display());
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).with_context(unusable)?;
    }
    std::fs::write(path, svg).with_context(unusable)
}
