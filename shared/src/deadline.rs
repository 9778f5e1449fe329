//! The time that an invocation has left, and retries that stay inside it.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBuilder, Retryable};
use tokio::time::Instant;

/// When an invocation must have answered. Lambda ends the process at its time-out without a word,
/// so work stops a little earlier and reports why.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

/// Kept back from the function's time-out to report an error and write the logs.
pub const RESERVE: Duration = Duration::from_millis(750);

impl Deadline {
    /// From the moment that Lambda gives, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn from_epoch_millis(millis: u64) -> Self {
        let left = (SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
            .duration_since(SystemTime::now())
            .unwrap_or_default();
        Self::after(left.saturating_sub(RESERVE))
    }

    /// So much time from now on.
    #[must_use]
    pub fn after(left: Duration) -> Self {
        Self(Instant::now() + left)
    }

    /// The time left; zero once it has passed.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The time for one attempt of something: `most`, or what is left.
    #[must_use]
    pub fn attempt(self, most: Duration) -> Duration {
        self.left().min(most)
    }

    /// A deadline earlier by `reserve`.
    #[must_use]
    pub fn less(self, reserve: Duration) -> Self {
        Self::after(self.left().saturating_sub(reserve))
    }

    /// The earlier of this deadline and `most` from now.
    #[must_use]
    pub fn at_most(self, most: Duration) -> Self {
        Self::after(self.attempt(most))
    }
}

/// Whether a fault may pass by itself.
pub trait Transient {
    /// Whether the same call may succeed if it is made again.
    fn is_transient(&self) -> bool;

    /// How long the other side asked to wait.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// The longest wait between two attempts, before what is added at random.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The waits between attempts, one after the other: 200 ms, doubled each time up to ten seconds, and each
/// longer by up to itself, at random.
#[derive(Debug)]
pub struct BackOff(<ExponentialBuilder as BackoffBuilder>::Backoff);

impl BackOff {
    /// Waits that nobody else has.
    #[must_use]
    pub fn new() -> Self {
        Self::up_to(2.0, LONGEST_WAIT, None)
    }

    /// The same waits for the same seed, for simulations.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::up_to(2.0, LONGEST_WAIT, Some(seed))
    }

    /// As [`Self::new`], but multiplied by `factor` each time, up to `most`.
    #[must_use]
    pub(crate) fn up_to(factor: f32, most: Duration, seed: Option<u64>) -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(most)
            .with_factor(factor)
            .with_jitter()
            .without_max_times();
        let builder = match seed {
            Some(seed) => builder.with_jitter_seed(seed),
            None => builder,
        };
        Self(builder.build())
    }
}

impl Default for BackOff {
    fn default() -> Self {
        Self::new()
    }
}

impl Iterator for BackOff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next()
    }
}

/// How long to wait before the next attempt, after a fault that may pass: as long as the back-off says, or
/// the other side asked for if that is longer. `None` if no attempt fits into the time that is left.
#[must_use]
pub fn wait(
    back_off: Option<Duration>,
    retry_after: Option<Duration>,
    left: Duration,
) -> Option<Duration> {
    let delay = retry_after.max(back_off)?;
    (delay < left).then_some(delay)
}

/// Repeats `operation` while its faults are transient ones and another attempt fits before the
/// deadline, after the [`wait`]s that [`BackOff`] gives.
///
/// # Errors
/// The operation's last error.
pub async fn retry<T, E, Fut>(deadline: Deadline, operation: impl FnMut() -> Fut) -> Result<T, E>
where
    E: Transient,
    Fut: Future<Output = Result<T, E>>,
{
    retry_as(deadline, |_| None, operation).await
}

/// As [`retry`], but `instead` may know another wait than the back-off's after a fault.
pub(crate) async fn retry_as<T, E, Fut>(
    deadline: Deadline,
    instead: impl Fn(&E) -> Option<Duration>,
    operation: impl FnMut() -> Fut,
) -> Result<T, E>
where
    E: Transient,
    Fut: Future<Output = Result<T, E>>,
{
    operation
        .retry(BackOff::new())
        .when(Transient::is_transient)
        .adjust(|error: &E, delay| {
            let delay = instead(error).or(delay);
            wait(delay, error.retry_after(), deadline.left())
        })
        .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Fault {
        transient: bool,
        after: Option<Duration>,
    }

    impl Transient for Fault {
        fn is_transient(&self) -> bool {
            self.transient
        }

        fn retry_after(&self) -> Option<Duration> {
            self.after
        }
    }

    async fn attempts(
        fault: impl Fn() -> Fault,
        succeed_at: u32,
        deadline: Duration,
    ) -> (u32, bool) {
        let count = Cell::new(0);
        let result = retry(Deadline::after(deadline), || async {
            count.set(count.get() + 1);
            if count.get() == succeed_at {
                Ok(())
            } else {
                Err(fault())
            }
        })
        .await;
        (count.get(), result.is_ok())
    }

    #[tokio::test(start_paused = true)]
    async fn a_passing_fault_is_retried_until_it_passes_or_the_wait_outlasts_the_deadline() {
        for (transient, after, succeed_at, expected) in [
            (true, None, 4, (4, true)),
            (false, None, 2, (1, false)),
            (true, Some(Duration::from_secs(61)), 2, (1, false)),
        ] {
            let fault = || Fault { transient, after };
            let tried = attempts(fault, succeed_at, Duration::from_mins(1)).await;
            assert_eq!(tried, expected, "{:?}", fault());
        }
    }

    #[test]
    fn the_waits_double_up_to_ten_seconds_and_the_same_seed_has_the_same() {
        let waits: Vec<_> = BackOff::seeded(7).take(9).collect();
        for (index, wait) in (0..).zip(&waits) {
            let least = Duration::from_millis(200 << index).min(Duration::from_secs(10));
            assert!(
                (least..least * 2).contains(wait),
                "{wait:?} after {least:?}"
            );
        }
        assert!(BackOff::seeded(7).take(9).eq(waits.iter().copied()));
        assert!(!BackOff::seeded(8).take(9).eq(waits));
    }

    #[test]
    fn the_longer_of_two_waits_holds_if_it_fits() {
        let [one, two, three] = [1, 2, 3].map(|it| Some(Duration::from_secs(it)));
        let left = Duration::from_secs(3);
        assert_eq!(wait(one, two, left), two);
        assert_eq!(wait(two, one, left), two);
        assert_eq!(wait(two, None, left), two);
        assert_eq!(wait(None, two, left), two);
        assert_eq!(wait(None, None, left), None);
        assert_eq!(wait(one, three, left), None, "no time is left then");
    }

    #[test]
    fn a_deadline_in_the_past_leaves_no_time() {
        assert_eq!(Deadline::from_epoch_millis(1).left(), Duration::ZERO);
    }
}
