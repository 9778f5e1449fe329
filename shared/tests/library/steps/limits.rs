//! Heroku's requests are used up for longer than an invocation lasts.

use std::time::Duration;

use stand_in::events::{Event, EventKind};
use strict_aws::secrets_manager::RotationOptions;
use strict_heroku::{Pool, RateLimit};

use super::{assert_settled, fire, releases};
use crate::support::{Api, Invariants, Stand, within};

/// A pool of so many requests, into which none flows back while an invocation lasts.
fn requests(capacity: u32, pool: Pool) -> RateLimit {
    RateLimit {
        capacity,
        refill_per_minute: 0,
        retry_after: true,
        pool,
    }
}

/// Each attempt finds one request more than the one before. Every one goes on from where the last was refused, with the
/// same version: nothing is issued or released twice, no operator does anything.
#[tokio::test]
async fn a_rotation_waits_for_an_empty_pool_from_attempt_to_attempt() {
    let fleets = [
        (Api::V1, Pool::Token, 2),
        (Api::V3, Pool::Token, 2),
        (Api::V3, Pool::Service, 3),
    ];
    for (api, pool, refused) in fleets {
        let stand = Stand::with(RotationOptions {
            // "Multiple times" (`DescribeSecret`): how often is open.
            attempts: u32::MAX,
            retry_interval: Duration::from_millis(10),
        })
        .await;
        let instance = stand.enrolled(api).await;
        let invariants = Invariants::of(&stand, &instance);
        let first = stand.current(&instance);
        let seen = stand.events.since(0).len();
        stand.heroku.set_rate_limit(requests(0, pool));
        let version = stand.start_rotation(&instance).await;
        let mut failed = Vec::new();
        while let EventKind::StepFailed {
            version,
            step,
            message,
            ..
        } = ended(&stand, seen, failed.len()).await
        {
            assert!(message.contains("the rate limit is used up"), "{message}");
            failed.push((version, step));
            let capacity = u32::try_from(failed.len()).unwrap();
            stand.heroku.set_rate_limit(requests(capacity, pool));
        }
        assert!(failed.len() >= refused, "{api:?} {pool:?}: {failed:?}");
        assert!(failed.iter().all(|(of, _)| *of == version.as_str()));
        assert_eq!(stand.current(&instance), version, "{api:?} {pool:?}");
        assert_eq!(releases(&stand, &instance), 1, "{api:?} {pool:?}");
        assert_eq!(stand.heroku.config_writes(&instance.addon).unwrap(), 1);

        stand.heroku.set_rate_limit(RateLimit::default());
        fire(&stand, &first, 0).await;
        assert_settled(&stand, &instance).await;
        invariants.assert_held();
    }
}

/// How the attempt of this place ended, of those since a moment.
async fn ended(stand: &Stand, seen: usize, place: usize) -> EventKind {
    let found = |events: &[Event]| {
        let ended = events.iter().skip(seen).filter(|event| {
            matches!(
                event.kind,
                EventKind::StepFailed { .. } | EventKind::RotationSucceeded { .. }
            )
        });
        ended.map(|event| event.kind.clone()).nth(place)
    };
    within(stand.events.wait_for(found)).await
}
