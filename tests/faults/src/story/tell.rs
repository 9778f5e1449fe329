//! Has a history happen, and brings it to rest.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use stand_in::patience::PATIENCE;

use super::{Interruption, Operation, Story, Which};
use crate::Problem;
use crate::engine::Servers;
use crate::functions::Scheduled;
use crate::run::{self, Outcome};
use crate::violation::Rule;
use crate::world::{Built, Ended, build};

/// So often whoever is on call looks at an instance before giving up on it.
const LOOKS: usize = 6;

/// Tells a story, within a [`tokio::task::LocalSet`].
pub async fn tell(story: &Story, servers: Arc<Servers>) -> Outcome {
    let ended = tokio::time::timeout(PATIENCE, attempt(story, servers)).await;
    run::outcome(ended)
}

async fn attempt(story: &Story, servers: Arc<Servers>) -> Result<Outcome, Problem> {
    let mut telling = Telling {
        built: build(story.setup, servers).await?,
        events: Vec::new(),
        queued: Vec::new(),
    };
    let world = Arc::clone(&telling.built.world);
    let _customer = run::customer(&world);
    world.enroll().await;
    world.passage.desk.begin();
    for operation in &story.operations {
        telling.happen(operation).await;
        world.passage.running.idle().await;
    }
    let not_reached = world.passage.desk.forget();
    for event in std::mem::take(&mut telling.queued) {
        world.deliver(&event).await;
    }
    telling.bring_to_rest().await;
    world.check_settled().await;
    let (releases, changes) = (world.releases(), world.book.lock().changes);
    if world.is_provisioned() && releases != changes {
        let what = format!("{releases} releases for {changes} changes of what is shown");
        world.violated(Rule::OneRelease, what);
    }
    Ok(run::concluded(&mut telling.built, not_reached, 0).await)
}

struct Telling {
    built: Built,
    /// What was handed over so far.
    events: Vec<Scheduled>,
    /// What waits in Lambda's queue.
    queued: Vec<Scheduled>,
}

impl Telling {
    async fn happen(&mut self, operation: &Operation) {
        let world = Arc::clone(&self.built.world);
        match operation {
            Operation::RotateNow => {
                world.rotate().await;
            }
            Operation::RotateBySchedule => world.rotate_by_schedule().await,
            Operation::Press => {
                world.press(1).await;
            }
            Operation::Interrupt { after, by } => self.interrupt(*after, *by).await,
            Operation::Wait { minutes } => {
                let until = world.clock.now() + SignedDuration::from_mins((*minutes).into());
                while let Some((at, name)) = world.due().into_iter().next()
                    && at <= until
                {
                    world.skip_to(at);
                    self.fire(&name, false).await;
                }
                world.skip_to(until);
            }
            Operation::Fire { which, twice } => {
                let due = world.due();
                let chosen = match which {
                    Which::Earliest => due.into_iter().next(),
                    Which::Latest => due.into_iter().next_back(),
                };
                if let Some((at, name)) = chosen {
                    world.skip_to(at);
                    self.fire(&name, *twice).await;
                }
            }
            Operation::LoseSchedule => {
                if let Some((_, name)) = world.due().into_iter().next() {
                    world.lose_schedule(&name).await;
                }
            }
            Operation::SwitchOffSchedule => {
                if let Some((_, name)) = world.due().into_iter().next() {
                    world.switch_schedule_off(&name).await;
                }
            }
            Operation::Queue => {
                if let Some((at, name)) = world.due().into_iter().next() {
                    world.skip_to(at);
                    let events = world.take(&name, &mut self.built.scheduled).await;
                    self.queued.extend(events.iter().cloned());
                    self.events.extend(events);
                }
            }
            Operation::Deliver => {
                if let Some(event) = self.events.first() {
                    world.deliver(event).await;
                }
            }
            Operation::Sweep => world.sweep().await,
            Operation::RollBack => world.roll_back(false).await,
            Operation::Emergency => {
                if world.is_provisioned() {
                    world.emergency(false).await;
                }
            }
            Operation::EndInstance => world.end_instance(false).await,
            Operation::EditDocument => world.edit_document().await,
            Operation::RenameVar => world.rename_var().await,
            Operation::RemoveOtherVars => world.remove_other_vars().await,
            Operation::Delete => world.delete().await,
            Operation::Restore => world.restore().await,
            Operation::Deprovision => world.deprovision(),
            Operation::Clock { seconds } => {
                // What is scheduled was so by the clock that was.
                world.due();
                let ahead = SignedDuration::from_secs((*seconds).into());
                world.clock.set_ahead(ahead);
            }
            Operation::Faults(faults) => world.passage.desk.plan(faults.iter().cloned()),
        }
    }

    async fn fire(&mut self, name: &str, twice: bool) {
        let world = &self.built.world;
        let events = world.fire(name, &mut self.built.scheduled).await;
        if twice {
            for event in &events {
                world.deliver(event).await;
            }
        }
        self.events.extend(events);
    }

    async fn interrupt(&mut self, after: u32, by: Interruption) {
        let world = Arc::clone(&self.built.world);
        let Some(seen) = world.begin_rotation().await else {
            return;
        };
        tokio::select! {
            _ = world.rotation_ended(seen) => return,
            () = world.passage.desk.passed(after) => {}
        }
        let mut late = Vec::new();
        match by {
            Interruption::Cancel => world.cancel().await,
            Interruption::Deprovision => world.deprovision(),
            Interruption::Delete => world.delete().await,
            Interruption::Fire => {
                if let Some((at, name)) = world.due().into_iter().next() {
                    world.skip_to(at);
                    late = world.take(&name, &mut self.built.scheduled).await;
                }
            }
        }
        world.rotation_ended(seen).await;
        if by == Interruption::Cancel {
            world.abandon().await;
        }
        for event in &late {
            world.deliver(event).await;
        }
        self.events.extend(late);
    }

    /// What the operations page has whoever is on call do, until nothing is to be done any more.
    async fn bring_to_rest(&mut self) {
        let world = Arc::clone(&self.built.world);
        world.restore().await;
        world.let_be_known();
        for _ in 0..LOOKS {
            if world.is_ended() {
                world.end_instance(true).await;
            } else if world.is_provisioned() {
                let rotated = world.rotation_is_incomplete();
                if rotated && world.rotate().await != Some(Ended::Succeeded) {
                    // Whatever it needs is not there: its rotation is given up.
                    world.cancel().await;
                    world.abandon().await;
                }
                world.publish_current().await;
                world.switch_on_again().await;
            } else {
                if world.rotation_is_incomplete() {
                    world.cancel().await;
                    world.abandon().await;
                }
                // Nothing looks after an instance whose rotation is off, and nobody misses one whose add-on is gone.
                if world.rotation_is_off() {
                    world.end_instance(true).await;
                }
            }
            world.sweep().await;
            world.settle(&mut self.built.scheduled).await;
            world.remove_other_vars().await;
            // An hour later the next sweep, for which no read is late any more.
            world.skip(SignedDuration::from_hours(1));
            world.let_be_known();
            if world.is_at_rest() {
                return;
            }
        }
    }
}

/// The event that has a version published.
pub fn publication(secret: &str, version: &str) -> Value {
    json!({ "Step": "setSecret", "SecretId": secret, "VersionId": version })
}
