//! What each engine's customers notice of rotations, with a client of the field's own that stays logged in
//! throughout: nothing. Nor of one that an operator rolls back, nor of one during which the service is down.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, Instance};
use local_cloud::customers::{Customer, Login};
use serde_json::Value;
use stand_in::Fault;
use stand_in::events::{Event, EventKind};
use stand_in::patience::PATIENCE;

use crate::operator::{ON_CALL, Operator};
use crate::support::customer::{customer, live, logins, nobody_noticed, nobody_was_refused};
use crate::support::{
    check, current, document, faults, fire, live_versions, names, restarted, revoke, rotate,
    rotated, schedule, spec, wait_for,
};
use crate::{Suite, TestResult};

/// The engine of `cargo xtask test`.
pub(crate) fn postgres(suite: &mut Suite) {
    tests(suite, Engine::Postgres);
}

pub(crate) fn others(suite: &mut Suite) {
    for engine in [Engine::Http, Engine::Mysql, Engine::Redis] {
        tests(suite, engine);
    }
}

fn tests(suite: &mut Suite, engine: Engine) {
    let name = engine.name();
    suite.test(
        &format!("{name}::a_client_is_logged_in_throughout"),
        move |cloud| throughout(cloud, engine),
    );
    suite.test(
        &format!("{name}::a_rotation_can_be_taken_back"),
        move |cloud| taken_back(cloud, engine),
    );
    suite.test(
        &format!("{name}::a_service_that_is_down_is_waited_for"),
        move |cloud| down(cloud, engine),
    );
}

/// By a client of the field's own, unmodified.
fn login(engine: Engine) -> Login {
    match engine {
        Engine::Http => Login::Http,
        Engine::Postgres => Login::Psql,
        Engine::Mysql => Login::MariadbClient,
        Engine::Redis => Login::Redis,
    }
}

/// The servers log no password either.
async fn throughout(cloud: Arc<Cloud>, engine: Engine) -> TestResult {
    let name = format!("client-{}", engine.name());
    let instance = cloud.enrol(spec(&name, Api::V3, engine)).await?;
    for document in two_double_rotations(&cloud, &instance).await? {
        let password = || document["password"].as_str().ok_or("no password");
        let is_logged = match engine {
            Engine::Postgres => {
                let (server, _) = cloud.postgres_of(&name).await?;
                server.lock().await.log().contains(password()?)
            }
            Engine::Mysql => {
                let (server, _) = cloud.mariadb_of(&name).await?;
                server.lock().await.has_logged(password()?)?
            }
            Engine::Http | Engine::Redis => false,
        };
        check(!is_logged, || {
            "a password is in the server's log".to_owned()
        })?;
    }
    Ok(())
}

/// Two double rotations within the grace period, and all revocations, in the wrong order. The app
/// notices nothing. What the rotations' documents held.
async fn two_double_rotations(cloud: &Cloud, instance: &Instance) -> Result<Vec<Value>, Failed> {
    let customer = customer(cloud, instance, login(instance.engine)).await?;
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

/// A rotation that an operator rolls back, and the next one, which starts from the old credential again and
/// sees to the abandoned one's end. The app notices nothing.
async fn taken_back(cloud: Arc<Cloud>, engine: Engine) -> TestResult {
    // Those of the other tests are of v1.
    let api = if engine == Engine::Postgres {
        Api::V3
    } else {
        Api::V1
    };
    let name = format!("rollback-{}", engine.name());
    let instance = cloud.enrol(spec(&name, api, engine)).await?;
    let operator = Operator::new(&cloud, ON_CALL).await?;
    let addon = instance.addon.as_str();
    let customer = customer(&cloud, &instance, login(engine)).await?;
    let old = current(&cloud, &instance)?;
    operator.succeeds(&["rotate", addon, "--wait"]).await?;
    let abandoned = current(&cloud, &instance)?;
    check(old != abandoned, || {
        "rotate --wait has not waited".to_owned()
    })?;
    restarted(&cloud, &instance).await?;
    logins(&customer, 3).await?;

    // Nobody is asked without a terminal.
    let ended = operator.run(&["rollback", addon]).await?;
    check(ended.status == 2, || ended.errors.clone())?;
    names(&ended.errors, &["--yes"])?;
    check(current(&cloud, &instance)? == abandoned, || {
        "rolled back unasked".to_owned()
    })?;

    let said = operator.succeeds(&["rollback", addon, "--yes"]).await?;
    let steps = ["postpone", "wait", "log-in", "publish", "prove", "current"];
    names(&said, &steps)?;
    check(current(&cloud, &instance)? == old, || {
        format!("{old} is not current")
    })?;
    restarted(&cloud, &instance).await?;
    logins(&customer, 3).await?;
    // The revocation that was put off finds it in use.
    fire(&cloud, &old, 0).await?;
    wait_for(&cloud, "the next try's schedule", |_| {
        schedule(&cloud, &old, 1).map(drop)
    })
    .await?;
    live(&cloud, &instance, 2).await?;

    let next = rotate(&cloud, &instance).await?;
    restarted(&cloud, &instance).await?;
    live(&cloud, &instance, 3).await?;
    logins(&customer, 3).await?;
    revoke(&cloud, &abandoned).await?;
    live(&cloud, &instance, 2).await?;
    let labelled = live_versions(&cloud, &instance)?;
    check(labelled == BTreeSet::from([old, next]), || {
        format!("{labelled:?} are labelled")
    })?;
    logins(&customer, 3).await?;

    let back = ["rollback", addon, "--to", &abandoned, "--yes"];
    let ended = operator.run(&back).await?;
    check(ended.status == 2, || ended.errors.clone())?;
    names(&ended.errors, &["no LIVE- label", "Rotate instead"])?;
    operator.dismiss(&cloud).await?;
    nobody_noticed(customer).await
}

async fn down(cloud: Arc<Cloud>, engine: Engine) -> TestResult {
    let name = format!("down-{}", engine.name());
    let enrolled = || cloud.enrol(spec(&name, Api::V1, engine));
    match engine {
        Engine::Http => service_down(&cloud, &enrolled().await?).await,
        Engine::Postgres => {
            let server = cloud.postgres_of_its_own(&name).await?;
            let port = server.lock().await.port();
            let halt = async || server.lock().await.halt().await;
            let resume = async || Ok(server.lock().await.resume(&[]).await?);
            server_down(&cloud, &enrolled().await?, port, halt, resume).await
        }
        Engine::Mysql => {
            let server = cloud.mariadb_of_its_own(&name).await?;
            let port = server.lock().await.port();
            let halt = async || server.lock().await.halt().await;
            let resume = async || Ok(server.lock().await.resume().await?);
            server_down(&cloud, &enrolled().await?, port, halt, resume).await
        }
        Engine::Redis => {
            let instance = enrolled().await?;
            let server = cloud.redis(&instance).await?;
            let port = server.lock().await.port();
            let halt = async || server.lock().await.halt().await;
            let resume = async || Ok(server.lock().await.restart().await?);
            server_down(&cloud, &instance, port, halt, resume).await
        }
    }
}

async fn server_down(
    cloud: &Cloud,
    instance: &Instance,
    port: u16,
    halt: impl AsyncFn(),
    resume: impl AsyncFn() -> TestResult,
) -> TestResult {
    let customer = customer(cloud, instance, login(instance.engine)).await?;
    let scheme = format!("{}://", instance.engine.name());
    let address = format!("127.0.0.1:{port}");
    for step in ["createSecret", "testSecret"] {
        down_before(
            cloud,
            instance,
            &customer,
            step,
            &[&scheme, &address, "the connection was"],
            async |_| {
                halt().await;
                Ok(())
            },
            &resume,
        )
        .await?;
    }
    nobody_was_refused(&customer.stop().await)
}

/// Down is what the service is for this instance's new credential alone: others use it meanwhile.
async fn service_down(cloud: &Cloud, instance: &Instance) -> TestResult {
    let customer = customer(cloud, instance, Login::Http).await?;
    let address = cloud.credential_service.url().to_string();
    for (step, fault, word) in [
        ("createSecret", Fault::LoseRequest, "the connection was"),
        ("testSecret", faults::status(503), "503"),
    ] {
        let credential = OnceCell::new();
        down_before(
            cloud,
            instance,
            &customer,
            step,
            &[&address, word],
            async |version| {
                let credential = credential.get_or_init(|| version.to_owned());
                faults::at_service(cloud, credential, faults::ALWAYS, fault);
                Ok(())
            },
            async || {
                let credential = credential.get().ok_or("the service was not down")?;
                faults::mend_service(cloud, credential);
                Ok(())
            },
        )
        .await?;
    }
    nobody_noticed(customer).await
}

/// A rotation during which the service goes down, before `step`, and comes up again when that has
/// failed: Secrets Manager's next attempt completes it, with one release in all. `words` are what
/// the error must name.
async fn down_before(
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
