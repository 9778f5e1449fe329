//! Enrolment without rotation (`RotateImmediately=false`): Secrets Manager asks for testSecret only,
//! and nothing changes.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};

use crate::support::{check, current, document, names, snapshot, spec, store};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("enrolment::changes_nothing", changes_nothing);
    suite.test(
        "enrolment::refuses_a_credential_that_does_not_work",
        refuses_a_dead_credential,
    );
    suite.test(
        "enrolment::refuses_a_document_that_heroku_does_not_show",
        refuses_another_value,
    );
}

async fn changes_nothing(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .provision(spec("newcomer", Api::V3, Engine::Postgres))
        .await?;
    let before = (
        current(&cloud, &instance)?,
        cloud.heroku.config(&instance.addon)?,
    );
    cloud.switch_rotation_on(&instance).await?;
    let after = (
        current(&cloud, &instance)?,
        cloud.heroku.config(&instance.addon)?,
    );
    check(before == after, || {
        "AWSCURRENT or Heroku's config changed".to_owned()
    })?;
    let secret = snapshot(&cloud, &instance)?;
    check(secret.rotation_enabled, || {
        "rotation is not switched on".to_owned()
    })?;
    check(secret.labelled("AWSPENDING").is_none(), || {
        "the probe's version was left behind".to_owned()
    })?;
    let live = cloud.live_credentials(&instance).await?;
    check(live.len() == 1, || {
        format!("a credential was issued: {live:?}")
    })
}

async fn refuses_a_dead_credential(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .provision(spec("stale", Api::V1, Engine::Postgres))
        .await?;
    let mut stale = document(&cloud, &instance).await?;
    stale["password"] = "not the password".into();
    store(&cloud, &instance, &stale).await?;
    let error = cloud
        .switch_rotation_on(&instance)
        .await
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    names(
        &error,
        &[
            "does not accept the credential of version",
            &current(&cloud, &instance)?,
        ],
    )?;
    check(!error.contains("not the password"), || {
        "the error shows the password".to_owned()
    })
}

async fn refuses_another_value(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .provision(spec("mistaken", Api::V3, Engine::Http))
        .await?;
    let mut other = document(&cloud, &instance).await?;
    other["heroku"]["config"]["ACME_URL"] = "{{ url }}#{{ api_key }}".into();
    store(&cloud, &instance, &other).await?;
    let error = cloud
        .switch_rotation_on(&instance)
        .await
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    names(
        &error,
        &["Heroku shows other values for ACME_URL", &instance.addon],
    )?;
    let writes = cloud.heroku.config_writes(&instance.addon)?;
    check(writes == 0, || {
        format!("the config was written {writes} times")
    })
}
