//! What the resources of the stack are called and addressed by. CloudFormation makes up the names of roles,
//! queues and policies; Terraform is told them, so that a plan shows every policy whole.

use anyhow::Result;
use serde_json::{Value, json};

use crate::template::{Template, type_of};
use crate::{missing, unknown};

/// A resource's name, as a value of the template's language.
pub(crate) fn name(template: &Template, id: &str) -> Result<Value> {
    let resource = template.resource(id)?;
    let properties = &resource["Properties"];
    let given = |property: &str| {
        let value = &properties[property];
        let missing = || missing(id, property);
        (!value.is_null())
            .then(|| value.clone())
            .ok_or_else(missing)
    };
    match type_of(resource) {
        "AWS::Serverless::Function" => given("FunctionName"),
        "AWS::Logs::LogGroup" => given("LogGroupName"),
        "AWS::Scheduler::ScheduleGroup" => given("Name"),
        "AWS::CloudWatch::Alarm" => given("AlarmName"),
        "AWS::CloudWatch::Dashboard" => given("DashboardName"),
        "AWS::DynamoDB::Table" => given("TableName"),
        // Their names are the account's, and a stack may be in several regions.
        "AWS::IAM::Role" | "AWS::IAM::ManagedPolicy" => {
            let name = kebab(without_suffix(id, &["Role", "Policy"]));
            Ok(json!({ "Fn::Sub": format!("${{AWS::StackName}}-${{AWS::Region}}-{name}") }))
        }
        "AWS::SQS::Queue" => Ok(json!({ "Fn::Sub": format!("${{AWS::StackName}}-{}", kebab(id)) })),
        other => Err(unknown("the name of", other)),
    }
}

/// A resource's ARN, as a value of the template's language.
pub(crate) fn arn(template: &Template, id: &str) -> Result<Value> {
    let name = text(&name(template, id)?).ok_or_else(|| unknown("the name of", id))?;
    let (service, region, kind) = match type_of(template.resource(id)?) {
        "AWS::Serverless::Function" => ("lambda", "${AWS::Region}", "function:"),
        "AWS::Scheduler::ScheduleGroup" => ("scheduler", "${AWS::Region}", "schedule-group/"),
        "AWS::SQS::Queue" => ("sqs", "${AWS::Region}", ""),
        "AWS::DynamoDB::Table" => ("dynamodb", "${AWS::Region}", "table/"),
        "AWS::CloudWatch::Alarm" => ("cloudwatch", "${AWS::Region}", "alarm:"),
        "AWS::IAM::Role" => ("iam", "", "role/"),
        "AWS::IAM::ManagedPolicy" => ("iam", "", "policy/"),
        other => return Err(unknown("the ARN of", other)),
    };
    Ok(json!({
        "Fn::Sub": format!("arn:${{AWS::Partition}}:{service}:{region}:${{AWS::AccountId}}:{kind}{name}")
    }))
}

/// `Fn::Sub`'s text that says the same as the value.
fn text(value: &Value) -> Option<String> {
    match (value["Fn::Sub"].as_str(), value["Ref"].as_str()) {
        (Some(text), _) => Some(text.to_owned()),
        (None, Some(name)) => Some(format!("${{{name}}}")),
        (None, None) => None,
    }
}

/// The id without the first of these words that it ends in, unless it is nothing else.
pub(crate) fn without_suffix<'a>(id: &'a str, suffixes: &[&str]) -> &'a str {
    let stripped = suffixes.iter().find_map(|it| id.strip_suffix(it));
    stripped.filter(|it| !it.is_empty()).unwrap_or(id)
}

/// `OAuthSecretName` as `oauth_secret_name`.
pub(crate) fn snake(id: &str) -> String {
    // One word, whatever its capitals say.
    let id = id.replace("OAuth", "Oauth");
    let mut text = String::new();
    for letter in id.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

fn kebab(id: &str) -> String {
    snake(id).replace('_', "-")
}
