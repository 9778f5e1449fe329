//! The story: three add-on instances are rotated three ways while their customers log in all the time.

use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use local_cloud::cloud::{Engine, Partner};

use crate::GRACE_PERIOD;
use crate::history::History;
use crate::recording::Recording;
use crate::stage::{Player, Stage};
use crate::verdict::thousands;
use crate::view::View;

/// From the enrolled instances to the verdict. It takes a third of this on an idle machine.
const LIMIT: Duration = Duration::from_mins(5);

/// For the look at what the services accept at the end, even if the story took too long.
const CLOSING_LIMIT: Duration = Duration::from_mins(1);

/// Sets the stage, plays the story while the view follows, and keeps what came of it.
pub(crate) async fn record(
    cloud: &Partner,
    view: &View,
    engine: Option<Engine>,
) -> Result<Recording> {
    let stage = Stage::new(cloud, view, LIMIT);
    view.phase(3, "three add-ons are provisioned and enrolled");
    let players = stage.set(engine).await?;
    let began = Timestamp::now();
    let subjects = players.each_ref().map(|it| it.subject.clone());
    view.follow(began, &subjects, &cloud.events.since(0));
    view.phase(
        4,
        "their customers log in, up to ten times a second with each dyno",
    );
    let played = play(&stage, &players).await;

    view.chapter("what was handed out before is tried again");
    let closing = Stage::new(cloud, view, CLOSING_LIMIT);
    let mut unfinished = played.err().map(|error| format!("{error:#}"));
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
                unfinished.get_or_insert_with(|| format!("{name}: {error:#}"));
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

async fn play(stage: &Stage<'_>, players: &[Player; 3]) -> Result<()> {
    let [scheduled, now, twice] = players;
    let chapter = |text: &str| {
        let tallies = players.iter().flat_map(Player::tallies);
        let (accepted, refused) = tallies.fold((0, 0), |(accepted, refused), it| {
            (accepted + it.accepted, refused + it.refused + it.overtaken)
        });
        let [accepted, refused] = [accepted, refused].map(thousands);
        stage.view.chapter(text);
        stage
            .view
            .say(&format!("· {accepted} logins accepted, {refused} refused"));
    };
    let name = |player: &Player| player.subject.name.clone();

    chapter(&format!("{} is rotated by its schedule", name(scheduled)));
    stage.remember(scheduled)?;
    stage.cloud.rotate_by_schedule(&scheduled.instance)?;
    rotated(stage, scheduled, 1).await?;

    chapter(&format!("{} is rotated now, by RotateSecret", name(now)));
    stage.remember(now)?;
    stage.cloud.rotate_now(&now.instance).await?;
    rotated(stage, now, 1).await?;

    chapter(&format!(
        "{} is rotated twice in a row, within its grace period",
        name(twice)
    ));
    for times in 1..=twice.rotations {
        stage.remember(twice)?;
        stage.cloud.rotate_now(&twice.instance).await?;
        rotated(stage, twice, times).await?;
    }

    chapter("the grace periods run out");
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

async fn rotated(stage: &Stage<'_>, player: &Player, times: usize) -> Result<()> {
    let what = format!("rotation {times} of `{}`", player.subject.name);
    happened(stage, player, &what, |history| history.succeeded() >= times).await
}

async fn happened(
    stage: &Stage<'_>,
    player: &Player,
    what: &str,
    holds: impl Fn(&History) -> bool,
) -> Result<()> {
    stage
        .wait_for(what, |events| {
            holds(&History::of(&player.subject, events)).then_some(())
        })
        .await
}
