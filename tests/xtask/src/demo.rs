//! `cargo xtask demo`: three add-on instances are rotated three ways in a local cloud while their
//! customers log in all the time; a live view, a table, a picture and a verdict.

#[cfg(test)]
mod fixture;
mod history;
mod recording;
mod stage;
mod timeline;
mod verdict;
mod view;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use local_cloud::cloud::{Cloud, CloudError, CloudOptions, Engine, Parameters};
use local_cloud::customers::CustomerError;
use local_cloud::heroku::HerokuError;

use self::history::History;
use self::recording::Recording;
use self::stage::{Player, Stage};
use self::verdict::Verdict;
use self::view::View;

/// In place of two hours. Longer than the slowest dynos take to restart twice in a row.
const GRACE_PERIOD: Duration = Duration::from_secs(20);

/// From the deployed stack to the verdict. It takes about half of this.
const LIMIT: Duration = Duration::from_secs(150);

/// For the look at what the services accept at the end, even if the story took too long.
const CLOSING_LIMIT: Duration = Duration::from_secs(30);

/// What the demo is told.
pub(crate) struct DemoOptions {
    /// The project's root.
    pub(crate) workspace: PathBuf,
    /// Plain lines on a terminal, too.
    pub(crate) plain: bool,
    /// The engine of all three instances, if not a mixture.
    pub(crate) engine: Option<Engine>,
}

/// Why the demo cannot be shown, or does not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// The local cloud does not start, or refuses.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The Heroku stand-in refuses.
    #[error(transparent)]
    Heroku(#[from] HerokuError),
    /// An app cannot log in.
    #[error(transparent)]
    Customer(#[from] CustomerError),
    /// Something that should happen did not.
    #[error("waited in vain for {what}: the demo ends {seconds} s after it was set up")]
    TooLate {
        /// What was waited for.
        what: String,
        /// The demo's limit.
        seconds: u64,
    },
    /// The picture cannot be stored.
    #[error("the picture {path} cannot be written: {source}")]
    Picture {
        /// Where to.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Plays the demo. Success means that everything is as it must be.
pub(crate) async fn run(options: DemoOptions) -> Result<ExitCode, DemoError> {
    let view = View::new(options.plain);
    view.say("setting up the local cloud");
    let cloud = Cloud::start(CloudOptions {
        workspace: options.workspace.clone(),
        grace_period: GRACE_PERIOD,
        parameters: Parameters::Defaults,
        progress: view.progress(),
    })
    .await?;
    let recording = record(&cloud, &view, options.engine).await;
    view.say("stopping the local cloud");
    cloud.stop().await;
    let recording = recording?;

    let picture = save(&options.workspace, &timeline::svg(&recording)).await?;
    let verdict = Verdict::of(&recording);
    view.print(&format!(
        "\n{}\n",
        verdict::table(&recording, view.is_terminal())
    ));
    for line in verdict.lines() {
        view.print(&line);
    }
    view.print(&format!("\n  picture: {}", picture.display()));
    Ok(if verdict.passed() {
        view.print("  verdict: passed");
        ExitCode::SUCCESS
    } else {
        view.print("  verdict: FAILED");
        ExitCode::FAILURE
    })
}

/// Sets the stage, plays the story while the view follows, and keeps what came of it.
async fn record(
    cloud: &Cloud,
    view: &View,
    engine: Option<Engine>,
) -> Result<Recording, DemoError> {
    let stage = Stage::new(cloud, view, LIMIT);
    view.chapter("three add-ons are provisioned and enrolled");
    let players = stage.set(engine).await?;
    let began = Timestamp::now();
    view.count_from(began);
    view.chapter("their customers log in, up to ten times a second with each dyno");

    let subjects = players
        .each_ref()
        .map(|it| (it.subject.clone(), it.rotations));
    let mut live = view.follow(&subjects, &cloud.events, |app| {
        players
            .iter()
            .find_map(|player| player.tally(app))
            .unwrap_or_default()
    });
    let played = tokio::select! {
        played = play(&stage, &players) => played,
        never = live.run() => match never {},
    };
    live.catch_up();
    drop(live);

    view.chapter("what was handed out before is tried again");
    let closing = Stage::new(cloud, view, CLOSING_LIMIT);
    let mut unfinished = played.err().map(|error| error.to_string());
    let mut ended = began;
    let mut outcomes = Vec::new();
    for player in players {
        let name = player.subject.name.clone();
        match closing.outcome(player).await {
            Ok((stopped, outcome)) => {
                ended = stopped;
                outcomes.push(outcome);
            }
            Err(error) => {
                unfinished.get_or_insert_with(|| format!("{name}: {error}"));
            }
        }
    }
    Ok(Recording {
        began,
        ended,
        grace_period: GRACE_PERIOD,
        events: cloud.events.since(0),
        outcomes,
        unfinished,
    })
}

/// The story.
async fn play(stage: &Stage<'_>, players: &[Player; 3]) -> Result<(), DemoError> {
    let [scheduled, now, twice] = players;

    let name = |player: &Player| player.subject.name.clone();
    stage
        .view
        .chapter(&format!("{} is rotated by its schedule", name(scheduled)));
    stage.remember(scheduled)?;
    stage.cloud.rotate_by_schedule(&scheduled.instance)?;
    rotated(stage, scheduled, 1).await?;

    stage.view.chapter(&format!(
        "{} is rotated now, by `aws secretsmanager rotate-secret`",
        name(now)
    ));
    stage.remember(now)?;
    stage.cloud.rotate_now(&now.instance).await?;
    rotated(stage, now, 1).await?;

    stage.view.chapter(&format!(
        "{} is rotated twice in a row, within its grace period",
        name(twice)
    ));
    for times in 1..=twice.rotations {
        stage.remember(twice)?;
        stage.cloud.rotate_now(&twice.instance).await?;
        rotated(stage, twice, times).await?;
    }

    stage.view.chapter("the grace periods run out");
    for player in players {
        let what = format!(
            "the revocation of the old credentials of `{}`",
            player.subject.name
        );
        let all_closed =
            |history: &History| history.old_credentials().all(|it| it.closed.is_some());
        happened(stage, player, &what, all_closed).await?;
    }
    stage.dynos_settled(players).await?;
    stage.logged_in_again(players).await
}

/// Waits until the player's rotation has succeeded for the given number of times.
async fn rotated(stage: &Stage<'_>, player: &Player, times: usize) -> Result<(), DemoError> {
    let what = format!("rotation {times} of `{}`", player.subject.name);
    happened(stage, player, &what, |history| history.succeeded() >= times).await
}

async fn happened(
    stage: &Stage<'_>,
    player: &Player,
    what: &str,
    holds: impl Fn(&History) -> bool,
) -> Result<(), DemoError> {
    stage
        .wait_for(what, |events| {
            holds(&History::of(&player.subject, events)).then_some(())
        })
        .await
}

async fn save(workspace: &Path, svg: &str) -> Result<PathBuf, DemoError> {
    let target = local_cloud::tools::target_directory(workspace);
    let path = target.join("demo").join("timeline.svg");
    let failed = |source| DemoError::Picture {
        path: path.clone(),
        source,
    };
    tokio::fs::create_dir_all(target.join("demo"))
        .await
        .map_err(failed)?;
    tokio::fs::write(&path, svg).await.map_err(failed)?;
    Ok(path)
}
