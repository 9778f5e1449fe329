//! One run: a rotation and its revocation, with what goes wrong in them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use stand_in::events::EventKind;
use stand_in::patience::PATIENCE;
use tokio::time::error::Elapsed;

use crate::Problem;
use crate::engine::{Servers, Service};
use crate::fault::{Fault, Request, When};
use crate::functions::PANICKED;
use crate::violation::{Rule, Violation};
use crate::world::{Built, Ended, Setup, World, build};

/// The pause between two logins of a customer.
const LOGIN_EVERY: Duration = Duration::from_millis(20);

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Case {
    pub setup: Setup,
    pub act: Act,
    pub faults: Vec<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    Enrolment,
    /// Its imported credential is rotated, and revoked.
    FirstRotation,
    /// A rotated one.
    Rotation,
    /// A customer presses "rotate" some time after a rotation.
    Button,
    /// The one before becomes current again, by the operator's tool, and the new one is revoked.
    Rollback,
    /// Its document gets another template, and with v3 another config var, by the operator's tool.
    Change,
    /// A credential leaked: the operator's tool rotates, and ends the older ones.
    Emergency,
    /// Somebody stored a document whose credential does not work: the operator vouches for the instance.
    Recovery,
    /// It ends, within the grace period of a credential.
    Deprovisioning,
}

impl Act {
    /// So often the customer's app is restarted by it, with so many rotations; by the add-on's removal, where it ends.
    fn releases(self, rotations: usize) -> usize {
        match self {
            Self::Enrolment => 0,
            // Typed again after the tool was killed, they rotate again.
            Self::Emergency | Self::Recovery => rotations.max(1),
            Self::FirstRotation
            | Self::Rotation
            | Self::Button
            | Self::Rollback
            | Self::Change
            | Self::Deprovisioning => 1,
        }
    }

    /// Whether its requests are to fail in turn: those of the rotation that a button begins do so in
    /// [`Self::Rotation`].
    pub fn is_about(self, request: &Request) -> bool {
        self != Self::Button || request.caller == "start-rotation"
    }

    /// What comes before it, without anything going wrong.
    async fn prepare(self, built: &mut Built) {
        let world = Arc::clone(&built.world);
        if self != Self::Enrolment {
            world.enroll().await;
        }
        match self {
            Self::Enrolment | Self::FirstRotation => {}
            Self::Rotation | Self::Change => {
                rotate(&world).await;
                world.settle(&mut built.scheduled).await;
            }
            Self::Button => {
                rotate(&world).await;
                world.settle(&mut built.scheduled).await;
                world.let_be_known();
            }
            Self::Recovery => {
                rotate(&world).await;
                world.settle(&mut built.scheduled).await;
                world.break_current().await;
            }
            Self::Rollback | Self::Emergency | Self::Deprovisioning => rotate(&world).await,
        }
    }

    async fn happen(self, world: &World) {
        match self {
            Self::Enrolment => world.enroll().await,
            Self::FirstRotation | Self::Rotation => rotate(world).await,
            Self::Button => world.must_press().await,
            Self::Rollback => world.roll_back(true).await,
            Self::Change => world.change_document().await,
            Self::Emergency => world.emergency(true).await,
            Self::Recovery => world.recover().await,
            Self::Deprovisioning => world.end_instance(true).await,
        }
    }
}

#[derive(Debug, Default)]
pub struct Outcome {
    /// The requests of rotation and revocation, in order.
    pub requests: Vec<Request>,
    /// How often Secrets Manager began.
    pub attempts: usize,
    pub violations: BTreeSet<Violation>,
    /// Faults that did not come about, since there were not so many requests.
    pub not_reached: usize,
    /// Looks at what must hold.
    pub looks: usize,
    /// Logins of customers.
    pub logins: usize,
    /// The values that no output may hold.
    pub secrets: Vec<String>,
}

/// Runs a case, within a [`tokio::task::LocalSet`].
pub async fn run(case: &Case, servers: Arc<Servers>) -> Outcome {
    outcome(tokio::time::timeout(PATIENCE, attempt(case, servers)).await)
}

/// What came of a run that may not have been one.
pub(crate) fn outcome(ended: Result<Result<Outcome, Problem>, Elapsed>) -> Outcome {
    let what = match ended {
        Ok(Ok(outcome)) => return outcome,
        Ok(Err(problem)) => problem.to_string(),
        Err(_) => format!("no end after {PATIENCE:?}"),
    };
    let rule = Rule::Stand;
    Outcome {
        violations: BTreeSet::from([Violation { rule, what }]),
        ..Outcome::default()
    }
}

async fn attempt(case: &Case, servers: Arc<Servers>) -> Result<Outcome, Problem> {
    let mut built = build(case.setup, servers).await?;
    let world = Arc::clone(&built.world);
    let _customer = customer(&world);
    case.act.prepare(&mut built).await;
    world.passage.desk.begin();
    world.passage.desk.plan(case.faults.iter().cloned());
    let (before, seen) = (world.releases(), world.events.since(0).len());
    case.act.happen(&world).await;
    world.settle(&mut built.scheduled).await;
    let not_reached = world.passage.desk.forget();
    // A command that follows a rotation, or beside which Secrets Manager goes on trying, looks as often as it takes.
    let follows = matches!(case.act, Act::Change | Act::Emergency | Act::Recovery);
    // And the functions look for the end of a server's sessions as often as that takes, turn by turn.
    let is_exact = |when: &When| matches!(when, When::At(request) if !request.is_turn());
    let exact = !follows && case.faults.iter().all(|it| is_exact(&it.when));
    if exact && not_reached > 0 {
        world.violated(Rule::Stand, "the request of the fault was never made");
    }
    let dead_letters = world.book.lock().dead_letters.clone();
    for error in dead_letters {
        world.violated(
            Rule::Converges,
            format!("in the dead-letter queue: {error}"),
        );
    }
    world.check_settled().await;
    let made = world.releases() - before;
    if made != case.act.releases(succeeded(&world, seen)) {
        let what = format!("{:?} made {made} releases", case.act);
        world.violated(Rule::OneRelease, what);
    }
    let attempts = attempts(&world, seen);
    Ok(concluded(&mut built, not_reached, attempts).await)
}

/// Searches what was said, and sums up.
pub(crate) async fn concluded(built: &mut Built, not_reached: usize, attempts: usize) -> Outcome {
    let world = Arc::clone(&built.world);
    let secrets = world.secret_values();
    leaks(built, &secrets);
    let outcome = {
        let book = world.book.lock();
        Outcome {
            requests: world.passage.desk.record(),
            attempts,
            violations: book.violations.clone(),
            not_reached,
            looks: book.looks,
            logins: book.logins,
            secrets,
        }
    };
    // After all that is looked at: a customer may still be about to log in. What cannot be removed
    // makes the server slower, and nothing else.
    let _ = world.service.clear().await;
    outcome
}

async fn rotate(world: &World) {
    match world.rotate().await {
        Some(Ended::Succeeded) => {}
        Some(Ended::GivenUp) => world.violated(Rule::Converges, "Secrets Manager gave up"),
        None => world.violated(Rule::Stand, "Secrets Manager began no rotation"),
    }
}

/// A customer who logs in all the time.
pub(crate) fn customer(world: &Arc<World>) -> tokio_util::task::AbortOnDropHandle<()> {
    let pause = match world.service {
        Service::Http(_) => LOGIN_EVERY,
        // Each is a process or a thread of the server's, and a hash of many rounds.
        Service::Database { .. } => 10 * LOGIN_EVERY,
    };
    let world = Arc::downgrade(world);
    let logins = async move {
        while let Some(world) = world.upgrade() {
            world.log_in().await;
            drop(world);
            tokio::time::sleep(pause).await;
        }
    };
    tokio_util::task::AbortOnDropHandle::new(tokio::task::spawn_local(logins))
}

fn attempts(world: &World, seen: usize) -> usize {
    count(world, seen, |kind| {
        matches!(kind, EventKind::RotationStarted { .. })
    })
}

fn succeeded(world: &World, seen: usize) -> usize {
    count(world, seen, |kind| {
        matches!(kind, EventKind::RotationSucceeded { .. })
    })
}

fn count(world: &World, seen: usize, is_wanted: impl Fn(&EventKind) -> bool) -> usize {
    let events = world.events.since(seen);
    events.iter().filter(|event| is_wanted(&event.kind)).count()
}

/// Looks for values, and for panics, in whatever was said.
fn leaks(built: &mut Built, secrets: &[String]) {
    let world = &built.world;
    let mut said: Vec<String> = Vec::new();
    while let Ok(error) = built.errors.try_recv() {
        if let Some(panic) = error.strip_prefix(PANICKED) {
            world.violated(Rule::NoPanic, panic);
        }
        said.push(error);
    }
    let events = serde_json::to_string(&world.events.since(0));
    said.extend(events);
    said.extend(world.book.lock().said.iter().cloned());
    for text in said {
        if secrets.iter().any(|secret| text.contains(secret)) {
            world.violated(Rule::NoValueShown, "in an error or an event");
        }
    }
}
