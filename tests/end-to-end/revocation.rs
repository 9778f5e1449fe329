//! Revocations that must wait: the credential is in use again, or something is out of order. And
//! those that must not.

use std::process::Stdio;
use std::sync::Arc;
use std::time::SystemTime;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, Instance};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tools::client;

use crate::support::{
    check, current, document, faults, fire, invoke, live_versions, names, revoke, rotate, schedule,
    spec, store, wait_for,
};
use crate::{GRACE_PERIOD, Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test(
        "revocation::waits_while_heroku_shows_the_old_credential",
        still_shown,
    );
    for (api, name) in [(Api::V1, "v1"), (Api::V3, "v3")] {
        suite.test(
            &format!("revocation::of_a_deprovisioned_addon_{name}"),
            move |cloud| deprovisioned(cloud, format!("goner-{name}"), api),
        );
    }
    suite.test(
        "revocation::leaves_a_credential_to_the_version_that_holds_it_now",
        stored_anew,
    );
    suite.test(
        "revocation::tries_again_when_the_service_refuses",
        service_refuses,
    );
    suite.test("revocation::gives_up_after_a_day_and_says_so", gives_up);
    suite.test("revocation::is_held_while_a_session_is_open", held);
}

/// Waits for the next try's schedule.
async fn postponed(cloud: &Cloud, version: &str, attempt: u32) -> TestResult {
    wait_for(cloud, "the next try's schedule", |_| {
        schedule(cloud, version, attempt).map(drop)
    })
    .await
}

/// Waits until a version's label is off.
async fn revoked(cloud: &Cloud, instance: &Instance, version: &str) -> TestResult {
    wait_for(cloud, "the revocation", |_| {
        let live = live_versions(cloud, instance);
        live.is_ok_and(|live| !live.contains(version)).then_some(())
    })
    .await
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
    // Put right, dynos need the whole grace period once more; then it ends.
    cloud.heroku.set_config(&instance.addon, &new_shown)?;
    let put_right = SystemTime::now();
    fire(&cloud, &old, 1).await?;
    postponed(&cloud, &old, 2).await?;
    let fires_at = schedule(&cloud, &old, 2).and_then(|schedule| schedule.fires_at);
    check(
        fires_at.is_some_and(|at| SystemTime::from(at) >= put_right + GRACE_PERIOD),
        || format!("the grace period was cut short: {fires_at:?}"),
    )?;
    fire(&cloud, &old, 2).await?;
    revoked(&cloud, &instance, &old).await?;
    let live = cloud.live_credentials(&instance).await?;
    check(live.len() == 1, || format!("the service accepts {live:?}"))
}

/// A rollback by value: the old document is stored as a new version and published.
async fn stored_anew(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("restored", Api::V1, Engine::Postgres))
        .await?;
    let (old, value) = (
        current(&cloud, &instance)?,
        document(&cloud, &instance).await?,
    );
    let shown = cloud.heroku.config(&instance.addon)?;
    rotate(&cloud, &instance).await?;
    store(&cloud, &instance, &value).await?;
    cloud.heroku.set_config(&instance.addon, &shown)?;
    fire(&cloud, &old, 0).await?;
    revoked(&cloud, &instance, &old).await?;
    let stored = current(&cloud, &instance)?;
    check(live_versions(&cloud, &instance)?.contains(&stored), || {
        "the label is lost".to_owned()
    })?;
    let live = cloud.live_credentials(&instance).await?;
    check(live.len() == 2, || format!("the service accepts {live:?}"))
}

async fn deprovisioned(cloud: Arc<Cloud>, name: String, api: Api) -> TestResult {
    let instance = cloud.enrol(spec(&name, api, Engine::Http)).await?;
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
    let imported = format!("imported-{}", instance.name);
    faults::at_service(&cloud, &imported, faults::ALWAYS, faults::status(403));
    fire(&cloud, &old, 0).await?;
    postponed(&cloud, &old, 1).await?;
    faults::mend_service(&cloud, &imported);
    check(live_versions(&cloud, &instance)?.contains(&old), || {
        "the label is off".to_owned()
    })?;
    fire(&cloud, &old, 1).await?;
    revoked(&cloud, &instance, &old).await
}

/// A job that runs for longer than the grace period, as a one-off dyno's may.
async fn held(cloud: Arc<Cloud>) -> TestResult {
    let mut spec = spec("held", Api::V3, Engine::Postgres);
    let tag = ("rotation:hold-while-in-use".to_owned(), "3600".to_owned());
    spec.tags.push(tag);
    let instance = cloud.enrol(spec).await?;
    let (old, value) = (
        current(&cloud, &instance)?,
        document(&cloud, &instance).await?,
    );
    let mut job = Job::start(&value)?;
    job.works().await?;
    rotate(&cloud, &instance).await?;
    fire(&cloud, &old, 0).await?;
    postponed(&cloud, &old, 1).await?;
    job.works().await?;
    let next = schedule(&cloud, &old, 1).ok_or("no next try")?;
    names(&next.input, &["\"HeldSeconds\":60"])?;
    job.end().await?;
    fire(&cloud, &old, 1).await?;
    revoked(&cloud, &instance, &old).await?;
    let live = cloud.live_credentials(&instance).await?;
    check(live.len() == 1, || format!("the service accepts {live:?}"))
}

/// One session of an unmodified `psql`.
struct Job {
    client: Child,
    asks: ChildStdin,
    hears: BufReader<ChildStdout>,
}

impl Job {
    fn start(document: &Value) -> Result<Self, Failed> {
        let mut client = client("psql");
        for (variable, field) in [
            ("PGHOST", "host"),
            ("PGUSER", "username"),
            ("PGPASSWORD", "password"),
            ("PGDATABASE", "dbname"),
        ] {
            client.env(variable, document[field].as_str().unwrap_or_default());
        }
        let mut client = client
            .env("PGPORT", document["port"].to_string())
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let asks = client.stdin.take().ok_or("no standard input")?;
        let hears = client.stdout.take().ok_or("no standard output")?;
        Ok(Self {
            client,
            asks,
            hears: BufReader::new(hears),
        })
    }

    async fn works(&mut self) -> TestResult {
        self.asks.write_all(b"SELECT 6 * 7;\n").await?;
        let mut line = String::new();
        self.hears.read_line(&mut line).await?;
        check(line.trim() == "42", || {
            format!("the session is not open: {line:?}")
        })
    }

    async fn end(mut self) -> TestResult {
        drop(self.asks);
        self.client.wait().await?;
        Ok(())
    }
}

async fn gives_up(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("forever", Api::V1, Engine::Http)).await?;
    let version = current(&cloud, &instance)?;
    let imported = cloud.heroku.config(&instance.addon)?;
    rotate(&cloud, &instance).await?;
    cloud.heroku.set_config(&instance.addon, &imported)?;
    // Heroku shows it: it is in use, and no try is left.
    let event = json!({ "SecretId": instance.secret_arn, "VersionId": version, "Attempt": 40 });
    let error = invoke(&cloud, "revoke-secret", &event)
        .await?
        .ok_or("it does not say so")?;
    names(
        &error,
        &[
            "was not revoked within a day",
            &version,
            "Heroku still shows its",
        ],
    )
}
