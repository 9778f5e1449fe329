//! An app with a client of the field's own, and what it must not notice.

use std::time::Duration;

use libtest_mimic::Failed;
use local_cloud::cloud::{Cloud, Instance};
use local_cloud::customers::{Customer, CustomerSpec, Login, Tally};

use super::{check, restarted};
use crate::TestResult;

/// How often a dyno uses its session.
const EVERY: Duration = Duration::from_millis(50);

/// The app of an instance, whose dynos have the add-on's config by now.
pub(crate) async fn customer(
    cloud: &Cloud,
    instance: &Instance,
    login: Login,
) -> Result<Customer, Failed> {
    restarted(cloud, instance).await?;
    let customer = Customer::start(CustomerSpec {
        login,
        ..instance.customer(cloud, &instance.apps[0], EVERY)
    })?;
    logins(&customer, 1).await?;
    Ok(customer)
}

/// Waits until each dyno has logged in, or used its session, so many times more, which is no event.
pub(crate) async fn logins(customer: &Customer, more: u64) -> TestResult {
    check(customer.each_dyno_logs_in(more).await, || {
        format!("the app's logins stand still: {:?}", customer.tally())
    })
}

/// Fails if a login came to nothing, or a session ended before its dyno did.
pub(crate) async fn nobody_noticed(customer: Customer) -> TestResult {
    let tally = customer.stop().await;
    check(tally.errors == 0, || format!("logins failed: {tally:?}"))?;
    nobody_was_refused(&tally)
}

/// Fails if a login was refused; errors are the server's being down.
pub(crate) fn nobody_was_refused(tally: &Tally) -> TestResult {
    check(
        [tally.refused, tally.overtaken, tally.missing] == [0; 3],
        || format!("logins were refused: {tally:?}"),
    )
}

/// Fails unless the service lets in so many of the instance's credentials.
pub(crate) async fn live(cloud: &Cloud, instance: &Instance, count: usize) -> TestResult {
    let live = cloud.live_credentials(instance).await?;
    check(live.len() == count, || {
        format!("the service accepts {live:?}")
    })
}
