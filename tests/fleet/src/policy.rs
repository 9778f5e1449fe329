//! When a refused request is made again: the library's own code and configuration decide.

use std::time::Duration;

use addon_rotation::deadline::{BackOff, Transient as _, wait};
use addon_rotation::heroku::{HerokuError, Line};
use addon_rotation::schedule::retry_delay;
use aws_smithy_types::retry::RetryConfig;
use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::Time;

/// The library's wait after a 429 of Heroku; `None`: it gives up.
pub(crate) fn after_429(line: &mut Line, left: Time) -> Option<Time> {
    let error = HerokuError::RateLimited {
        action: String::new(),
        answer: String::new(),
        // Heroku's page does not promise one.
        retry_after: None,
    };
    if !error.is_transient() {
        return None;
    }
    let left = Duration::from_micros(left);
    wait(line.wait(), error.retry_after(), left).map(micros)
}

/// The library's wait after a call to AWS failed for good within what it repeats as a whole.
pub(crate) fn after_aws(back_off: &mut BackOff, left: Time) -> Option<Time> {
    wait(back_off.next(), None, Duration::from_micros(left)).map(micros)
}

/// The SDK's wait after so many throttled attempts, by its
/// [standard mode](https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html) as the library
/// configures it: a random part of the first back-off, doubled each time. `None`: it gives up.
pub(crate) fn after_throttling(
    sdk: &RetryConfig,
    attempts: u32,
    random: &mut StdRng,
) -> Option<Time> {
    if attempts >= sdk.max_attempts() {
        return None;
    }
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
    let longest = sdk.initial_backoff().saturating_mul(doubled);
    let wait = longest.mul_f64(random.random::<f64>());
    Some(micros(wait.min(sdk.max_backoff())))
}

/// The wait before a revocation's next try; `None`: it is given up.
pub(crate) fn after_revocation(attempt: u32) -> Option<Time> {
    retry_delay(attempt).map(micros)
}

fn micros(duration: Duration) -> Time {
    Time::try_from(duration.as_micros()).unwrap_or(Time::MAX)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;
    use crate::SECOND;

    #[test]
    fn the_sdk_makes_four_attempts_within_seconds() {
        let sdk = addon_rotation::aws::retries();
        let mut random = StdRng::seed_from_u64(1);
        let waits: Vec<_> = (1..)
            .map_while(|attempt| after_throttling(&sdk, attempt, &mut random))
            .collect();
        assert_eq!(waits.len(), 3);
        for (wait, most) in waits.iter().zip([1, 2, 4]) {
            assert!(*wait <= most * SECOND, "{waits:?}");
        }
    }
}
