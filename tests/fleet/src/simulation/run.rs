//! A function's execution, and the one that it waits for.

use addon_rotation::deadline::{BackOff, RESERVE};
use addon_rotation::heroku::Line;
use addon_rotation::steps::SCHEDULING;

use crate::calls::{Flag, Function, Op, Request, TOKEN};
use crate::parameters::Lambda;
use crate::{Time, microseconds};

/// What the outermost function was called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// One of Secrets Manager's steps, 0 to 3.
    Step(usize),
    /// A try of a revocation.
    Revocation,
}

/// An execution, and the one that it waits for.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) instance: u32,
    pub(super) purpose: Purpose,
    pub(super) outer: Frame,
    pub(super) inner: Option<Frame>,
}

impl Run {
    /// The one that does something.
    pub(super) fn frame(&mut self) -> &mut Frame {
        self.inner.as_mut().unwrap_or(&mut self.outer)
    }
}

/// A function under way.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) function: Function,
    pub(super) began: Time,
    /// When it stops waiting for anything.
    pub(super) deadline: Time,
    ops: &'static [Op],
    at: usize,
    /// Where what the library's `retry` repeats begins.
    repeated: Option<usize>,
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

/// What a function waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Ask(Request),
    Invoke(Function),
    Answer,
}

impl Frame {
    /// A function whose handler began at that time.
    pub(super) fn new(
        function: Function,
        ops: &'static [Op],
        began: Time,
        token: Flag,
        lambda: &Lambda,
    ) -> Self {
        let reserved = microseconds(RESERVE.as_secs_f64() * 1e6);
        let left = match function {
            Function::Rotate => lambda.rotate_timeout - reserved,
            Function::RevokeSecret => {
                lambda.timeout - reserved - microseconds(SCHEDULING.as_secs_f64() * 1e6)
            }
            _ => lambda.timeout - reserved,
        };
        Self {
            function,
            began,
            deadline: began + left,
            ops,
            at: 0,
            repeated: None,
            back_off: None,
            line: None,
            has_begun: function == Function::TestSecret,
            throttled: 0,
            postponed: false,
            token,
        }
    }

    /// Goes on until it has to wait. `done` is what is done of the instance's rotation.
    pub(super) fn next(&mut self, done: &mut Flag) -> Next {
        while let Some(op) = self.ops.get(self.at) {
            match *op {
                Op::Ask(request) => return Next::Ask(request),
                Op::Invoke(function) => return Next::Invoke(function),
                Op::Mark(TOKEN) => self.token = TOKEN,
                Op::Mark(flag) => *done |= flag,
                Op::Unless(flag, many) if (*done | self.token) & flag != 0 => {
                    self.at += usize::from(many);
                }
                Op::When(flag, many) if (*done | self.token) & flag == 0 => {
                    self.at += usize::from(many);
                }
                Op::Unless(..) | Op::When(..) => {}
                Op::Open => {
                    self.repeated = Some(self.at + 1);
                    self.back_off = None;
                }
                Op::From => self.repeated = Some(self.at + 1),
                Op::Close => self.repeated = None,
            }
            self.at += 1;
        }
        Next::Answer
    }

    /// What it waited for has succeeded.
    pub(super) fn advance(&mut self) {
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

    /// Whether the library repeats what is under way.
    pub(super) fn is_repeated(&self) -> bool {
        self.repeated.is_some()
    }

    /// Begins anew what the library repeats.
    pub(super) fn repeat(&mut self) {
        self.at = self.repeated.unwrap_or(self.at);
        self.throttled = 0;
    }

    /// Schedules the next try instead, in the time that was kept back for it.
    pub(super) fn postpone(&mut self) {
        self.postponed = true;
        self.deadline += microseconds(SCHEDULING.as_secs_f64() * 1e6);
        (self.ops, self.at) = (&[Op::Ask(Request::CreateSchedule)], 0);
        (self.repeated, self.back_off, self.throttled) = (None, None, 0);
    }
}
