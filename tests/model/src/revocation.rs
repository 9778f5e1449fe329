//! The requests of a revocation, as revoke-secret makes them.

use crate::state::{Attempt, Labels, Revocation, State, Step};
use crate::{Protocol, Rotations};

impl Rotations {
    /// Makes the next request of a revocation, to which `seen` are the labels. What is left of it.
    pub(crate) fn revoke(
        self,
        state: &mut State,
        revocation: Revocation,
        seen: Labels,
    ) -> Option<Revocation> {
        let event = revocation.event;
        let own = event.version;
        let next = match revocation.next {
            Step::Describe if !seen.live.has(own) => return None,
            Step::Describe if self.protocol == Protocol::RevokesWithoutLooking => Step::Revoke,
            Step::Describe if seen.current == own || seen.pending == Some(own) => {
                Step::TryAgain(true)
            }
            Step::Describe => Step::IsMoved,
            Step::IsMoved if state.is_moved(event) => return None,
            Step::IsMoved => Step::Look,
            Step::Look if state.shown == own => Step::TryAgain(true),
            Step::Look if event.was_in_use => Step::GraceAnew,
            Step::Look => Step::Revoke,
            Step::Revoke => {
                let read = match self.protocol {
                    Protocol::ReadsByStage => state.labels.pending.unwrap_or(own),
                    _ => own,
                };
                state.accepted.remove(read);
                Step::Prove
            }
            // It tries what it has read, and that is refused.
            Step::Prove if self.protocol == Protocol::ReadsByStage => Step::Detach,
            Step::Prove if state.accepted.has(own) => Step::TryAgain(false),
            Step::Prove => Step::Detach,
            Step::Detach => {
                state.labels.live.remove(own);
                return None;
            }
            Step::TryAgain(in_use) => {
                state.schedule_soon(Attempt {
                    first: false,
                    was_in_use: event.was_in_use || in_use,
                    ..event
                });
                return None;
            }
            Step::GraceAnew => {
                state.schedule(Attempt {
                    first: false,
                    was_in_use: self.protocol == Protocol::BeginsAnewForEver,
                    ..event
                });
                return None;
            }
        };
        Some(Revocation { event, next })
    }
}
