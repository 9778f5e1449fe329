//! What is particular to a cache: the server restarts, is down, or the rotation is taken back. The
//! unmodified `redis-cli` is logged in throughout.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, Instance};
use local_cloud::customers::{Customer, Tally};

use crate::support::{
    check, current, failed, fire, live_versions, names, restarted, revoke, rotate, rotated,
    schedule, spec, wait_for,
};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test(
        "redis::a_restart_between_rotation_and_revocation_loses_nothing",
        restart,
    );
    suite.test("redis::a_server_that_is_down_is_waited_for", down);
    suite.test("redis::a_rotation_can_be_taken_back", taken_back);
}

async fn customer(cloud: &Cloud, instance: &Instance) -> Result<Customer, Failed> {
    restarted(cloud, instance).await?;
    let every = Duration::from_millis(50);
    Ok(Customer::start(instance.customer(
        cloud,
        &instance.apps[0],
        every,
    ))?)
}

/// Waits until the app has logged in so many times more.
async fn logins(cloud: &Cloud, customer: &Customer, more: u64) -> TestResult {
    let enough = customer.tally().accepted + more;
    wait_for(cloud, "more logins", |_| {
        (customer.tally().accepted >= enough).then_some(())
    })
    .await
}

/// Fails if a login was refused; errors are the server's being down.
fn nobody_was_refused(tally: &Tally) -> TestResult {
    check(
        [tally.refused, tally.overtaken, tally.missing] == [0; 3],
        || format!("logins were refused: {tally:?}"),
    )
}

async fn live(cloud: &Cloud, instance: &Instance, count: usize) -> TestResult {
    let live = cloud.live_credentials(instance).await?;
    check(live.len() == count, || {
        format!("the server accepts {live:?}")
    })
}

async fn restart(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("redis-restarted", Api::V1, Engine::Redis))
        .await?;
    let customer = customer(&cloud, &instance).await?;
    let redis = cloud.redis(&instance)?;
    for _ in 0..2 {
        let old = current(&cloud, &instance)?;
        rotate(&cloud, &instance).await?;
        redis.lock().await.restart().await?;
        live(&cloud, &instance, 2).await?;
        logins(&cloud, &customer, 10).await?;
        restarted(&cloud, &instance).await?;
        revoke(&cloud, &old).await?;
        redis.lock().await.restart().await?;
        live(&cloud, &instance, 1).await?;
        logins(&cloud, &customer, 10).await?;
    }
    nobody_was_refused(&customer.stop().await)
}

async fn down(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("redis-down", Api::V3, Engine::Redis))
        .await?;
    let customer = customer(&cloud, &instance).await?;
    let old = current(&cloud, &instance)?;
    let redis = cloud.redis(&instance)?;
    redis.lock().await.halt().await;
    let version = cloud.rotate_now(&instance).await?;
    let error = failed(&cloud, &instance).await?;
    let address = format!("redis://127.0.0.1:{}", redis.lock().await.port());
    names(&error, &[&address, "cannot be reached", "A retry can help"])?;
    redis.lock().await.restart().await?;
    rotated(&cloud, &instance, &version).await?;
    restarted(&cloud, &instance).await?;
    revoke(&cloud, &old).await?;
    live(&cloud, &instance, 1).await?;
    logins(&cloud, &customer, 10).await?;
    nobody_was_refused(&customer.stop().await)
}

async fn taken_back(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("redis-rollback", Api::V1, Engine::Redis))
        .await?;
    let customer = customer(&cloud, &instance).await?;
    let (first, shown) = (
        current(&cloud, &instance)?,
        cloud.heroku.config(&instance.addon)?,
    );
    let second = rotate(&cloud, &instance).await?;
    // The operator: the old value at Heroku again, and AWSCURRENT back.
    cloud.heroku.set_config(&instance.addon, &shown)?;
    cloud
        .aws(&[
            "secretsmanager",
            "update-secret-version-stage",
            "--secret-id",
            &instance.secret_name,
            "--version-stage",
            "AWSCURRENT",
            "--remove-from-version-id",
            &second,
            "--move-to-version-id",
            &first,
        ])
        .await?;
    fire(&cloud, &first, 0).await?;
    wait_for(&cloud, "the next try's schedule", |_| {
        schedule(&cloud, &first, 1).map(drop)
    })
    .await?;
    live(&cloud, &instance, 2).await?;

    // The next rotation begins from the first again, and also ends what the second has left.
    let third = rotate(&cloud, &instance).await?;
    restarted(&cloud, &instance).await?;
    live(&cloud, &instance, 3).await?;
    revoke(&cloud, &second).await?;
    live(&cloud, &instance, 2).await?;
    let labelled = live_versions(&cloud, &instance)?;
    check(labelled == BTreeSet::from([first, third]), || {
        format!("{labelled:?} are labelled")
    })?;
    logins(&cloud, &customer, 10).await?;
    nobody_was_refused(&customer.stop().await)
}
