//! `rollback`: the customers' logins go on.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use local_cloud::customers::Login;

use super::{ON_CALL, Operator};
use crate::TestResult;
use crate::support::engine::{customer, live, logins, nobody_noticed};
use crate::support::{check, current, fire, names, restarted, revoke, schedule, spec, wait_for};

pub(super) async fn unnoticed(cloud: Arc<Cloud>) -> TestResult {
    let operator = Operator::new(&cloud, ON_CALL).await?;
    let name = "rolled-back";
    let instance = cloud.enrol(spec(name, Api::V3, Engine::Postgres)).await?;
    let name = instance.addon.as_str();
    let customer = customer(&cloud, &instance, Login::Psql).await?;
    let old = current(&cloud, &instance)?;
    operator.succeeds(&["rotate", name, "--wait"]).await?;
    let new = current(&cloud, &instance)?;
    check(old != new, || "rotate --wait has not waited".to_owned())?;
    restarted(&cloud, &instance).await?;
    logins(&customer, 3).await?;

    // Nobody is asked without a terminal.
    let ended = operator.run(&["rollback", name]).await?;
    check(ended.status == 2, || ended.errors.clone())?;
    names(&ended.errors, &["--yes"])?;
    check(current(&cloud, &instance)? == new, || {
        "rolled back unasked".to_owned()
    })?;

    let said = operator.succeeds(&["rollback", name, "--yes"]).await?;
    println!("{said}");
    names(
        &said,
        &["postpone", "wait", "log-in", "publish", "prove", "current"],
    )?;
    check(current(&cloud, &instance)? == old, || {
        format!("{old} is not current")
    })?;
    restarted(&cloud, &instance).await?;
    logins(&customer, 3).await?;
    live(&cloud, &instance, 2).await?;
    // What was put off finds it in use; the abandoned one ends.
    fire(&cloud, &old, 0).await?;
    wait_for(&cloud, "the next try's schedule", |_| {
        schedule(&cloud, &old, 1).map(drop)
    })
    .await?;
    revoke(&cloud, &new).await?;
    live(&cloud, &instance, 1).await?;
    logins(&customer, 3).await?;

    let ended = operator
        .run(&["rollback", name, "--to", &new, "--yes"])
        .await?;
    check(ended.status == 2, || ended.errors.clone())?;
    names(&ended.errors, &["no LIVE- label", "Rotate instead"])?;
    operator.dismiss(&cloud).await?;
    nobody_noticed(customer).await
}
