//! What is particular to a cache: the server restarts, is down, or the rotation is taken back. The
//! unmodified `redis-cli` is logged in throughout.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use local_cloud::customers::Login;

use crate::support::engine::{customer, live, logins, nobody_was_refused, rotation_taken_back};
use crate::support::{current, failed, names, restarted, revoke, rotate, rotated, spec};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test(
        "redis::a_restart_between_rotation_and_revocation_loses_nothing",
        restart,
    );
    suite.test("redis::a_server_that_is_down_is_waited_for", down);
    suite.test("redis::a_rotation_can_be_taken_back", taken_back);
}

async fn restart(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("redis-restarted", Api::V1, Engine::Redis))
        .await?;
    let customer = customer(&cloud, &instance, Login::Redis).await?;
    let redis = cloud.redis(&instance)?;
    for _ in 0..2 {
        let old = current(&cloud, &instance)?;
        rotate(&cloud, &instance).await?;
        redis.lock().await.restart().await?;
        live(&cloud, &instance, 2).await?;
        logins(&customer, 3).await?;
        restarted(&cloud, &instance).await?;
        revoke(&cloud, &old).await?;
        redis.lock().await.restart().await?;
        live(&cloud, &instance, 1).await?;
        logins(&customer, 3).await?;
    }
    nobody_was_refused(&customer.stop().await)
}

async fn down(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("redis-down", Api::V3, Engine::Redis))
        .await?;
    let customer = customer(&cloud, &instance, Login::Redis).await?;
    let old = current(&cloud, &instance)?;
    let redis = cloud.redis(&instance)?;
    redis.lock().await.halt().await;
    let version = cloud.rotate_now(&instance).await?;
    let error = failed(&cloud, &instance).await?;
    let address = format!("redis://127.0.0.1:{}", redis.lock().await.port());
    names(
        &error,
        &[&address, "the connection was", "A retry can help"],
    )?;
    redis.lock().await.restart().await?;
    rotated(&cloud, &instance, &version).await?;
    restarted(&cloud, &instance).await?;
    revoke(&cloud, &old).await?;
    live(&cloud, &instance, 1).await?;
    logins(&customer, 3).await?;
    nobody_was_refused(&customer.stop().await)
}

async fn taken_back(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("redis-rollback", Api::V1, Engine::Redis))
        .await?;
    rotation_taken_back(&cloud, &instance, Login::Redis).await
}
