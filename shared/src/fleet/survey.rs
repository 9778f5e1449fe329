//! What state each of a stack's secrets is in.

use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::{Waiting, eight_at_once, list};
use crate::aws::AwsError;
use crate::deadline::{Deadline, retry};
use crate::ids::{SecretArn, VersionId};
use crate::schedule::ScheduleGroup;
use crate::secrets::{Listing, Order, Secret, Secrets};

/// So many without a schedule are no revocations that have just begun: they are not looked at once more.
const MOST_SUSPECTS: usize = 1000;

/// The state of a secret: of those that it is in, the one that comes first here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// An old credential may be alive, and nothing is scheduled to end it. The next sweep schedules it.
    Unscheduled,
    /// An old credential may be alive an hour after its grace period.
    Overdue,
    /// Marked for deletion, and its credentials may be alive: nobody can end them.
    RevocationImpossible,
    /// A version is `AWSPENDING` for more than ten minutes.
    RotationFailed,
    /// A rotation is under way.
    Rotating,
    /// An old credential lives on until its grace period is over.
    WaitingForRevocation,
    /// Nothing waits, and it is rotated by its schedule.
    Healthy,
    /// Rotation is switched off.
    RotationOff,
    /// Marked for deletion, and no credential of it is alive.
    Deleted,
}

impl State {
    /// All of them, in the order in which an operator wants to see them.
    pub const ALL: [Self; 9] = [
        Self::Unscheduled,
        Self::Overdue,
        Self::RevocationImpossible,
        Self::RotationFailed,
        Self::Rotating,
        Self::WaitingForRevocation,
        Self::Healthy,
        Self::RotationOff,
        Self::Deleted,
    ];

    /// Whether somebody should look.
    #[must_use]
    pub fn needs_attention(self) -> bool {
        match self {
            Self::Unscheduled
            | Self::Overdue
            | Self::RevocationImpossible
            | Self::RotationFailed => true,
            Self::Rotating
            | Self::WaitingForRevocation
            | Self::Healthy
            | Self::RotationOff
            | Self::Deleted => false,
        }
    }

    /// Its name, in words that scripts can rely upon.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unscheduled => "unscheduled",
            Self::Overdue => "overdue",
            Self::RevocationImpossible => "revocation-impossible",
            Self::RotationFailed => "rotation-failed",
            Self::Rotating => "rotating",
            Self::WaitingForRevocation => "waiting-for-revocation",
            Self::Healthy => "healthy",
            Self::RotationOff => "rotation-off",
            Self::Deleted => "deleted",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for State {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or("is no state")
    }
}

/// An old credential that waits for its revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Its version.
    pub version: VersionId,
    /// The try that is scheduled, counted from 0. None if none is.
    pub attempt: Option<u32>,
    /// When that begins, if [`Survey::times`] has asked for it.
    pub at: Option<SystemTime>,
    /// Why the try before it failed, if one did, and that was asked for as well.
    pub last_error: Option<String>,
}

/// A secret as seen from outside.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The secret.
    pub secret: SecretArn,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: State,
    /// The current version.
    pub current: Option<VersionId>,
    /// Since when that is current: its rotation's end, or the secret's making.
    pub since: Option<SystemTime>,
    /// The version whose rotation is not complete.
    pub pending: Option<VersionId>,
    /// What waits for its revocation.
    pub revocations: Vec<Revocation>,
    /// When the next rotation begins at the latest, by the secret's schedule.
    pub next_rotation: Option<SystemTime>,
}

/// A look at all secrets of a stack. No value is read.
#[derive(Debug, Clone, Copy)]
pub struct Survey<'a> {
    /// The secrets.
    pub secrets: &'a Secrets,
    /// The stack's schedules.
    pub group: &'a ScheduleGroup,
    /// The stack's name.
    pub stack: &'a str,
    /// What the names of its rotating secrets begin with.
    pub prefix: &'a str,
    /// The stack's grace period.
    pub grace_period_seconds: u32,
    /// How long a revocation takes at the most: meanwhile its schedule is gone, and its label still there.
    /// What has no schedule is looked at once more after it.
    pub revocation: Duration,
}

impl Survey<'_> {
    /// All secrets of the stack, those that need attention first. They are listed from both ends at once, as
    /// each page waits for the one before it; `ListSecrets` may tell what was
    /// [five minutes ago](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html).
    ///
    /// # Errors
    /// If AWS refuses or does not answer in time.
    pub async fn look(&self, deadline: Deadline) -> Result<Vec<Overview>, AwsError> {
        let found: Mutex<HashMap<SecretArn, Secret>> = Mutex::default();
        let from = |order| {
            let listing = Listing {
                stack: self.stack,
                prefix: self.prefix,
                order,
                with_deleted: true,
            };
            list(self.secrets, listing, deadline, |page| {
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                let (before, count) = (found.len(), page.len());
                for (arn, secret) in page {
                    found.entry(arn).or_insert(secret);
                }
                // The other end has been here. A whole page: what was made in the same moment may be in
                // another order.
                if count > 0 && found.len() == before {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
        };
        let (oldest, newest, scheduled) = tokio::join!(
            from(Order::OldestFirst),
            from(Order::NewestFirst),
            self.group.scheduled_sooner(deadline),
        );
        oldest.and(newest)?;
        let scheduled = scheduled?;
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut rows: Vec<_> = found
            .into_iter()
            .map(|(arn, secret)| {
                let attempt = |version: &VersionId| scheduled.attempt(&arn, version);
                self.overview(&arn, &secret, attempt)
            })
            .collect();
        self.look_again(&mut rows, deadline).await?;
        rows.sort_unstable_by(|a, b| (a.state, &a.name).cmp(&(b.state, &b.name)));
        Ok(rows)
    }

    /// Asks when the revocations of these begin, and why the last tries failed: one request each.
    ///
    /// # Errors
    /// If AWS refuses or does not answer in time.
    pub async fn times(&self, rows: &mut [Overview], deadline: Deadline) -> Result<(), AwsError> {
        let mut asked = Vec::new();
        for row in &mut *rows {
            let secret = &row.secret;
            asked.extend(row.revocations.iter_mut().filter_map(|it| {
                let attempt = it.attempt?;
                Some((secret, it.version.clone(), attempt, Mutex::new(it)))
            }));
        }
        eight_at_once(asked.len(), deadline, async |place| {
            let (secret, version, attempt, revocation) = &asked[place];
            let planned = retry(deadline, || {
                self.group.planned(secret, version, *attempt, deadline)
            })
            .await?;
            let mut revocation = revocation.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(planned) = planned {
                (revocation.at, revocation.last_error) = (Some(planned.at), planned.last_error);
            }
            Ok(())
        })
        .await
    }

    /// Labels and schedules were not listed in one moment, and while a revocation is under way there is no
    /// schedule: what seems to have none is asked for by itself, and once more when that must be over.
    async fn look_again(&self, rows: &mut [Overview], deadline: Deadline) -> Result<(), AwsError> {
        for wait in [Duration::ZERO, self.revocation] {
            let suspects: Vec<_> = rows
                .iter_mut()
                .filter(|row| row.state == State::Unscheduled)
                .map(Mutex::new)
                .collect();
            if suspects.is_empty() || suspects.len() > MOST_SUSPECTS {
                return Ok(());
            }
            tokio::time::sleep(wait).await;
            eight_at_once(suspects.len(), deadline, async |place| {
                let suspect = || {
                    suspects[place]
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                };
                let arn = suspect().secret.clone();
                let described = retry(deadline, || self.secrets.describe(&arn, deadline)).await;
                let secret = match described {
                    Ok(secret) => secret,
                    Err(error) if error.is("ResourceNotFoundException") => return Ok(()),
                    Err(error) => return Err(error),
                };
                let mut attempts = HashMap::new();
                for version in secret.waiting() {
                    let attempt = self.group.next_try(&arn, &version, deadline).await?;
                    attempts.insert(version, attempt);
                }
                let attempt = |version: &VersionId| attempts.get(version).copied().flatten();
                let row = self.overview(&arn, &secret, attempt);
                **suspect() = row;
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    fn overview(
        &self,
        arn: &SecretArn,
        secret: &Secret,
        attempt: impl Fn(&VersionId) -> Option<u32>,
    ) -> Overview {
        let pending = secret.rotation().under_way();
        let waiting: Vec<_> = Waiting::of(arn, secret, self.grace_period_seconds).collect();
        let revocations: Vec<_> = waiting
            .iter()
            .map(|it| Revocation {
                version: it.version.clone(),
                attempt: attempt(&it.version),
                at: None,
                last_error: None,
            })
            .collect();
        let is_scheduled = revocations.iter().all(|it| it.attempt.is_some());
        let state = state(secret, pending.is_some(), &waiting, is_scheduled);
        Overview {
            secret: arn.clone(),
            name: secret.name.clone(),
            state,
            current: secret.current(),
            since: secret.last_rotated.or(secret.created),
            pending,
            revocations,
            next_rotation: secret.next_rotation,
        }
    }
}

fn state(secret: &Secret, is_pending: bool, waiting: &[Waiting], is_scheduled: bool) -> State {
    if secret.is_deleted_alive() {
        State::RevocationImpossible
    } else if secret.deleted {
        State::Deleted
    } else if !is_scheduled {
        State::Unscheduled
    } else if waiting.iter().any(Waiting::is_overdue) {
        State::Overdue
    } else if !secret.rotation_enabled {
        State::RotationOff
    } else if is_pending && secret.stands_still() {
        State::RotationFailed
    } else if is_pending {
        State::Rotating
    } else if waiting.is_empty() {
        State::Healthy
    } else {
        State::WaitingForRevocation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(minutes_ago: u64) -> Secret {
        let mut secret = Secret::default();
        secret.rotation_enabled = true;
        secret.last_changed = SystemTime::now().checked_sub(Duration::from_mins(minutes_ago));
        secret
    }

    fn waits(minutes: u64) -> [Waiting; 1] {
        [Waiting {
            secret: "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/db-AbCdEf"
                .parse()
                .unwrap(),
            version: "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap(),
            since: SystemTime::now() - Duration::from_mins(minutes),
            grace_period: Duration::from_hours(2),
        }]
    }

    #[test]
    fn what_somebody_should_look_at_comes_before_what_is_merely_so() {
        for (minutes, is_pending, waits, is_scheduled, expected) in [
            (0, false, None, true, State::Healthy),
            (0, true, None, true, State::Rotating),
            (9, true, None, true, State::Rotating),
            (11, true, None, true, State::RotationFailed),
            (11, true, Some(11), true, State::RotationFailed),
            (179, false, Some(179), true, State::WaitingForRevocation),
            (181, false, Some(181), true, State::Overdue),
            (181, true, Some(181), true, State::Overdue),
            (181, true, Some(181), false, State::Unscheduled),
        ] {
            let waiting = waits.map(self::waits);
            let waiting = waiting.as_ref().map_or([].as_slice(), |it| it.as_slice());
            let state = |secret: &Secret| state(secret, is_pending, waiting, is_scheduled);
            assert_eq!(state(&secret(minutes)), expected, "{minutes}");
            let mut deleted = secret(minutes);
            deleted.deleted = true;
            assert_eq!(state(&deleted), State::RevocationImpossible);
            deleted.rotation_enabled = false;
            assert_eq!(state(&deleted), State::Deleted);
        }
        let mut off = secret(11);
        off.rotation_enabled = false;
        assert_eq!(state(&off, true, &[], true), State::RotationOff);
    }

    #[test]
    fn every_state_is_found_by_its_name() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!(State::ALL.is_sorted(), "shown in this order");
    }
}
