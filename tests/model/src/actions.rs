//! What can happen next, and what comes of it.

use crate::state::{Attempt, Labels, Revocation, Rotation, State, Step, Sweep, Version};
use crate::{Protocol, Rotations};

/// So many revocations of one version may run at the same time: what a third does, the second did.
const AT_ONCE: usize = 2;

/// Something that happens: one request, or time, or bad luck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Rotate(Version),
    /// The rotation's next request. One that is a look may tell labels that were.
    Request(Version, Rotation, Option<Labels>),
    /// Whatever runs for the rotation dies before this request, which is after the one before;
    /// Secrets Manager begins again at createSecret.
    CrashOfRotation(Version, Rotation),
    Fire(Attempt),
    /// A schedule fires and is delivered twice.
    FireTwice(Attempt),
    /// The next request of a revocation. The first is such a look.
    Revoke(Revocation, Option<Labels>),
    /// revoke-secret dies before this request; Lambda delivers the event again.
    CrashOfRevocation(Revocation),
    TimePasses,
    /// The operator cancels the first rotation and takes AWSPENDING off.
    Abandon,
    LoseSchedule(Attempt),
    /// The sweep's next request. The first is such a look.
    Sweep(Option<Sweep>, Option<Labels>),
    /// A sweep begins while a revocation of what it is to find is scheduled or under way.
    SweepAmid,
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
                    actions.push(Action::Request(version, next, None));
                    if unlucky && next != Rotation::Begin {
                        actions.push(Action::CrashOfRotation(version, next));
                    }
                }
            }
        }
        let mut revocations = state.revocations.clone();
        revocations.dedup();
        for revocation in revocations {
            actions.push(Action::Revoke(revocation, None));
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
                actions.push(Action::Sweep(state.sweep, None));
            } else if unlucky && !state.labels.waiting().is_empty() {
                actions.push(Action::SweepAmid);
            }
        }
    }

    fn possible_late(self, state: &State, actions: &mut Vec<Action>) {
        for labels in state.late() {
            for version in [1, 2] {
                let next = state.rotations[usize::from(version)];
                // rotate repeats a look that knows nothing of its rotation.
                let is_believed = self.protocol == Protocol::BelievesLateReads
                    || labels.pending == Some(version)
                    || labels.current == version;
                if is_believed && matches!(next, Rotation::Begin | Rotation::Finish) {
                    actions.push(Action::Request(version, next, Some(labels)));
                }
            }
            let mut revocations = state.revocations.clone();
            revocations.retain(|it| it.next == Step::Describe);
            revocations.dedup();
            let late = revocations.into_iter();
            actions.extend(late.map(|it| Action::Revoke(it, Some(labels))));
            if self.swept && state.sweep.is_none() && !state.lost_by(labels).is_empty() {
                actions.push(Action::Sweep(None, Some(labels)));
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
            Action::Request(version, _, late) => {
                let next = self.rotate(state, version, late.unwrap_or(labels));
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
            Action::Revoke(revocation, late) => {
                let next = self.revoke(state, revocation, late.unwrap_or(labels));
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
            Action::Sweep(sweep, late) => {
                state.sweep = self.sweep(state, sweep, late.unwrap_or(labels));
            }
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
