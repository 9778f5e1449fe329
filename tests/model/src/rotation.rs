//! The requests of a rotation, as rotate and the functions that it calls make them.

use crate::state::{Attempt, Labels, Making, Rotation, State, Version, Versions};
use crate::{Protocol, Rotations};

impl Rotations {
    /// Makes the next request of a rotation, to which `seen` are the labels. What follows it.
    pub(crate) fn rotate(self, state: &mut State, own: Version, seen: Labels) -> Rotation {
        let broken = self.protocol;
        // A step that fails has Secrets Manager begin again.
        let if_it = |holds: bool, next| if holds { next } else { Rotation::Begin };
        match state.rotations[usize::from(own)] {
            Rotation::NotBegun | Rotation::Over => Rotation::Over,
            Rotation::Begin | Rotation::Finish if seen.current == own => Rotation::Complete,
            // Only where such a look is believed: there is nothing to do, it says.
            Rotation::Begin if seen.pending != Some(own) => Rotation::Look,
            Rotation::Finish if seen.pending != Some(own) => Rotation::Complete,
            Rotation::Begin if broken == Protocol::IssuesBeforeLabel => Rotation::Issue,
            Rotation::Begin => Rotation::Store,
            Rotation::Store => {
                state.labels.live.add(own);
                if broken == Protocol::IssuesBeforeLabel {
                    Rotation::TryOut
                } else {
                    Rotation::Issue
                }
            }
            Rotation::Issue => {
                state.accepted.add(own);
                if broken == Protocol::IssuesBeforeLabel {
                    Rotation::Store
                } else {
                    Rotation::TryOut
                }
            }
            Rotation::TryOut => if_it(state.accepted.has(own), Rotation::Label),
            Rotation::Label => {
                state.labels.live.add(state.labels.current);
                Rotation::Look
            }
            Rotation::Look
                if state.shown == own && broken != Protocol::PublishesWithoutComparing =>
            {
                Rotation::LogIn
            }
            Rotation::Look => Rotation::Publish,
            Rotation::Publish => {
                state.show(own);
                state.releases[usize::from(own)] += 1;
                Rotation::ReadBack
            }
            Rotation::ReadBack => if_it(state.shown == own, Rotation::LogIn),
            Rotation::LogIn => if_it(state.accepted.has(own), Rotation::LookAgain),
            Rotation::LookAgain => if_it(state.shown == own, Rotation::Finish),
            Rotation::Finish => {
                let mut left = seen.live;
                left.remove(seen.current);
                left.remove(own);
                let old = seen.current;
                if broken == Protocol::PromotesFirst {
                    Rotation::Promote(old, left)
                } else {
                    Rotation::Schedule(old, left, Making::Create)
                }
            }
            Rotation::Schedule(old, left, call) => self.schedule(state, old, left, call),
            Rotation::ScheduleOthers(old, mut left) => {
                if let Some(version) = left.pop() {
                    self.ensure_revoked(state, version);
                }
                self.after_scheduling(old, left)
            }
            Rotation::Promote(old, _) if state.labels.current != old => Rotation::Begin,
            Rotation::Promote(old, left) => {
                state.labels.current = own;
                if broken == Protocol::PromotesFirst {
                    Rotation::Schedule(old, left, Making::Create)
                } else {
                    Rotation::Complete
                }
            }
            Rotation::Complete => {
                if !self.pending_stays {
                    state.labels.pending = None;
                }
                Rotation::Over
            }
        }
    }

    /// `Schedules::revoke_after`: what is scheduled already is moved.
    fn schedule(self, state: &mut State, old: Version, left: Versions, call: Making) -> Rotation {
        let event = Attempt {
            version: old,
            first: true,
            was_in_use: false,
        };
        match (call, state.first_try(old)) {
            (Making::Create, Some(_)) => return Rotation::Schedule(old, left, Making::Update),
            (Making::Update, None) => return Rotation::Schedule(old, left, Making::CreateAgain),
            (Making::CreateAgain, Some(_)) => return Rotation::Begin,
            (Making::Update, Some(earlier)) => state.unschedule(earlier),
            (Making::Create | Making::CreateAgain, None) => {}
        }
        state.schedule(event);
        self.after_scheduling(old, left)
    }

    fn after_scheduling(self, old: Version, left: Versions) -> Rotation {
        if !left.is_empty() {
            Rotation::ScheduleOthers(old, left)
        } else if self.protocol == Protocol::PromotesFirst {
            Rotation::Complete
        } else {
            Rotation::Promote(old, left)
        }
    }

    /// `Schedules::ensure_revoked`: what is scheduled already stays.
    pub(crate) fn ensure_revoked(self, state: &mut State, version: Version) {
        if state.first_try(version).is_some() {
            return;
        }
        let looks = self.protocol != Protocol::SchedulesWithoutLooking;
        let event = Attempt {
            version,
            first: true,
            was_in_use: looks,
        };
        if looks {
            state.schedule_soon(event);
        } else {
            state.schedule(event);
        }
    }
}
