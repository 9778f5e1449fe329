//! The simulation against what is known by hand.

use super::*;
use crate::calls::Api;
use crate::scenario::{Pool, Start};
use crate::{HOUR, number};

fn run(fleet: &Fleet, parameters: &Parameters) -> Outcome {
    simulate(fleet, parameters, 7)
}

const NOW: Start = Start::Now { pace: 50.0 };

/// v1, or v3 with a pool for each token.
fn fleet(instances: u32, api: Api, start: Start) -> Fleet {
    Fleet {
        instances,
        api,
        start,
        pool: if api == Api::V1 {
            Pool::Service
        } else {
            Pool::Token
        },
    }
}

#[test]
fn one_rotation_asks_what_a_clean_one_asks() {
    for (api, heroku) in [(Api::V1, 4), (Api::V3, 7)] {
        let outcome = run(&fleet(1, api, NOW), &Parameters::documented());
        assert_eq!((outcome.done, outcome.revoked), (1, 1));
        let asked = |quota: Quota| outcome.asked[quota as usize];
        let aws: u64 = [Quota::Reads, Quota::Writes, Quota::Items, Quota::Scheduler]
            .map(asked)
            .iter()
            .sum();
        // tests/README.md's Performance: 7, 4 or 5, 4 or 5, 4, and 7 or 8, four invocations among them.
        let expected = if api == Api::V1 { 26 } else { 29 };
        assert_eq!(aws + 4, expected, "{api:?}");
        assert_eq!(asked(Quota::Heroku), heroku);
        assert_eq!(asked(Quota::Writes), 3, "value, promotion, label");
        // One for each access token.
        assert_eq!(asked(Quota::Items), heroku - 4);
        assert_eq!(asked(Quota::RotateSecret), 1);
        // rotate four times, four called, the revocation.
        assert_eq!(outcome.invocations, 9);
        assert_eq!(outcome.bottleneck(), None);
        assert!(outcome.revoked_after > outcome.ended_after + 2 * HOUR);
    }
}

#[test]
fn without_quotas_a_fleet_takes_as_long_as_one_instance() {
    let parameters = Parameters {
        quotas: [f64::INFINITY; 8],
        ..Parameters::documented()
    };
    let at_once = Start::Now {
        pace: f64::INFINITY,
    };
    for api in [Api::V1, Api::V3] {
        let one = run(&fleet(1, api, at_once), &parameters);
        let many = run(&fleet(2_000, api, at_once), &parameters);
        assert_eq!((many.done, many.failed, many.revoked), (2_000, 0, 2_000));
        assert_eq!(many.refused, [0; 8]);
        assert!(many.ended_after < 2 * one.ended_after, "{many:?}");
        assert_eq!(many.peak_backlog, 2_000);
        assert_eq!(many.attempts, 2_000);
    }
}

#[test]
fn every_rotation_ends_once_whatever_refuses_it() {
    let mut parameters = Parameters::documented();
    for (quota, most) in [
        (Quota::Concurrency, 40.0),
        (Quota::Heroku, 50.0),
        (Quota::Writes, 5.0),
        (Quota::Invocations, 2.0),
    ] {
        parameters.quotas[quota as usize] = most;
    }
    for api in [Api::V1, Api::V3] {
        for start in [NOW, Start::SameDay, Start::Spread] {
            let outcome = run(&fleet(1_500, api, start), &parameters);
            assert_eq!(outcome.done + outcome.failed, 1_500);
            assert_eq!(outcome.revoked + outcome.given_up, outcome.done);
            // Who failed is still to be rotated.
            assert!((outcome.failed..=1_500).contains(&outcome.peak_backlog));
            assert!(outcome.attempts >= 1_500 && outcome.attempts <= 5 * 1_500);
        }
    }
}

#[test]
fn the_same_seed_has_the_same_figures_and_another_has_others() {
    let parameters = Parameters::documented();
    let it = fleet(1_000, Api::V1, Start::SameDay);
    let first = run(&it, &parameters);
    assert_eq!(run(&it, &parameters), first);
    assert_ne!(simulate(&it, &parameters, 8), first);
}

#[test]
fn the_bottleneck_is_another_when_its_quota_is_lifted() {
    let mut parameters = Parameters::documented();
    let it = fleet(10_000, Api::V1, NOW);
    assert_eq!(run(&it, &parameters).bottleneck(), Some(Quota::Heroku));
    parameters.quotas[Quota::Heroku as usize] = f64::INFINITY;
    let next = run(&it, &parameters);
    assert!(matches!(
        next.bottleneck(),
        Some(Quota::Writes | Quota::Concurrency)
    ));
    assert_eq!(next.refused(Quota::Heroku), 0);
    parameters.quotas[Quota::Writes as usize] = f64::INFINITY;
    parameters.quotas[Quota::Concurrency as usize] = f64::INFINITY;
    assert_eq!(run(&it, &parameters).bottleneck(), None);
}

#[test]
fn a_pool_bounds_a_fleet_to_what_flows_into_it() {
    // 3,000 rotations of 3 requests, and 3,000 revocations of one.
    let outcome = run(&fleet(3_000, Api::V1, NOW), &Parameters::documented());
    let asked = outcome.asked[Quota::Heroku as usize] - outcome.refused(Quota::Heroku);
    let flowed = 4_500.0 + number(outcome.revoked_after / SECOND) * 75.0 / 60.0;
    assert!(number(asked) <= flowed, "{asked} of {flowed}");
}

/// Whoever has begun goes first: else most get a request and not the next, and few rotations end.
#[test]
fn a_fleet_waits_for_its_pool_if_secrets_manager_goes_on() {
    let mut parameters = Parameters::documented();
    parameters.attempts = u8::MAX;
    for (api, requests) in [(Api::V1, 4), (Api::V3, 7)] {
        let it = Fleet {
            pool: Pool::Service,
            ..fleet(3_000, api, NOW)
        };
        let outcome = run(&it, &parameters);
        assert_eq!((outcome.done, outcome.failed), (3_000, 0), "{api:?}");
        // What the pool lets through in this time, and a fifth.
        let minutes = (3_000 * requests - 4_500) / 75 * 6 / 5;
        assert!(
            outcome.ended_after < minutes * MINUTE,
            "{api:?}: {outcome:?}"
        );
    }
}

#[test]
fn a_pool_for_the_whole_service_carries_fewer_v3_instances_than_one_for_each() {
    // 0.2 a second times seven requests is more than 75 a minute, for one pool.
    let each = fleet(10_000, Api::V3, Start::Now { pace: 0.2 });
    let one = Fleet {
        pool: Pool::Service,
        ..each.clone()
    };
    let parameters = Parameters::documented();
    let (each, one) = (run(&each, &parameters), run(&one, &parameters));
    assert_eq!((each.done, each.bottleneck()), (10_000, None));
    assert!(one.failed > 100, "{}", one.failed);
    assert_eq!(one.bottleneck(), Some(Quota::Heroku));
}
