//! The protocol as a model in [stateright](https://www.stateright.rs): two rotations, the second within the
//! first one's grace period or not, a revocation for each credential, the sweep, and something that goes
//! wrong at any point. Every request that changes something, or whose answer another can change, is one
//! action, so a crash before or after it, or the loss of its answer, is a crash between two actions. All
//! interleavings are explored to the end.
//!
//! What goes wrong: whatever runs dies, an event is delivered twice, and where there is a sweep, the
//! operator abandons the first rotation, a schedule is lost, a sweep comes amid a revocation. Or looks at the labels
//! may be late.
//!
//! Time: only the order matters. What lasts one grace period (a credential that Heroku has ceased to
//! show may be in use; a schedule is not due) stands in one queue, and time is what takes its first
//! off. A look, or a next try, that comes in minutes may come at any time, and a revocation under way may
//! stand still for any time.
//!
//! Left out: values and their leaks, permissions, what Heroku and the services are like, how many tries
//! there are (a revocation's are without end here), time-outs, a function that goes on after the one that
//! called it has given up, and a customer or operator who rolls back by hand. The runs of
//! `cargo xtask faults` have these, but for the function that goes on.

mod actions;
mod properties;
mod rest;
mod revocation;
mod rotation;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use stateright::{Checker as _, HasDiscoveries, Model as _};

pub use actions::Action;
pub use properties::{
    ALIVE_IS_LABELLED, NOBODY_LOCKED_OUT, ONE_AT_REST, ONE_RELEASE, PROPERTIES, REST_IN_REACH,
};
pub use state::{
    Attempt, Labels, Making, Revocation, Rotation, State, Step, Sweep, Version, Versions,
};

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
    /// A try after the second grace period does not know that it is one.
    BeginsAnewForEver,
    /// rotate takes a look that knows nothing of its rotation for one that says that there is nothing to do.
    BelievesLateReads,
}

impl Protocol {
    /// All, the true one first.
    pub const ALL: [Self; 9] = [
        Self::AsItIs,
        Self::PromotesFirst,
        Self::IssuesBeforeLabel,
        Self::RevokesWithoutLooking,
        Self::PublishesWithoutComparing,
        Self::ReadsByStage,
        Self::SchedulesWithoutLooking,
        Self::BeginsAnewForEver,
        Self::BelievesLateReads,
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
            Self::BeginsAnewForEver => "begins the grace period anew for ever",
            Self::BelievesLateReads => "believes late reads",
        }
    }

    /// The property that it breaks, if it does.
    #[must_use]
    pub fn breaks(self) -> Option<&'static str> {
        match self {
            Self::AsItIs => None,
            Self::PromotesFirst => Some(ONE_AT_REST),
            Self::IssuesBeforeLabel => Some(ALIVE_IS_LABELLED),
            Self::RevokesWithoutLooking
            | Self::ReadsByStage
            | Self::SchedulesWithoutLooking
            | Self::BelievesLateReads => Some(NOBODY_LOCKED_OUT),
            Self::PublishesWithoutComparing => Some(ONE_RELEASE),
            Self::BeginsAnewForEver => Some(REST_IN_REACH),
        }
    }

    /// Whether it takes a sweep to show what it breaks. Where there is one, it finds what was lost, so
    /// what loses something is shown where there is none; but only where there is one, rotations are
    /// abandoned.
    #[must_use]
    pub fn breaks_where_swept(self) -> bool {
        match self {
            Self::RevokesWithoutLooking | Self::SchedulesWithoutLooking => true,
            Self::AsItIs
            | Self::PromotesFirst
            | Self::IssuesBeforeLabel
            | Self::PublishesWithoutComparing
            | Self::ReadsByStage
            | Self::BeginsAnewForEver
            | Self::BelievesLateReads => false,
        }
    }
}

/// What may befall the rotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rotations {
    /// The protocol.
    pub protocol: Protocol,
    /// How often something goes wrong.
    pub misfortunes: u8,
    /// Whether there is a sweep.
    pub swept: bool,
    /// Whether `AWSPENDING` stays on what a finished rotation made: AWS may do either
    /// ([`RotateSecret`](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html)).
    pub pending_stays: bool,
    /// Whether a look may tell the labels as they were before the last two changes: AWS's reads are eventually
    /// consistent. None is later than a grace period is long.
    pub late_reads: bool,
}

/// What came of an exploration.
#[derive(Clone, Debug)]
pub struct Explored {
    /// What was explored.
    pub rotations: Rotations,
    /// Unique states.
    pub states: usize,
    /// The longest path from the start.
    pub depth: usize,
    /// The properties that do not hold, with the actions that show it.
    pub broken: Vec<(&'static str, Vec<Action>)>,
}

impl Explored {
    /// Whether the true protocol holds, or the broken one breaks what it should.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        match self.rotations.protocol.breaks() {
            None => self.broken.is_empty(),
            Some(expected) => self.broken.iter().any(|(name, _)| *name == expected),
        }
    }
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
        broken.extend(rest::out_of_reach(self).map(|path| (REST_IN_REACH, path)));
        Explored {
            rotations: self,
            states: checker.unique_state_count(),
            depth: checker.max_depth(),
            broken,
        }
    }

    /// Explores until one property is broken, by few actions.
    #[must_use]
    pub fn search(self, property: &'static str) -> Explored {
        if property == REST_IN_REACH {
            return self.explore();
        }
        let found = HasDiscoveries::AllOf(BTreeSet::from([property]));
        let checker = self.checker().finish_when(found).spawn_bfs().join();
        let broken = checker.discovery(property).map(|path| {
            // stateright goes on for a while, and may find what follows from a state that breaks it.
            let holds = self.property(property).condition;
            let states = path.into_vec();
            let until = states.into_iter().map_while(|(state, action)| {
                let action = action?;
                holds(&self, &state).then_some(action)
            });
            (property, until.collect())
        });
        Explored {
            rotations: self,
            states: checker.unique_state_count(),
            depth: checker.max_depth(),
            broken: broken.into_iter().collect(),
        }
    }
}

/// The true protocol in all that may befall it, with `AWSPENDING` taken off and left, and each broken one where it must
/// break. Late looks have one misfortune less beside them: there are many of them.
pub fn explorations(misfortunes: u8) -> impl Iterator<Item = Explored> {
    let rotations = move |protocol, swept, pending_stays, late_reads: bool| Rotations {
        protocol,
        misfortunes: misfortunes.saturating_sub(late_reads.into()),
        swept,
        pending_stays,
        late_reads,
    };
    let whole = [false, true].into_iter().flat_map(move |swept| {
        // On time, one exploration of the two each way: the label is on the current version then, which is looked at
        // first.
        [(!swept, false), (false, true), (true, true)]
            .map(|(stays, late)| rotations(Protocol::AsItIs, swept, stays, late))
    });
    let broken = Protocol::ALL.into_iter().skip(1).map(move |protocol| {
        let late = protocol == Protocol::BelievesLateReads;
        rotations(protocol, protocol.breaks_where_swept(), false, late)
    });
    whole
        .chain(broken)
        .map(|rotations| match rotations.protocol.breaks() {
            None => rotations.explore(),
            Some(property) => rotations.search(property),
        })
}
