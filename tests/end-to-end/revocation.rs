//! A revocation that must wait, in the deployed stack. All others: the library's `steps/postponed.rs` and
//! `steps/revocation.rs`.

use std::process::Stdio;
use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tools::client;

use crate::support::{
    check, current, document, fire, names, revoke_at, rotate, schedule, spec, wait_for,
};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("revocation::is_held_while_a_session_is_open", held);
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
    let next = wait_for(&cloud, "the next try's schedule", |_| {
        schedule(&cloud, &old, 1)
    })
    .await?;
    job.works().await?;
    names(&next.input, &["\"HeldSeconds\":60"])?;
    job.end().await?;
    revoke_at(&cloud, &old, 1).await?;
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
