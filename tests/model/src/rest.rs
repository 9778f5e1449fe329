//! Whether rest can be reached from wherever things are: nobody tries for ever in vain.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use stateright::Model as _;

use crate::Rotations;
use crate::actions::Action;
use crate::state::State;

/// A state, as what is known of it when it has been left.
struct Place {
    /// The state it was first reached from, and how.
    from: Option<(usize, Action)>,
    /// The states that lead to it.
    before: Vec<usize>,
    rests: bool,
}

/// The shortest way to a state from which no rest can be reached, if there is one.
pub(crate) fn out_of_reach(rotations: Rotations) -> Option<Vec<Action>> {
    let places = explore(rotations);
    let mut reaches = vec![false; places.len()];
    let mut to_do: Vec<_> = (0..places.len()).filter(|it| places[*it].rests).collect();
    while let Some(place) = to_do.pop() {
        if !std::mem::replace(&mut reaches[place], true) {
            to_do.extend(&places[place].before);
        }
    }
    // In the order of their distance from the start.
    let mut place = reaches.iter().position(|reaches| !reaches)?;
    let mut actions = Vec::new();
    while let Some((before, action)) = places[place].from {
        actions.push(action);
        place = before;
    }
    actions.reverse();
    Some(actions)
}

/// What stands for a state, as in stateright: whole ones would take gigabytes.
fn fingerprint(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

fn explore(rotations: Rotations) -> Vec<Place> {
    let mut places = Vec::new();
    let mut known = HashMap::new();
    let mut to_do = VecDeque::new();
    for state in rotations.init_states() {
        known.insert(fingerprint(&state), places.len());
        places.push(Place {
            from: None,
            before: Vec::new(),
            rests: rotations.rests(&state),
        });
        to_do.push_back((places.len() - 1, state));
    }
    while let Some((place, state)) = to_do.pop_front() {
        let mut actions = Vec::new();
        rotations.actions(&state, &mut actions);
        for action in actions {
            let Some(next) = rotations.next_state(&state, action) else {
                continue;
            };
            let number = *known.entry(fingerprint(&next)).or_insert(places.len());
            if number == places.len() {
                places.push(Place {
                    from: Some((place, action)),
                    before: Vec::new(),
                    rests: rotations.rests(&next),
                });
                to_do.push_back((number, next));
            }
            places[number].before.push(place);
        }
    }
    places
}
