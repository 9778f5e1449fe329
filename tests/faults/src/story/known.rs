//! Histories that once broke a rule and that chance seldom meets: they are told in each run.

use super::Operation::{
    Deliver, EditDocument, Emergency, EndInstance, Faults, Interrupt, Queue, RemoveOtherVars,
    RenameVar, RollBack, RotateNow, Sweep, Wait,
};
use super::{Interruption, Operation, Story};
use crate::engine::Engine;
use crate::fault::{Fault, Kind, When};
use crate::world::{Api, Manners, Setup};

/// The histories, of each of these engines' instances.
pub fn stories(engines: &[Engine]) -> impl Iterator<Item = Story> {
    engines.iter().flat_map(|engine| {
        histories()
            .into_iter()
            .zip([Api::V1, Api::V3].into_iter().cycle())
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
    let wait = |minutes| Wait { minutes };
    let interrupt = |after, by| Interrupt { after, by };
    let fault = |after, kind| {
        let when = When::After(after);
        Faults(vec![Fault { when, kind }])
    };
    // Heroku's requests are used up when publish-to-heroku, or revoke-secret, asks for the first time. Both wait half a
    // minute then, and so these come first.
    let used_up = || fault(0, Kind::PoolEmpty);
    let publishing = vec![used_up(), RotateNow, wait(180)];
    let revoking = vec![RotateNow, used_up(), wait(180)];
    let mut all = vec![publishing.clone(), publishing, revoking.clone(), revoking];
    // The event of a try from before the rollback.
    all.push(vec![RotateNow, Queue, RollBack, RotateNow, Deliver]);
    // The config var is renamed, and the next rotation but one removes the old one, within the grace period of what it
    // shows.
    all.push(vec![
        RotateNow,
        RenameVar,
        RotateNow,
        EditDocument,
        wait(60),
        RotateNow,
        wait(150),
        wait(150),
    ]);
    // The add-on goes while a rotation is under way, which whoever ends the instance finds.
    all.push(vec![interrupt(1, Interruption::Deprovision), EndInstance]);
    // The config var is renamed, and Heroku goes on showing the old one.
    let renamed = |next| vec![RotateNow, RenameVar, next, wait(150), RollBack];
    all.extend([RotateNow, Emergency].map(renamed));
    // The event of a try from before the rollback arrives when the next rotation has just begun the grace period once more.
    let late = |after| vec![RotateNow, RollBack, interrupt(after, Interruption::Fire)];
    all.extend([1, 20, 30].map(late));
    // A rollback that is given up after Heroku shows the older version, and a rotation after it.
    let given_up = |after| {
        let dies = fault(after, Kind::DiesAfter);
        vec![RotateNow, dies, RollBack, wait(30), RotateNow]
    };
    all.extend((0..24).step_by(3).map(given_up));
    // A rotation that was abandoned after Heroku shows its version, and the sweep.
    let abandoned = |after| {
        let cancelled = interrupt(after, Interruption::Cancel);
        vec![cancelled, Sweep, wait(10), wait(180)]
    };
    all.extend((20..36).step_by(3).map(abandoned));
    // The sweep has the label of what was stored again follow it, and no rotation replaces that version.
    let stored_again = || vec![RotateNow, RenameVar, Sweep, wait(5), RollBack];
    all.extend([stored_again(), stored_again()]);
    // Somebody removes the old one when its credential is about to end.
    let before = || vec![RotateNow, RenameVar, RotateNow, wait(100)];
    let removed_by_hand = || [before(), vec![RemoveOtherVars, wait(30)]].concat();
    all.extend([removed_by_hand(), removed_by_hand()]);
    // A leaked credential that two versions show in different texts: the operator has both end at once.
    let leaked = || {
        vec![
            EditDocument,
            fault(30, Kind::Unavailable),
            RenameVar,
            fault(41, Kind::Garbage),
            Emergency,
            RotateNow,
            RemoveOtherVars,
            RotateNow,
        ]
    };
    all.extend([leaked(), leaked()]);
    all
}
