//! What can happen next, and what comes of it.

use std::fmt;

use crate::Rotations;
use crate::state::{Attempt, Revocation, Rotation, State, Sweep, Version};

/// So many revocations of one version may run at the same time: what a third does, the second did.
const AT_ONCE: usize = 2;

/// Something that happens: one request, or time, or bad luck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Secrets Manager begins a rotation.
    Rotate(Version),
    /// The rotation's next request.
    Request(Version, Rotation),
    /// Whatever runs for the rotation dies before this request, which is after the one before;
    /// Secrets Manager begins again at createSecret.
    CrashOfRotation(Version, Rotation),
    /// A schedule fires.
    Fire(Attempt),
    /// A schedule fires and is delivered twice.
    FireTwice(Attempt),
    /// The next request of a revocation.
    Revoke(Revocation),
    /// revoke-secret dies before this request; Lambda delivers the event again.
    CrashOfRevocation(Revocation),
    /// A grace period is over.
    TimePasses,
    /// The operator cancels the first rotation and takes AWSPENDING off.
    Abandon,
    /// A schedule is lost.
    LoseSchedule(Attempt),
    /// The sweep's next request.
    Sweep(Option<Sweep>),
    /// A sweep begins while a revocation of what it is to find is scheduled or under way.
    SweepAmid,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rotate(version) => write!(f, "Secrets Manager begins rotation {version}"),
            Self::Request(version, next) => write!(f, "rotation {version}: {next:?}"),
            Self::CrashOfRotation(version, next) => {
                write!(f, "rotation {version} dies before {next:?}")
            }
            Self::Fire(event) => write!(f, "fires: {event}"),
            Self::FireTwice(event) => write!(f, "fires, twice: {event}"),
            Self::Revoke(it) => write!(f, "{}: {:?}", it.event, it.next),
            Self::CrashOfRevocation(it) => write!(f, "{} dies before {:?}", it.event, it.next),
            Self::TimePasses => write!(f, "a grace period is over"),
            Self::Abandon => write!(f, "the operator abandons rotation 1"),
            Self::LoseSchedule(event) => write!(f, "lost: {event}"),
            Self::Sweep(None) => write!(f, "sweep: reads the labels"),
            Self::Sweep(Some(next)) => write!(f, "sweep: {next:?}"),
            Self::SweepAmid => write!(f, "sweep, amid a revocation: reads the labels"),
        }
    }
}

impl Rotations {
    pub(crate) fn possible(self, state: &State, actions: &mut Vec<Action>) {
        let unlucky = state.misfortunes > 0;
        for version in [1, 2] {
            let before = state.rotations[usize::from(version) - 1];
            match state.rotations[usize::from(version)] {
                Rotation::NotBegun if before == Rotation::Over => {
                    actions.push(Action::Rotate(version));
                }
                Rotation::NotBegun | Rotation::Over => {}
                next => {
                    actions.push(Action::Request(version, next));
                    if unlucky && next != Rotation::Begin {
                        actions.push(Action::CrashOfRotation(version, next));
                    }
                }
            }
        }
        let mut revocations = state.revocations.clone();
        revocations.dedup();
        for revocation in revocations {
            actions.push(Action::Revoke(revocation));
            if unlucky && revocation != Revocation::of(revocation.event) {
                actions.push(Action::CrashOfRevocation(revocation));
            }
        }
        for event in &state.due {
            let others = state.revocations.iter();
            let running = others
                .filter(|it| it.event.version == event.version)
                .count();
            if running < AT_ONCE {
                actions.push(Action::Fire(*event));
            }
            if unlucky && running + 1 < AT_ONCE {
                actions.push(Action::FireTwice(*event));
            }
        }
        if !state.lasting.is_empty() {
            actions.push(Action::TimePasses);
        }
        if self.swept {
            let under_way = !matches!(state.rotations[1], Rotation::NotBegun | Rotation::Over);
            if unlucky && under_way && state.current != 1 {
                actions.push(Action::Abandon);
            }
            if unlucky {
                actions.extend(state.schedules().map(Action::LoseSchedule));
            }
            // A sweep that finds nothing changes nothing.
            if state.sweep.is_some() || !state.lost().is_empty() {
                actions.push(Action::Sweep(state.sweep));
            } else if unlucky && !state.waiting().is_empty() {
                actions.push(Action::SweepAmid);
            }
        }
    }

    pub(crate) fn after(self, mut state: State, action: Action) -> State {
        match action {
            Action::Rotate(version) => {
                state.pending = Some(version);
                state.rotations[usize::from(version)] = Rotation::Begin;
            }
            Action::Request(version, _) => {
                let next = self.rotate(&mut state, version);
                state.rotations[usize::from(version)] = next;
            }
            Action::CrashOfRotation(version, _) => {
                state.misfortunes -= 1;
                state.rotations[usize::from(version)] = Rotation::Begin;
            }
            Action::Fire(event) => {
                state.unschedule(event);
                state.deliver(event);
            }
            Action::FireTwice(event) => {
                state.misfortunes -= 1;
                state.unschedule(event);
                state.deliver(event);
                state.deliver(event);
            }
            Action::Revoke(revocation) => {
                let next = self.revoke(&mut state, revocation);
                replace(&mut state, revocation, next);
            }
            Action::CrashOfRevocation(revocation) => {
                state.misfortunes -= 1;
                let again = Revocation::of(revocation.event);
                replace(&mut state, revocation, Some(again));
            }
            Action::TimePasses => state.pass_time(),
            Action::Abandon => {
                state.misfortunes -= 1;
                state.rotations[1] = Rotation::Over;
                state.pending = None;
            }
            Action::LoseSchedule(event) => {
                state.misfortunes -= 1;
                state.unschedule(event);
            }
            Action::Sweep(sweep) => state.sweep = self.sweep(&mut state, sweep),
            Action::SweepAmid => {
                state.misfortunes -= 1;
                state.sweep = self.sweep(&mut state, None);
            }
        }
        state
    }

    /// The next request of the sweep. What is left of it.
    fn sweep(self, state: &mut State, sweep: Option<Sweep>) -> Option<Sweep> {
        let found = match sweep {
            None => return Some(Sweep::Read(state.waiting())),
            Some(Sweep::Read(mut waiting)) => {
                for event in state.schedules() {
                    waiting.remove(event.version);
                }
                waiting
            }
            Some(Sweep::Found(mut found)) => {
                if let Some(version) = found.pop() {
                    self.ensure_revoked(state, version);
                }
                found
            }
        };
        (!found.is_empty()).then_some(Sweep::Found(found))
    }
}

fn replace(state: &mut State, old: Revocation, new: Option<Revocation>) {
    if let Some(place) = state.revocations.iter().position(|it| *it == old) {
        state.revocations.remove(place);
    }
    state.revocations.extend(new);
    state.revocations.sort_unstable();
}
