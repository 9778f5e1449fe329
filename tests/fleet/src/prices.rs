//! What AWS asks for it, at `infra/costs.md`'s prices (us-east-1; each item names its page and date there).

use crate::calls::Api;
use crate::number;
use crate::outcome::Outcome;
use crate::parameters::Quota;

const SECRET: f64 = 0.40;
const REQUEST: f64 = 0.05 / 10_000.0;
/// A strongly consistent read of an item of at most 4 kB in DynamoDB, on demand.
const READ: f64 = 0.125 / 1e6;
/// A write of an item of at most 1 kB there.
const WRITE: f64 = 0.625 / 1e6;
/// A gigabyte of items that can be restored to any second, a month. The items themselves are free up to 25 GB.
const RESTORABLE: f64 = 0.20;
/// An item with four refresh tokens, GB: less than 1 kB.
const ITEM: f64 = 1e-6;
const INVOCATION: f64 = 0.20 / 1e6;
const GB_SECOND: f64 = 0.000_016_666_7;
/// An invocation by Scheduler, beyond [`FREE`] a month.
const SCHEDULED: f64 = 1.00 / 1e6;
/// Scheduler's invocations that are free, a month.
const FREE: u64 = 14_000_000;
/// An event for others: each attempt ends with one.
const EVENT: f64 = 1.00 / 1e6;
const LOGS: f64 = 0.50;
/// Logs of a rotation with its revocation, GB: some 10 kB.
const LOGGED: f64 = 10e-6;
/// Metrics and alarms, a month, without `DetailedMetrics`.
const WATCHING: f64 = 7.0 * 0.30 + 7.0 * 0.10;
const SWEEPS: u64 = 720;
/// Secrets on a page of `ListSecrets`.
const PAGE: u64 = 100;

/// What a fleet's rotations cost, in dollars: requests to Secrets Manager; DynamoDB's reads, and a write after each, as
/// Heroku may renew a token whenever it is used; Lambda; Scheduler's invocations; events; logs.
pub(crate) fn rotations(outcome: &Outcome) -> [f64; 6] {
    let asked = |quota: Quota| outcome.asked[quota as usize];
    let requests = asked(Quota::Reads) + asked(Quota::Writes) + asked(Quota::RotateSecret);
    let invoked = asked(Quota::Invocations);
    let attempts = number(outcome.attempts);
    [
        number(requests) * REQUEST,
        number(asked(Quota::Items)) * (READ + WRITE),
        number(outcome.invocations) * INVOCATION + outcome.gb_seconds * GB_SECOND,
        number(invoked.saturating_sub(FREE)) * SCHEDULED,
        attempts * EVENT,
        attempts * LOGGED * LOGS,
    ]
}

/// What a fleet costs that does nothing but be there, in dollars a month: the secrets, one for each instance; v3's
/// refresh tokens; the hourly sweep's requests; metrics and alarms.
pub(crate) fn standing(instances: u32, api: Api) -> [f64; 4] {
    let items = match api {
        Api::V1 => 0,
        Api::V3 => instances,
    };
    let pages = u64::from(instances).div_ceil(PAGE);
    [
        f64::from(instances) * SECRET,
        f64::from(items) * ITEM * RESTORABLE,
        number(pages * SWEEPS) * REQUEST,
        WATCHING,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_instances_cost_what_the_page_says() {
        let page = include_str!("../../../infra/costs.md");
        for api in [Api::V1, Api::V3] {
            // In cents.
            let standing = standing(1_000, api);
            assert_eq!(crate::microseconds(standing[0] * 100.0), 40_000);
            let together: f64 = standing.iter().sum();
            assert_eq!(crate::microseconds(together * 100.0), 40_284);
        }
        // Three tokens are read a rotation, and each instance rotates every three months.
        let tokens = standing(100_000, Api::V3)[1] + 100_000.0 * (READ + WRITE);
        assert!(page.contains(&format!("| **a table of DynamoDB** | ${tokens:.2} |")));
        assert!(page.contains("secrets at $0.40, one for each instance | $400.00 | $400.00 |"));
        const { assert!(WATCHING <= 5.0, "fixed costs") }
        for price in [
            "secrets at $0.40",
            "requests at $0.05 per 10,000",
            "reads at $0.125 a million",
            "writes at $0.625 a million",
            "restored at $0.20 a GB",
            "25 GB that are free",
            "10 an hour for the sweep",
            "720 sweeps",
            "7 metrics at $0.30",
            "7 alarms at $0.10",
            "logs at $0.50 a GB; some 10 kB a rotation",
            "14 million that are free",
            "events at $1.00 a million",
        ] {
            assert!(page.contains(price), "{price}");
        }
    }
}
