//! Heroku out of order in the middle of a rotation: the customer's apps are still restarted once
//! only.

use std::sync::Arc;
use std::time::Duration;

use local_cloud::cloud::{Api, Cloud, Engine};
use local_cloud::heroku::{Fault, FaultRule};

use crate::support::{check, current, rotate, spec};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    let faults = [
        ("the_answer_to_the_write_is_lost", true, Fault::LoseAnswer),
        ("the_write_is_lost", true, Fault::LoseRequest),
        (
            "the_write_meets_a_server_error",
            true,
            Fault::Status {
                status: 503,
                retry_after: None,
            },
        ),
        (
            "the_rate_limit_is_used_up",
            false,
            Fault::Status {
                status: 429,
                retry_after: Some(Duration::from_secs(1)),
            },
        ),
        ("a_proxy_answers", false, Fault::Garbage(502)),
    ];
    for (name, write, fault) in faults {
        for (api, api_name) in [(Api::V1, "v1"), (Api::V3, "v3")] {
            let (fault, instance) = (
                fault.clone(),
                format!("{}-{api_name}", name.replace('_', "-")),
            );
            suite.test(&format!("faults::{name}_{api_name}"), move |cloud| {
                survived(cloud, instance, api, write, fault)
            });
        }
    }
}

async fn survived(
    cloud: Arc<Cloud>,
    name: String,
    api: Api,
    write: bool,
    fault: Fault,
) -> TestResult {
    let instance = cloud.enrol(spec(&name, api, Engine::Http)).await?;
    let (path, method) = match api {
        Api::V1 => (
            format!("/vendor/apps/{}", instance.addon),
            http::Method::PUT,
        ),
        Api::V3 => (
            format!("/addons/{}/config", instance.addon),
            http::Method::PATCH,
        ),
    };
    let method = write.then_some(method);
    cloud.heroku.fail_next(FaultRule {
        method,
        path_prefix: path,
        count: 1,
        fault,
    });
    let version = rotate(&cloud, &instance).await?;
    check(current(&cloud, &instance)? == version, || {
        "the new version is not current".to_owned()
    })?;
    let releases = cloud.heroku.releases(&instance.apps[0])?.len() - 2;
    check(releases == 1, || {
        format!("one rotation made {releases} releases")
    })
}
