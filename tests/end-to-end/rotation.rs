//! A rotation from end to end: each of Heroku's APIs with each engine, every step twice, several apps. Customers log in
//! throughout.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, Instance, InstanceSpec};
use local_cloud::customers::Customer;

use crate::support::{
    app, check, current, failures, live_versions, restarted, revoke, rotate, schedule, spec,
};
use crate::{GRACE_PERIOD, Suite, TestResult};

const ENGINES: [(Engine, &str); 4] = [
    (Engine::Http, "http"),
    (Engine::Postgres, "postgres"),
    (Engine::Mysql, "mysql"),
    (Engine::Redis, "redis"),
];

pub(crate) fn tests(suite: &mut Suite) {
    for (api, api_name) in [(Api::V1, "v1"), (Api::V3, "v3")] {
        for (engine, engine_name) in ENGINES {
            let name = format!("rotate-{api_name}-{engine_name}");
            suite.test(
                &format!("rotation::{api_name}_{engine_name}_first_and_second"),
                move |cloud| first_and_second(cloud, spec(&name, api, engine)),
            );
        }
    }
    suite.test("rotation::every_step_twice", |cloud| {
        every_step_twice(cloud, spec("twice", Api::V1, Engine::Http))
    });
    suite.test("rotation::two_apps_one_in_a_private_space", two_apps);
    suite.test(
        "rotation::by_schedule_and_the_old_credential_lives_on_for_two_hours",
        by_schedule,
    );
}

/// With every engine and API.
pub(crate) fn matrix(suite: &mut Suite) {
    for (engine, engine_name) in ENGINES {
        for (api, api_name) in [(Api::V1, "v1"), (Api::V3, "v3")] {
            let name = format!("twice-{api_name}-{engine_name}");
            suite.test(
                &format!("rotation::{api_name}_{engine_name}_every_step_twice"),
                move |cloud| every_step_twice(cloud, spec(&name, api, engine)),
            );
        }
    }
}

/// Customers of all the instance's apps, whose dynos have the add-on's config by now.
async fn customers(cloud: &Cloud, instance: &Instance) -> Result<Vec<Customer>, Failed> {
    restarted(cloud, instance).await?;
    let every = Duration::from_millis(50);
    let start =
        |app: &String| Customer::start(instance.customer(cloud, app, every)).map_err(Failed::from);
    instance.apps.iter().map(start).collect()
}

/// What must hold when all is quiet: one release a rotation, one live credential, the current one,
/// shown by Heroku, and no login refused.
async fn judge(
    cloud: &Cloud,
    instance: &Instance,
    customers: Vec<Customer>,
    rotations: usize,
) -> TestResult {
    restarted(cloud, instance).await?;
    for customer in customers {
        let tally = customer.stop().await;
        check(
            [tally.refused, tally.overtaken, tally.errors, tally.missing] == [0; 4],
            || format!("logins failed: {tally:?}"),
        )?;
        check(tally.accepted > 0, || "nobody logged in".to_owned())?;
        let with_last = tally
            .generations
            .last_key_value()
            .map_or(0, |(_, logins)| logins.accepted);
        check(with_last > 0, || {
            format!("nobody logged in with the newest credential: {tally:?}")
        })?;
    }
    let failures = failures(cloud, instance);
    check(failures.is_empty(), || {
        format!("steps failed: {failures:?}")
    })?;
    for app in &instance.apps {
        let releases = cloud.heroku.releases(app)?;
        // The first is the app's creation, the second the add-on's provisioning or attachment.
        let by_rotation = releases.len() - 2;
        check(by_rotation == rotations, || {
            format!("{app} has {by_rotation} releases for {rotations} rotations")
        })?;
    }
    let writes = cloud.heroku.config_writes(&instance.addon)?;
    check(writes == rotations, || {
        format!("the config was written {writes} times for {rotations} rotations")
    })?;
    let current = current(cloud, instance)?;
    let live = cloud.live_credentials(instance).await?;
    check(live.len() == 1, || format!("the service accepts {live:?}"))?;
    if instance.engine == Engine::Http {
        check(live == [current.clone()], || {
            format!("the service accepts {live:?}, current is {current}")
        })?;
    }
    let labelled = live_versions(cloud, instance)?;
    check(labelled == BTreeSet::from([current.clone()]), || {
        format!("labelled {labelled:?}, current is {current}")
    })
}

async fn first_and_second(cloud: Arc<Cloud>, spec: InstanceSpec) -> TestResult {
    let instance = cloud.enrol(spec).await?;
    let customers = customers(&cloud, &instance).await?;
    for _ in 0..2 {
        let old = current(&cloud, &instance)?;
        let new = rotate(&cloud, &instance).await?;
        check(current(&cloud, &instance)? == new, || {
            "the new version is not current".to_owned()
        })?;
        let both = BTreeSet::from([old.clone(), new]);
        let live = live_versions(&cloud, &instance)?;
        check(live == both, || {
            format!("within the grace period {live:?} are labelled")
        })?;
        let accepted = cloud.live_credentials(&instance).await?.len();
        check(accepted == 2, || {
            format!("within the grace period the service accepts {accepted} credentials")
        })?;
        restarted(&cloud, &instance).await?;
        revoke(&cloud, &old).await?;
    }
    judge(&cloud, &instance, customers, 2).await
}

async fn every_step_twice(cloud: Arc<Cloud>, spec: InstanceSpec) -> TestResult {
    let instance = cloud.enrol(spec).await?;
    cloud.call_steps_twice(&instance);
    let customers = customers(&cloud, &instance).await?;
    let old = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    restarted(&cloud, &instance).await?;
    // The schedule is handed over more than once as well: EventBridge Scheduler promises "at least
    // once".
    let again = schedule(&cloud, &old, 0)
        .ok_or("no revocation is scheduled")?
        .input;
    revoke(&cloud, &old).await?;
    let revoke_secret = cloud.function_arn("revoke-secret");
    let event = serde_json::from_str(&again)?;
    let kind = strict_aws::ministack::InvocationType::RequestResponse;
    let answer = cloud.root.invoke(&revoke_secret, &event, kind).await?;
    check(answer.function_error.is_none(), || {
        format!("a second revocation fails: {}", answer.payload)
    })?;
    check(schedule(&cloud, &old, 1).is_none(), || {
        "a second revocation wants to be repeated".to_owned()
    })?;
    judge(&cloud, &instance, customers, 1).await
}

async fn two_apps(cloud: Arc<Cloud>) -> TestResult {
    let mut spec = spec("shared", Api::V1, Engine::Http);
    spec.apps
        .push(app("shared-private-app", Duration::from_secs(4)));
    let instance = cloud.enrol(spec).await?;
    let customers = customers(&cloud, &instance).await?;
    let old = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    restarted(&cloud, &instance).await?;
    revoke(&cloud, &old).await?;
    judge(&cloud, &instance, customers, 1).await
}

async fn by_schedule(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("scheduled", Api::V3, Engine::Http))
        .await?;
    let old = current(&cloud, &instance)?;
    let before = SystemTime::now();
    cloud.rotate_by_schedule(&instance)?;
    let promoted = |events: &[stand_in::events::Event]| {
        events.iter().find_map(|event| match &event.kind {
            stand_in::events::EventKind::RotationSucceeded { secret, version } => {
                (*secret == instance.secret_name).then(|| version.clone())
            }
            _ => None,
        })
    };
    let new = crate::support::wait_for(&cloud, "the scheduled rotation", promoted).await?;
    let after = SystemTime::now();
    check(new != old && current(&cloud, &instance)? == new, || {
        "the schedule did not rotate".to_owned()
    })?;
    let fires_at = schedule(&cloud, &old, 0).and_then(|it| it.fires_at);
    let fires_at = SystemTime::from(fires_at.ok_or("nothing is scheduled")?);
    // Times are whole seconds, rounded up.
    let latest = after + GRACE_PERIOD + Duration::from_secs(1);
    check((before + GRACE_PERIOD..=latest).contains(&fires_at), || {
        format!("the revocation comes at {fires_at:?}")
    })
}
