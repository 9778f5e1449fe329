//! What is particular to the partner's own service: a client of its API logs in throughout, a
//! rotation is taken back, and the service is down for a while.

use std::cell::OnceCell;
use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use local_cloud::credential_service::Fault;
use local_cloud::customers::Login;

use crate::support::engine::{
    customer, down_before, nobody_noticed, rotation_taken_back, two_double_rotations,
};
use crate::support::{faults, spec};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("http::a_client_logs_in_throughout", throughout);
    suite.test("http::a_rotation_can_be_taken_back", taken_back);
    suite.test("http::a_service_that_is_down_is_waited_for", down);
}

async fn throughout(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("client-http", Api::V3, Engine::Http))
        .await?;
    two_double_rotations(&cloud, &instance, Login::Http).await?;
    Ok(())
}

async fn taken_back(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("rollback-http", Api::V1, Engine::Http))
        .await?;
    rotation_taken_back(&cloud, &instance, Login::Http).await
}

/// Down is what the service is for this instance's new credential alone: others use it meanwhile.
async fn down(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("down-http", Api::V1, Engine::Http))
        .await?;
    let customer = customer(&cloud, &instance, Login::Http).await?;
    let address = cloud.credential_service.url().to_string();
    for (step, fault, word) in [
        ("createSecret", Fault::LoseRequest, "the connection was"),
        ("testSecret", faults::status(503), "503"),
    ] {
        let credential = OnceCell::new();
        down_before(
            &cloud,
            &instance,
            &customer,
            step,
            &[&address, word],
            async |version| {
                let credential = credential.get_or_init(|| version.to_owned());
                faults::at_service(&cloud, credential, faults::ALWAYS, fault);
                Ok(())
            },
            async || {
                let credential = credential.get().ok_or("the service was not down")?;
                faults::mend_service(&cloud, credential);
                Ok(())
            },
        )
        .await?;
    }
    nobody_noticed(customer).await
}
