//! The parameters with which the module and the construct are compared with the template.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::template::{Template, type_of};
use crate::using;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const STACK: &str = "some-stack";

/// By what they are, the least first.
pub(crate) fn all() -> Vec<(&'static str, BTreeMap<&'static str, Value>)> {
    vec![("defaults", sparse()), ("everything set", full())]
}

/// The least that a stack takes.
pub(crate) fn sparse() -> BTreeMap<&'static str, Value> {
    let partner = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:addon/partner-AbCdEf");
    BTreeMap::from([("PartnerSecretArn", json!(partner))])
}

/// Another value than the default for what decides whether something is there, and for some of the rest.
fn full() -> BTreeMap<&'static str, Value> {
    let arn =
        |service: &str, rest: &str| json!(format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"));
    let mut parameters = sparse();
    parameters.extend([
        ("AlarmTopicArn", arn("sns", "alarms")),
        ("Architecture", json!("arm64")),
        ("CaBundleLayer", json!("ca-bundle:7")),
        ("DetailedMetrics", json!("true")),
        ("GracePeriodSeconds", json!(3600)),
        ("LogKmsKeyArn", arn("kms", "key/1")),
        ("ReservedConcurrentExecutions", json!(5)),
        ("SecretNamePrefix", json!("other/credentials/")),
        ("SecretsKmsKeyArn", arn("kms", "key/2")),
        ("SecurityGroupIds", json!(["sg-1"])),
        ("SubnetIds", json!(["subnet-1", "subnet-2"])),
        ("Tracing", json!("Active")),
    ]);
    parameters
}

pub(crate) fn binaries(template: &Template) -> Result<Vec<String>> {
    let resources = template.section("Resources")?.values();
    let functions = resources.filter(|it| type_of(it) == "AWS::Serverless::Function");
    let sources = functions.filter_map(|it| it["Properties"]["CodeUri"].as_str());
    Ok(sources
        .filter_map(|it| it.rsplit('/').next())
        .map(ToOwned::to_owned)
        .collect())
}

pub(crate) fn temporary() -> Result<tempfile::TempDir> {
    tempfile::tempdir().with_context(using(&std::env::temp_dir()))
}
