//! What can happen next, and what comes of it.

use crate::state::{Revocation, Rotation, State, Try, Version};
use crate::{Protocol, Rotations};

/// Something that happens: one request, or time, or bad luck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Secrets Manager begins a rotation.
    Rotate(Version),
    /// The rotation's next request.
    Request(Version),
    /// Whatever runs for the rotation dies; Secrets Manager begins again at createSecret.
    CrashOfRotation(Version),
    /// A schedule fires, of a first try or a later one.
    Fire(Version, bool),
    /// The revocation's next request.
    RevocationRequest(Version),
    /// revoke-secret dies; Lambda delivers the event again.
    CrashOfRevocation(Version),
    /// A grace period is over.
    TimePasses,
    /// The operator cancels the first rotation and takes AWSPENDING off.
    Abandon,
    /// A schedule is lost.
    LoseSchedule(Version, bool),
    /// The sweep reads the labels.
    SweepReads,
    /// The sweep reads the schedules, and makes those that are missing.
    SweepSchedules,
}

impl Rotations {
    pub(crate) fn possible(self, state: &State, actions: &mut Vec<Action>) {
        for version in [1, 2] {
            let before = state.rotations[usize::from(version) - 1];
            match state.rotations[usize::from(version)] {
                Rotation::NotBegun if before == Rotation::Over => {
                    actions.push(Action::Rotate(version));
                }
                Rotation::NotBegun | Rotation::Over => {}
                _ => {
                    actions.push(Action::Request(version));
                    if state.crashes > 0 {
                        actions.push(Action::CrashOfRotation(version));
                    }
                }
            }
        }
        for version in 0..3 {
            if state.revocations[usize::from(version)].is_some() {
                actions.push(Action::RevocationRequest(version));
                if state.crashes > 0 {
                    actions.push(Action::CrashOfRevocation(version));
                }
            }
            for first in [true, false] {
                let Some(next) = state.scheduled(version, first) else {
                    continue;
                };
                if next.due && state.revocations[usize::from(version)].is_none() {
                    actions.push(Action::Fire(version, first));
                }
                if self.abandoned_and_swept && !state.lost {
                    actions.push(Action::LoseSchedule(version, first));
                }
            }
        }
        if !state.lasting.is_empty() {
            actions.push(Action::TimePasses);
        }
        if self.abandoned_and_swept {
            let first = state.rotations[1];
            let under_way = !matches!(first, Rotation::NotBegun | Rotation::Over);
            if under_way && !state.abandoned && state.current != 1 {
                actions.push(Action::Abandon);
            }
            match state.sweeping {
                None if !state.waiting().is_empty() => actions.push(Action::SweepReads),
                None => {}
                Some(_) => actions.push(Action::SweepSchedules),
            }
        }
    }

    pub(crate) fn after(self, mut state: State, action: Action) -> State {
        match action {
            Action::Rotate(version) => {
                state.pending = Some(version);
                state.rotations[usize::from(version)] = Rotation::Begin;
            }
            Action::Request(version) => {
                let next = self.rotate(&mut state, version);
                state.rotations[usize::from(version)] = next;
            }
            Action::CrashOfRotation(version) => {
                state.crashes -= 1;
                state.rotations[usize::from(version)] = Rotation::Begin;
            }
            Action::Fire(version, first) => {
                let event = state.take(version, first);
                let begun = event.map(|event| (Revocation::Describe, event));
                state.revocations[usize::from(version)] = begun;
            }
            Action::RevocationRequest(version) => {
                if let Some((request, event)) = state.revocations[usize::from(version)] {
                    let next = self.revoke(&mut state, version, request, event);
                    state.revocations[usize::from(version)] = next.map(|next| (next, event));
                }
            }
            Action::CrashOfRevocation(version) => {
                state.crashes -= 1;
                if let Some((request, _)) = &mut state.revocations[usize::from(version)] {
                    *request = Revocation::Describe;
                }
            }
            Action::TimePasses => state.pass_time(),
            Action::Abandon => {
                state.abandoned = true;
                state.rotations[1] = Rotation::Over;
                state.pending = None;
            }
            Action::LoseSchedule(version, first) => {
                state.lost = true;
                state.take(version, first);
            }
            Action::SweepReads => state.sweeping = Some(state.waiting()),
            Action::SweepSchedules => {
                if let Some(waiting) = state.sweeping.take() {
                    for version in waiting.iter() {
                        if !state.is_scheduled(version) {
                            self.schedule_left_behind(&mut state, version);
                        }
                    }
                }
            }
        }
        state
    }

    /// The request of a rotation, and what the next one is.
    fn rotate(self, state: &mut State, own: Version) -> Rotation {
        let broken = self.protocol;
        match state.rotations[usize::from(own)] {
            Rotation::NotBegun | Rotation::Over => Rotation::Over,
            Rotation::Begin if state.current == own => Rotation::Complete,
            Rotation::Begin if broken == Protocol::IssuesBeforeLabel => Rotation::Issue,
            Rotation::Begin => Rotation::Store,
            Rotation::Store => {
                state.live.add(own);
                if broken == Protocol::IssuesBeforeLabel {
                    Rotation::Look
                } else {
                    Rotation::Issue
                }
            }
            Rotation::Issue => {
                state.accepted.add(own);
                if broken == Protocol::IssuesBeforeLabel {
                    Rotation::Store
                } else {
                    Rotation::Look
                }
            }
            Rotation::Look
                if state.shown == own && broken != Protocol::PublishesWithoutComparing =>
            {
                Rotation::Test
            }
            Rotation::Look => Rotation::Publish,
            Rotation::Publish => {
                state.show(own);
                state.releases[usize::from(own)] += 1;
                Rotation::Test
            }
            Rotation::Test if state.accepted.has(own) && state.shown == own => Rotation::Finish,
            // The step fails, and Secrets Manager begins again.
            Rotation::Test => Rotation::Begin,
            Rotation::Finish => {
                let old = state.current;
                state.live.add(old);
                if broken == Protocol::PromotesFirst {
                    Rotation::Promote(old)
                } else {
                    Rotation::Schedule(old)
                }
            }
            Rotation::Schedule(old) => {
                state.schedule(old, true);
                Rotation::ScheduleOthers(old)
            }
            Rotation::ScheduleOthers(old) => {
                for version in state.live.iter() {
                    let is_left = version != old && version != own;
                    if is_left && state.scheduled(version, true).is_none() {
                        self.schedule_left_behind(state, version);
                    }
                }
                if broken == Protocol::PromotesFirst {
                    Rotation::Complete
                } else {
                    Rotation::Promote(old)
                }
            }
            Rotation::Promote(old) => {
                state.current = own;
                if broken == Protocol::PromotesFirst {
                    Rotation::Schedule(old)
                } else {
                    Rotation::Complete
                }
            }
            Rotation::Complete => {
                state.pending = None;
                Rotation::Over
            }
        }
    }

    fn schedule_left_behind(self, state: &mut State, version: Version) {
        if self.protocol == Protocol::SchedulesWithoutLooking {
            state.schedule(version, true);
        } else {
            state.schedule_soon(version, true, true);
        }
    }

    /// The request of a revocation, and what the next one is.
    fn revoke(
        self,
        state: &mut State,
        own: Version,
        request: Revocation,
        event: Try,
    ) -> Option<Revocation> {
        match request {
            Revocation::Describe => {
                let to_come = state.scheduled(own, true).is_some_and(|first| !first.due);
                if (!event.first && to_come) || !state.live.has(own) {
                    None
                } else if self.protocol == Protocol::RevokesWithoutLooking {
                    Some(Revocation::Revoke)
                } else if state.current == own || state.pending == Some(own) {
                    Some(Revocation::TryAgain)
                } else {
                    Some(Revocation::Look)
                }
            }
            Revocation::Look if state.shown == own => Some(Revocation::TryAgain),
            Revocation::Look if event.was_in_use => Some(Revocation::GraceAnew),
            Revocation::Look => Some(Revocation::Revoke),
            Revocation::Revoke => {
                let read = if self.protocol == Protocol::ReadsByStage {
                    state.pending.unwrap_or(own)
                } else {
                    own
                };
                state.accepted.remove(read);
                Some(Revocation::Detach)
            }
            Revocation::Detach => {
                state.live.remove(own);
                None
            }
            Revocation::TryAgain => {
                state.schedule_soon(own, false, true);
                None
            }
            Revocation::GraceAnew => {
                state.schedule(own, false);
                None
            }
        }
    }
}
