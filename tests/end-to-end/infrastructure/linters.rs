//! cfn-lint, checkov and `sam validate --lint` have nothing to say about the templates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::Cloud;
use tokio::process::Command;

use crate::support::{check, workspace};
use crate::{Suite, TestResult};

const TEMPLATES: [&str; 2] = ["infra/template.yaml", "infra/addon-secret.yaml"];

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("infrastructure::cfn_lint_finds_nothing", cfn_lint);
    suite.test("infrastructure::checkov_finds_nothing", checkov);
    suite.test("infrastructure::sam_validates_the_template", sam_validate);
    suite.test("infrastructure::no_layer_is_of_another_account", own_layers);
}

async fn cfn_lint(cloud: Arc<Cloud>) -> TestResult {
    let mut command = Command::new(cloud.tools.cfn_lint());
    command.args(TEMPLATES);
    finds_nothing(&mut command).await?;
    // It would.
    let broken = broken_template(&cloud, "Runtime: provided.al2023", "Runtime: provided.al2")?;
    let mut command = Command::new(cloud.tools.cfn_lint());
    finds(command.arg(&broken), "provided.al2").await
}

/// It has no network here, nor needs one.
async fn checkov(cloud: Arc<Cloud>) -> TestResult {
    let progress = Arc::new(|line: &str| println!("{line}"));
    let program = tools::ensure_checkov(cloud.tools.target(), progress).await?;
    let checkov = || {
        let mut command = Command::new(&program);
        command.args(["--framework", "cloudformation", "--skip-download"]);
        command.args(["--compact", "--quiet"]);
        command
    };
    let mut command = checkov();
    for template in TEMPLATES {
        command.args(["--file", template]);
    }
    finds_nothing(&mut command).await?;
    let broken = broken_template(
        &cloud,
        "          - id: CKV_AWS_27\n",
        "          - id: CKV_AWS_1\n",
    )?;
    finds(checkov().arg("--file").arg(&broken), "CKV_AWS_27").await
}

async fn sam_validate(cloud: Arc<Cloud>) -> TestResult {
    let validate = |directory: &Path| {
        let mut command = Command::new(cloud.tools.sam());
        command
            .args(["validate", "--lint", "--region", "us-east-1"])
            .env("SAM_CLI_TELEMETRY", "0")
            .current_dir(directory);
        command
    };
    // In infra/, as its README says.
    finds_nothing(&mut validate(&workspace().join("infra"))).await?;
    let broken = broken_template(&cloud, "Type: AWS::SQS::Queue\n", "Type: AWS::SQS::Quue\n")?;
    let directory = broken.parent().ok_or("no directory")?;
    finds(&mut validate(directory), "AWS::SQS::Quue").await
}

/// No parameter names a layer's ARN: each is made of the account and the region that the stack is in.
async fn own_layers(_: Arc<Cloud>) -> TestResult {
    let text = std::fs::read_to_string(workspace().join(TEMPLATES[0]))?;
    let own = "[!Sub \"arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:layer:${CaBundleLayer}\"]";
    let layers = text.matches("Layers:").count();
    let own = text
        .matches(&format!("Layers: !If [HasCaBundle, {own}, "))
        .count();
    check(layers == own && own > 0, || {
        format!("{own} of {layers} functions have a layer of their own account")
    })?;
    // A name cannot hold what an ARN, or anything else than one layer, needs.
    let (_, parameter) = text
        .split_once("\n  CaBundleLayer:\n")
        .ok_or("no parameter")?;
    let pattern = "    AllowedPattern: \"^$|^[A-Za-z0-9_-]{1,140}:[1-9][0-9]*$\"\n";
    let (parameter, _) = parameter
        .split_once("\n  Architecture:")
        .unwrap_or_default();
    check(parameter.contains(pattern), || parameter.to_owned())
}

/// A copy of the template with a mistake in it, in a directory of its own.
fn broken_template(cloud: &Cloud, right: &str, wrong: &str) -> Result<PathBuf, Failed> {
    let text = std::fs::read_to_string(workspace().join(TEMPLATES[0]))?;
    check(text.contains(right), || {
        format!("no {right:?} in the template")
    })?;
    let digits = wrong
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>();
    let directory = cloud.logs().join("broken").join(digits);
    std::fs::create_dir_all(&directory)?;
    let path = directory.join("template.yaml");
    std::fs::write(&path, text.replacen(right, wrong, 1))?;
    Ok(path)
}

async fn finds_nothing(command: &mut Command) -> TestResult {
    let (succeeded, output) = output(command).await?;
    check(succeeded, || output)
}

async fn finds(command: &mut Command, mistake: &str) -> TestResult {
    let (succeeded, output) = output(command).await?;
    check(!succeeded && output.contains(mistake), || {
        format!("{mistake} was not found: {output}")
    })
}

async fn output(command: &mut Command) -> Result<(bool, String), Failed> {
    if command.as_std().get_current_dir().is_none() {
        command.current_dir(workspace());
    }
    let output = command.output().await?;
    let text = [output.stdout, output.stderr].concat();
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}
