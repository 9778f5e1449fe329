//! Somebody with a role of their own: an operator, or the partner's backend.

use std::sync::atomic::{AtomicU64, Ordering};

use libtest_mimic::Failed;
use local_cloud::cloud::Cloud;
use serde_json::{Value, json};
use tokio::process::Command;
use tools::process;

use crate::TestResult;
use crate::support::aws;

/// A role with policies of the stack's, and the credentials of a session in it.
pub(crate) struct Person {
    role: String,
    policies: &'static [&'static str],
    environment: Vec<(&'static str, String)>,
}

impl Person {
    /// With these managed policies, as the stack's outputs name them.
    pub(crate) async fn new(
        cloud: &Cloud,
        policies: &'static [&'static str],
    ) -> Result<Self, Failed> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let role = format!("person-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "AWS": "arn:aws:iam::000000000000:root" },
                "Action": "sts:AssumeRole",
            }],
        })
        .to_string();
        let create = format!("iam create-role --role-name {role} --assume-role-policy-document");
        let made = aws(cloud, &create, &[&trust]).await?;
        for policy in policies {
            let attach = format!("iam attach-role-policy --role-name {role} --policy-arn");
            aws(cloud, &attach, &[cloud.output(policy)?]).await?;
        }
        let arn = made["Role"]["Arn"].as_str().ok_or("no ARN")?;
        let assume = "sts assume-role --role-session-name on-call --role-arn";
        let assumed = aws(cloud, assume, &[arn]).await?;
        let text = |name: &str| {
            let text = assumed["Credentials"][name].as_str();
            text.unwrap_or_default().to_owned()
        };
        let endpoint = cloud.gateway.endpoint().as_str().trim_end_matches('/');
        Ok(Self {
            role,
            policies,
            environment: vec![
                ("AWS_ENDPOINT_URL", endpoint.to_owned()),
                ("AWS_REGION", "us-east-1".to_owned()),
                ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
                ("AWS_ACCESS_KEY_ID", text("AccessKeyId")),
                ("AWS_SECRET_ACCESS_KEY", text("SecretAccessKey")),
                ("AWS_SESSION_TOKEN", text("SessionToken")),
            ],
        })
    }

    /// Gives the role a policy beside the stack's.
    pub(crate) async fn may(&self, cloud: &Cloud, name: &str, policy: &Value) -> TestResult {
        let put = format!(
            "iam put-role-policy --role-name {} --policy-name",
            self.role
        );
        let policy = [name, "--policy-document", &policy.to_string()];
        aws(cloud, &put, &policy).await.map(drop)
    }

    /// Has a command run as this person, and as nobody else.
    pub(crate) fn equip(&self, command: &mut Command) {
        process::forget_aws(command);
        command.envs(self.environment.iter().cloned());
    }

    /// Takes the policies off the role: the stack's end would find them in use.
    pub(crate) async fn dismiss(self, cloud: &Cloud) -> TestResult {
        for policy in self.policies {
            let detach = format!(
                "iam detach-role-policy --role-name {} --policy-arn",
                self.role
            );
            aws(cloud, &detach, &[cloud.output(policy)?]).await?;
        }
        Ok(())
    }
}
