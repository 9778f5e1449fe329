//! The simulation against what is known by hand.

use super::*;
use crate::calls::Api;
use crate::parameters::Quotas;
use crate::scenario::Start;
use crate::{HOUR, number};

fn run(fleet: &Fleet, parameters: &Parameters) -> Outcome {
    simulate(fleet, parameters, 7, &mut |_| ())
}

const NOW: Start = Start::Now { pace: 50.0 };

#[test]
fn one_rotation_asks_what_a_clean_one_asks() {
    for (api, heroku) in [(Api::V1, 4), (Api::V3, 7)] {
        let outcome = run(&Fleet::new(1, api, NOW), &Parameters::documented());
        assert_eq!((outcome.done, outcome.revoked), (1, 1));
        let asked = |quota: Quota| outcome.asked[quota.index()];
        let aws: u64 = [Quota::Reads, Quota::Writes, Quota::Scheduler]
            .map(asked)
            .iter()
            .sum();
        // tests/README.md's Performance: 7, 4 or 5, 4 or 5, 4, and 7 or 8, four invocations among them.
        let expected = if api == Api::V1 { 26 } else { 29 };
        assert_eq!(aws + 4, expected, "{api:?}");
        assert_eq!(asked(Quota::Heroku), heroku);
        assert_eq!(asked(Quota::Writes), 3, "value, promotion, label");
        assert_eq!(asked(Quota::RotateSecret), 1);
        // rotate four times, four called, the revocation.
        assert_eq!(outcome.invocations, 9);
        assert_eq!(outcome.bottleneck(), None);
        assert!(outcome.revoked_after > outcome.ended_after + 2 * HOUR);
    }
    let imported = Fleet {
        imported: true,
        ..Fleet::new(1, Api::V1, NOW)
    };
    let outcome = run(&imported, &Parameters::documented());
    assert_eq!(outcome.asked[Quota::Writes.index()], 5);
}

#[test]
fn without_quotas_a_fleet_takes_as_long_as_one_instance() {
    let parameters = Parameters {
        quotas: Quotas::lifted(),
        ..Parameters::documented()
    };
    let at_once = Start::Now {
        pace: f64::INFINITY,
    };
    for api in [Api::V1, Api::V3] {
        let one = run(&Fleet::new(1, api, at_once), &parameters);
        let many = run(&Fleet::new(2_000, api, at_once), &parameters);
        assert_eq!((many.done, many.failed, many.revoked), (2_000, 0, 2_000));
        assert_eq!(many.refused, [0; 7]);
        assert!(many.ended_after < 2 * one.ended_after, "{many:?}");
        assert_eq!(many.peak_backlog, 2_000);
        assert_eq!(many.attempts, 2_000);
    }
}

#[test]
fn every_rotation_ends_once_whatever_refuses_it() {
    let mut parameters = Parameters::documented();
    parameters.quotas.concurrency = 40;
    parameters.quotas.heroku_pool = 50.0;
    parameters.quotas.writes = 5.0;
    parameters.quotas.scheduler_invocations = 2.0;
    for api in [Api::V1, Api::V3] {
        for start in [NOW, Start::SameDay, Start::Spread, Start::EveryDay] {
            let outcome = run(&Fleet::new(1_500, api, start), &parameters);
            assert_eq!(outcome.done + outcome.failed, 1_500);
            assert_eq!(outcome.revoked + outcome.given_up, outcome.done);
            // Who failed is still to be rotated; whoever ended in the last minute is counted in it.
            let left = u64::from(*outcome.backlog.last().unwrap());
            assert!((outcome.failed..=outcome.peak_backlog).contains(&left));
            assert!(outcome.attempts >= 1_500 && outcome.attempts <= 5 * 1_500);
        }
    }
}

#[test]
fn the_same_seed_has_the_same_figures_and_another_has_others() {
    let parameters = Parameters::documented();
    let fleet = Fleet::new(1_000, Api::V1, Start::SameDay);
    let first = run(&fleet, &parameters);
    assert_eq!(run(&fleet, &parameters), first);
    assert_ne!(simulate(&fleet, &parameters, 8, &mut |_| ()), first);
}

#[test]
fn the_bottleneck_is_another_when_its_quota_is_lifted() {
    let mut parameters = Parameters::documented();
    let fleet = Fleet::new(10_000, Api::V1, NOW);
    assert_eq!(run(&fleet, &parameters).bottleneck(), Some(Quota::Heroku));
    parameters.quotas.heroku_pool = f64::INFINITY;
    let next = run(&fleet, &parameters);
    assert!(matches!(
        next.bottleneck(),
        Some(Quota::Writes | Quota::Concurrency)
    ));
    assert_eq!(next.refused[Quota::Heroku.index()], 0);
    parameters.quotas.writes = f64::INFINITY;
    parameters.quotas.concurrency = u32::MAX;
    assert_eq!(run(&fleet, &parameters).bottleneck(), None);
}

#[test]
fn a_pool_bounds_a_fleet_to_what_flows_into_it() {
    // 3,000 rotations of 3 requests, and 3,000 revocations of one.
    let outcome = run(&Fleet::new(3_000, Api::V1, NOW), &Parameters::documented());
    let asked = outcome.asked[Quota::Heroku.index()] - outcome.refused[Quota::Heroku.index()];
    let flowed = 4_500.0 + number(outcome.revoked_after / SECOND) * 75.0 / 60.0;
    assert!(number(asked) <= flowed, "{asked} of {flowed}");
}

#[test]
fn v1_publishes_a_fleet_that_it_could_not_before() {
    // 0.28 a second times four requests is within 75 a minute, times five is not.
    let now = Fleet::new(20_000, Api::V1, Start::Now { pace: 0.28 });
    let before = Fleet {
        as_before: true,
        ..now.clone()
    };
    let parameters = Parameters::documented();
    let (before, now) = (run(&before, &parameters), run(&now, &parameters));
    assert_eq!((now.done, now.bottleneck()), (20_000, None));
    assert!(before.failed > 5_000, "{}", before.failed);
    assert_eq!(before.bottleneck(), Some(Quota::Heroku));
}
