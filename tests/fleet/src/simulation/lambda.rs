//! Lambda: concurrent executions, functions that are kept warm, what is billed.

use crate::calls::Function;
use crate::parameters::Lambda as Parameters;
use crate::{MILLISECOND, Time, number};

#[derive(Debug)]
pub(super) struct Lambda {
    parameters: Parameters,
    most: f64,
    running: u32,
    pub(super) peak: u32,
    /// Since when each idle one is, the latest last.
    idle: [Vec<Time>; Function::COUNT],
    billed: Time,
    pub(super) invocations: u64,
    cold: u64,
}

impl Lambda {
    pub(super) fn new(parameters: Parameters, most: f64) -> Self {
        Self {
            parameters,
            most,
            running: 0,
            peak: 0,
            idle: Default::default(),
            billed: 0,
            invocations: 0,
            cold: 0,
        }
    }

    /// Begins an execution: when the handler begins, and when it makes its first request. `None` if there
    /// are too many.
    pub(super) fn begin(&mut self, function: Function, now: Time) -> Option<(Time, Time)> {
        if f64::from(self.running) >= self.most {
            return None;
        }
        self.running += 1;
        self.peak = self.peak.max(self.running);
        self.invocations += 1;
        let idle = &mut self.idle[function as usize];
        let parameters = &self.parameters;
        if idle
            .pop()
            .is_some_and(|since| now - since <= parameters.kept)
        {
            return Some((now, now + parameters.slowed(parameters.warm)));
        }
        // The others have been idle for longer.
        idle.clear();
        self.cold += 1;
        let init = parameters.slowed(parameters.init);
        self.billed += init;
        let ready = now + parameters.machine + init;
        Some((ready, ready + parameters.slowed(parameters.cold)))
    }

    /// Ends the execution of a handler that began at that time. It is billed by the millisecond.
    pub(super) fn end(&mut self, function: Function, began: Time, now: Time) {
        self.running -= 1;
        self.billed += (now - began).div_ceil(MILLISECOND) * MILLISECOND;
        self.idle[function as usize].push(now);
    }

    /// The largest part of the concurrency that was in use.
    pub(super) fn used(&self) -> f64 {
        f64::from(self.peak) / self.most
    }

    pub(super) fn gb_seconds(&self) -> f64 {
        number(self.billed) / 1e6 * f64::from(self.parameters.memory) / 1024.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MINUTE, SECOND};

    #[test]
    fn executions_are_bounded_kept_warm_and_billed() {
        let mut parameters = crate::Parameters::documented().lambda;
        (parameters.init, parameters.cold, parameters.warm) = (MILLISECOND, 0, 0);
        (parameters.memory, parameters.processor) = (1_024, 1_024);
        let mut lambda = Lambda::new(parameters.clone(), 1.0);
        let function = Function::Rotate;
        let (began, _) = lambda.begin(function, 0).unwrap();
        assert_eq!(began, parameters.machine + MILLISECOND);
        assert_eq!(lambda.begin(function, began), None);
        lambda.end(function, began, began + SECOND);
        // Warm for five minutes.
        let again = began + SECOND + parameters.kept;
        assert_eq!(lambda.begin(function, again), Some((again, again)));
        lambda.end(function, again, again + 1);
        lambda
            .begin(function, again + MINUTE + parameters.kept)
            .unwrap();
        assert_eq!((lambda.invocations, lambda.cold, lambda.peak), (3, 2, 1));
        // Two starts, a second, and a microsecond that counts as a millisecond.
        assert!((lambda.gb_seconds() - 1.003).abs() < 1e-9);
    }
}
