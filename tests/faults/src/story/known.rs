//! Histories that once broke a rule and that chance seldom meets: they are told in each run.

use super::{Interruption, Operation, Story};
use crate::engine::Engine;
use crate::world::{Api, Setup};

/// The histories, of each of these engines' instances.
pub fn stories(engines: &[Engine]) -> impl Iterator<Item = Story> {
    engines.iter().flat_map(|engine| {
        histories()
            .into_iter()
            .zip(Api::ALL.into_iter().cycle())
            .map(|(operations, api)| Story {
                setup: Setup {
                    engine: *engine,
                    api,
                },
                operations,
            })
    })
}

fn histories() -> Vec<Vec<Operation>> {
    let late = |after| {
        // The event of a try from before the rollback arrives when the next rotation has just begun the
        // grace period once more.
        let interrupt = Operation::Interrupt {
            after,
            by: Interruption::Fire,
        };
        vec![Operation::RotateNow, Operation::RollBack, interrupt]
    };
    vec![late(1), late(20), late(30)]
}
