//! What AWS asks for it, at `infra/costs.md`'s prices (us-east-1, 2026; each item names its page there).

use crate::calls::Api;
use crate::number;
use crate::outcome::{Outcome, Quota};

/// A secret, a month.
const SECRET: f64 = 0.40;
/// A request to Secrets Manager.
const REQUEST: f64 = 0.05 / 10_000.0;
/// An invocation of a function.
const INVOCATION: f64 = 0.20 / 1e6;
/// A gigabyte-second of a function.
const GB_SECOND: f64 = 0.000_016_666_7;
/// An invocation by Scheduler, beyond [`FREE`] a month.
const SCHEDULED: f64 = 1.00 / 1e6;
/// Scheduler's invocations that are free, a month.
const FREE: u64 = 14_000_000;
/// An event for others: each attempt ends with one.
const EVENT: f64 = 1.00 / 1e6;
/// A gigabyte of logs.
const LOGS: f64 = 0.50;
/// Logs of a rotation with its revocation, GB: some 10 kB.
const LOGGED: f64 = 10e-6;
/// Metrics and alarms, a month, without `DetailedMetrics`.
const WATCHING: f64 = 10.0 * 0.30 + 10.0 * 0.10;
/// The sweeps of a month.
const SWEEPS: u64 = 720;
/// Secrets on a page of `ListSecrets`.
const PAGE: u64 = 100;

/// What a fleet's rotations cost, in dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rotations {
    /// Requests to Secrets Manager.
    pub(crate) requests: f64,
    /// Lambda's invocations and gigabyte-seconds.
    pub(crate) lambda: f64,
    /// Scheduler's invocations.
    pub(crate) scheduler: f64,
    /// Events on the event bus.
    pub(crate) events: f64,
    /// The functions' logs.
    pub(crate) logs: f64,
}

impl Rotations {
    /// What these cost.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        let asked = |quota: Quota| outcome.asked[quota.index()];
        let requests = asked(Quota::Reads) + asked(Quota::Writes) + asked(Quota::RotateSecret);
        let invoked = asked(Quota::Invocations);
        Self {
            requests: number(requests) * REQUEST,
            lambda: number(outcome.invocations) * INVOCATION + outcome.gb_seconds * GB_SECOND,
            scheduler: number(invoked.saturating_sub(FREE)) * SCHEDULED,
            events: number(outcome.attempts) * EVENT,
            logs: number(outcome.attempts) * LOGGED * LOGS,
        }
    }

    /// All of it.
    pub(crate) fn together(&self) -> f64 {
        self.requests + self.lambda + self.scheduler + self.events + self.logs
    }
}

/// What a fleet costs that does nothing but be there, in dollars a month.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Standing {
    /// The secrets: one for v1, two for v3.
    pub(crate) secrets: f64,
    /// The hourly sweep's requests.
    pub(crate) sweep: f64,
    /// Metrics and alarms.
    pub(crate) watching: f64,
}

impl Standing {
    /// Of a fleet.
    pub(crate) fn of(instances: u32, api: Api) -> Self {
        let secrets = match api {
            Api::V1 => u64::from(instances),
            Api::V3 => 2 * u64::from(instances),
        };
        let pages = u64::from(instances).div_ceil(PAGE);
        Self {
            secrets: number(secrets) * SECRET,
            sweep: number(pages * SWEEPS) * REQUEST,
            watching: WATCHING,
        }
    }

    /// All of it.
    pub(crate) fn together(&self) -> f64 {
        self.secrets + self.sweep + self.watching
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_instances_cost_what_the_page_says() {
        let page = include_str!("../../../infra/costs.md");
        for (api, line) in [(Api::V1, "| $400.00 |"), (Api::V3, " $800.00 |")] {
            assert!(
                (Standing::of(1_000, api).secrets - if api == Api::V1 { 400.0 } else { 800.0 })
                    .abs()
                    < 1e-9
            );
            assert!(page.contains(line));
        }
        const { assert!(WATCHING <= 5.0, "fixed costs") }
        for price in [
            "secrets at $0.40",
            "requests at $0.05 per 10,000",
            "10 an hour for the sweep",
            "720 sweeps",
            "10 metrics at $0.30",
            "10 alarms at $0.10",
            "logs at $0.50 a GB; some 10 kB a rotation",
            "14 million that are free",
            "events at $1.00 a million",
        ] {
            assert!(page.contains(price), "{price}");
        }
    }
}
