//! What is particular to MariaDB: the unmodified `mariadb` client stays logged in throughout, the
//! server's logs, a rotation that is taken back, and a server that is down.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use local_cloud::customers::Login;

use crate::support::engine::{
    customer, down_before, nobody_was_refused, rotation_taken_back, two_double_rotations,
};
use crate::support::{check, spec};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test(
        "mysql::the_mariadb_client_is_logged_in_throughout",
        logged_in_throughout,
    );
    suite.test("mysql::a_rotation_can_be_taken_back", taken_back);
    suite.test("mysql::a_server_that_is_down_is_waited_for", down);
}

async fn logged_in_throughout(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("client-mysql", Api::V3, Engine::Mysql))
        .await?;
    for document in two_double_rotations(&cloud, &instance, Login::MariadbClient).await? {
        let password = document["password"].as_str().ok_or("no password")?;
        check(!cloud.mariadb().await?.0.has_logged(password)?, || {
            "a password is in MariaDB's logs".to_owned()
        })?;
    }
    Ok(())
}

async fn taken_back(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("rollback-mysql", Api::V1, Engine::Mysql))
        .await?;
    rotation_taken_back(&cloud, &instance, Login::MariadbClient).await
}

async fn down(cloud: Arc<Cloud>) -> TestResult {
    let server = cloud.mariadb_of_its_own("down-mysql").await?;
    let instance = cloud
        .enrol(spec("down-mysql", Api::V1, Engine::Mysql))
        .await?;
    let customer = customer(&cloud, &instance, Login::MariadbClient).await?;
    let address = format!("127.0.0.1:{}", server.lock().await.port());
    for step in ["createSecret", "testSecret"] {
        down_before(
            &cloud,
            &instance,
            &customer,
            step,
            &["mysql://", &address, "the connection was"],
            async |_| {
                server.lock().await.halt().await;
                Ok(())
            },
            async || Ok(server.lock().await.resume().await?),
        )
        .await?;
    }
    nobody_was_refused(&customer.stop().await)
}
