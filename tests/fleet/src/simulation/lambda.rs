//! Lambda: concurrent executions, and functions that are kept warm.

use crate::Time;
use crate::calls::Function;
use crate::parameters::Lambda as Parameters;

/// The account's functions.
#[derive(Debug)]
pub(super) struct Lambda {
    parameters: Parameters,
    most: u32,
    running: u32,
    pub(super) peak: u32,
    /// Since when each idle one is, the latest last.
    idle: [Vec<Time>; Function::COUNT],
}

impl Lambda {
    pub(super) fn new(parameters: Parameters, most: u32) -> Self {
        Self {
            parameters,
            most,
            running: 0,
            peak: 0,
            idle: Default::default(),
        }
    }

    /// Begins an execution: when the handler begins, and when it makes its first request. `None` if there
    /// are too many.
    pub(super) fn begin(&mut self, function: Function, now: Time) -> Option<(Time, Time)> {
        if self.running >= self.most {
            return None;
        }
        self.running += 1;
        self.peak = self.peak.max(self.running);
        let idle = &mut self.idle[function.index()];
        let parameters = &self.parameters;
        if idle
            .pop()
            .is_some_and(|since| now - since <= parameters.kept)
        {
            return Some((now, now + parameters.slowed(parameters.warm)));
        }
        // The others have been idle for longer.
        idle.clear();
        let ready = now + parameters.machine + parameters.slowed(parameters.init);
        Some((ready, ready + parameters.slowed(parameters.cold)))
    }

    pub(super) fn end(&mut self, function: Function, now: Time) {
        self.running -= 1;
        self.idle[function.index()].push(now);
    }

    /// The largest part of the concurrency that was in use.
    pub(super) fn used(&self) -> f64 {
        f64::from(self.peak) / f64::from(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MILLISECOND, MINUTE, SECOND};

    #[test]
    fn executions_are_bounded_and_functions_kept_warm() {
        let mut parameters = crate::Parameters::documented().lambda;
        (parameters.init, parameters.cold, parameters.warm) = (MILLISECOND, 0, 0);
        (parameters.memory, parameters.processor) = (1_024, 1_024);
        let mut lambda = Lambda::new(parameters.clone(), 1);
        let function = Function::Rotate;
        let (began, _) = lambda.begin(function, 0).unwrap();
        assert_eq!(began, parameters.machine + MILLISECOND);
        assert_eq!(lambda.begin(function, began), None);
        lambda.end(function, began + SECOND);
        // Warm for five minutes.
        let again = began + SECOND + parameters.kept;
        assert_eq!(lambda.begin(function, again), Some((again, again)));
        lambda.end(function, again + 1);
        let later = again + MINUTE + parameters.kept;
        let (began, _) = lambda.begin(function, later).unwrap();
        assert_eq!(began, later + parameters.machine + MILLISECOND);
        assert_eq!(lambda.peak, 1);
    }
}
