//! The sweep of as many secrets as one stack may have, against a stand-in of that size: in a process of
//! its own, whose memory is measured.

#![cfg(test)]
#![allow(dead_code, reason = "the stand-in is shared with the survey's test")]

#[path = "scale/stand.rs"]
mod stand;

use std::time::Duration;

use addon_rotation::Error;
use addon_rotation::deadline::Deadline;
use addon_rotation::instances::{Order, Sweep};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use stand_in::patience::Clock;

use stand::{
    ALL, AT_ONCE, ONE_PAGE, ONE_SCHEDULE, PAGE, PATIENCE, PREFIX, Requests, SECRETS, STACK, Stand,
};

const SCARCE: Duration = Duration::from_secs(2);

const TEMPLATE: &str = include_str!("../../infra/template.yaml");

impl Stand {
    /// The requests that a sweep makes, and what comes of it.
    async fn sweep(&self, order: Order, left: Duration) -> (Requests, Result<(), Error>) {
        self.shared.cloud.lock().unwrap().requests = Requests::default();
        let deadline = Deadline::after(left);
        let sweep = Sweep {
            secrets: self.secrets.clone(),
            schedules: self.schedules.clone(),
            stack: STACK.to_owned(),
            prefix: PREFIX.to_owned(),
            grace_period_seconds: 7200,
        };
        let result = sweep.sweep(order, deadline).await;
        (self.shared.cloud.lock().unwrap().requests, result)
    }

    /// As [`Self::sweep`], and so much of its [`SCARCE`] time passes when so much was asked.
    async fn sweep_while(
        &self,
        order: Order,
        passes: Duration,
        enough: impl Fn(Requests) -> bool,
    ) -> (Requests, Result<(), Error>) {
        let clock = Clock::stop();
        let time_passes = async {
            self.asked(enough).await;
            clock.advance(passes).await;
        };
        tokio::join!(self.sweep(order, SCARCE), time_passes).0
    }
}

/// The most memory that this process has had, in bytes.
fn most_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<usize>().unwrap() * 1024
}

/// The number after the last of `keys` in the template, each looked for after the one before.
fn setting(keys: &[&str]) -> usize {
    let rest = keys.iter().fold(TEMPLATE, |rest, key| {
        rest.split_once(key).unwrap_or_else(|| panic!("{key}")).1
    });
    rest.lines().next().unwrap().trim().parse().unwrap()
}

fn time(requests: Requests) -> Duration {
    let count = |requests: usize| u32::try_from(requests).unwrap();
    ONE_PAGE * count(requests.secrets + requests.schedules)
        + ONE_SCHEDULE * count(requests.created) / AT_ONCE
}

#[tokio::test]
async fn a_hundred_thousand_secrets_are_swept_in_one_invocation() {
    // One in a hundred has lost its schedule.
    let lost = SECRETS / 100;
    let stand = Stand::start((0..SECRETS).map(|number| number % 100 != 17).collect()).await;
    let (requests, result) = stand.sweep(Order::OldestFirst, PATIENCE).await;
    result.unwrap();
    let expected = Requests {
        secrets: SECRETS / PAGE,
        schedules: (SECRETS - lost).div_ceil(PAGE),
        created: lost,
        single: 0,
    };
    assert_eq!(requests, expected);
    assert_eq!(stand.scheduled().len(), SECRETS);

    let timeout = Duration::from_secs(setting(&["\n  SweepFunction:", "Timeout: "]) as u64);
    assert!(time(requests) < timeout, "{:?}", time(requests));
    // The stand-in is in this process as well.
    let memory = setting(&["Globals:", "MemorySize: "]) * 1024 * 1024;
    let most = most_memory();
    assert!(most < memory, "{most} bytes of {memory}");

    // With no schedule left at all, each sweep makes what it has time for.
    let left = timeout.saturating_sub(ONE_PAGE * u32::try_from(2 * SECRETS / PAGE).unwrap());
    let made = left.as_millis() * u128::from(AT_ONCE) / ONE_SCHEDULE.as_millis();
    let sweeps = u128::try_from(SECRETS).unwrap().div_ceil(made);
    assert!(sweeps <= 3, "{sweeps}");
}

#[tokio::test]
async fn what_a_sweep_schedules_is_not_looked_at_all_at_once() {
    let stand = Stand::start(vec![false; 300]).await;
    let (_, result) = stand.sweep(Order::OldestFirst, PATIENCE).await;
    result.unwrap();
    let mut times = std::mem::take(&mut stand.shared.cloud.lock().unwrap().times);
    times.sort_unstable();
    // Of the 4,500 requests an hour that Heroku answers for v1, 1,800.
    let between = times[299].duration_since(times[0]);
    assert!(between.as_secs() >= 299 * 2, "{between}");
    // One that waits alone is looked at soon.
    let (first, now) = (times[0].to_zoned(TimeZone::UTC), Timestamp::now());
    let soon = first.unwrap().timestamp().duration_since(now).as_secs();
    assert!(soon <= 61, "{soon}");
}

#[tokio::test]
async fn what_a_sweep_has_no_time_for_the_next_ones_do() {
    let stand = Stand::start(vec![false; 500]).await;
    // The third page never comes: the first two are swept all the same.
    stand.answer(Requests { secrets: 2, ..ALL });
    let third_page = |requests: Requests| requests.secrets == 3;
    let half = SCARCE / 2;
    let (_, result) = stand
        .sweep_while(Order::OldestFirst, half, third_page)
        .await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("secretsmanager:ListSecrets"), "{error}");
    assert!(stand.scheduled().into_iter().eq(0..200));
    // The next one begins at the other end.
    let (_, result) = stand
        .sweep_while(Order::NewestFirst, half, third_page)
        .await;
    assert!(result.is_err());
    assert!(stand.scheduled().into_iter().eq((0..200).chain(300..500)));

    // All pages come, and time is over while schedules are made: it ends, and says so.
    stand.answer(Requests { created: 30, ..ALL });
    let all_wait = |requests: Requests| requests.created == 38;
    let (requests, result) = stand
        .sweep_while(Order::OldestFirst, SCARCE, all_wait)
        .await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("scheduler:CreateSchedule"), "{error}");
    assert_eq!(stand.scheduled().len(), 430);
    assert_eq!(requests.created, 38, "{requests:?}");
    stand.answer(ALL);
    let (_, result) = stand.sweep(Order::NewestFirst, PATIENCE).await;
    result.unwrap();
    assert_eq!(stand.scheduled().len(), 500);
    let (requests, result) = stand.sweep(Order::OldestFirst, PATIENCE).await;
    result.unwrap();
    assert_eq!(requests.created, 0);
}
