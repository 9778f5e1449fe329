//! `infra/fleet.md`.

use fleet::calls::Api;
use fleet::{Outcome, Parameters};

use super::Result;
use super::cases::{Part, Stage, V1_AN_HOUR, V3_A_SECOND};
use super::tables::{costs, given, markdown, of_api, thousands, time};

/// The page, without the tables.
const PAGE: &str = "\
# Fleets under quotas

`cargo xtask fleet --write` makes this page, and a test compares it with the command's output. Fleets of 1,000 to
1,000,000 add-on instances rotate once each in a simulation: request by request, in virtual time, under the quotas of
[AWS and Heroku](costs.md#quotas). The library's own code decides when a refused request is repeated. The library's tests
count the requests. Nothing fails except by the quotas.

![Backlog over time: the part of each fleet that is due and not rotated, before the changes and after](fleet.svg)

## What it shows

<findings>

## Rotated every 90 days

`rate(90 days)` counts from the last rotation, and its window opens at midnight: four hours here, as in `Duration=4h`. All
its instances were enrolled or rotated by hand on one day, or evenly over 90 days. **A schedule each** is what
`enroll-addon` sets: an hour of a day of every third month, by a hash of the add-on's id, with `Duration=1h`.

<schedules>
- *Backlog*: due and not rotated. Failed ones count: they keep the old credential until somebody rotates them again.
- *Over after*: from the first due rotation to the last success or failure.
- *Wait*: from being due to success.
- *Bottleneck*: the quota that refused most; without refusals, the quota of which most was used.
- *Executions*: the most concurrent ones.
- *GB-s, $*: Lambda's, and what all these rotations and their revocations cost together.

## Rotate everything now

All are due at once. They are started as often as `RotateSecret`'s quota allows, or at the pace of the narrowest quota:

- v1: <pace v1> an hour. Heroku allows 75 requests a minute; a rotation makes four, and a tenth is spare.
- v3: <pace v3> a second. Secrets Manager allows 50 writes a second; a rotation makes three, the first time four.

*One check more* is v1 as it was: publish-to-heroku read the config again after its write, which testSecret does anyway. It
also started with a read again when Heroku refused the write.

<now>

So rotate with 3.6 seconds between two calls, v1 and v3 alike. Heroku documents one pool of requests per account. Whether
the tokens of v3's instances share their service's pool is not documented. The rows of v3 assume a pool for each: watch
`rate_limit_remaining` in the logs of `publish-to-heroku` before you go faster.

    while read -r addon; do aws secretsmanager rotate-secret --secret-id \"$NAMES/credentials/$addon\"; sleep 3.6; done < addons

## What a fleet costs a month

A schedule each, in dollars, at the prices of [Costs](costs.md#what-it-costs).

<costs>

## Assumptions

<given>

The simulation leaves out other faults, the sweep, and other users of the account's quotas. It also leaves out what AWS does
not document: how Secrets Manager spaces its attempts, and whether it limits running rotations. A quota holds a second's
worth at once. A million v1 instances need Secrets Manager's quota of 500,000 secrets a region raised; so do 500,000 v3
instances. `cargo xtask fleet --help` has other sizes, seeds and assumptions.
";

/// The page with its figures.
pub(super) fn page(results: &[Result], parameters: &Parameters) -> String {
    let part = |is: fn(Part) -> bool| markdown(results.iter().filter(move |it| is(it.case.part)));
    let list = |lines: Vec<String>| {
        let lines: Vec<String> = lines.iter().map(|line| format!("- {line}")).collect();
        lines.join("\n")
    };
    let schedules = part(|part| matches!(part, Part::Schedule(_)));
    let now = part(|part| matches!(part, Part::Now(_)));
    let mut page = PAGE.to_owned();
    for (mark, text) in [
        ("<findings>", list(findings(results))),
        ("<schedules>", schedules),
        ("<now>", now.trim_end().to_owned()),
        ("<costs>", costs(results).trim_end().to_owned()),
        ("<given>", list(given(parameters))),
        ("<pace v1>", thousands(fleet::microseconds(V1_AN_HOUR))),
        ("<pace v3>", thousands(fleet::microseconds(V3_A_SECOND))),
    ] {
        page = page.replace(mark, &text);
    }
    page
}

/// What the tables say, in words.
fn findings(results: &[Result]) -> Vec<String> {
    let mut lines = Vec::new();
    for api in [Api::V1, Api::V3] {
        for (before, after, what) in [
            (
                Part::Schedule(Stage::Before),
                Part::Schedule(Stage::After),
                "enrolled on one day, with a schedule each instead",
            ),
            (
                Part::Now(Stage::Before),
                Part::Now(Stage::After),
                "rotated all at once, paced instead",
            ),
        ] {
            let said = narrowest(results, api, before).map(|(instances, unlike)| {
                let after = outcome(results, api, after, instances);
                format!(
                    "{} {} instances {what}: {} rotations fail, then {}; {}.",
                    thousands(instances.into()),
                    api.name(),
                    thousands(unlike.failed),
                    after.map_or_else(String::new, |it| thousands(it.failed)),
                    after.map_or_else(String::new, |it| refusals(unlike, it)),
                )
            });
            lines.extend(said);
        }
    }
    let largest = results.iter().map(|it| it.case.fleet.instances).max();
    let paced = |stage| {
        let of = largest.and_then(|it| outcome(results, Api::V1, Part::Now(stage), it));
        of.map(|it| (thousands(it.done), time(it.ended_after)))
    };
    if let (Some(before), Some(after), Some(instances)) =
        (paced(Stage::Between), paced(Stage::After), largest)
    {
        lines.push(format!(
            "v1 asks Heroku for four requests a rotation instead of five: of {} paced alike, {} are rotated with one check more, {} without it, in {}.",
            thousands(instances.into()),
            before.0,
            after.0,
            after.1,
        ));
    }
    lines
}

/// The smallest fleet some of whose rotations fail.
fn narrowest(results: &[Result], api: Api, part: Part) -> Option<(u32, &Outcome)> {
    of_api(results, api)
        .filter(|it| it.case.part == part && it.outcome.failed > 0)
        .map(|it| (it.case.fleet.instances, &it.outcome))
        .min_by_key(|(instances, _)| *instances)
}

fn outcome(results: &[Result], api: Api, part: Part, instances: u32) -> Option<&Outcome> {
    of_api(results, api)
        .find(|it| it.case.part == part && it.case.fleet.instances == instances)
        .map(|it| &it.outcome)
}

fn refusals(before: &Outcome, after: &Outcome) -> String {
    let bottleneck = |outcome: &Outcome| match outcome.bottleneck() {
        Some(quota) => format!(
            "{}: {} requests refused",
            quota.name(),
            thousands(outcome.refused[quota.index()])
        ),
        None => "none".to_owned(),
    };
    format!("{}, then {}", bottleneck(before), bottleneck(after))
}
