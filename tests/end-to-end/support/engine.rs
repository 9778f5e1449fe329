//! What the engines' tests share: an app with a client of the field's own, and what it must not
//! notice.

use std::collections::BTreeSet;
use std::time::Duration;

use libtest_mimic::Failed;
use local_cloud::cloud::{Cloud, Instance};
use local_cloud::customers::{Customer, CustomerSpec, Login, Tally};
use local_cloud::events::{Event, EventKind};
use local_cloud::patience::PATIENCE;

use serde_json::json;

use super::{
    check, current, document, fire, invoke, live_versions, names, restarted, revoke, rotate,
    rotated, schedule, wait_for,
};
use crate::TestResult;

/// How often a dyno uses its session.
const EVERY: Duration = Duration::from_millis(50);

/// The app of an instance, whose dynos have the add-on's config by now.
pub(crate) async fn customer(
    cloud: &Cloud,
    instance: &Instance,
    login: Login,
) -> Result<Customer, Failed> {
    restarted(cloud, instance).await?;
    let customer = Customer::start(CustomerSpec {
        login,
        ..instance.customer(cloud, &instance.apps[0], EVERY)
    })?;
    logins(&customer, 1).await?;
    Ok(customer)
}

/// Waits until each dyno has logged in, or used its session, so many times more, which is no event.
pub(crate) async fn logins(customer: &Customer, more: u64) -> TestResult {
    check(customer.each_dyno_logs_in(more).await, || {
        format!("the app's logins stand still: {:?}", customer.tally())
    })
}

/// Fails if a login came to nothing, or a session ended before its dyno did.
pub(crate) async fn nobody_noticed(customer: Customer) -> TestResult {
    let tally = customer.stop().await;
    check(tally.errors == 0, || format!("logins failed: {tally:?}"))?;
    nobody_was_refused(&tally)
}

/// Fails if a login was refused; errors are the server's being down.
pub(crate) fn nobody_was_refused(tally: &Tally) -> TestResult {
    check(
        [tally.refused, tally.overtaken, tally.missing] == [0; 3],
        || format!("logins were refused: {tally:?}"),
    )
}

/// Fails unless the service lets in so many of the instance's credentials.
pub(crate) async fn live(cloud: &Cloud, instance: &Instance, count: usize) -> TestResult {
    let live = cloud.live_credentials(instance).await?;
    check(live.len() == count, || {
        format!("the service accepts {live:?}")
    })
}

/// Two double rotations within the grace period, and all revocations, in the wrong order. The app
/// notices nothing. What the rotations' documents held.
pub(crate) async fn two_double_rotations(
    cloud: &Cloud,
    instance: &Instance,
    login: Login,
) -> Result<Vec<serde_json::Value>, Failed> {
    let customer = customer(cloud, instance, login).await?;
    let mut documents = Vec::new();
    for _ in 0..2 {
        let first = current(cloud, instance)?;
        let second = rotate(cloud, instance).await?;
        let third = rotate(cloud, instance).await?;
        live(cloud, instance, 3).await?;
        restarted(cloud, instance).await?;
        logins(&customer, 3).await?;
        revoke(cloud, &second).await?;
        revoke(cloud, &first).await?;
        logins(&customer, 3).await?;
        live(cloud, instance, 1).await?;
        check(
            live_versions(cloud, instance)? == BTreeSet::from([third]),
            || "more than the current version is labelled".to_owned(),
        )?;
        documents.push(document(cloud, instance).await?);
    }
    nobody_noticed(customer).await?;
    Ok(documents)
}

/// What an operator does who takes a rotation back, by the operations page: the old version's revocation
/// is put off, Heroku shows it, the other's grace period begins, and AWSCURRENT moves.
pub(crate) async fn take_back(cloud: &Cloud, instance: &Instance, old: &str) -> TestResult {
    let abandoned = current(cloud, instance)?;
    let event = |version: &str| json!({ "SecretId": instance.secret_arn, "VersionId": version });
    let mut put_off = event(old);
    put_off["WasInUse"] = true.into();
    let mut publish = event(old);
    publish["Step"] = "setSecret".into();
    for (function, event) in [
        ("finish-secret", put_off),
        ("publish-to-heroku", publish),
        ("finish-secret", event(&abandoned)),
    ] {
        let error = invoke(cloud, function, &event).await?;
        check(error.is_none(), || format!("{function}: {error:?}"))?;
    }
    cloud
        .aws(&[
            "secretsmanager",
            "update-secret-version-stage",
            "--secret-id",
            &instance.secret_name,
            "--version-stage",
            "AWSCURRENT",
            "--remove-from-version-id",
            &abandoned,
            "--move-to-version-id",
            old,
        ])
        .await?;
    Ok(())
}

/// A rotation that is taken back, and the next one, which starts from the old credential again and
/// sees to the abandoned one's end. The app notices nothing.
pub(crate) async fn rotation_taken_back(
    cloud: &Cloud,
    instance: &Instance,
    login: Login,
) -> TestResult {
    let customer = customer(cloud, instance, login).await?;
    let old = current(cloud, instance)?;
    let abandoned = rotate(cloud, instance).await?;
    take_back(cloud, instance, &old).await?;
    restarted(cloud, instance).await?;
    logins(&customer, 3).await?;
    fire(cloud, &old, 0).await?;
    wait_for(cloud, "the next try's schedule", |_| {
        schedule(cloud, &old, 1).map(drop)
    })
    .await?;
    live(cloud, instance, 2).await?;

    let next = rotate(cloud, instance).await?;
    restarted(cloud, instance).await?;
    live(cloud, instance, 3).await?;
    logins(&customer, 3).await?;
    revoke(cloud, &abandoned).await?;
    live(cloud, instance, 2).await?;
    let labelled = live_versions(cloud, instance)?;
    check(labelled == BTreeSet::from([old, next]), || {
        format!("{labelled:?} are labelled")
    })?;
    logins(&customer, 3).await?;
    nobody_noticed(customer).await
}

/// A rotation during which the service goes down, before `step`, and comes up again when that has
/// failed: Secrets Manager's next attempt completes it, with one release in all. `words` are what
/// the error must name.
pub(crate) async fn down_before(
    cloud: &Cloud,
    instance: &Instance,
    customer: &Customer,
    step: &str,
    words: &[&str],
    down: impl AsyncFnOnce(&str) -> TestResult,
    up: impl AsyncFnOnce() -> TestResult,
) -> TestResult {
    let old = current(cloud, instance)?;
    let releases = || Ok::<_, Failed>(cloud.heroku.releases(&instance.apps[0])?.len());
    let before = releases()?;
    let mut held = cloud.hold_step(instance, step);
    let version = cloud.rotate_now(instance).await?;
    tokio::time::timeout(PATIENCE, held.reached())
        .await
        .map_err(|_| format!("{step} is not called"))?;
    down(&version).await?;
    drop(held);
    let failure = |events: &[Event]| {
        events.iter().find_map(|event| match &event.kind {
            EventKind::StepFailed {
                version: failed,
                step,
                message,
                ..
            } if *failed == version => Some((step.clone(), message.clone())),
            _ => None,
        })
    };
    let (failed, message) = wait_for(cloud, &format!("the failure of {step}"), failure).await?;
    check(failed == step, || format!("{failed} failed: {message}"))?;
    names(&message, words)?;
    names(&message, &["A retry can help"])?;
    check(current(cloud, instance)? == old, || {
        "a version that failed is current".to_owned()
    })?;
    up().await?;
    rotated(cloud, instance, &version).await?;
    restarted(cloud, instance).await?;
    live(cloud, instance, 2).await?;
    logins(customer, 3).await?;
    revoke(cloud, &old).await?;
    live(cloud, instance, 1).await?;
    logins(customer, 3).await?;
    let made = releases()? - before;
    check(made == 1, || format!("one rotation made {made} releases"))
}
