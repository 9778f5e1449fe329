//! A function's execution, and the one that it waits for.

use std::time::Duration;

use addon_rotation::deadline::{BackOff, RESERVE};
use addon_rotation::heroku::Line;
use addon_rotation::steps::SCHEDULING;

use crate::calls::{Call, Flag, Function, Op, POSTPONE, TOKEN};
use crate::parameters::Lambda;
use crate::{Time, microseconds};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// One of Secrets Manager's steps, 0 to 3.
    Step(usize),
    Revocation,
}

#[derive(Debug)]
pub(super) struct Run {
    pub(super) instance: u32,
    pub(super) purpose: Purpose,
    pub(super) outer: Frame,
    pub(super) inner: Option<Frame>,
}

impl Run {
    pub(super) fn frame(&mut self) -> &mut Frame {
        self.inner.as_mut().unwrap_or(&mut self.outer)
    }
}

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) function: Function,
    pub(super) began: Time,
    /// When it stops waiting for anything.
    pub(super) deadline: Time,
    calls: &'static [Call],
    at: usize,
    /// What the last call has done.
    passed: Flag,
    pub(super) back_off: Option<BackOff>,
    line: Option<Line>,
    /// Whether it has got something from Heroku, or is the rest of what has.
    pub(super) has_begun: bool,
    /// Throttled attempts of the present request to AWS.
    pub(super) throttled: u32,
    /// Whether a revocation has failed and its next try is being scheduled.
    pub(super) postponed: bool,
    token: Flag,
}

fn micros(duration: Duration) -> Time {
    microseconds(duration.as_secs_f64() * 1e6)
}

impl Frame {
    /// A function whose handler began at that time.
    pub(super) fn new(
        function: Function,
        calls: &'static [Call],
        began: Time,
        token: Flag,
        lambda: &Lambda,
    ) -> Self {
        let left = match function {
            Function::Rotate => lambda.rotate_timeout,
            Function::RevokeSecret => lambda.timeout - micros(SCHEDULING),
            _ => lambda.timeout,
        };
        Self {
            function,
            began,
            deadline: began + left - micros(RESERVE),
            calls,
            at: 0,
            passed: 0,
            back_off: None,
            line: None,
            has_begun: function == Function::TestSecret,
            throttled: 0,
            postponed: false,
            token,
        }
    }

    /// What it does next, and waits for; nothing, once it answers. `done` is what is done of the instance's rotation.
    pub(super) fn next(&mut self, done: &mut Flag) -> Option<Op> {
        let passed = std::mem::take(&mut self.passed);
        self.token |= passed & TOKEN;
        *done |= passed & !TOKEN;
        let due = self.calls[self.at..].iter();
        self.at += due.take_while(|it| !it.is_due(*done | self.token)).count();
        self.calls.get(self.at).map(|call| call.op)
    }

    pub(super) fn advance(&mut self) {
        self.passed = self.calls[self.at].does;
        self.at += 1;
        self.throttled = 0;
    }

    /// Its place among those that Heroku refuses.
    pub(super) fn line(&mut self, seed: u64) -> &mut Line {
        let line = self.line.get_or_insert_with(|| Line::seeded(seed));
        if self.has_begun {
            line.begin();
        }
        line
    }

    pub(super) fn is_repeated(&self) -> bool {
        self.calls[self.at].again.is_some()
    }

    pub(super) fn repeat(&mut self) {
        self.at = self.calls[self.at].again.unwrap_or(self.at);
        self.throttled = 0;
    }

    /// Schedules the next try instead, in the time that was kept back for it.
    pub(super) fn postpone(&mut self) {
        self.postponed = true;
        self.deadline += micros(SCHEDULING);
        (self.calls, self.at) = (POSTPONE, 0);
        (self.back_off, self.throttled) = (None, 0);
    }
}
