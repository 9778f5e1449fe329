//! MiniStack's process: AWS as [`strict_aws::ministack`] speaks to it.

use std::path::Path;

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use http::Request;
use nix::sys::signal::Signal;
use stand_in::patience::PATIENCE;
use strict_aws::ministack::{
    ACCOUNT_ID, Client, REGION, ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY,
};
use tempfile::TempDir;
use tools::process::{self, HeldPort, Process};
use url::Url;

/// Starts it with a resource type that it lacks.
const START_SCRIPT: &str = include_str!("../ministack/start.py");

/// A running MiniStack and the functions it runs. Stopped on drop.
#[derive(Debug)]
pub struct MiniStack {
    process: Process,
    _port: HeldPort,
    client: Client,
    _directory: TempDir,
}

impl MiniStack {
    /// Starts a MiniStack that checks signatures and enforces IAM, on a free port of the loopback
    /// interface, with all that it writes in a temporary directory. Waits until it answers.
    ///
    /// Fails with the end of its log if it ends or does not answer in time.
    ///
    /// `python` has it: [`tools::Tools::ministack`]. Functions get the gateway's address as `AWS_ENDPOINT_URL`. Its log,
    /// `ministack.log`, goes to `log_dir`.
    pub async fn start(python: &Path, gateway: &Url, log_dir: &Path) -> Result<Self> {
        let held = HeldPort::new()?;
        let port = held.number();
        let directory = tools::scratch::directory("ministack-")?;
        let client = Client::new(format!("http://127.0.0.1:{port}").parse()?)?;

        let script = directory.path().join("start.py");
        std::fs::write(&script, START_SCRIPT)?;
        let mut command = process::command(python, Signal::SIGTERM);
        command.arg(script).env_clear();
        // The most that a function ever logs, for whoever searches the logs for what must not be there.
        command.env("RUST_LOG", "trace");
        for (name, value) in settings(gateway, port) {
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

        let log = log_dir.join("ministack.log");
        let mut process = Process::spawn("MiniStack", command, &log).await?;
        let started = process.wait_until(PATIENCE, async |_| is_healthy(&client).await);
        started.await.context("MiniStack did not start")?;
        Ok(Self {
            process,
            _port: held,
            client,
            _directory: directory,
        })
    }

    pub fn client(&self) -> &Client {
        &self.client
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

fn settings(gateway: &Url, port: u16) -> Vec<(&'static str, String)> {
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
        // AWS waits a minute: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
        ("LAMBDA_ASYNC_RETRY_BASE_SECONDS", "1"),
        ("LAMBDA_WARM_TTL_SECONDS", "300"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    let gateway = gateway.as_str().trim_end_matches('/').to_owned();
    settings.extend([
        ("GATEWAY_PORT", port.to_string()),
        ("AWS_ENDPOINT_URL", gateway),
    ]);
    settings.extend(inherited);
    settings
}

#[cfg(test)]
mod tests;
