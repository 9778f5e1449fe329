//! The partner's AWS account before the stack is there: the secrets that exist once, and what the
//! template's optional parameters name.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use strict_aws::ministack;
use tokio::process::Command;
use uuid::Uuid;

use super::STACK;

#[derive(Default)]
pub(super) struct Account {
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

    pub(super) async fn set_all(&mut self, root: &ministack::Client) -> anyhow::Result<()> {
        const EC2: (&str, &str) = ("ec2", "2016-11-15");
        const SNS: (&str, &str) = ("sns", "2010-03-31");
        let key = async || {
            let answer = root
                .json_call("kms", "TrentService.CreateKey", &json!({}))
                .await?;
            let key = answer.pointer("/KeyMetadata/Arn").and_then(Value::as_str);
            key.map(ToOwned::to_owned)
                .with_context(|| not_json("CreateKey"))
        };
        let (key, log_key) = (key().await?, key().await?);
        let topic = root.make(SNS, "CreateTopic", &[("Name", "alarms")], "TopicArn");
        let topic = topic.await?;
        let vpc = root.make(EC2, "CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "vpcId");
        let vpc = vpc.await?;
        let subnet = [("VpcId", vpc.as_str()), ("CidrBlock", "10.0.1.0/24")];
        let subnet = root.make(EC2, "CreateSubnet", &subnet, "subnetId").await?;
        let group = [
            ("VpcId", vpc.as_str()),
            ("GroupName", STACK),
            ("GroupDescription", "functions"),
        ];
        let group = root.make(EC2, "CreateSecurityGroup", &group, "groupId");
        let group = group.await?;
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

fn line(arguments: &[&str]) -> String {
    arguments
        .iter()
        .take(2)
        .copied()
        .collect::<Vec<_>>()
        .join(" ")
}
