//! What can happen next, and what comes of it.

use std::fmt;

use crate::state::{Attempt, Labels, Revocation, Rotation, State, Step, Sweep, Version};
use crate::{Protocol, Rotations};

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
    /// The rotation's next request is a look that tells these labels, which were.
    LateRequest(Version, Rotation, Labels),
    /// A revocation begins with such a look.
    LateRevoke(Revocation, Labels),
    /// A sweep begins with such a look.
    LateSweep(Labels),
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
            Self::LateRequest(version, next, labels) => {
                write!(f, "rotation {version}: {next:?}, late: {labels}")
            }
            Self::LateRevoke(it, labels) => {
                write!(f, "{}: {:?}, late: {labels}", it.event, it.next)
            }
            Self::LateSweep(labels) => write!(f, "sweep: reads the labels, late: {labels}"),
            Self::SweepAmid => write!(f, "sweep, amid a revocation: reads the labels"),
        }
    }
}

impl Rotations {
    pub(crate) fn possible(self, state: &State, actions: &mut Vec<Action>) {
        let unlucky = state.misfortunes > 0;
        if self.late_reads {
            self.possible_late(state, actions);
        }
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
            if unlucky && under_way && state.labels.current != 1 {
                actions.push(Action::Abandon);
            }
            if unlucky {
                actions.extend(state.schedules().map(Action::LoseSchedule));
            }
            // A sweep that finds nothing changes nothing.
            if state.sweep.is_some() || !state.lost().is_empty() {
                actions.push(Action::Sweep(state.sweep));
            } else if unlucky && !state.labels.waiting().is_empty() {
                actions.push(Action::SweepAmid);
            }
        }
    }

    /// The looks that may be late.
    fn possible_late(self, state: &State, actions: &mut Vec<Action>) {
        for labels in state.late() {
            for version in [1, 2] {
                let next = state.rotations[usize::from(version)];
                // rotate repeats a look that knows nothing of its rotation.
                let is_believed = self.protocol == Protocol::BelievesLateReads
                    || labels.pending == Some(version)
                    || labels.current == version;
                if is_believed && matches!(next, Rotation::Begin | Rotation::Finish) {
                    actions.push(Action::LateRequest(version, next, labels));
                }
            }
            let mut revocations = state.revocations.clone();
            revocations.retain(|it| it.next == Step::Describe);
            revocations.dedup();
            let late = revocations.into_iter();
            actions.extend(late.map(|it| Action::LateRevoke(it, labels)));
            if self.swept && state.sweep.is_none() && !state.lost_by(labels).is_empty() {
                actions.push(Action::LateSweep(labels));
            }
        }
    }

    pub(crate) fn after(self, mut state: State, action: Action) -> State {
        let before = state.labels;
        self.act(&mut state, action);
        if self.late_reads {
            state.note_past(before);
        }
        state
    }

    fn act(self, state: &mut State, action: Action) {
        let labels = state.labels;
        match action {
            Action::Rotate(version) => {
                state.labels.pending = Some(version);
                state.rotations[usize::from(version)] = Rotation::Begin;
            }
            Action::Request(version, _) => {
                let next = self.rotate(state, version, labels);
                state.rotations[usize::from(version)] = next;
            }
            Action::LateRequest(version, _, labels) => {
                let next = self.rotate(state, version, labels);
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
                let next = self.revoke(state, revocation, labels);
                replace(state, revocation, next);
            }
            Action::LateRevoke(revocation, labels) => {
                let next = self.revoke(state, revocation, labels);
                replace(state, revocation, next);
            }
            Action::CrashOfRevocation(revocation) => {
                state.misfortunes -= 1;
                let again = Revocation::of(revocation.event);
                replace(state, revocation, Some(again));
            }
            Action::TimePasses => state.pass_time(),
            Action::Abandon => {
                state.misfortunes -= 1;
                state.rotations[1] = Rotation::Over;
                state.labels.pending = None;
            }
            Action::LoseSchedule(event) => {
                state.misfortunes -= 1;
                state.unschedule(event);
            }
            Action::Sweep(sweep) => state.sweep = self.sweep(state, sweep, labels),
            Action::LateSweep(labels) => state.sweep = self.sweep(state, None, labels),
            Action::SweepAmid => {
                state.misfortunes -= 1;
                state.sweep = self.sweep(state, None, labels);
            }
        }
    }

    /// The next request of the sweep. What is left of it.
    fn sweep(self, state: &mut State, sweep: Option<Sweep>, labels: Labels) -> Option<Sweep> {
        let found = match sweep {
            None => return Some(Sweep::Read(labels.waiting())),
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
