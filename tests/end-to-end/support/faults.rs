//! Faults on request. All tests share the stand-ins: each fault is for one instance, or one of its
//! credentials, so that no other test's request meets it.

use http::Method;
use local_cloud::cloud::{Api, Cloud, Instance};
use stand_in::{Fault, FaultRule};
use strict_aws::gateway::GatewayFault;

/// As often as anybody tries.
pub(crate) const ALWAYS: usize = 1000;

/// The service's error, without a word about when to come again.
pub(crate) fn status(status: u16) -> Fault {
    Fault::status(status)
}

/// The instance's next so many requests to Heroku for its config vars, by one method or any.
pub(crate) fn at_heroku(
    cloud: &Cloud,
    instance: &Instance,
    method: Option<Method>,
    count: usize,
    fault: Fault,
) {
    let path_prefix = match instance.api {
        Api::V1 => format!("/vendor/apps/{}", instance.addon),
        Api::V3 => format!("/addons/{}/config", instance.addon),
    };
    let next = FaultRule::next(fault).at(path_prefix).times(count);
    cloud.heroku.fail_next(FaultRule { method, ..next });
}

/// The next so many requests to the partner's service about a credential.
pub(crate) fn at_service(cloud: &Cloud, credential: &str, count: usize, fault: Fault) {
    cloud.credential_service.fail_next(
        FaultRule::next(fault)
            .at(credential_path(credential))
            .times(count),
    );
}

/// The service is out of order for the credential no longer.
pub(crate) fn mend_service(cloud: &Cloud, credential: &str) {
    cloud.credential_service.mend(&credential_path(credential));
}

fn credential_path(credential: &str) -> String {
    format!("/v1/credentials/{credential}")
}

/// The next request to AWS about the instance's secret: an operation, or the function that is invoked.
pub(crate) fn at_aws(cloud: &Cloud, instance: &Instance, what: &str, fault: Fault) {
    let operation = if what.contains(':') {
        what.to_owned()
    } else {
        let arn = cloud.function_arn(what);
        let function = arn.rsplit(':').next().unwrap_or_default();
        format!("lambda:InvokeFunction {function}")
    };
    cloud.gateway.fail_next(GatewayFault::new(
        operation,
        instance.secret_arn.clone(),
        fault,
    ));
}
