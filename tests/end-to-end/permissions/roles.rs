//! The deployed roles, and their policies without one permission.

use std::collections::BTreeMap;

use libtest_mimic::Failed;
use local_cloud::cloud::{Cloud, STACK};
use serde_json::{Value, json};

use crate::TestResult;
use crate::support::{aws, check, invoke, names};

/// A role as deployed.
pub(super) struct Role {
    pub(super) arn: String,
    name: String,
    policy_name: String,
    pub(super) policy: Value,
}

/// The deployed roles by logical id.
pub(super) async fn roles(cloud: &Cloud) -> Result<BTreeMap<String, Role>, Failed> {
    let describe = "cloudformation describe-stack-resources --stack-name";
    let answer = aws(cloud, describe, &[STACK]).await?;
    let mut roles = BTreeMap::new();
    for resource in answer["StackResources"].as_array().into_iter().flatten() {
        if resource["ResourceType"] != "AWS::IAM::Role" {
            continue;
        }
        let name = resource["PhysicalResourceId"]
            .as_str()
            .ok_or("a role without a name")?
            .to_owned();
        let named = ["--role-name", &name];
        let role = aws(cloud, "iam get-role", &named).await?;
        let policies = aws(cloud, "iam list-role-policies", &named).await?;
        let attached = aws(cloud, "iam list-attached-role-policies", &named).await?;
        check(attached["AttachedPolicies"] == json!([]), || {
            format!("{name} has managed policies: {attached}")
        })?;
        let [policy_name] = policies["PolicyNames"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
        else {
            return Err(format!("{name} has not one policy: {policies}").into());
        };
        let policy_name = policy_name.as_str().unwrap_or_default().to_owned();
        let get = format!("iam get-role-policy --policy-name {policy_name}");
        let policy = aws(cloud, &get, &named).await?;
        let logical = resource["LogicalResourceId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let role = Role {
            arn: role["Role"]["Arn"]
                .as_str()
                .ok_or("a role without an ARN")?
                .to_owned(),
            name,
            policy_name,
            policy: policy["PolicyDocument"].clone(),
        };
        roles.insert(logical, role);
    }
    check(roles.len() == 13, || {
        format!("{} roles are deployed", roles.len())
    })?;
    Ok(roles)
}

impl Role {
    pub(super) async fn put(&self, cloud: &Cloud, policy: &Value) -> TestResult {
        let of_role = format!(
            "--role-name {} --policy-name {}",
            self.name, self.policy_name
        );
        let put = format!("iam put-role-policy {of_role} --policy-document");
        aws(cloud, &put, &[&policy.to_string()]).await.map(drop)
    }

    /// The policy without a statement, by its `Sid`.
    pub(super) fn without(policy: &Value, sid: &str) -> Value {
        let mut policy = policy.clone();
        if let Some(statements) = policy["Statement"].as_array_mut() {
            statements.retain(|statement| statement["Sid"] != sid);
        }
        policy
    }

    pub(super) async fn restore(&self, cloud: &Cloud) -> TestResult {
        self.put(cloud, &self.policy).await
    }

    /// Without what was removed the function fails and says so. What was tried.
    pub(super) async fn needs(
        &self,
        cloud: &Cloud,
        removed: &Removed,
        function: &str,
        event: &Value,
    ) -> Result<String, Failed> {
        self.put(cloud, &removed.policy).await?;
        let error = invoke(cloud, function, event).await;
        self.restore(cloud).await?;
        removed.is_named(function, error?)
    }

    /// Each permission on its own: the policy without it, and what was removed.
    pub(super) fn without_each(&self) -> Vec<Removed> {
        let mut all = Vec::new();
        let statements = self.policy["Statement"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for (index, statement) in statements.iter().enumerate() {
            let sid = statement["Sid"].as_str().unwrap_or_default().to_owned();
            for (list, other) in [("Action", "Resource"), ("Resource", "Action")] {
                let Some(entries) = statement[list].as_array() else {
                    continue;
                };
                if list == "Resource" && entries.len() == 1 {
                    continue;
                }
                for entry in entries {
                    let rest: Vec<_> = entries
                        .iter()
                        .filter(|other| *other != entry)
                        .cloned()
                        .collect();
                    let mut policy = self.policy.clone();
                    if rest.is_empty() {
                        if let Some(statements) = policy["Statement"].as_array_mut() {
                            statements.remove(index);
                        }
                    } else {
                        policy["Statement"][index][list] = Value::Array(rest);
                    }
                    let entry = entry.as_str().unwrap_or_default().to_owned();
                    let action = if list == "Action" {
                        entry.clone()
                    } else {
                        statement[other][0].as_str().unwrap_or_default().to_owned()
                    };
                    all.push(Removed {
                        sid: sid.clone(),
                        action,
                        entry,
                        policy,
                    });
                }
            }
        }
        all
    }
}

/// A policy that lacks one permission.
pub(super) struct Removed {
    pub(super) sid: String,
    pub(super) action: String,
    pub(super) entry: String,
    pub(super) policy: Value,
}

impl Removed {
    /// AWS uses these in the role's name, no function does; `powers` shows that they are there. MiniStack's DynamoDB
    /// does not ask for its key.
    pub(super) fn is_used_by_aws(&self) -> bool {
        let services = ["logs:", "sqs:", "ec2:", "xray:"];
        let mut services = services.iter();
        self.sid == "DecryptTokens" || services.any(|service| self.action.starts_with(service))
    }

    /// An instance of today needs none of these: see `fleet::earlier_tokens`.
    pub(super) fn is_for_earlier_tokens(&self) -> bool {
        self.sid.ends_with("EarlierTokens")
    }

    /// Nothing depends on these: what lacks them is said to nobody, and logged (`button.rs`).
    pub(super) fn is_dispensable(&self) -> bool {
        self.action == "events:PutEvents"
    }

    /// The error of a function that lacks it names it. What was tried.
    pub(super) fn is_named(&self, function: &str, error: Option<String>) -> Result<String, Failed> {
        let what = format!(
            "{function} without {} ({}, {})",
            self.action, self.sid, self.entry
        );
        let error = error.ok_or_else(|| format!("{what} still works"))?;
        names(&error, &self.denial()).map_err(|_| format!("{what} fails with {error:?}"))?;
        Ok(what)
    }

    /// What the error of a function says that lacks it.
    fn denial(&self) -> [&str; 2] {
        let what = if self.action.starts_with("kms:") {
            // Secrets Manager does not say which right it lacked.
            "Access to KMS is not allowed"
        } else {
            &self.action
        };
        ["AccessDenied", what]
    }
}

pub(super) fn role<'a>(roles: &'a BTreeMap<String, Role>, id: &str) -> Result<&'a Role, Failed> {
    roles
        .get(id)
        .ok_or_else(|| format!("no role {id} is deployed").into())
}
