//! `emergency`, as customers notice it. What it does at once: `fleet.rs`.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use local_cloud::customers::Login;

use super::{ON_CALL, Operator};
use crate::TestResult;
use crate::support::customer::{customer, live, logins, nobody_noticed};
use crate::support::{current, names, restarted, revoke, spec};

pub(super) async fn after_a_time(cloud: Arc<Cloud>) -> TestResult {
    let operator = Operator::new(&cloud, ON_CALL).await?;
    let name = "leaked-slowly";
    let instance = cloud.enrol(spec(name, Api::V1, Engine::Http)).await?;
    let name = instance.addon.as_str();
    let customer = customer(&cloud, &instance, Login::Http).await?;
    let leaked = current(&cloud, &instance)?;
    let said = operator
        .succeeds(&["emergency", name, "--revoke-after", "15m", "--yes"])
        .await?;
    println!("{said}");
    names(&said, &["Private Spaces", "15 min", &leaked])?;
    live(&cloud, &instance, 2).await?;
    restarted(&cloud, &instance).await?;
    logins(&customer, 3).await?;
    // The time is over.
    revoke(&cloud, &leaked).await?;
    live(&cloud, &instance, 1).await?;
    logins(&customer, 3).await?;
    operator.dismiss(&cloud).await?;
    nobody_noticed(customer).await
}
