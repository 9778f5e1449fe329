//! What a rollback may do, and what it waits for.

use std::time::{Duration, SystemTime};

use addon_rotation::document::is_change;
use addon_rotation::event::VersionId;
use addon_rotation::schedule::Attempt;
use addon_rotation::secrets::{Label, Secret};

use crate::rotation;
use crate::stack::Instance;

/// By so much no two clocks of AWS's and this machine's differ, and no schedule is early.
const CLOCKS: Duration = Duration::from_mins(5);

/// Which version becomes current in place of which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) old: VersionId,
    pub(super) new: VersionId,
}

impl Plan {
    /// Refuses what would leave somebody without a credential, or come between a rotation's steps.
    pub(super) fn of(
        instance: &Instance,
        secret: &Secret,
        to: Option<&VersionId>,
    ) -> Result<Self, String> {
        let id = &instance.id;
        let new = rotation::at_rest(instance, secret)?;
        let candidates: Vec<_> = secret.waiting().collect();
        let previous = secret.labelled(&Label::Previous);
        let old = match (to, previous, candidates.as_slice()) {
            (Some(to), _, _) => to.clone(),
            (None, Some(previous), _) if candidates.contains(&previous) => previous,
            (None, _, [only]) => only.clone(),
            (None, _, []) => {
                return Err(format!(
                    "no older version of {id} has a credential that works: the grace period is over. → Rotate instead"
                ));
            }
            (None, _, several) => {
                let several: Vec<_> = several.iter().map(VersionId::as_str).collect();
                return Err(format!(
                    "{id} has several older versions. → Choose one with --to: {}",
                    several.join(", ")
                ));
            }
        };
        if old != new && !secret.is_live(&old) {
            return Err(format!(
                "version {old} of {id} has no LIVE- label: its credential is revoked, or goes on as a later version's (status shows that). → Rotate instead"
            ));
        }
        if to.is_none() && is_change(&old) {
            return Err(format!(
                "version {old} of {id} has the document that `change` stored, with the older credential. → To have an earlier document again: `change` with that. To have this one's credential again: --to {old}"
            ));
        }
        Ok(Self { old, new })
    }
}

/// Whether a revocation may be under way that looked before its schedule was moved: the function asks for
/// the schedule after its look, so that one that begins later leaves the credential alone. None is if the
/// first try is still to come, and was scheduled longer ago than any invocation goes on: whatever began
/// since then has seen that.
pub(super) fn may_be_under_way(first: Option<Attempt>, timeout: Duration, now: SystemTime) -> bool {
    let Some(first) = first else {
        return true;
    };
    let is_to_come = first.at > now + CLOCKS;
    let is_old = first
        .scheduled_at
        .is_some_and(|at| at.time() + timeout + CLOCKS < now);
    !(is_to_come && is_old)
}

#[cfg(test)]
mod tests {
    use addon_rotation::event::ScheduledAt;

    use super::*;
    use crate::time;

    const TIMEOUT: Duration = Duration::from_mins(1);

    /// In this many minutes, scheduled as many minutes ago.
    fn may_be(at: i64, scheduled: Option<u64>) -> bool {
        let now = SystemTime::now();
        let minutes = |minutes: u64| Duration::from_mins(minutes);
        let at = if at < 0 {
            now - minutes(at.unsigned_abs())
        } else {
            now + minutes(at.unsigned_abs())
        };
        let scheduled_at = scheduled.map(|ago| {
            let time = time::text(now - minutes(ago)).unwrap();
            time.parse::<ScheduledAt>().unwrap()
        });
        may_be_under_way(
            Some(Attempt {
                at,
                is_enabled: true,
                scheduled_at,
                was_in_use: false,
                even_if_in_use: false,
                last_error: None,
            }),
            TIMEOUT,
            now,
        )
    }

    #[test]
    fn a_revocation_is_waited_for_unless_all_that_can_be_under_way_has_seen_a_later_schedule() {
        assert!(!may_be(60, Some(60)), "it begins in an hour");
        assert!(may_be(2, Some(118)), "it may have begun by another clock");
        assert!(may_be(-1, Some(121)), "it has begun");
        assert!(
            may_be(120, Some(0)),
            "it was moved just now: repeated, this waits again"
        );
        assert!(may_be(120, Some(5)));
        assert!(!may_be(113, Some(7)));
        assert!(may_be(60, None), "somebody else's");
        assert!(may_be_under_way(None, TIMEOUT, SystemTime::now()), "gone");
    }
}
