//! Building and deploying the stack the way a user does: `sam build`, `sam deploy`, `aws`.

use anyhow::Context as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::process::Command;
use url::Url;

use crate::ministack::{REGION, ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY};
use crate::process;
use crate::tools::Tools;

/// The template, within the workspace.
const TEMPLATE: &str = "infra/template.yaml";

/// How the functions are built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BuildMode {
    /// Cargo's dev profile with the machine's own linker, in one go with all that is built for tests,
    /// so that nothing is compiled twice. For this machine only.
    #[default]
    Debug,
    /// As a user builds for AWS: `sam build`, the release profile, linked by zig for Amazon Linux.
    Release,
}

fn reasons(events: &[String]) -> String {
    if events.is_empty() {
        return "CloudFormation tells no reason; see sam's output above".to_owned();
    }
    format!("CloudFormation's reasons:\n{}", events.join("\n"))
}

/// A stack and where it is.
#[derive(Clone, Debug)]
pub struct Stack {
    tools: Tools,
    workspace: PathBuf,
    endpoint: Url,
    name: String,
    log_dir: PathBuf,
}

/// Builds the functions by `sam build`. The template to deploy.
///
/// The output goes to `log_dir`. Fails with the end of the build's output.
pub async fn sam_build(
    workspace: &Path,
    tools: &Tools,
    mode: BuildMode,
    log_dir: &Path,
) -> anyhow::Result<PathBuf> {
    let built = tools.target().join("sam");
    if mode == BuildMode::Debug {
        // All at once: sam would build one after the other.
        let mut cargo = process::command("cargo", Signal::SIGTERM);
        process::forget_cargo(cargo.as_std_mut());
        cargo
            .args(["build", "--workspace", "--bins"])
            // Where cargo-lambda, which always names a target, looks.
            .env("CARGO_BUILD_TARGET", "host-tuple")
            .current_dir(workspace);
        let log = log_dir.join("cargo-build.log");
        process::run("cargo build", cargo, &log, None).await?;
    }
    let mut sam = sam(tools);
    sam.args(["build", "-t", TEMPLATE, "--build-dir"])
        .arg(&built)
        .current_dir(workspace);
    if mode == BuildMode::Debug {
        build_for_this_machine(&mut sam);
    }
    let log = log_dir.join("sam-build.log");
    process::run("sam build", sam, &log, None).await?;
    Ok(built.join("template.yaml"))
}

impl Stack {
    /// Names a stack at the gateway's address. Nothing is deployed yet.
    #[must_use]
    pub fn new(
        tools: Tools,
        workspace: PathBuf,
        endpoint: Url,
        name: impl Into<String>,
        log_dir: PathBuf,
    ) -> Self {
        Self {
            tools,
            workspace,
            endpoint,
            name: name.into(),
            log_dir,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Deploys what [`sam_build`] has built, by `sam deploy`.
    ///
    /// Fails with CloudFormation's own reasons.
    pub async fn deploy(
        &self,
        template: &Path,
        parameters: &[(String, String)],
    ) -> anyhow::Result<()> {
        let mut sam = sam(&self.tools);
        at(&mut sam, &self.endpoint);
        sam.arg("deploy")
            .arg("--template-file")
            .arg(template)
            .args(["--stack-name", &self.name, "--resolve-s3"])
            .args(["--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"])
            .args(["--no-progressbar", "--no-fail-on-empty-changeset"])
            .args(["--region", REGION])
            .current_dir(&self.workspace);
        if !parameters.is_empty() {
            sam.arg("--parameter-overrides");
            for (name, value) in parameters {
                sam.arg(format!("{name}={value}"));
            }
        }
        let log = self.log_dir.join(format!("sam-deploy-{}.log", self.name));
        let deployed = process::run("sam deploy", sam, &log, None).await;
        let Err(source) = deployed else {
            return Ok(());
        };
        // The reasons explain a failure; that they cannot be had is not another one.
        let events = self.failed_events().await.unwrap_or_default();
        anyhow::bail!(
            "stack {} could not be deployed: {source:#}\n{}",
            self.name,
            reasons(&events)
        )
    }

    /// Its outputs, by name.
    pub async fn outputs(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let stacks = self.cloudformation("describe-stacks").await?;
        let outputs = stacks
            .pointer("/Stacks/0/Outputs")
            .and_then(Value::as_array);
        Ok(outputs
            .into_iter()
            .flatten()
            .filter_map(|output| {
                let text = |name: &str| Some(output.get(name)?.as_str()?.to_owned());
                Some((text("OutputKey")?, text("OutputValue")?))
            })
            .collect())
    }

    async fn failed_events(&self) -> anyhow::Result<Vec<String>> {
        let events = self.cloudformation("describe-stack-events").await?;
        let events = events.get("StackEvents").and_then(Value::as_array);
        Ok(events
            .into_iter()
            .flatten()
            .filter_map(|event| {
                let text = |name: &str| event.get(name).and_then(Value::as_str);
                let status = text("ResourceStatus").filter(|status| status.contains("FAILED"))?;
                let resource = text("LogicalResourceId").unwrap_or_default();
                let reason = text("ResourceStatusReason").unwrap_or_default();
                Some(format!("{resource}: {status}: {reason}"))
            })
            .collect())
    }

    async fn cloudformation(&self, operation: &str) -> anyhow::Result<Value> {
        let mut aws = aws(&self.tools, &self.endpoint);
        aws.args(["cloudformation", operation, "--stack-name", &self.name])
            .args(["--output", "json"]);
        let log = self
            .log_dir
            .join(format!("aws-{operation}-{}.log", self.name));
        let output = process::run("aws cloudformation", aws, &log, None).await?;
        serde_json::from_str(&output.lines().join("\n"))
            .context("aws cloudformation answered unexpectedly")
    }
}

/// The AWS command line as the root user of the local cloud at this address, and as nobody else.
#[must_use]
pub fn aws(tools: &Tools, endpoint: &Url) -> Command {
    let mut command = process::command(tools.aws(), Signal::SIGTERM);
    at(&mut command, endpoint);
    // For SQS the environment's is not enough.
    command.args(["--endpoint-url", endpoint.as_str().trim_end_matches('/')]);
    command
}

/// A shell in which a user of the local cloud at this address types `aws` and `sam`. What is built
/// there is built for this machine: [`BuildMode::Debug`].
#[must_use]
pub fn shell(tools: &Tools, endpoint: &Url) -> Command {
    let mut command = process::command("bash", Signal::SIGTERM);
    at(&mut command, endpoint);
    command.env("PATH", tools.search_path());
    build_for_this_machine(&mut command);
    command
}

fn sam(tools: &Tools) -> Command {
    let mut command = process::command(tools.sam(), Signal::SIGTERM);
    process::forget_aws(&mut command);
    process::forget_cargo(command.as_std_mut());
    command
        .env("PATH", tools.search_path())
        .env("SAM_CLI_TELEMETRY", "0")
        .env("AWS_DEFAULT_REGION", REGION);
    command
}

/// Plain cargo, with the features of the whole workspace, finds everything built already.
fn build_for_this_machine(command: &mut Command) {
    command
        .env("SAM_BUILD_MODE", "debug")
        .env("CARGO_LAMBDA_COMPILER", "cargo")
        .env("CARGO_LAMBDA_COMPILER_EXTRA_ARGS", "--workspace");
}

/// Root's credentials at this address.
fn at(command: &mut Command, endpoint: &Url) {
    process::forget_aws(command);
    command
        .env("AWS_ENDPOINT_URL", endpoint.as_str().trim_end_matches('/'))
        .env("AWS_ACCESS_KEY_ID", ROOT_ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", ROOT_SECRET_ACCESS_KEY)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_REGION", REGION)
        .env("AWS_PAGER", "")
        .env("SAM_CLI_TELEMETRY", "0");
}
