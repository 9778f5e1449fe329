//! The survey of as many secrets as one stack may have, as `status` makes it, against a stand-in of that
//! size.

#![cfg(test)]
#![allow(dead_code, reason = "the stand-in is shared with the sweep's tests")]

#[path = "scale/stand.rs"]
mod stand;

use std::time::Duration;

use addon_rotation::deadline::Deadline;
use addon_rotation::fleet::{State, Survey};

use stand::{
    AT_ONCE, ONE_PAGE, ONE_SCHEDULE, PAGE, PATIENCE, PREFIX, Requests, SECRETS, STACK, Stand,
};

/// Each list of the survey's in turn, and what is listed side by side: two lists of secrets and four of
/// schedules. Then eight single requests at a time.
fn time_of_survey(requests: Requests) -> Duration {
    let pages = (requests.secrets.div_ceil(2)).max(requests.schedules.div_ceil(4));
    let count = |requests: usize| u32::try_from(requests).unwrap();
    ONE_PAGE * count(pages) + ONE_SCHEDULE * count(requests.single) / AT_ONCE
}

#[tokio::test]
async fn a_hundred_thousand_secrets_are_surveyed_in_two_minutes() {
    // All wait for a revocation: as many schedules as there can be. Some have none.
    let lost = 20;
    let stand = Stand::start((0..SECRETS).map(|number| number >= lost).collect()).await;
    let survey = Survey {
        secrets: &stand.secrets,
        group: &stand.group,
        stack: STACK,
        prefix: PREFIX,
        grace_period_seconds: 7200,
        revocation: Duration::ZERO,
    };
    let deadline = Deadline::after(PATIENCE);
    let mut rows = survey.look(deadline).await.unwrap();
    assert_eq!(rows.len(), SECRETS);
    let unscheduled = rows.iter().filter(|row| row.state == State::Unscheduled);
    assert_eq!(unscheduled.count(), lost);
    // Those come first; the secrets have not changed for years.
    assert_eq!(rows[lost].state, State::Overdue);
    rows.truncate(200);
    survey.times(&mut rows, deadline).await.unwrap();
    let times = rows.iter().flat_map(|row| &row.revocations);
    assert_eq!(times.filter(|it| it.at.is_some()).count(), 200 - lost);

    let requests = stand.shared.cloud.lock().unwrap().requests;
    // Neither end goes on where the other has been, but for the page that shows it.
    let pages = SECRETS / PAGE;
    assert!(
        (pages..=pages + 3).contains(&requests.secrets),
        "{requests:?}"
    );
    // What seems lost is described and listed by itself, twice; the others' times are asked for.
    assert_eq!(requests.single, 2 * lost + 200 - lost, "{requests:?}");
    assert!(
        requests.schedules <= SECRETS / PAGE + 16 + 2 * lost,
        "{requests:?}"
    );
    let time = time_of_survey(requests);
    assert!(time < Duration::from_mins(2), "{time:?}");
    // 100 ListSecrets a second.
    let a_second = requests.secrets as u64 / time.as_secs();
    assert!(a_second <= 100, "{a_second}");
}
