//! The protocol as a model in [stateright](https://www.stateright.rs): two rotations, the second within the
//! first one's grace period or not, a revocation for each credential, the sweep, and a crash at any
//! point. Every request is one action, so a crash before or after it, or the loss of its answer, is a
//! crash between two actions. All interleavings are explored to the end.
//!
//! Time: only the order matters. What lasts one grace period (a credential that Heroku has ceased to
//! show may be in use; a schedule is not due) stands in one queue, and time is what takes its first
//! off. A look, or a next try, that comes in minutes may come at any time.
//!
//! Left out: values and their leaks, permissions, what Heroku and the services are like, how many tries
//! there are (a revocation's are without end here), time-outs, and a customer who rolls back by hand.
//! The runs of `cargo xtask faults` have these.

mod actions;
mod properties;
mod state;
#[cfg(test)]
mod tests;

use stateright::{Checker as _, Model as _};

pub use actions::Action;
pub use properties::{ALIVE_IS_LABELLED, NOBODY_LOCKED_OUT, ONE_AT_REST, ONE_RELEASE, PROPERTIES};
pub use state::{State, Version};

/// How the protocol is broken, if it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// As it is implemented.
    AsItIs,
    /// finishSecret moves AWSCURRENT first and schedules second.
    PromotesFirst,
    /// createSecret has the service issue, and labels then.
    IssuesBeforeLabel,
    /// revoke-secret looks neither at the labels nor at Heroku.
    RevokesWithoutLooking,
    /// publish-to-heroku writes without looking whether something differs.
    PublishesWithoutComparing,
    /// revoke-secret reads the value by AWSPENDING, not by the version's id.
    ReadsByStage,
    /// What has no schedule is given a grace period at once, without a look at Heroku.
    SchedulesWithoutLooking,
}

impl Protocol {
    /// All, the true one first.
    pub const ALL: [Self; 7] = [
        Self::AsItIs,
        Self::PromotesFirst,
        Self::IssuesBeforeLabel,
        Self::RevokesWithoutLooking,
        Self::PublishesWithoutComparing,
        Self::ReadsByStage,
        Self::SchedulesWithoutLooking,
    ];

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AsItIs => "as it is",
            Self::PromotesFirst => "promotes first, schedules second",
            Self::IssuesBeforeLabel => "issues before the label",
            Self::RevokesWithoutLooking => "revokes without looking",
            Self::PublishesWithoutComparing => "publishes without comparing",
            Self::ReadsByStage => "reads by AWSPENDING",
            Self::SchedulesWithoutLooking => "schedules without looking",
        }
    }

    /// The property that it breaks, if it does.
    #[must_use]
    pub fn breaks(self) -> Option<&'static str> {
        match self {
            Self::AsItIs => None,
            Self::PromotesFirst => Some(ONE_AT_REST),
            Self::IssuesBeforeLabel => Some(ALIVE_IS_LABELLED),
            Self::RevokesWithoutLooking | Self::ReadsByStage | Self::SchedulesWithoutLooking => {
                Some(NOBODY_LOCKED_OUT)
            }
            Self::PublishesWithoutComparing => Some(ONE_RELEASE),
        }
    }
}

/// What may befall the rotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rotations {
    /// The protocol.
    pub protocol: Protocol,
    /// How many crashes, of whatever runs.
    pub crashes: u8,
    /// Whether the operator may abandon the first rotation at any point, and a schedule may be lost;
    /// then the sweep runs, at any time.
    pub abandoned_and_swept: bool,
}

/// What came of an exploration.
#[derive(Clone, Debug)]
pub struct Explored {
    /// Unique states.
    pub states: usize,
    /// The longest path from the start.
    pub depth: usize,
    /// The properties that do not hold, with the actions that show it.
    pub broken: Vec<(&'static str, Vec<Action>)>,
}

impl Rotations {
    /// Explores everything that can happen.
    #[must_use]
    pub fn explore(self) -> Explored {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let checker = self.checker().threads(threads).spawn_bfs().join();
        let mut found = checker.discoveries();
        // What is to happen sometimes is broken if it never does.
        let happened = found.remove(properties::RESTS).is_some();
        let mut broken: Vec<_> = found
            .into_iter()
            .map(|(name, path)| (name, path.into_actions()))
            .collect();
        if !happened && broken.is_empty() {
            broken.push((properties::RESTS, Vec::new()));
        }
        Explored {
            states: checker.unique_state_count(),
            depth: checker.max_depth(),
            broken,
        }
    }
}
