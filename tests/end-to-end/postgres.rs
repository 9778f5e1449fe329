//! What is particular to PostgreSQL: the unmodified `psql` stays logged in throughout, the server's
//! log, a rotation that is taken back, and a server that is down.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use local_cloud::customers::Login;

use crate::support::engine::{
    customer, down_before, nobody_was_refused, rotation_taken_back, two_double_rotations,
};
use crate::support::{check, spec};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("postgres::psql_is_logged_in_throughout", throughout);
    suite.test("postgres::a_rotation_can_be_taken_back", taken_back);
    suite.test("postgres::a_server_that_is_down_is_waited_for", down);
}

async fn throughout(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("client-postgres", Api::V3, Engine::Postgres))
        .await?;
    for document in two_double_rotations(&cloud, &instance, Login::Psql).await? {
        let password = document["password"].as_str().ok_or("no password")?;
        check(!cloud.postgres().await?.0.log().contains(password), || {
            "a password is in PostgreSQL's log".to_owned()
        })?;
    }
    Ok(())
}

async fn taken_back(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("rollback-postgres", Api::V1, Engine::Postgres))
        .await?;
    rotation_taken_back(&cloud, &instance, Login::Psql).await
}

async fn down(cloud: Arc<Cloud>) -> TestResult {
    let server = cloud.postgres_of_its_own("down-postgres").await?;
    let instance = cloud
        .enrol(spec("down-postgres", Api::V1, Engine::Postgres))
        .await?;
    let customer = customer(&cloud, &instance, Login::Psql).await?;
    let address = format!("127.0.0.1:{}", server.lock().await.port());
    for step in ["createSecret", "testSecret"] {
        down_before(
            &cloud,
            &instance,
            &customer,
            step,
            &["postgres://", &address, "the connection was"],
            async |_| {
                server.lock().await.halt().await;
                Ok(())
            },
            async || Ok(server.lock().await.resume(&[]).await?),
        )
        .await?;
    }
    nobody_was_refused(&customer.stop().await)
}
