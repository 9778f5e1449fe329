//! The partner's AWS account before the stack is there: the secrets that exist once, and what the
//! template's optional parameters name.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::process::Command;
use uuid::Uuid;

use super::STACK;
use crate::ministack;

/// What the account has.
#[derive(Default)]
pub(super) struct Account {
    /// The template's parameters that name it.
    pub(super) parameters: Vec<(&'static str, String)>,
    /// The ARN of the secret with the login of the `http` service's administrator.
    pub(super) administrator: Option<String>,
    /// The customer-managed key of all secrets.
    key: Option<String>,
}

impl Account {
    /// The ARN of the secret with the login of the `http` service's administrator.
    pub(super) fn administrator(&self) -> anyhow::Result<&str> {
        self.administrator
            .as_deref()
            .context("the account has no secret of the service's administrator yet")
    }

    /// Makes what the optional parameters name, with the AWS CLI.
    pub(super) async fn set_all(&mut self, aws: &impl Fn() -> Command) -> anyhow::Result<()> {
        let made = async |arguments: &[&str], pointer: &str| {
            let answer = run(aws(), arguments).await?;
            let made = answer.pointer(pointer).and_then(Value::as_str);
            made.map(ToOwned::to_owned)
                .with_context(|| not_json(&line(arguments)))
        };
        let key = made(
            &["kms", "create-key", "--description", "secrets"],
            "/KeyMetadata/Arn",
        );
        let key = key.await?;
        let log_key = made(
            &["kms", "create-key", "--description", "logs"],
            "/KeyMetadata/Arn",
        );
        let log_key = log_key.await?;
        let topic = made(&["sns", "create-topic", "--name", "alarms"], "/TopicArn").await?;
        let vpc = made(
            &["ec2", "create-vpc", "--cidr-block", "10.0.0.0/16"],
            "/Vpc/VpcId",
        )
        .await?;
        let subnet = [
            "ec2",
            "create-subnet",
            "--vpc-id",
            &vpc,
            "--cidr-block",
            "10.0.1.0/24",
        ];
        let subnet = made(&subnet, "/Subnet/SubnetId").await?;
        let group = [
            "ec2",
            "create-security-group",
            "--vpc-id",
            &vpc,
            "--group-name",
            STACK,
            "--description",
            "functions",
        ];
        let group = made(&group, "/GroupId").await?;
        self.key = Some(key.clone());
        self.parameters.extend([
            ("SecretsKmsKeyArn", key),
            ("LogKmsKeyArn", log_key),
            ("AlarmTopicArn", topic),
            ("DetailedMetrics", "true".to_owned()),
            ("SubnetIds", subnet),
            ("SecurityGroupIds", group),
            ("AllowPrivateAddresses", "true".to_owned()),
            ("Tracing", "Active".to_owned()),
            ("ReservedConcurrentExecutions", "20".to_owned()),
            ("LogRetentionInDays", "30".to_owned()),
        ]);
        Ok(())
    }

    /// Stores a secret under the account's key; its ARN.
    pub(super) async fn create_secret(
        &self,
        root: &ministack::Client,
        name: &str,
        value: &Value,
        tags: &[(String, String)],
    ) -> anyhow::Result<String> {
        let tags: Vec<_> = tags
            .iter()
            .map(|(key, value)| json!({ "Key": key, "Value": value }))
            .collect();
        let mut body = json!({
            "Name": name,
            "SecretString": value.to_string(),
            "Tags": tags,
            "ClientRequestToken": Uuid::new_v4().to_string(),
        });
        if let Some(key) = &self.key {
            body["KmsKeyId"] = key.as_str().into();
        }
        let answer = root
            .json_call("secretsmanager", "secretsmanager.CreateSecret", &body)
            .await?;
        answer["ARN"]
            .as_str()
            .map(ToOwned::to_owned)
            .with_context(|| not_json("CreateSecret"))
    }
}

/// Runs the AWS CLI; its output, read as JSON, `null` if there is none.
pub(super) async fn run(command: Command, arguments: &[&str]) -> anyhow::Result<Value> {
    let output = print(command, &[arguments, &["--output", "json"]].concat()).await?;
    if output.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&output).with_context(|| not_json(&line(arguments)))
}

/// Runs the AWS CLI; what it printed.
pub(super) async fn print(mut command: Command, arguments: &[&str]) -> anyhow::Result<String> {
    let output = command.args(arguments).output().await;
    let output = output.with_context(|| format!("aws {}", line(arguments)))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = [output.stdout, output.stderr].concat();
    let message = String::from_utf8_lossy(&message);
    bail!("aws {}: {}", line(arguments), message.trim())
}

pub(super) fn not_json(command: &str) -> String {
    format!("the answer to `{command}` is not the JSON that AWS documents")
}

/// Service and command.
fn line(arguments: &[&str]) -> String {
    arguments
        .iter()
        .take(2)
        .copied()
        .collect::<Vec<_>>()
        .join(" ")
}
