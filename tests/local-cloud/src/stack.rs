//! Building the stack, and deploying it the way a user does: `sam deploy`, `aws`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use serde_json::Value;
use strict_aws::ministack::{REGION, ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY};
use tokio::process::Command;
use tools::{Tools, process};
use url::Url;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const TEMPLATE: &str = "infra/template.yaml";

fn reasons(events: &[String]) -> String {
    if events.is_empty() {
        return "CloudFormation tells no reason; see sam's output above".to_owned();
    }
    format!("CloudFormation's reasons:\n{}", events.join("\n"))
}

#[derive(Clone, Debug)]
pub struct Stack {
    tools: Tools,
    workspace: PathBuf,
    endpoint: Url,
    name: String,
    log_dir: PathBuf,
}

/// Builds the functions with all that is built for tests, for this machine, and packs them. The template to deploy, which
/// names the archives where `sam build` would name directories.
///
/// The output goes to `log_dir`. Fails with the end of the build's output.
pub async fn build(workspace: &Path, target: &Path, log_dir: &Path) -> anyhow::Result<PathBuf> {
    let cargo = tools::building(workspace)?;
    let log = log_dir.join("cargo-build.log");
    process::run("cargo build", cargo, &log, None).await?;

    let directory = target.join("sam");
    std::fs::create_dir_all(&directory)?;
    let built = workspace.join(TEMPLATE);
    let built = std::fs::read_to_string(&built).with_context(|| built.display().to_string())?;
    let executables = executables()?;
    let beside = format!("Url: {}/", workspace.display());
    let mut lines = Vec::new();
    for line in built.lines() {
        lines.push(if let Some((indent, function)) = line.split_once(CODE) {
            let archive = directory.join(format!("{function}.zip"));
            let program = executables.join(function);
            pack(&program, &archive).with_context(|| program.display().to_string())?;
            format!("{indent}CodeUri: {}", archive.display())
        } else {
            line.replace("Url: ../", &beside)
        });
    }
    let path = directory.join("template.yaml");
    std::fs::write(&path, lines.join("\n") + "\n")?;
    Ok(path)
}

/// Where the functions are in the template, before the name of the package.
const CODE: &str = "CodeUri: ../functions/";

/// Where cargo puts programs: there is this one, or a directory below it if it is a test.
fn executables() -> io::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let directory = this.parent().unwrap_or(Path::new("."));
    let is_test = directory.ends_with("deps");
    Ok(match directory.parent() {
        Some(above) if is_test => above.to_owned(),
        _ => directory.to_owned(),
    })
}

/// An archive as Lambda takes it. Nothing is compressed: it does not leave the machine.
fn pack(program: &Path, archive: &Path) -> anyhow::Result<()> {
    let mut writer = ZipWriter::new(File::create(archive)?);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o755);
    writer.start_file("bootstrap", options)?;
    io::copy(&mut File::open(program)?, &mut writer)?;
    writer.finish()?;
    Ok(())
}

impl Stack {
    /// Names a stack at the gateway's address. Nothing is deployed yet.
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

    /// Deploys what [`build`] has built, by `sam deploy`.
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
pub fn aws(tools: &Tools, endpoint: &Url) -> Command {
    let mut command = process::command(tools.aws(), Signal::SIGTERM);
    at(&mut command, endpoint);
    // For SQS the environment's is not enough.
    command.args(["--endpoint-url", endpoint.as_str().trim_end_matches('/')]);
    command
}

/// A shell in which a user of the local cloud at this address types `aws` and `sam`. What is built
/// there is built for this machine.
pub fn shell(tools: &Tools, endpoint: &Url) -> Command {
    let mut command = process::command("bash", Signal::SIGTERM);
    at(&mut command, endpoint);
    command.env("PATH", tools.search_path());
    // Plain cargo, with the features of the whole workspace, finds everything built already.
    command
        .env("SAM_BUILD_MODE", "debug")
        .env("CARGO_LAMBDA_COMPILER", "cargo")
        .env("CARGO_LAMBDA_COMPILER_EXTRA_ARGS", "--workspace");
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
