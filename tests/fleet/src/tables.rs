//! The figures as tables.

use indicatif::HumanCount;

use crate::calls::Api;
use crate::cases::{Case, Part};
use crate::outcome::Outcome;
use crate::parameters::Quota;
use crate::prices::{rotations, standing};
use crate::scenario::{Pool, Start};
use crate::{DAY, HOUR, MINUTE, SECOND, Simulated, Time, number};

const HEADER: [&str; 12] = [
    "instances",
    "API",
    "start",
    "rotated",
    "failed",
    "peak backlog",
    "over after",
    "wait: half, 99 %",
    "429",
    "bottleneck",
    "executions",
    "GB-s, $",
];

pub(crate) fn markdown<'a>(results: impl Iterator<Item = &'a Simulated>) -> String {
    let mut lines = vec![row(&HEADER), row(&HEADER.map(|_| "---"))];
    lines.extend(results.map(|result| row(&cells(&result.case, &result.outcome))));
    lines.concat()
}

pub(crate) fn row(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn cells(case: &Case, outcome: &Outcome) -> [String; 12] {
    let refused = |quota: Quota| thousands(outcome.refused(quota));
    let bottleneck = if let Some(quota) = outcome.bottleneck() {
        format!("{}: {} refused", quota.name(), refused(quota))
    } else {
        let fullest = outcome.fullest();
        let used = outcome.used[fullest as usize];
        format!("none; {:.0} % of {}", used * 100.0, fullest.name())
    };
    let [half, most] = outcome.waits;
    [
        thousands(case.fleet.instances.into()),
        case.api().to_owned(),
        case.start(),
        thousands(outcome.done),
        thousands(outcome.failed),
        thousands(outcome.peak_backlog),
        time(outcome.ended_after),
        format!("{}, {}", time(half), time(most)),
        refused(Quota::Heroku),
        bottleneck,
        thousands(outcome.peak_concurrency.into()),
        format!(
            "{}, {:.2}",
            thousands(crate::microseconds(outcome.gb_seconds)),
            rotations(outcome).iter().sum::<f64>()
        ),
    ]
}

/// What fleets cost a month whose instances each have a schedule, by item.
pub(crate) fn costs(results: &[Simulated]) -> String {
    let header = [
        "instances",
        "API",
        "secrets",
        "metrics, alarms",
        "the sweep's requests",
        "rotations' requests",
        "tokens",
        "Lambda",
        "Scheduler",
        "events",
        "logs",
        "together",
    ];
    let mut lines = vec![row(&header), row(&header.map(|_| "---"))];
    for Simulated { case, outcome } in results {
        let fleet = &case.fleet;
        // v3 costs the same under both hypotheses.
        let is_one = fleet.api == Api::V1 || fleet.pool == Pool::Token;
        if (fleet.start, case.part) != (Start::Spread, Part::Schedule) || !is_one {
            continue;
        }
        let [secrets, kept, sweep, watching] = standing(fleet.instances, fleet.api);
        // Each instance rotates once in 90 days.
        let monthly = rotations(outcome).map(|dollars| dollars / 3.0);
        let [requests, tokens, lambda, scheduler, events, logs] = monthly;
        let together = secrets + kept + sweep + watching + monthly.iter().sum::<f64>();
        let tokens = kept + tokens;
        let dollars = [
            secrets, watching, sweep, requests, tokens, lambda, scheduler, events, logs, together,
        ];
        let mut cells = vec![
            thousands(fleet.instances.into()),
            fleet.api.name().to_owned(),
        ];
        cells.extend(dollars.map(|it| format!("{it:.2}")));
        lines.push(row(&cells));
    }
    lines.concat()
}

pub(crate) fn thousands(number: u64) -> String {
    HumanCount(number).to_string()
}

pub(crate) fn time(time: Time) -> String {
    let (unit, name) = match time {
        0..MINUTE => (SECOND, "s"),
        MINUTE..HOUR => (MINUTE, "min"),
        HOUR..DAY => (HOUR, "h"),
        DAY.. => (DAY, "d"),
    };
    let value = format!("{:.1}", number(time) / number(unit));
    format!("{} {name}", value.trim_end_matches(".0"))
}
