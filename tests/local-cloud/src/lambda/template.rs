//! The functions that the stack's template deploys, with the variables that it gives them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Tagged;
use strict_aws::ministack::{ACCOUNT_ID, REGION};

use super::Function;

const TEMPLATE: &str = include_str!("../../../../infra/template.yaml");

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Template {
    parameters: BTreeMap<String, Parameter>,
    globals: Globals,
    resources: BTreeMap<String, Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    default: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Globals {
    function: Defaults,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Defaults {
    memory_size: u32,
    timeout: u64,
    environment: Environment,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    r#type: String,
    #[serde(default)]
    properties: Properties,
}

/// A function's; other resources have others.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Properties {
    function_name: Option<String>,
    code_uri: Option<String>,
    timeout: Option<u64>,
    environment: Environment,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Environment {
    variables: BTreeMap<String, Tagged<Value>>,
}

/// The functions of a stack with these parameters. Conditions on parameters that are not given do not hold.
pub fn functions(
    stack: &str,
    parameters: &BTreeMap<&str, String>,
) -> anyhow::Result<Vec<Function>> {
    let template: Template = serde_saphyr::from_str(TEMPLATE).context("infra/template.yaml")?;
    let resolver = Resolver {
        stack,
        parameters,
        template: &template,
    };
    let mut functions = Vec::new();
    for resource in template.resources.values() {
        if resource.r#type == "AWS::Serverless::Function" {
            functions.push(resolver.function(&resource.properties)?);
        }
    }
    Ok(functions)
}

struct Resolver<'a> {
    stack: &'a str,
    parameters: &'a BTreeMap<&'a str, String>,
    template: &'a Template,
}

impl Resolver<'_> {
    fn function(&self, properties: &Properties) -> anyhow::Result<Function> {
        let missing = |what| anyhow!("a function has no {what}");
        let name = properties.function_name.as_deref();
        let code = properties.code_uri.as_deref().ok_or(missing("CodeUri"))?;
        let defaults = &self.template.globals.function;
        let mut environment = BTreeMap::new();
        let variables = [&defaults.environment, &properties.environment];
        for (name, value) in variables.into_iter().flat_map(|it| &it.variables) {
            if let Some(value) = self.value(value)? {
                environment.insert(name.clone(), value);
            }
        }
        Ok(Function {
            name: self.substituted(name.ok_or(missing("FunctionName"))?),
            binary: code.rsplit('/').next().unwrap_or(code).to_owned(),
            timeout: Duration::from_secs(properties.timeout.unwrap_or(defaults.timeout)),
            memory: defaults.memory_size,
            environment,
        })
    }

    /// Nothing is `AWS::NoValue`.
    fn value(&self, value: &Tagged<Value>) -> anyhow::Result<Option<String>> {
        let Tagged(value, tag) = value;
        let unknown = || anyhow!("{tag:?} {value} is not known here");
        let text = value.as_str();
        match (tag.as_deref(), text) {
            (None, Some(text)) => Ok(Some(text.to_owned())),
            (Some("!Ref"), Some(name)) => self.reference(name).map(Some),
            (Some("!Sub"), Some(text)) => Ok(Some(self.substituted(text))),
            (Some("!GetAtt"), Some(attribute)) => self.attribute(attribute).map(Some),
            (Some("!If"), None) => {
                // Its condition does not hold.
                let otherwise = value.get(2).and_then(Value::as_str);
                match otherwise.ok_or_else(unknown)? {
                    "AWS::NoValue" => Ok(None),
                    _ => Err(unknown()),
                }
            }
            _ => Err(unknown()),
        }
    }

    fn reference(&self, name: &str) -> anyhow::Result<String> {
        if name == "AWS::StackName" || name == "ScheduleGroup" {
            return Ok(self.stack.to_owned());
        }
        if let Some(given) = self.parameters.get(name) {
            return Ok(given.clone());
        }
        let default = self.template.parameters.get(name);
        match default.and_then(|parameter| parameter.default.as_ref()) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Ok(other.to_string()),
            None => Err(anyhow!("{name} has no value")),
        }
    }

    fn attribute(&self, attribute: &str) -> anyhow::Result<String> {
        let unknown = || anyhow!("!GetAtt {attribute} is not known here");
        let name = attribute.strip_suffix(".Arn").ok_or_else(unknown)?;
        let resource = self.template.resources.get(name).ok_or_else(unknown)?;
        match resource.r#type.as_str() {
            "AWS::Serverless::Function" => {
                let name = resource.properties.function_name.as_deref();
                Ok(super::arn(&self.substituted(name.ok_or_else(unknown)?)))
            }
            "AWS::IAM::Role" => Ok(format!("arn:aws:iam::{ACCOUNT_ID}:role/{name}")),
            "AWS::SQS::Queue" => Ok(format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{name}")),
            _ => Err(unknown()),
        }
    }

    fn substituted(&self, text: &str) -> String {
        text.replace("${AWS::StackName}", self.stack)
            .replace("${AWS::Partition}", "aws")
            .replace("${AWS::Region}", REGION)
            .replace("${AWS::AccountId}", ACCOUNT_ID)
    }
}
