//! Histories that once broke a rule and that chance seldom meets: they are told in each run.

use super::{Interruption, Operation, Story};
use crate::engine::Engine;
use crate::fault::{Fault, Kind, When};
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
    // A rollback that is given up after Heroku shows the older version, and a rotation after it.
    let given_up = |after| {
        let fault = Fault {
            when: When::After(after),
            kind: Kind::DiesAfter,
        };
        vec![
            Operation::RotateNow,
            Operation::Faults(vec![fault]),
            Operation::RollBack,
            Operation::Wait { minutes: 30 },
            Operation::RotateNow,
        ]
    };
    let rollbacks = (0..8).map(given_up);
    [1, 20, 30].map(late).into_iter().chain(rollbacks).collect()
}
