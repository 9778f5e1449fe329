//! A secret as far as policies look at it, the requests that there are about it, and what each changes.

use std::collections::BTreeMap;

use local_cloud::cloud::STACK;
use serde_json::{Value, json};
use strict_aws::secrets_manager::SecretSnapshot;

/// What a policy's conditions can ask of a secret. `None` is one that is not there.
pub(super) type State = Option<Secret>;

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Secret {
    pub(super) tags: BTreeMap<String, String>,
    pub(super) function: Option<String>,
    /// Whether the one whose policies are searched has made it: what becomes of it is his own affair.
    pub(super) is_own: bool,
}

/// Two tags decide about a secret, and the function that rotates it.
const TAGS: [&str; 2] = ["rotation:stack", "rotation:oauth-of"];

/// This stack's, and another's.
const STACKS: [&str; 2] = [STACK, "another"];

/// The ARNs of this stack's rotation function, and of another one.
pub(super) type Functions<'a> = [&'a str; 2];

/// Every state that a secret can be in which somebody else has made, and that there is none.
pub(super) fn beginnings(functions: Functions<'_>) -> Vec<State> {
    let mut secrets = vec![Secret::default()];
    for tag in TAGS {
        for secret in secrets.clone() {
            secrets.extend(STACKS.map(|stack| {
                let mut secret = secret.clone();
                secret.tags.insert(tag.to_owned(), stack.to_owned());
                secret
            }));
        }
    }
    for secret in secrets.clone() {
        secrets.extend(functions.map(|function| Secret {
            function: Some(function.to_owned()),
            ..secret.clone()
        }));
    }
    secrets.into_iter().map(Some).chain([None]).collect()
}

impl Secret {
    /// As the local cloud's gateway knows it.
    pub(super) fn snapshot(&self, name: &str) -> SecretSnapshot {
        SecretSnapshot {
            arn: arn(name),
            name: name.to_owned(),
            kms_key_id: None,
            versions: Vec::new(),
            tags: self.tags.clone(),
            rotation_enabled: self.function.is_some(),
            rotation_lambda_arn: self.function.clone(),
            rotation_runs: false,
            last_rotated: None,
            next_rotation: None,
            deletion: None,
        }
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-AbCdEf")
}

/// A request to Secrets Manager.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) operation: &'static str,
    pub(super) parameters: Value,
}

impl Request {
    /// How a path tells it.
    pub(super) fn name(&self) -> String {
        let mut parameters = self.parameters.clone();
        if let Value::Object(parameters) = &mut parameters {
            parameters.remove("SecretId");
            parameters.remove("Name");
        }
        format!("{} {parameters}", self.operation)
    }

    /// Whether it is about a secret that is there.
    pub(super) fn fits(&self, state: &State) -> bool {
        (self.operation == "CreateSecret") == state.is_none()
    }

    /// What a secret can be after it. More than one where nobody knows what AWS does.
    pub(super) fn effects(&self, state: &State) -> Vec<State> {
        let Some(secret) = state else {
            return vec![Some(Secret {
                tags: self.tags(),
                is_own: true,
                ..Secret::default()
            })];
        };
        let mut secret = secret.clone();
        match self.operation {
            "TagResource" => secret.tags.extend(self.tags()),
            "UntagResource" => {
                let keys = self.parameters["TagKeys"].as_array();
                for key in keys.into_iter().flatten().filter_map(Value::as_str) {
                    secret.tags.remove(key);
                }
            }
            "RotateSecret" => {
                if let Some(function) = self.parameters["RotationLambdaARN"].as_str() {
                    secret.function = Some(function.to_owned());
                }
            }
            // Whether the function's ARN stays is nowhere said.
            "CancelRotateSecret" => {
                let cancelled = Secret {
                    function: None,
                    ..secret.clone()
                };
                return vec![Some(secret), Some(cancelled)];
            }
            // With a window it is there still, but serves nobody.
            "DeleteSecret" => return vec![None],
            _ => {}
        }
        vec![Some(secret)]
    }

    fn tags(&self) -> BTreeMap<String, String> {
        let tags = self.parameters["Tags"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        tags.map(|tag| (text(&tag["Key"]), text(&tag["Value"])))
            .collect()
    }
}

/// All requests about the secret of a name, each in all ways that a condition can tell apart.
pub(super) fn requests(name: &str, functions: Functions<'_>) -> Vec<Request> {
    let mut requests = Vec::new();
    let mut about = |operation, more: Value| {
        let mut parameters = json!({ "SecretId": arn(name) });
        if operation == "CreateSecret" {
            parameters = json!({ "Name": name });
        }
        if let (Value::Object(parameters), Value::Object(more)) = (&mut parameters, more) {
            parameters.extend(more);
        }
        requests.push(Request {
            operation,
            parameters,
        });
    };
    for operation in [
        "CancelRotateSecret",
        "CreateSecret",
        "DeleteResourcePolicy",
        "DeleteSecret",
        "DescribeSecret",
        "GetResourcePolicy",
        "GetSecretValue",
        "ListSecretVersionIds",
        "PutResourcePolicy",
        "PutSecretValue",
        "ReplicateSecretToRegions",
        "RestoreSecret",
        "UpdateSecret",
    ] {
        about(operation, json!({}));
    }
    for deletion in [
        json!({ "ForceDeleteWithoutRecovery": true }),
        json!({ "RecoveryWindowInDays": 7 }),
        json!({ "RecoveryWindowInDays": 30 }),
    ] {
        about("DeleteSecret", deletion);
    }
    for label in ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "LIVE-0123"] {
        about("UpdateSecretVersionStage", json!({ "VersionStage": label }));
        about("GetSecretValue", json!({ "VersionStage": label }));
    }
    for tag in TAGS {
        about("UntagResource", json!({ "TagKeys": [tag] }));
        for stack in STACKS {
            let tags = json!({ "Tags": [{ "Key": tag, "Value": stack }] });
            about("TagResource", tags.clone());
            about("CreateSecret", tags);
        }
    }
    let shown = json!([{ "Key": "rotation:shown", "Value": "0123" }]);
    about("TagResource", json!({ "Tags": shown }));
    let both = TAGS.map(|tag| json!({ "Key": tag, "Value": STACK }));
    about("TagResource", json!({ "Tags": both }));
    about("CreateSecret", json!({ "Tags": both }));
    for function in functions.map(Some).into_iter().chain([None]) {
        for now in [Some(true), Some(false), None] {
            for rules in [Some(json!({ "AutomaticallyAfterDays": 1 })), None] {
                let mut rotation = json!({});
                if let Some(function) = function {
                    rotation["RotationLambdaARN"] = function.into();
                }
                if let Some(now) = now {
                    rotation["RotateImmediately"] = now.into();
                }
                if let Some(rules) = rules {
                    rotation["RotationRules"] = rules;
                }
                about("RotateSecret", rotation);
            }
        }
    }
    requests
}
