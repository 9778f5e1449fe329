//! `infra/fleet.md`.

use crate::calls::Request;
use crate::cases::{FLEETS, Part, V1_AN_HOUR, V3_A_SECOND, V3_AN_HOUR, api};
use crate::outcome::Outcome;
use crate::parameters::{GRACE, INVOKE, Parameters, Quota, REFUSAL, TOP_OF_THE_HOUR, latency};
use crate::tables::{costs, markdown, thousands, time};
use crate::{MILLISECOND, Simulated, Time, microseconds};

const PAGE: &str = "\
# Fleets under quotas

`cargo xtask fleet --write` makes this page, and a test compares it with the command's output. Fleets of 1,000 to
100,000 add-on instances rotate once each in a simulation: request by request, in virtual time, under the quotas of
[AWS and Heroku](costs.md#quotas). The library's own code decides when a refused request is repeated. The library's tests
count the requests. Nothing fails except by the quotas.

Heroku documents one pool of requests per account. Whether the tokens of v3's instances share their service's pool is not
documented. Each v3 fleet is simulated under both hypotheses: **one pool** for the whole add-on service, as for v1, and
**a pool each**, for every token. Until you have measured it, plan with the worse one.

## Findings

<findings>

## Rotation every 90 days

`rate(90 days)` counts from the last rotation, and its window opens at midnight: four hours here, as in `Duration=4h`. All
its instances were enrolled or rotated by hand on one day. **A schedule each** is what `enroll-addon` sets: an hour of a
day of every third month, by a hash of the add-on's id, with `Duration=1h`.

<schedules>
- *Backlog*: due and not rotated. Failed ones count: they keep the old credential, which is current and works.
- *Failed*: Secrets Manager's attempts are over, [as assumed](#assumptions). The version stays `AWSPENDING`, and the next
  rotation of the instance [goes on with it](#if-secrets-manager-goes-on).
- *Over after*: from the first due rotation to the last success or failure.
- *Wait*: from being due to success.
- *Bottleneck*: the quota that refused most; without refusals, the quota of which most was used.
- *Executions*: the most concurrent ones.
- *GB-s, $*: Lambda's, and what all these rotations and their revocations cost together.

## Rotate everything now

All are due at once. They are started as often as `RotateSecret`'s quota allows, or at the pace of the narrowest quota:

- v1: <pace v1> an hour. Heroku allows 75 requests a minute; a rotation makes four, and a tenth is spare.
- v3, one pool: <pace v3> an hour, until you know that your instances have pools of their own. A rotation makes seven.
- v3, a pool each: <pace v3 each> a second. Secrets Manager allows 50 writes a second; a rotation makes three, the first
  time five.

<now>

So wait <wait v1> seconds between two calls for v1, and <wait v3> for v3, as [this loop](operate.md#rotate-many-instances)
does. Watch `rate_limit_remaining` in the logs of `publish-to-heroku` before you go faster.

## If Secrets Manager goes on

A rotation that meets an empty pool waits for it. Nothing is lost meanwhile:

- A function that has got something from Heroku asks again within half a second. One that has got nothing asks three
  times within a minute, and fails.
- `rotate` fails then: `the rate limit is used up`. Secrets Manager attempts the same version again.
- The next attempt goes on where the last one ended. It issues nothing and writes no config var a second time.

Secrets Manager [retries a failed rotation multiple
times](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html). How often is not
documented. Here it goes on, 5 minutes apart:

<going on>

If it stops, run [the loop](operate.md#rotate-many-instances). `RotateSecret` answers of an incomplete rotation: \"That
rotation will be reattempted.\"

## Monthly costs

A schedule each, in dollars, at the prices of [Costs](costs.md#costs). *Tokens*: DynamoDB's part of v3, at most.

<costs>

## Assumptions

- Quotas of Secrets Manager, a second: <reads> reads, <writes> writes, <rotate> `RotateSecret`.
- Quota of DynamoDB, a second: <items> reads of a new table.
- Quotas of Scheduler, a second: <scheduler> `CreateSchedule`, <targets> invocations.
- Quota of Lambda: <concurrency> concurrent executions.
- Quota of Heroku: <pool> requests at once and <refill> a minute, for the whole service, or for each token of v3.
- Times on the network are assumed. Each request takes half to one and a half times the average below.
- AWS: Secrets Manager <ms read> a read, <ms write> a write; DynamoDB <ms item> a read; Scheduler <ms scheduler>; EventBridge <ms event>; an invocation <ms invoke>.
- Others: Heroku <ms look> a read, <ms publish> a write, <ms token> a token; the service <ms service>; a refusal <ms refusal>.
- Functions, on a whole processor: init <init>, the first answer <cold> after it, later ones <warm>. These are the largest of `cargo xtask bench`, with TLS.
- A function of <memory> MB has a <part>th of a processor. Its machine starts in <machine>, and is kept <kept> when idle (assumed).
- Time-outs: <others' time>; `rotate`, <rotate's time>. Grace period: <grace>.
- Secrets Manager makes <attempts> attempts, <pause> apart (assumed: it documents \"multiple times\"). An attempt whose function Lambda throttles counts.
- <top> % of the rotations begin in the first five minutes of an hour (assumed). Heroku's 429 has no `Retry-After`.

The simulation leaves out other faults, the sweep, and other users of the account's quotas. It also leaves out what AWS does
not document: how Secrets Manager spaces its attempts, and whether it limits running rotations. A quota holds a second's
worth at once. A million instances need Secrets Manager's quota of 500,000 secrets a region raised.
`cargo xtask fleet --help` has other sizes, seeds and assumptions.
";

pub(crate) fn page(results: &[Simulated], parameters: &Parameters) -> String {
    let part = |part| markdown(results.iter().filter(move |it| it.case.part == part));
    let list = |lines: Vec<String>| {
        let lines: Vec<String> = lines.iter().map(|line| format!("- {line}")).collect();
        lines.join("\n")
    };
    let wait = |an_hour: f64| format!("{:.1}", 3_600.0 / an_hour);
    let quota = |quota: Quota| parameters.quotas[quota as usize].to_string();
    let ms = |time: Time| format!("{} ms", time / MILLISECOND);
    let lambda = &parameters.lambda;
    let part_of_a_processor = f64::from(lambda.processor) / f64::from(lambda.memory);
    let mut page = PAGE.to_owned();
    for (mark, text) in [
        ("findings", list(findings(results))),
        ("schedules", part(Part::Schedule)),
        ("now", part(Part::Now).trim_end().to_owned()),
        ("going on", part(Part::GoesOn).trim_end().to_owned()),
        ("costs", costs(results).trim_end().to_owned()),
        ("pace v1", thousands(microseconds(V1_AN_HOUR))),
        ("pace v3", thousands(microseconds(V3_AN_HOUR))),
        ("pace v3 each", V3_A_SECOND.to_string()),
        ("wait v1", wait(V1_AN_HOUR)),
        ("wait v3", wait(V3_AN_HOUR)),
        ("reads", quota(Quota::Reads)),
        ("writes", quota(Quota::Writes)),
        ("rotate", quota(Quota::RotateSecret)),
        ("items", quota(Quota::Items)),
        ("scheduler", quota(Quota::Scheduler)),
        ("targets", quota(Quota::Invocations)),
        ("concurrency", quota(Quota::Concurrency)),
        ("pool", quota(Quota::Heroku)),
        ("refill", parameters.heroku_per_minute.to_string()),
        ("ms read", ms(latency(Request::Read))),
        ("ms write", ms(latency(Request::Write))),
        ("ms item", ms(latency(Request::GetItem))),
        ("ms scheduler", ms(latency(Request::CreateSchedule))),
        ("ms event", ms(latency(Request::PutEvents))),
        ("ms invoke", ms(INVOKE)),
        ("ms look", ms(latency(Request::HerokuRead))),
        ("ms publish", ms(latency(Request::HerokuWrite))),
        ("ms token", ms(latency(Request::Token))),
        ("ms service", ms(latency(Request::Service))),
        ("ms refusal", ms(REFUSAL)),
        ("init", ms(lambda.init)),
        ("cold", ms(lambda.cold)),
        ("warm", ms(lambda.warm)),
        ("memory", lambda.memory.to_string()),
        ("part", format!("{part_of_a_processor:.1}")),
        ("machine", ms(lambda.machine)),
        ("kept", time(lambda.kept)),
        ("others' time", time(lambda.timeout)),
        ("rotate's time", time(lambda.rotate_timeout)),
        ("grace", time(GRACE)),
        ("attempts", parameters.attempts.to_string()),
        ("pause", time(parameters.pause)),
        ("top", format!("{:.0}", TOP_OF_THE_HOUR * 100.0)),
    ] {
        page = page.replace(&format!("<{mark}>"), &text);
    }
    page
}

/// What the tables say, in words: the smallest fleet some of whose rotations fail, and what it is like as advised.
fn findings(results: &[Simulated]) -> Vec<String> {
    let mut lines = Vec::new();
    for (own, pool, _) in FLEETS {
        for (part, what) in [
            (
                Part::Schedule,
                "enrolled on one day, with a schedule each instead",
            ),
            (Part::Now, "rotated all at once, paced instead"),
        ] {
            let is_its = |it: &&Simulated| {
                (it.case.fleet.api, it.case.fleet.pool, it.case.part) == (own, pool, part)
            };
            let of = results.iter().filter(is_its);
            let unlike = of
                .clone()
                .filter(|it| !it.case.advised && it.outcome.failed > 0)
                .min_by_key(|it| it.case.fleet.instances);
            let Some(unlike) = unlike else { continue };
            let instances = unlike.case.fleet.instances;
            let advised = of
                .clone()
                .find(|it| it.case.advised && it.case.fleet.instances == instances);
            let Some(advised) = advised else { continue };
            lines.push(format!(
                "{} instances ({}) {what}: {} rotations fail, then {}; {}, then {}.",
                thousands(instances.into()),
                api(own, pool),
                thousands(unlike.outcome.failed),
                thousands(advised.outcome.failed),
                bottleneck(&unlike.outcome),
                bottleneck(&advised.outcome),
            ));
        }
    }
    lines
}

fn bottleneck(outcome: &Outcome) -> String {
    match outcome.bottleneck() {
        Some(quota) => format!(
            "{}: {} requests refused",
            quota.name(),
            thousands(outcome.refused(quota))
        ),
        None => "none".to_owned(),
    }
}
