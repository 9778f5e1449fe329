//! What is particular to the partner's own service: a client of its API logs in throughout, a
//! rotation is taken back, and the service is down for a while.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use local_cloud::credential_service::{Fault, FaultRule};
use local_cloud::customers::Login;

use crate::support::engine::{
    customer, down_before, nobody_noticed, rotation_taken_back, two_double_rotations,
};
use crate::support::spec;
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
    let faults = [
        (Fault::LoseRequest, "cannot be reached"),
        (
            Fault::Status {
                status: 503,
                retry_after: None,
            },
            "503",
        ),
        (Fault::Garbage(502), "502"),
    ];
    for (fault, word) in faults {
        for step in ["createSecret", "testSecret"] {
            let fault = fault.clone();
            down_before(
                &cloud,
                &instance,
                &customer,
                step,
                &[&address, word],
                async |version| {
                    cloud.credential_service.fail_next(FaultRule {
                        method: None,
                        path_prefix: format!("/v1/credentials/{version}"),
                        count: 1,
                        fault,
                    });
                    Ok(())
                },
                async || Ok(()),
            )
            .await?;
        }
    }
    nobody_noticed(customer).await
}
