//! Revocations that must wait: the credential is in use again, or something is out of order. And
//! those that must not.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use local_cloud::credential_service::FaultRule;
use local_cloud::heroku::Fault;
use serde_json::json;

use crate::support::{
    check, current, fire, invoke, live_versions, names, revoke, rotate, schedule, spec, wait_for,
};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test(
        "revocation::waits_while_the_version_is_current_again",
        rolled_back,
    );
    suite.test(
        "revocation::waits_while_heroku_shows_the_old_credential",
        still_shown,
    );
    suite.test("revocation::of_a_deprovisioned_addon", deprovisioned);
    suite.test(
        "revocation::tries_again_when_the_service_refuses",
        service_refuses,
    );
    suite.test("revocation::gives_up_after_a_day_and_says_so", gives_up);
}

/// Waits for the next try's schedule.
async fn postponed(cloud: &Cloud, version: &str, attempt: u32) -> TestResult {
    wait_for(cloud, "the next try's schedule", |_| {
        schedule(cloud, version, attempt).map(drop)
    })
    .await
}

async fn rolled_back(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("rollback", Api::V3, Engine::Http)).await?;
    let (old, shown) = (
        current(&cloud, &instance)?,
        cloud.heroku.config(&instance.addon)?,
    );
    let new = rotate(&cloud, &instance).await?;
    // The operator: the old value at Heroku again, and AWSCURRENT back.
    cloud.heroku.set_config(&instance.addon, &shown)?;
    cloud
        .aws(&[
            "secretsmanager",
            "update-secret-version-stage",
            "--secret-id",
            &instance.secret_name,
            "--version-stage",
            "AWSCURRENT",
            "--remove-from-version-id",
            &new,
            "--move-to-version-id",
            &old,
        ])
        .await?;
    fire(&cloud, &old, 0).await?;
    postponed(&cloud, &old, 1).await?;
    check(live_versions(&cloud, &instance)?.contains(&old), || {
        "the label is off".to_owned()
    })?;
    let live = cloud.live_credentials(&instance).await?;
    check(live.len() == 2, || format!("the service accepts {live:?}"))
}

async fn still_shown(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("republished", Api::V1, Engine::Postgres))
        .await?;
    let (old, shown) = (
        current(&cloud, &instance)?,
        cloud.heroku.config(&instance.addon)?,
    );
    rotate(&cloud, &instance).await?;
    let new_shown = cloud.heroku.config(&instance.addon)?;
    cloud.heroku.set_config(&instance.addon, &shown)?;
    fire(&cloud, &old, 0).await?;
    postponed(&cloud, &old, 1).await?;
    let live = cloud.live_credentials(&instance).await?;
    check(live.len() == 2, || format!("the service accepts {live:?}"))?;
    // Put right, the next try does it.
    cloud.heroku.set_config(&instance.addon, &new_shown)?;
    fire(&cloud, &old, 1).await?;
    wait_for(&cloud, "the revocation", |_| {
        live_versions(&cloud, &instance)
            .is_ok_and(|live| !live.contains(&old))
            .then_some(())
    })
    .await?;
    let live = cloud.live_credentials(&instance).await?;
    check(live.len() == 1, || format!("the service accepts {live:?}"))
}

async fn deprovisioned(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("goner", Api::V1, Engine::Http)).await?;
    let old = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    cloud.heroku.deprovision(&instance.addon)?;
    revoke(&cloud, &old).await?;
    let live = cloud.live_credentials(&instance).await?;
    check(live == [current(&cloud, &instance)?], || {
        format!("the service accepts {live:?}")
    })
}

async fn service_refuses(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("stubborn", Api::V3, Engine::Http)).await?;
    let old = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    cloud.credential_service.fail_next(FaultRule {
        method: None,
        path_prefix: format!("/v1/credentials/imported-{}", instance.name),
        count: 1,
        fault: Fault::Status {
            status: 403,
            retry_after: None,
        },
    });
    fire(&cloud, &old, 0).await?;
    postponed(&cloud, &old, 1).await?;
    check(live_versions(&cloud, &instance)?.contains(&old), || {
        "the label is off".to_owned()
    })?;
    fire(&cloud, &old, 1).await?;
    wait_for(&cloud, "the revocation", |_| {
        live_versions(&cloud, &instance)
            .is_ok_and(|live| !live.contains(&old))
            .then_some(())
    })
    .await
}

async fn gives_up(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("forever", Api::V1, Engine::Http)).await?;
    let version = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    let shown = cloud.heroku.config(&instance.addon)?;
    let current = current(&cloud, &instance)?;
    check(!shown.is_empty() && current != version, || {
        "the rotation did not happen".to_owned()
    })?;
    let event = json!({ "SecretId": instance.secret_arn, "VersionId": current, "Attempt": 40 });
    // It is current, but has a label: it is in use, and no try is left.
    let error = invoke(&cloud, "revoke-secret", &event)
        .await?
        .ok_or("it does not say so")?;
    names(
        &error,
        &[
            "could not be revoked for a day",
            &current,
            "it is AWSCURRENT",
        ],
    )
}
