//! Histories that once broke a rule and that chance seldom meets: they are told in each run.

use super::{Interruption, Operation, Story};
use crate::engine::Engine;
use crate::fault::{Fault, Kind, When};
use crate::world::{Api, Manners, Setup};

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
                    manners: Manners::Tidy,
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
    // A rotation that was abandoned after Heroku shows its version, and the sweep.
    let abandoned = |after| {
        let interrupt = Operation::Interrupt {
            after,
            by: Interruption::Cancel,
        };
        let wait = |minutes| Operation::Wait { minutes };
        vec![interrupt, Operation::Sweep, wait(10), wait(180)]
    };
    // The add-on goes while a rotation is under way, which whoever ends the instance finds.
    let removed_meanwhile = vec![
        Operation::Interrupt {
            after: 1,
            by: Interruption::Deprovision,
        },
        Operation::EndInstance,
    ];
    // The event of a try from before the rollback.
    let queued = vec![
        Operation::RotateNow,
        Operation::Queue,
        Operation::RollBack,
        Operation::RotateNow,
        Operation::Deliver,
    ];
    // The config var is renamed, and Heroku goes on showing the old one.
    let renamed = |next| {
        vec![
            Operation::RotateNow,
            Operation::RenameVar,
            next,
            Operation::Wait { minutes: 150 },
            Operation::RollBack,
        ]
    };
    // The next rotation removes the old one, within the grace period of what it shows.
    let removed = vec![
        Operation::RotateNow,
        Operation::RenameVar,
        Operation::RotateNow,
        Operation::EditDocument,
        Operation::Wait { minutes: 60 },
        Operation::RotateNow,
        Operation::Wait { minutes: 150 },
        Operation::Wait { minutes: 150 },
    ];
    // Somebody removes the old one when its credential is about to end.
    let removed_by_hand = vec![
        Operation::RotateNow,
        Operation::RenameVar,
        Operation::RotateNow,
        Operation::Wait { minutes: 100 },
        Operation::RemoveOtherVars,
        Operation::Wait { minutes: 30 },
    ];
    // The sweep has the label of what was stored again follow it, and no rotation replaces that version.
    let stored_again = vec![
        Operation::RotateNow,
        Operation::RenameVar,
        Operation::Sweep,
        Operation::Wait { minutes: 5 },
        Operation::RollBack,
    ];
    // Heroku's requests are used up when publish-to-heroku, or revoke-secret, asks for the first time. Both wait half a
    // minute then, and so these come first.
    let used_up = Operation::Faults(vec![Fault {
        when: When::After(0),
        kind: Kind::PoolEmpty,
    }]);
    let wait = Operation::Wait { minutes: 180 };
    let publishing = vec![used_up.clone(), Operation::RotateNow, wait.clone()];
    let revoking = vec![Operation::RotateNow, used_up, wait];
    let mut all = vec![
        publishing.clone(),
        publishing,
        revoking.clone(),
        revoking,
        queued,
        removed,
        removed_meanwhile,
    ];
    all.extend([Operation::RotateNow, Operation::Emergency].map(renamed));
    all.extend([1, 20, 30].map(late));
    all.extend((0..24).step_by(3).map(given_up));
    all.extend((20..36).step_by(3).map(abandoned));
    all.extend([stored_again.clone(), stored_again]);
    all.extend([removed_by_hand.clone(), removed_by_hand]);
    all
}
