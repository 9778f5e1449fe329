//! What must hold, by the names that the runs of `cargo xtask faults` have for it.

use stateright::{Model, Property};

use crate::Rotations;
use crate::actions::Action;
use crate::state::{State, Versions};

/// What Heroku shows, or showed within the grace period, is accepted.
pub(crate) const NOBODY_LOCKED_OUT: &str = "nobody is locked out";

/// At rest the service accepts the current credential alone, and Heroku shows it.
pub(crate) const ONE_AT_REST: &str = "one credential at rest";

/// Whatever the service accepts belongs to a version with a label.
pub(crate) const ALIVE_IS_LABELLED: &str = "what is alive is labelled";

/// One rotation, one release.
pub(crate) const ONE_RELEASE: &str = "one rotation, one release";

/// Whatever has happened, all can come to rest: nothing is tried for ever in vain.
pub(crate) const REST_IN_REACH: &str = "rest is in reach";

/// Shown to happen, so that the others are not true for want of anything that happens.
pub(crate) const RESTS: &str = "both rotations come to rest";

impl Rotations {
    /// Whether nothing will happen any more. What waits for the next sweep does not rest.
    pub(crate) fn rests(self, state: &State) -> bool {
        let is_swept = !self.swept || state.lost().is_empty();
        is_swept && state.is_at_rest()
    }
}

impl Model for Rotations {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::enrolled(self.misfortunes)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        Some(self.after(state.clone(), action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NOBODY_LOCKED_OUT, |_, state: &State| {
                let mut needed = state.recent;
                needed.add(state.shown);
                needed.are_among(state.accepted)
            }),
            Property::always(ALIVE_IS_LABELLED, |_, state: &State| {
                let mut labelled = state.labels.live;
                labelled.add(state.labels.current);
                state.accepted.are_among(labelled)
            }),
            Property::always(ONE_RELEASE, |_, state: &State| {
                state.releases.iter().all(|releases| *releases <= 1)
            }),
            Property::always(ONE_AT_REST, |rotations: &Self, state: &State| {
                let mut current = Versions::default();
                current.add(state.labels.current);
                !rotations.rests(state)
                    || (state.accepted == current && state.shown == state.labels.current)
            }),
            Property::sometimes(RESTS, |rotations: &Self, state: &State| {
                rotations.rests(state) && state.labels.current == 2 && state.lasting.is_empty()
            }),
        ]
    }
}
