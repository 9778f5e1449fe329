//! MiniStack's process: AWS as [`strict_aws::ministack`] speaks to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use http::Request;
use nix::sys::signal::Signal;
use stand_in::patience::PATIENCE;
use strict_aws::ministack::{
    ACCOUNT_ID, Client, REGION, ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY,
};
use tempfile::TempDir;
use tools::process::{self, HeldPort, Output, Process};
use url::Url;

/// How long it may take to start: a few seconds, more on a machine that compiles meanwhile.
const START: Duration = PATIENCE;
/// Starts it with a resource type that it lacks.
const START_SCRIPT: &str = include_str!("../ministack/start.py");

/// How MiniStack is started.
#[derive(Clone, Debug)]
pub struct MiniStackOptions {
    /// The Python that has it: [`tools::Tools::ministack`].
    pub python: PathBuf,
    /// The gateway's address, which functions get as `AWS_ENDPOINT_URL`.
    pub gateway_endpoint: Url,
    /// Where its log, `ministack.log`, goes.
    pub log_dir: PathBuf,
    /// The pause before Lambda's first retry of a failed asynchronous invocation; the second is
    /// twice as long. AWS [waits one
    /// minute](https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
    pub async_retry_base: Duration,
    /// How long an idle function's process is kept.
    pub warm_time: Duration,
}

impl MiniStackOptions {
    /// Options for tests: quick retries.
    #[must_use]
    pub fn new(python: PathBuf, gateway_endpoint: Url, log_dir: PathBuf) -> Self {
        Self {
            python,
            gateway_endpoint,
            log_dir,
            async_retry_base: Duration::from_secs(1),
            warm_time: Duration::from_mins(5),
        }
    }
}

/// A running MiniStack and the functions it runs. Stopped on drop.
#[derive(Debug)]
pub struct MiniStack {
    process: Process,
    _port: HeldPort,
    client: Client,
    directory: TempDir,
}

impl MiniStack {
    /// Starts a MiniStack that checks signatures and enforces IAM, on a free port of the loopback
    /// interface, with all that it writes in a temporary directory. Waits until it answers.
    ///
    /// Fails with the end of its log if it ends or does not answer in time.
    pub async fn start(options: MiniStackOptions) -> Result<Self> {
        let started = Self::start_on(HeldPort::new()?, &options).await;
        started.context("MiniStack did not start")
    }

    async fn start_on(held: HeldPort, options: &MiniStackOptions) -> Result<Self> {
        let port = held.number();
        let directory = tools::scratch::directory("ministack-")?;
        let client = Client::new(format!("http://127.0.0.1:{port}").parse()?)?;

        let script = directory.path().join("start.py");
        std::fs::write(&script, START_SCRIPT)?;
        let mut command = process::command(&options.python, Signal::SIGTERM);
        command.arg(script).env_clear();
        // The most that a function ever logs, for whoever searches the logs for what must not be there.
        command.env("RUST_LOG", "trace");
        for (name, value) in settings(options, port) {
            command.env(name, value);
        }
        for (name, sub_directory) in [
            ("HOME", "home"),
            ("TMPDIR", "tmp"),
            ("S3_DATA_DIR", "s3"),
            ("STATE_DIR", "state"),
        ] {
            let path = directory.path().join(sub_directory);
            std::fs::create_dir(&path)?;
            command.env(name, path);
        }
        command.current_dir(directory.path());

        let log = options.log_dir.join("ministack.log");
        let mut process = Process::spawn("MiniStack", command, &log).await?;
        process
            .wait_until(START, async |_| is_healthy(&client).await)
            .await?;
        Ok(Self {
            process,
            _port: held,
            client,
            directory,
        })
    }

    /// A root-signed client of it.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its own output, which holds that of asynchronously invoked functions too. What functions
    /// log is in [`Client::all_log_events`].
    #[must_use]
    pub fn output(&self) -> &Output {
        self.process.output()
    }

    /// The directory that holds all it writes, removed when it stops.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Stops it as dropping it does, without blocking the runtime.
    pub async fn stop(self) {
        self.process.stop().await;
    }
}

async fn is_healthy(client: &Client) -> bool {
    let Ok(request) = Request::get("/_ministack/health").body(Bytes::new()) else {
        return false;
    };
    let answer = client.forward(request).await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

fn settings(options: &MiniStackOptions, port: u16) -> Vec<(&'static str, String)> {
    let retry_base = options.async_retry_base.as_secs_f64().to_string();
    let inherited = ["PATH", "LANG"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var(name).ok()?)));
    let mut settings: Vec<_> = [
        ("AUTH", "true"),
        ("AWS_ACCESS_KEY_ID", ROOT_ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", ROOT_SECRET_ACCESS_KEY),
        ("AWS_DEFAULT_REGION", REGION),
        ("MINISTACK_REGION", REGION),
        ("MINISTACK_ACCOUNT_ID", ACCOUNT_ID),
        ("MINISTACK_HOST", "127.0.0.1"),
        ("BIND_HOST", "127.0.0.1"),
        // Listeners on ports of their own, on every interface.
        ("IOT_MTLS_ENABLED", "0"),
        ("SFTP_ENABLED", "0"),
        // A developer's containers are none of its business.
        ("DOCKER_HOST", "unix:///nonexistent/docker.sock"),
        ("LAMBDA_EXECUTOR", "local"),
        ("PERSIST_STATE", "0"),
        ("S3_PERSIST", "0"),
        ("COGNITO_EMAIL_ENABLED", "false"),
        // Functions get it, as all that is here; the services of this stand have no TLS.
        ("ALLOW_PLAIN_TEXT_ON_LOOPBACK", "true"),
        ("SOONEST_SCHEDULE_SECONDS", "0"),
        ("PYTHONUNBUFFERED", "1"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    settings.extend([
        ("GATEWAY_PORT", port.to_string()),
        (
            "AWS_ENDPOINT_URL",
            options
                .gateway_endpoint
                .as_str()
                .trim_end_matches('/')
                .to_owned(),
        ),
        ("LAMBDA_ASYNC_RETRY_BASE_SECONDS", retry_base),
        (
            "LAMBDA_WARM_TTL_SECONDS",
            options.warm_time.as_secs().to_string(),
        ),
    ]);
    settings.extend(inherited);
    settings
}

#[cfg(test)]
mod tests;
