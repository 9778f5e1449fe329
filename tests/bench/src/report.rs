//! What was found, what may be spent, and how both are shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bench::{FLOOR, FUNCTIONS, Host, Invocation, PYTHON, Round};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use local_cloud::cloud::Api;
use package::most_bytes;

const MEMORY: u64 = 12_000_000;

/// The steps of a rotation, each with the invocations that make it and the most that they may ask of AWS and of
/// Heroku, whatever the API. In a revocation one asks whether it was scheduled anew, one tells what became of it.
const STEPS: [(&str, &[&str], usize, usize); 5] = [
    (
        "createSecret",
        &["rotate createSecret", "create-secret"],
        7,
        0,
    ),
    (
        "setSecret",
        &["rotate setSecret", "publish-to-heroku"],
        5,
        3,
    ),
    ("testSecret", &["rotate testSecret", "test-secret"], 5, 2),
    (
        "finishSecret",
        &["rotate finishSecret", "finish-secret"],
        5,
        0,
    ),
    ("revocation", &["revoke-secret"], 9, 2),
];

/// The most instructions of a function, in millions: half as much again as was counted on 2026-11-24 with TLS
/// (`x86_64`), before possession was asked for and revocations were told. Count again, and narrow them.
fn most_instructions(function: &str) -> u64 {
    match function {
        FLOOR => 1,
        "finish-secret" | "start-rotation" => 9,
        "create-secret" | "sweep" => 15,
        "rotate" => 18,
        "publish-to-heroku" => 20,
        "test-secret" => 25,
        "deprovision-addon" => 32,
        _ => 37,
    }
}

/// Everything that one run found: medians.
pub(crate) struct Report {
    rounds: usize,
    /// The first one does nothing.
    functions: Vec<Row>,
    rotation: Vec<Step>,
    /// The steps of a v1 instance's rotation, beside the same in Python, as shown; none without that.
    compared: Vec<Vec<String>>,
}

struct Row {
    function: &'static str,
    /// From the process's start until it asks for an event, in milliseconds.
    init_ms: f64,
    /// From the process's start until the answer, in milliseconds.
    cold_ms: f64,
    /// The most memory that was resident until then, in bytes.
    memory_bytes: u64,
    zip_bytes: u64,
    /// The instructions until then; none without valgrind.
    instructions: Option<u64>,
    requests: BTreeMap<Host, usize>,
    /// By TLS. The stand-ins of AWS's services share an address, which in production is one each.
    connections: usize,
}

/// The requests of one step: `rotate`'s and the called function's, the invocation counted as one.
struct Step {
    api: &'static str,
    name: &'static str,
    requests: BTreeMap<Host, usize>,
    most: [(Host, usize); 2],
}

impl Report {
    pub(crate) fn of(rounds: &[(Api, Round)], zips: &BTreeMap<&'static str, u64>) -> Result<Self> {
        let of_v3 = rounds.iter().filter(|(api, _)| *api == Api::V3);
        let v3: Vec<&Round> = of_v3.map(|(_, round)| round).collect();
        let functions = [FLOOR].into_iter().chain(FUNCTIONS);
        let functions = functions.map(|function| {
            // rotate has four steps; this is the one with the most to do.
            let kind = match function {
                "rotate" => "rotate createSecret",
                other => other,
            };
            let all: Vec<_> = v3.iter().filter_map(|round| round.get(kind)).collect();
            Row::of(function, &all, zips).with_context(|| format!("{kind} was not measured"))
        });
        let mut rotation = Vec::new();
        for (api, name) in [(Api::V1, "v1"), (Api::V3, "v3")] {
            let round = rounds.iter().find(|(it, _)| *it == api);
            let (_, round) = round.with_context(|| format!("{name} was not measured"))?;
            rotation.extend(STEPS.map(|step| Step::of(name, step, round)));
        }
        let of_v1 = rounds.iter().filter(|(api, _)| *api == Api::V1);
        let v1: Vec<&Round> = of_v1.map(|(_, round)| round).collect();
        let steps = STEPS.iter();
        let beside = steps.filter_map(|(step, kinds, ..)| compared(step, kinds, &v1));
        Ok(Self {
            rounds: v3.len(),
            functions: functions.collect::<Result<_>>()?,
            rotation,
            compared: beside.collect(),
        })
    }

    /// What is over its budget, one line each.
    pub(crate) fn excesses(&self) -> Vec<String> {
        let mut excesses = Vec::new();
        for row in &self.functions {
            let instructions = most_instructions(row.function) * 1_000_000;
            for (name, own, most) in [
                (
                    "M instructions",
                    row.instructions.unwrap_or(0),
                    instructions,
                ),
                ("MB of memory", row.memory_bytes, MEMORY),
                ("MB of zip", row.zip_bytes, most_bytes(row.function)),
            ] {
                if own > most {
                    excesses.push(format!(
                        "{}: {} {name}, of {}",
                        row.function,
                        mega(own),
                        mega(most)
                    ));
                }
            }
        }
        for step in &self.rotation {
            for (host, most) in step.most {
                let own = asked(&step.requests, host);
                if own > most {
                    excesses.push(format!(
                        "{}, {}: {own} requests to {host:?}, of {most}",
                        step.api, step.name
                    ));
                }
            }
        }
        excesses
    }

    pub(crate) fn tables(&self) -> String {
        let hosts = [Host::Aws, Host::Heroku, Host::Service];
        let functions = self.functions.iter().map(|row| {
            let mut cells = vec![
                row.function.to_owned(),
                format!("{:.2}", row.init_ms),
                format!("{:.2}", row.cold_ms),
                mega(row.memory_bytes),
                mega(row.zip_bytes),
                row.instructions.map_or_else(|| "-".to_owned(), mega),
            ];
            cells.extend(hosts.map(|host| asked(&row.requests, host).to_string()));
            cells.push(row.connections.to_string());
            cells
        });
        let functions = table(
            "function, init ms, cold ms, memory MB, zip MB, instructions M, AWS, Heroku, service, connections",
            functions,
        );
        let steps = self.rotation.iter().map(|step| {
            let mut cells = vec![format!("{} {}", step.api, step.name)];
            cells.extend(hosts.map(|host| asked(&step.requests, host).to_string()));
            cells
        });
        let steps = table("step, AWS, Heroku, service", steps);
        let compared = table(
            "step, cold ms, Python, ratio, memory MB, Python, ratio",
            self.compared.iter().cloned(),
        );
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default();
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "medians of {} cold starts, v3, with TLS, the stand-ins' answers included; load {load}\n{functions}\n\n\
             requests of a clean rotation\n{steps}\n\n\
             v1: rotate and the function that it calls, beside one function in Python with boto3\n{compared}\n",
            self.rounds
        );
        text
    }
}

/// Cold starts of one step: those of `rotate` and of the function that it calls, and the one in Python. `None` if no
/// Python was measured, or it has no such step.
fn compared(step: &str, kinds: &[&str], rounds: &[&Round]) -> Option<Vec<String>> {
    let cost = |kind: &str| {
        let all = || rounds.iter().filter_map(|round| round.get(kind));
        let times = all().filter_map(|it| it.times.map(|(_, cold)| cold));
        Some((median(times)?, median(all().filter_map(|it| it.memory))?))
    };
    let (python, most) = cost(&format!("{PYTHON} {step}"))?;
    let own: Vec<_> = kinds.iter().map(|kind| cost(kind)).collect::<Option<_>>()?;
    let cold: Duration = own.iter().map(|(cold, _)| *cold).sum();
    let memory: u64 = own.iter().map(|(_, memory)| memory).sum();
    let [cold, python] = [cold, python].map(|it| it.as_secs_f64() * 1e3);
    Some(vec![
        step.to_owned(),
        format!("{cold:.1}"),
        format!("{python:.1}"),
        format!("{:.0}", python / cold),
        mega(memory),
        mega(most),
        format!("{:.1}", ratio(most, memory)),
    ])
}

impl Row {
    /// `None` if nothing was measured.
    fn of(
        function: &'static str,
        all: &[&Invocation],
        zips: &BTreeMap<&'static str, u64>,
    ) -> Option<Self> {
        let times = |which: fn((Duration, Duration)) -> Duration| {
            let time = median(all.iter().filter_map(|it| it.times.map(which)))?;
            Some(time.as_secs_f64() * 1e3)
        };
        Some(Self {
            function,
            init_ms: times(|(init, _)| init)?,
            cold_ms: times(|(_, cold)| cold)?,
            memory_bytes: median(all.iter().filter_map(|it| it.memory))?,
            zip_bytes: *zips.get(function)?,
            instructions: median(all.iter().filter_map(|it| it.instructions)),
            requests: all.first()?.requests.clone(),
            connections: median(all.iter().map(|it| it.connections))?,
        })
    }
}

impl Step {
    fn of(
        api: &'static str,
        (name, kinds, aws, heroku): (&'static str, &[&str], usize, usize),
        round: &Round,
    ) -> Self {
        let mut requests = BTreeMap::new();
        let all = kinds.iter().filter_map(|kind| round.get(*kind));
        for (host, count) in all.flat_map(|it| &it.requests) {
            *requests.entry(*host).or_default() += count;
        }
        Self {
            api,
            name,
            requests,
            most: [(Host::Aws, aws), (Host::Heroku, heroku)],
        }
    }
}

fn asked(requests: &BTreeMap<Host, usize>, host: Host) -> usize {
    requests.get(&host).copied().unwrap_or_default()
}

/// The median; of an even number, the lower of the two in the middle: a value that was measured.
fn median<T: Ord>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut sorted: Vec<T> = values.collect();
    sorted.sort_unstable();
    let middle = sorted.len().checked_sub(1)? / 2;
    sorted.into_iter().nth(middle)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn mega(count: u64) -> String {
    format!("{:.2}", count as f64 / 1e6)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other as f64
}

/// Figures to the right of what they are about.
fn table(header: &str, rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED.with_rounded_corners())
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.split(", "))
        .add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_what_lies_far_out() {
        assert_eq!(median([0_u64; 0].into_iter()), None);
        assert_eq!(median([1000, 1, 2].into_iter()), Some(2));
        assert_eq!(median([4, 1000, 3, 1].into_iter()), Some(3));
    }

    /// Every function with these figures; setSecret asks so often.
    fn report(instructions: u64, memory: u64, zip: u64, aws: usize, heroku: usize) -> Report {
        let millis = Duration::from_millis;
        let invocation = Invocation {
            times: Some((millis(2), millis(3))),
            memory: Some(memory),
            instructions: Some(instructions),
            ..Invocation::default()
        };
        let kinds = STEPS
            .iter()
            .flat_map(|(_, kinds, ..)| kinds.iter().copied());
        let kinds = kinds.chain(FUNCTIONS).chain([FLOOR]);
        let mut round: Round = kinds
            .map(|kind| (kind.to_owned(), invocation.clone()))
            .collect();
        let publishing = round.get_mut("publish-to-heroku").unwrap();
        publishing.requests = BTreeMap::from([(Host::Aws, aws), (Host::Heroku, heroku)]);
        let zips = FUNCTIONS.into_iter().chain([FLOOR]);
        let zips = zips.map(|function| (function, zip)).collect();
        Report::of(&[(Api::V1, round.clone()), (Api::V3, round)], &zips).unwrap()
    }

    #[test]
    fn every_figure_has_a_budget_of_its_own() {
        let size = 1_500_000;
        let within = report(900_000, MEMORY, size, 5, 3);
        assert_eq!(within.excesses(), [""; 0]);
        for (report, excesses, told) in [
            (
                report(1_000_001, MEMORY, size, 5, 3),
                1,
                "floor: 1.00 M instructions, of 1.00",
            ),
            (report(900_000, MEMORY + 1, size, 5, 3), 11, "MB of memory"),
            (
                report(900_000, MEMORY, size + 1, 5, 3),
                1,
                "finish-secret: 1.50 MB of zip",
            ),
            (
                report(900_000, MEMORY, size, 6, 3),
                2,
                "v1, setSecret: 6 requests to Aws, of 5",
            ),
            (
                report(900_000, MEMORY, size, 5, 4),
                2,
                "v1, setSecret: 4 requests to Heroku, of 3",
            ),
        ] {
            let found = report.excesses();
            assert_eq!(found.len(), excesses, "{found:?}");
            assert!(found[0].contains(told), "{found:?}");
        }
        let text = within.tables();
        assert!(
            text.contains("deprovision-addon") && text.contains("setSecret"),
            "{text}"
        );
    }
}
