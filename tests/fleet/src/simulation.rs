//! The simulation: what happens, one event after the other.

mod lambda;
mod limits;
mod queue;
mod run;
#[cfg(test)]
mod tests;

use addon_rotation::deadline::BackOff;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use self::lambda::Lambda;
use self::limits::Limits;
use self::queue::{Event, Queue};
use self::run::{Frame, Next, Purpose, Run};
use crate::calls::{self, Flag, Function, LABELLED, Request, STEPS};
use crate::outcome::{Outcome, Quota};
use crate::parameters::Parameters;
use crate::policy::Policy;
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

/// What is known of an instance.
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
    policy: Policy,
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
        let due = fleet.start.due(fleet.instances, parameters, &mut random);
        let instance = Instance {
            done: LABELLED,
            attempts: 0,
            tries: 0,
        };
        Self {
            fleet,
            parameters,
            policy: Policy::of_the_library(),
            random,
            now: 0,
            instances: vec![instance; due.len()],
            waits: Vec::with_capacity(due.len()),
            due,
            begun: 0,
            queue: Queue::default(),
            runs: Vec::new(),
            free: Vec::new(),
            limits: Limits::new(&parameters.quotas, fleet.pool, fleet.instances),
            lambda: Lambda::new(parameters.lambda.clone(), parameters.quotas.concurrency),
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
                if self.limits.rotate_secret(self.now) {
                    self.attempt(instance);
                } else {
                    // Whoever asks for all of them asks again.
                    self.after(SECOND, event);
                }
            }
            Event::Attempt(instance) => self.attempt(instance),
            Event::Continue(run) => self.go_on(run),
            Event::Fire(instance) => {
                if self.limits.invoke(self.now) {
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
        let ops = calls::rotate(step);
        if !self.execute(instance, Purpose::Step(step), Function::Rotate, ops) {
            self.attempt_failed(instance);
        }
    }

    fn frame(&self, function: Function, ops: &'static [calls::Op], began: Time) -> Frame {
        let token = self.fleet.api.token();
        Frame::new(function, ops, began, token, &self.parameters.lambda)
    }

    /// Executes a function, if Lambda lets it.
    fn execute(
        &mut self,
        instance: u32,
        purpose: Purpose,
        function: Function,
        ops: &'static [calls::Op],
    ) -> bool {
        let execution = self.lambda.begin(function, self.now);
        self.limits.count(Quota::Concurrency, execution.is_some());
        let Some((began, first)) = execution else {
            return false;
        };
        let run = Box::new(Run {
            instance,
            purpose,
            outer: self.frame(function, ops, began),
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
            Next::Ask(request) if self.limits.ask(request, run.instance, self.now) => {
                run.frame().advance();
                if Limits::quota(request) == Some(Quota::Heroku) {
                    run.frame().has_begun = true;
                }
                let latency = self.latency(request);
                Some(self.about(latency))
            }
            Next::Ask(request) => self.refused(&mut run, request),
            Next::Invoke(function) => self.invoke(&mut run, function),
            Next::Answer => self.answer(&mut run),
        };
        if let Some(wait) = resumed {
            self.runs[index(place)] = Some(run);
            self.after(wait, Event::Continue(place));
        } else {
            self.free.push(place);
        }
    }

    fn latency(&self, request: Request) -> Time {
        let network = &self.parameters.network;
        match request {
            Request::Read => network.read,
            Request::Write => network.write,
            Request::CreateSchedule | Request::UpdateSchedule | Request::GetSchedule => {
                network.scheduler
            }
            Request::PutEvents => network.events,
            Request::Token => network.heroku_token,
            Request::HerokuRead => network.heroku_read,
            Request::HerokuWrite => network.heroku_write,
            Request::Service => network.service,
        }
    }

    /// A request was refused: the time until the next one, if there is to be one.
    fn refused(&mut self, run: &mut Run, request: Request) -> Option<Time> {
        let answer = self.about(self.parameters.network.refusal);
        let seed = self.random.random();
        let frame = run.frame();
        let left = frame.deadline.saturating_sub(self.now + answer);
        let again = if Limits::quota(request) == Some(Quota::Heroku) {
            Policy::after_429(frame.line(seed), self.limits.retry_after(), left)
        } else {
            frame.throttled += 1;
            let wait = self
                .policy
                .after_throttling(frame.throttled, &mut self.random);
            if let Some(wait) = wait.filter(|wait| *wait < left) {
                return Some(answer + wait);
            }
            if frame.is_repeated() {
                let back_off = frame.back_off.get_or_insert_with(|| BackOff::seeded(seed));
                Policy::after_aws(back_off, left)
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
        let ops = calls::called(function);
        run.inner = Some(self.frame(function, ops, began));
        Some(first - self.now)
    }

    /// A function has succeeded.
    fn answer(&mut self, run: &mut Run) -> Option<Time> {
        if let Some(inner) = run.inner.take() {
            self.lambda.end(inner.function, inner.began, self.now);
            return Some(self.about(self.parameters.network.invoke));
        }
        self.lambda
            .end(run.outer.function, run.outer.began, self.now);
        match run.purpose {
            Purpose::Step(step) if step + 1 < STEPS => self.step(run.instance, step + 1),
            Purpose::Step(_) => self.rotated(run.instance),
            Purpose::Revocation if run.outer.postponed => {
                let instance = self.instance(run.instance);
                let delay = Policy::after_revocation(instance.tries).unwrap_or_default();
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
            if !run.outer.postponed && Policy::after_revocation(tries).is_some() {
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
        if self.instance(instance).attempts < self.parameters.rotation.attempts {
            self.after(self.parameters.rotation.pause, Event::Attempt(instance));
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
        self.schedule(instance, self.parameters.rotation.grace);
    }

    /// Scheduler is precise to a minute.
    fn schedule(&mut self, instance: u32, delay: Time) {
        let late = self.random.random_range(0..MINUTE);
        self.after(delay + late, Event::Fire(instance));
    }

    fn deliver(&mut self, instance: u32, tries: u8) {
        let ops = calls::called(Function::RevokeSecret);
        if self.execute(instance, Purpose::Revocation, Function::RevokeSecret, ops) {
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
        used[Quota::Concurrency.index()] = self.lambda.used();
        Outcome {
            ended_after: self.outcome.ended_after.saturating_sub(first),
            revoked_after: self.outcome.revoked_after.saturating_sub(first),
            waits: [rank(50), rank(99), rank(100)],
            asked: self.limits.asked,
            refused: self.limits.refused,
            used,
            invocations: self.lambda.invocations,
            cold: self.lambda.cold,
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
