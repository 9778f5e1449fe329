//! The simulation: what happens, one event after the other.

mod lambda;
mod limits;
mod queue;
mod run;
#[cfg(test)]
mod tests;

use addon_rotation::aws;
use addon_rotation::deadline::BackOff;
use aws_smithy_types::retry::RetryConfig;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use self::lambda::Lambda;
use self::limits::Limits;
use self::queue::{Event, Queue};
use self::run::{Frame, Purpose, Run};
use crate::calls::{Call, Flag, Function, LABELLED, Op, Request, STEPS, called};
use crate::outcome::Outcome;
use crate::parameters::{GRACE, INVOKE, Parameters, Quota, REFUSAL, latency};
use crate::policy;
use crate::scenario::Fleet;
use crate::{MINUTE, SECOND, Time};

/// Lambda delivers a throttled event again after 1, 2, 4, … seconds up to five minutes, for
/// [six hours](https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html): so often.
const DELIVERIES: u8 = 79;

/// Lets every instance of a fleet rotate once, and revoke what it had. The same arguments give the same.
pub(crate) fn simulate(fleet: &Fleet, parameters: &Parameters, seed: u64) -> Outcome {
    let mut simulation = Simulation::new(fleet, parameters, seed);
    while simulation.advance() {}
    simulation.finish()
}

#[derive(Clone, Copy, Debug)]
struct Instance {
    done: Flag,
    attempts: u8,
    /// Tries of the revocation.
    tries: u32,
}

struct Simulation<'a> {
    fleet: &'a Fleet,
    parameters: &'a Parameters,
    sdk: RetryConfig,
    random: StdRng,
    now: Time,
    /// When each instance's rotation is due, in order.
    due: Vec<Time>,
    begun: usize,
    queue: Queue,
    instances: Vec<Instance>,
    /// Those under way, by their place.
    runs: Vec<Option<Box<Run>>>,
    free: Vec<u32>,
    limits: Limits,
    lambda: Lambda,
    /// Due and not rotated.
    backlog: u64,
    waits: Vec<Time>,
    outcome: Outcome,
}

impl<'a> Simulation<'a> {
    fn new(fleet: &'a Fleet, parameters: &'a Parameters, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let due = fleet.start.due(fleet.instances, &mut random);
        let concurrency = parameters.quotas[Quota::Concurrency as usize];
        let instance = Instance {
            done: LABELLED,
            attempts: 0,
            tries: 0,
        };
        Self {
            fleet,
            parameters,
            sdk: aws::retries(),
            random,
            now: 0,
            instances: vec![instance; due.len()],
            waits: Vec::with_capacity(due.len()),
            due,
            begun: 0,
            queue: Queue::default(),
            runs: Vec::new(),
            free: Vec::new(),
            limits: Limits::new(parameters, fleet.pool, fleet.instances),
            lambda: Lambda::new(parameters.lambda.clone(), concurrency),
            backlog: 0,
            outcome: Outcome::default(),
        }
    }

    /// Does what is next; false if there is nothing.
    fn advance(&mut self) -> bool {
        let due = self.due.get(self.begun).copied();
        let event = self.queue.next_at();
        if let Some(due) = due
            && event.is_none_or(|event| due <= event)
        {
            self.now = due;
            self.begin(index_of(self.begun));
            self.begun += 1;
            return true;
        }
        let Some((at, event)) = self.queue.next() else {
            return false;
        };
        self.now = at;
        match event {
            Event::Asked(instance) => {
                if self.limits.take(Quota::RotateSecret, 0, self.now) {
                    self.attempt(instance);
                } else {
                    // Whoever asks for all of them asks again.
                    self.after(SECOND, event);
                }
            }
            Event::Attempt(instance) => self.attempt(instance),
            Event::Continue(run) => self.go_on(run),
            Event::Fire(instance) => {
                if self.limits.take(Quota::Invocations, 0, self.now) {
                    self.deliver(instance, 0);
                } else {
                    self.after(SECOND, event);
                }
            }
            Event::Deliver(instance, tries) => self.deliver(instance, tries),
        }
        true
    }

    fn after(&mut self, wait: Time, event: Event) {
        self.queue.add(self.now + wait, event);
    }

    /// Half to one and a half times as long.
    fn about(&mut self, time: Time) -> Time {
        time / 2 + self.random.random_range(0..=time)
    }

    fn begin(&mut self, instance: u32) {
        self.backlog += 1;
        self.outcome.peak_backlog = self.outcome.peak_backlog.max(self.backlog);
        match self.fleet.start.asked(instance.into()) {
            None => self.attempt(instance),
            Some(later) => self.after(later, Event::Asked(instance)),
        }
    }

    fn attempt(&mut self, instance: u32) {
        self.outcome.attempts += 1;
        self.instance(instance).attempts += 1;
        self.step(instance, 0);
    }

    fn step(&mut self, instance: u32, step: usize) {
        let purpose = Purpose::Step(step);
        if !self.execute(instance, purpose, Function::Rotate, STEPS[step]) {
            self.attempt_failed(instance);
        }
    }

    fn frame(&self, function: Function, calls: &'static [Call], began: Time) -> Frame {
        let token = self.fleet.api.token();
        Frame::new(function, calls, began, token, &self.parameters.lambda)
    }

    /// Executes a function, if Lambda lets it.
    fn execute(
        &mut self,
        instance: u32,
        purpose: Purpose,
        function: Function,
        calls: &'static [Call],
    ) -> bool {
        let execution = self.lambda.begin(function, self.now);
        self.limits.count(Quota::Concurrency, execution.is_some());
        let Some((began, first)) = execution else {
            return false;
        };
        let run = Box::new(Run {
            instance,
            purpose,
            outer: self.frame(function, calls, began),
            inner: None,
        });
        let place = if let Some(place) = self.free.pop() {
            place
        } else {
            self.runs.push(None);
            index_of(self.runs.len() - 1)
        };
        self.runs[index(place)] = Some(run);
        self.queue.add(first, Event::Continue(place));
        true
    }

    fn go_on(&mut self, place: u32) {
        let Some(mut run) = self.runs[index(place)].take() else {
            return;
        };
        let mut done = self.instances[index(run.instance)].done;
        let next = run.frame().next(&mut done);
        self.instance(run.instance).done = done;
        let resumed = match next {
            Some(Op::Ask(request)) if self.limits.ask(request, run.instance, self.now) => {
                run.frame().advance();
                if Quota::of(request) == Some(Quota::Heroku) {
                    run.frame().has_begun = true;
                }
                Some(self.about(latency(request)))
            }
            Some(Op::Ask(request)) => self.refused(&mut run, request),
            Some(Op::Invoke(function)) => self.invoke(&mut run, function),
            None => self.answer(&mut run),
        };
        if let Some(wait) = resumed {
            self.runs[index(place)] = Some(run);
            self.after(wait, Event::Continue(place));
        } else {
            self.free.push(place);
        }
    }

    /// A request was refused: the time until the next one, if there is to be one.
    fn refused(&mut self, run: &mut Run, request: Request) -> Option<Time> {
        let answer = self.about(REFUSAL);
        let seed = self.random.random();
        let frame = run.frame();
        let left = frame.deadline.saturating_sub(self.now + answer);
        let again = if Quota::of(request) == Some(Quota::Heroku) {
            policy::after_429(frame.line(seed), left)
        } else {
            frame.throttled += 1;
            let wait = policy::after_throttling(&self.sdk, frame.throttled, &mut self.random);
            if let Some(wait) = wait.filter(|wait| *wait < left) {
                return Some(answer + wait);
            }
            if frame.is_repeated() {
                let back_off = frame.back_off.get_or_insert_with(|| BackOff::seeded(seed));
                policy::after_aws(back_off, left)
            } else {
                None
            }
        };
        if let Some(wait) = again {
            frame.repeat();
            return Some(answer + wait);
        }
        self.run_failed(run)
    }

    /// `rotate` calls a function: when that one makes its first request. `rotate` repeats no invocation.
    fn invoke(&mut self, run: &mut Run, function: Function) -> Option<Time> {
        let execution = self.lambda.begin(function, self.now);
        self.limits.count(Quota::Concurrency, execution.is_some());
        let Some((began, first)) = execution else {
            return self.run_failed(run);
        };
        run.outer.advance();
        run.inner = Some(self.frame(function, called(function), began));
        Some(first - self.now)
    }

    /// A function has succeeded.
    fn answer(&mut self, run: &mut Run) -> Option<Time> {
        if let Some(inner) = run.inner.take() {
            self.lambda.end(inner.function, inner.began, self.now);
            return Some(self.about(INVOKE));
        }
        self.lambda
            .end(run.outer.function, run.outer.began, self.now);
        match run.purpose {
            Purpose::Step(step) if step + 1 < STEPS.len() => self.step(run.instance, step + 1),
            Purpose::Step(_) => self.rotated(run.instance),
            Purpose::Revocation if run.outer.postponed => {
                let instance = self.instance(run.instance);
                let delay = policy::after_revocation(instance.tries).unwrap_or_default();
                instance.tries += 1;
                self.schedule(run.instance, delay);
            }
            Purpose::Revocation => {
                self.outcome.revoked += 1;
                self.outcome.revoked_after = self.now;
            }
        }
        None
    }

    /// A function has failed, and whoever called it with it.
    fn run_failed(&mut self, run: &mut Run) -> Option<Time> {
        if run.purpose == Purpose::Revocation {
            let tries = self.instance(run.instance).tries;
            if !run.outer.postponed && policy::after_revocation(tries).is_some() {
                run.outer.postpone();
                return Some(0);
            }
        }
        for frame in run.inner.take().iter().chain([&run.outer]) {
            self.lambda.end(frame.function, frame.began, self.now);
        }
        match run.purpose {
            Purpose::Step(_) => self.attempt_failed(run.instance),
            // The next try could not be scheduled: Lambda repeats this one.
            Purpose::Revocation if run.outer.postponed => {
                self.after(MINUTE, Event::Deliver(run.instance, 0));
            }
            Purpose::Revocation => self.outcome.given_up += 1,
        }
        None
    }

    fn attempt_failed(&mut self, instance: u32) {
        if self.instance(instance).attempts < self.parameters.attempts {
            self.after(self.parameters.pause, Event::Attempt(instance));
        } else {
            // It has the old credential until somebody rotates it again.
            self.outcome.failed += 1;
            self.outcome.ended_after = self.now;
        }
    }

    fn rotated(&mut self, instance: u32) {
        self.outcome.done += 1;
        self.outcome.ended_after = self.now;
        self.backlog -= 1;
        self.waits.push(self.now - self.due[index(instance)]);
        self.schedule(instance, GRACE);
    }

    /// Scheduler is precise to a minute.
    fn schedule(&mut self, instance: u32, delay: Time) {
        let late = self.random.random_range(0..MINUTE);
        self.after(delay + late, Event::Fire(instance));
    }

    fn deliver(&mut self, instance: u32, tries: u8) {
        let function = Function::RevokeSecret;
        if self.execute(instance, Purpose::Revocation, function, called(function)) {
            return;
        }
        if tries >= DELIVERIES {
            self.outcome.given_up += 1;
            return;
        }
        let wait = (SECOND << tries.min(9)).min(5 * MINUTE);
        self.after(wait, Event::Deliver(instance, tries + 1));
    }

    fn instance(&mut self, instance: u32) -> &mut Instance {
        &mut self.instances[index(instance)]
    }

    fn finish(mut self) -> Outcome {
        let first = self.due.first().copied().unwrap_or_default();
        self.waits.sort_unstable();
        let rank = |part: usize| {
            let last = self.waits.len().saturating_sub(1);
            self.waits
                .get(last * part / 100)
                .copied()
                .unwrap_or_default()
        };
        let mut used = self.limits.used();
        used[Quota::Concurrency as usize] = self.lambda.used();
        Outcome {
            ended_after: self.outcome.ended_after.saturating_sub(first),
            revoked_after: self.outcome.revoked_after.saturating_sub(first),
            waits: [rank(50), rank(99)],
            asked: self.limits.asked,
            refused: self.limits.refused,
            used,
            invocations: self.lambda.invocations,
            gb_seconds: self.lambda.gb_seconds(),
            peak_concurrency: self.lambda.peak,
            ..self.outcome
        }
    }
}

/// Instances and runs are counted in 32 bits: half of the memory.
fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn index_of(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
