//! The figures as tables.

use comfy_table::{Table, presets};

use crate::calls::Api;
use crate::cases::{Case, Part};
use crate::outcome::{Outcome, Quota};
use crate::parameters::Parameters;
use crate::prices::{Rotations, Standing};
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

/// All figures for a terminal.
pub(crate) fn terminal(results: &[Simulated]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(HEADER);
    for result in results {
        let cells = cells(&result.case, &result.outcome);
        table.add_row(cells.map(|cell| cell.replace('`', "")));
    }
    table
}

/// The figures of a part, for the page.
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
    let refused = |quota: Quota| outcome.refused[quota.index()];
    let bottleneck = if let Some(quota) = outcome.bottleneck() {
        format!("{}: {} refused", quota.name(), thousands(refused(quota)))
    } else {
        let fullest = outcome.fullest();
        let used = outcome.used[fullest.index()];
        format!("none; {:.0} % of {}", used * 100.0, fullest.name())
    };
    let [half, most, _] = outcome.waits;
    [
        thousands(case.fleet.instances.into()),
        case.api().to_owned(),
        case.start(),
        thousands(outcome.done),
        thousands(outcome.failed),
        thousands(outcome.peak_backlog),
        time(outcome.ended_after),
        format!("{}, {}", time(half), time(most)),
        thousands(refused(Quota::Heroku)),
        bottleneck,
        thousands(outcome.peak_concurrency.into()),
        format!(
            "{}, {:.2}",
            thousands(crate::microseconds(outcome.gb_seconds)),
            Rotations::of(outcome).together()
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
        "Lambda",
        "Scheduler",
        "events",
        "logs",
        "together",
    ];
    let mut lines = vec![row(&header), row(&header.map(|_| "---"))];
    // v3 costs the same under both hypotheses.
    let is_one =
        |it: &&Simulated| it.case.fleet.api == Api::V1 || it.case.fleet.pool == Pool::Token;
    let spread = results
        .iter()
        .filter(|it| it.case.is_spread())
        .filter(is_one);
    lines.extend(spread.map(|result| {
        let fleet = &result.case.fleet;
        let standing = Standing::of(fleet.instances, fleet.api);
        // Each instance rotates once in 90 days.
        let month = |dollars: f64| dollars / 3.0;
        let rotations = Rotations::of(&result.outcome);
        let together = standing.together() + month(rotations.together());
        let dollars = [
            standing.secrets,
            standing.watching,
            standing.sweep,
            month(rotations.requests),
            month(rotations.lambda),
            month(rotations.scheduler),
            month(rotations.events),
            month(rotations.logs),
            together,
        ];
        let mut cells = vec![
            thousands(fleet.instances.into()),
            fleet.api.name().to_owned(),
        ];
        cells.extend(dollars.map(|it| format!("{it:.2}")));
        row(&cells)
    }));
    lines.concat()
}

impl Case {
    fn is_spread(&self) -> bool {
        self.fleet.start == Start::Spread && self.part == Part::Schedule
    }
}

/// What the simulation takes as given, a line each.
pub(crate) fn given(parameters: &Parameters) -> Vec<String> {
    let Parameters {
        quotas,
        network,
        lambda,
        rotation,
    } = parameters;
    let milliseconds = |time: Time| format!("{} ms", time / crate::MILLISECOND);
    vec![
        format!(
            "Quotas of Secrets Manager, a second: {} reads, {} writes, {} `RotateSecret`.",
            quotas.reads, quotas.writes, quotas.rotate_secret,
        ),
        format!(
            "Quotas of Scheduler, a second: {} `CreateSchedule`, {} invocations.",
            quotas.create_schedule, quotas.scheduler_invocations,
        ),
        format!(
            "Quota of Lambda: {} concurrent executions.",
            quotas.concurrency
        ),
        format!(
            "Quota of Heroku: {} requests at once and {} a minute, for the whole service, or for each token of v3.",
            quotas.heroku_pool, quotas.heroku_per_minute,
        ),
        "Times on the network are assumed. Each request takes half to one and a half times the average below."
            .to_owned(),
        format!(
            "AWS: Secrets Manager {} a read, {} a write; Scheduler {}; EventBridge {}; an invocation {}.",
            milliseconds(network.read),
            milliseconds(network.write),
            milliseconds(network.scheduler),
            milliseconds(network.events),
            milliseconds(network.invoke),
        ),
        format!(
            "Others: Heroku {} a read, {} a write, {} a token; the service {}; a refusal {}.",
            milliseconds(network.heroku_read),
            milliseconds(network.heroku_write),
            milliseconds(network.heroku_token),
            milliseconds(network.service),
            milliseconds(network.refusal),
        ),
        format!(
            "Functions, on a whole processor: init {}, the first answer {} after it, later ones {}. These are the largest of `cargo xtask bench`, with TLS.",
            milliseconds(lambda.init),
            milliseconds(lambda.cold),
            milliseconds(lambda.warm),
        ),
        format!(
            "A function of {} MB has a {:.1}th of a processor. Its machine starts in {}, and is kept {} when idle (assumed).",
            lambda.memory,
            f64::from(lambda.processor) / f64::from(lambda.memory),
            milliseconds(lambda.machine),
            time(lambda.kept),
        ),
        format!(
            "Time-outs: {}; `rotate`, {}. Grace period: {}.",
            time(lambda.timeout),
            time(lambda.rotate_timeout),
            time(rotation.grace),
        ),
        format!(
            "Secrets Manager makes {} attempts, {} apart (assumed: it documents \"multiple times\"). An attempt whose function Lambda throttles counts.",
            rotation.attempts,
            time(rotation.pause),
        ),
        format!(
            "{:.0} % of the rotations begin in the first five minutes of an hour (assumed). Heroku's 429 {} `Retry-After`.",
            rotation.top_of_the_hour * 100.0,
            if quotas.heroku_retry_after {
                "has"
            } else {
                "has no"
            },
        ),
    ]
}

/// 1234567 as 1,234,567.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// In the unit that suits it.
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
