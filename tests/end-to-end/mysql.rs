//! What is particular to MariaDB: the unmodified `mariadb` client stays logged in throughout, the
//! server's logs, and a rotation that is taken back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, Instance};
use local_cloud::customers::{Customer, CustomerSpec, Login};

use crate::support::{
    check, current, document, fire, live_versions, restarted, revoke, rotate, schedule, spec,
    wait_for,
};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test(
        "mysql::the_mariadb_client_is_logged_in_throughout",
        logged_in_throughout,
    );
    suite.test("mysql::a_rotation_can_be_taken_back", taken_back);
}

async fn customer(cloud: &Cloud, instance: &Instance) -> Result<Customer, Failed> {
    restarted(cloud, instance).await?;
    let every = Duration::from_millis(50);
    Ok(Customer::start(CustomerSpec {
        login: Login::MariadbClient,
        ..instance.customer(cloud, &instance.apps[0], every)
    })?)
}

/// Waits until the app has used its sessions so many times more, which is no event.
async fn logins(customer: &Customer, more: u64) -> TestResult {
    let enough = customer.tally().accepted + more;
    let used = async {
        while customer.tally().accepted < enough {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), used)
        .await
        .map_err(|_| format!("the app's sessions stand still: {:?}", customer.tally()).into())
}

/// Fails if a session ended before its dyno did, or was refused.
async fn nobody_noticed(customer: Customer) -> TestResult {
    let tally = customer.stop().await;
    check(
        [tally.refused, tally.overtaken, tally.errors, tally.missing] == [0; 4],
        || format!("logins failed: {tally:?}"),
    )
}

async fn live(cloud: &Cloud, instance: &Instance, count: usize) -> TestResult {
    let live = cloud.live_credentials(instance).await?;
    check(live.len() == count, || {
        format!("the server accepts {live:?}")
    })
}

async fn logged_in_throughout(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("client-mysql", Api::V3, Engine::Mysql))
        .await?;
    let customer = customer(&cloud, &instance).await?;
    let mut passwords = Vec::new();
    for _ in 0..2 {
        let first = current(&cloud, &instance)?;
        let second = rotate(&cloud, &instance).await?;
        let third = rotate(&cloud, &instance).await?;
        live(&cloud, &instance, 3).await?;
        restarted(&cloud, &instance).await?;
        // Each dyno's client is a new one by now.
        logins(&customer, 10).await?;
        revoke(&cloud, &second).await?;
        revoke(&cloud, &first).await?;
        logins(&customer, 10).await?;
        live(&cloud, &instance, 1).await?;
        check(
            live_versions(&cloud, &instance)? == BTreeSet::from([third]),
            || "more than the current version is labelled".to_owned(),
        )?;
        let document = document(&cloud, &instance).await?;
        passwords.push(document["password"].as_str().unwrap_or_default().to_owned());
    }
    nobody_noticed(customer).await?;
    for password in passwords {
        check(
            !password.is_empty() && !cloud.mariadb.has_logged(&password)?,
            || "a password is in MariaDB's logs".to_owned(),
        )?;
    }
    Ok(())
}

async fn taken_back(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("rollback-mysql", Api::V1, Engine::Mysql))
        .await?;
    let customer = customer(&cloud, &instance).await?;
    let old = current(&cloud, &instance)?;
    let shown = cloud.heroku.config(&instance.addon)?;
    let abandoned = rotate(&cloud, &instance).await?;
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
            &abandoned,
            "--move-to-version-id",
            &old,
        ])
        .await?;
    restarted(&cloud, &instance).await?;
    logins(&customer, 10).await?;
    fire(&cloud, &old, 0).await?;
    wait_for(&cloud, "the next try's schedule", |_| {
        schedule(&cloud, &old, 1).map(drop)
    })
    .await?;
    live(&cloud, &instance, 2).await?;
    // The next rotation starts from the imported user again, and sees to the abandoned one's end.
    let next = rotate(&cloud, &instance).await?;
    restarted(&cloud, &instance).await?;
    logins(&customer, 10).await?;
    revoke(&cloud, &abandoned).await?;
    live(&cloud, &instance, 2).await?;
    check(current(&cloud, &instance)? == next, || {
        "the new version is not current".to_owned()
    })?;
    nobody_noticed(customer).await
}
