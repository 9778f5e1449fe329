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

#![allow(clippy::print_stdout, reason = "a program for whoever runs it")]

mod actions;
mod properties;
mod rest;
mod revocation;
mod rotation;
mod state;

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Parser;
use comfy_table::{Table, presets};
use stateright::{Checker as _, HasDiscoveries, Model as _};

use actions::Action;
use properties::{ALIVE_IS_LABELLED, NOBODY_LOCKED_OUT, ONE_AT_REST, ONE_RELEASE, REST_IN_REACH};

/// Explores all that can happen to two rotations and their revocations.
#[derive(Parser)]
struct Arguments {
    /// How often something may go wrong. 2 takes three minutes and some gigabytes.
    #[arg(long, default_value_t = 1)]
    misfortunes: u8,
    /// Prints the actions that show what a broken protocol breaks.
    #[arg(long)]
    paths: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "protocol",
        "swept",
        "pending stays",
        "late reads",
        "states",
        "depth",
        "does not hold",
    ]);
    let mut as_expected = true;
    for explored in explorations(arguments.misfortunes) {
        let names: Vec<_> = explored.broken.iter().map(|(name, _)| *name).collect();
        let Rotations {
            protocol,
            swept,
            pending_stays,
            late_reads,
            ..
        } = explored.rotations;
        table.add_row([
            format!("{protocol:?}"),
            swept.to_string(),
            pending_stays.to_string(),
            late_reads.to_string(),
            explored.states.to_string(),
            explored.depth.to_string(),
            names.join("; "),
        ]);
        for (name, actions) in &explored.broken {
            if arguments.paths || !explored.is_as_expected() {
                println!("{protocol:?}: {name}");
                for action in actions {
                    println!("  {action:?}");
                }
            }
        }
        as_expected &= explored.is_as_expected();
    }
    println!("{table}");
    if as_expected {
        ExitCode::SUCCESS
    } else {
        println!("this is not as it must be");
        ExitCode::FAILURE
    }
}

/// How the protocol is broken, if it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
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

/// What each broken protocol breaks, and whether it takes a sweep to show it. Where there is one, it finds what was lost,
/// so what loses something is shown where there is none; but only where there is one, rotations are abandoned.
const BROKEN: [(Protocol, &str, bool); 8] = [
    (Protocol::PromotesFirst, ONE_AT_REST, false),
    (Protocol::IssuesBeforeLabel, ALIVE_IS_LABELLED, false),
    (Protocol::RevokesWithoutLooking, NOBODY_LOCKED_OUT, true),
    (Protocol::PublishesWithoutComparing, ONE_RELEASE, false),
    (Protocol::ReadsByStage, NOBODY_LOCKED_OUT, false),
    (Protocol::SchedulesWithoutLooking, NOBODY_LOCKED_OUT, true),
    (Protocol::BeginsAnewForEver, REST_IN_REACH, false),
    (Protocol::BelievesLateReads, NOBODY_LOCKED_OUT, false),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rotations {
    protocol: Protocol,
    misfortunes: u8,
    swept: bool,
    /// Whether `AWSPENDING` stays on what a finished rotation made: AWS may do either
    /// ([`RotateSecret`](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html)).
    pending_stays: bool,
    /// Whether a look may tell the labels as they were before the last two changes: AWS's reads are eventually
    /// consistent. None is later than a grace period is long.
    late_reads: bool,
}

#[derive(Clone, Debug)]
struct Explored {
    rotations: Rotations,
    states: usize,
    depth: usize,
    /// The properties that do not hold, with the actions that show it.
    broken: Vec<(&'static str, Vec<Action>)>,
}

impl Explored {
    /// Whether the true protocol holds, or the broken one breaks what it should.
    fn is_as_expected(&self) -> bool {
        let protocol = self.rotations.protocol;
        match BROKEN.iter().find(|(it, ..)| *it == protocol) {
            None => self.broken.is_empty(),
            Some((_, expected, _)) => self.broken.iter().any(|(name, _)| name == expected),
        }
    }
}

impl Rotations {
    fn explore(self) -> Explored {
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
    fn search(self, property: &'static str) -> Explored {
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
fn explorations(misfortunes: u8) -> impl Iterator<Item = Explored> {
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
            .map(|(stays, late)| rotations(Protocol::AsItIs, swept, stays, late).explore())
    });
    let broken = BROKEN.into_iter().map(move |(protocol, breaks, swept)| {
        let late = protocol == Protocol::BelievesLateReads;
        rotations(protocol, swept, false, late).search(breaks)
    });
    whole.chain(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_holds_and_each_broken_one_breaks_what_it_should() {
        for explored in explorations(1) {
            assert!(explored.is_as_expected(), "{explored:?}");
            if explored.rotations.protocol == Protocol::AsItIs {
                // A model in which little happens proves little.
                let least = if explored.rotations.late_reads {
                    10_000
                } else {
                    500_000
                };
                assert!(explored.states > least, "{explored:?}");
            }
        }
    }
}
