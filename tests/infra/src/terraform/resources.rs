//! The template's resources as Terraform's: the same properties under the provider's names. A property that is not
//! known here is an error, so that none is left out.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::names::{self, snake, without_suffix};
use crate::template::{Template, function, type_of};
use crate::{missing, unknown};

#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) condition: Option<String>,
    pub(crate) body: Vec<Part>,
    /// What must be there before, although nothing of it is named.
    pub(crate) after: Vec<String>,
}

impl Resource {
    pub(crate) fn address(&self) -> String {
        format!("{}.{}", self.kind, self.name)
    }
}

/// A part of a resource or a block, by its name.
pub(crate) type Part = (&'static str, Item);

#[derive(Debug)]
pub(crate) enum Item {
    /// An argument, in which resources are named by what Terraform knows of them once they are there.
    Known(Value),
    /// An argument, in which resources are named by their ARNs and names, which a plan shows.
    Named(Value),
    Json(Value),
    /// An argument that is longer than a line.
    Text(Value),
    /// An argument in Terraform's own language, which the template has no equal of.
    Own(String),
    /// A block, under a condition perhaps.
    Block(Option<String>, Vec<Part>),
}

/// All that the template's resources become, in the order of their ids.
pub(crate) fn all(template: &Template) -> Result<Vec<Resource>> {
    let mut all = Vec::new();
    for (id, resource) in template.section("Resources")? {
        all.extend(of(template, id, resource)?);
    }
    Ok(all)
}

pub(crate) fn address(template: &Template, id: &str) -> Result<String> {
    let (suffix, made) = part(template.resource(id)?)?;
    let kind = made.split('\n').next().unwrap_or_default();
    Ok(format!("{kind}.{}", snake(without_suffix(id, &[suffix]))))
}

/// The table's part about a resource's type: what the ids of these end in, and what they become.
fn part(resource: &Value) -> Result<(&'static str, &'static str)> {
    let of = type_of(resource);
    let mut parts = TABLE.split("\n\n").filter_map(|it| it.split_once("\n> "));
    parts
        .find_map(|(head, made)| {
            let (kind, suffix) = head.trim().split_once(" -").unwrap_or((head.trim(), ""));
            (kind == of).then_some((suffix, made))
        })
        .ok_or_else(|| unknown("the type", of))
}

/// A type of the template's, with what the ids of its resources end in; the provider's resources that each becomes, the
/// first of which has its address; their arguments, with the blocks that they are within, how each is made, and of which
/// property, by its path. What ends in `?` there may be missing.
const TABLE: &str = "\
AWS::Serverless::Function -Function
> aws_lambda_function
function_name named FunctionName
description named Description
filename zip CodeUri
source_code_hash hash CodeUri
runtime named Runtime
handler named Handler
architectures named Architectures
memory_size named MemorySize
timeout named Timeout
reserved_concurrent_executions named ReservedConcurrentExecutions
layers named Layers?
role known Role
environment.variables named Environment.Variables
logging_config.log_format logs-as-text .
logging_config.log_group known LoggingConfig.LogGroup
tracing_config.mode named Tracing
vpc_config.subnet_ids named VpcConfig?.SubnetIds
vpc_config.security_group_ids named VpcConfig?.SecurityGroupIds

AWS::Lambda::EventInvokeConfig -FunctionEventInvokeConfig
> aws_lambda_function_event_invoke_config
function_name known FunctionName
qualifier named Qualifier
maximum_retry_attempts named MaximumRetryAttempts
destination_config.on_failure.destination known DestinationConfig?.OnFailure.Destination

AWS::Lambda::EventSourceMapping
> aws_lambda_event_source_mapping
function_name known FunctionName
event_source_arn known EventSourceArn
batch_size named BatchSize
enabled named Enabled

AWS::Lambda::Permission -Permission
> aws_lambda_permission
function_name known FunctionName
action named Action
principal named Principal
source_account named SourceAccount

AWS::IAM::Role -Role
> aws_iam_role
name name .
assume_role_policy json AssumeRolePolicyDocument
> aws_iam_role_policy
name named Policies.0.PolicyName
role itself .
policy json Policies.0.PolicyDocument

AWS::IAM::ManagedPolicy -Policy
> aws_iam_policy
name name .
description named Description
policy json PolicyDocument

AWS::Logs::LogGroup -LogGroup
> aws_cloudwatch_log_group
name named LogGroupName
retention_in_days named RetentionInDays
kms_key_id named KmsKeyId

AWS::Scheduler::ScheduleGroup
> aws_scheduler_schedule_group
name named Name

AWS::Scheduler::Schedule -Schedule
> aws_scheduler_schedule
name named Name
group_name known GroupName
description named Description
schedule_expression named ScheduleExpression
flexible_time_window.mode named FlexibleTimeWindow.Mode
target.arn known Target.Arn
target.role_arn known Target.RoleArn
target.input named Target.Input
target.retry_policy.maximum_event_age_in_seconds named Target.RetryPolicy.MaximumEventAgeInSeconds
target.retry_policy.maximum_retry_attempts named Target.RetryPolicy.MaximumRetryAttempts

AWS::SQS::Queue -Queue
> aws_sqs_queue
name name .
message_retention_seconds named MessageRetentionPeriod?
sqs_managed_sse_enabled named SqsManagedSseEnabled?
visibility_timeout_seconds named VisibilityTimeout?

AWS::DynamoDB::Table
> aws_dynamodb_table
name named TableName
billing_mode named BillingMode
hash_key named KeySchema.0.AttributeName
HASH only KeySchema.0.KeyType
deletion_protection_enabled named DeletionProtectionEnabled
attribute.name named AttributeDefinitions.0.AttributeName
attribute.type named AttributeDefinitions.0.AttributeType
point_in_time_recovery.enabled named PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled
KMS only SSESpecification.SSEType
server_side_encryption.enabled named SSESpecification.SSEEnabled
server_side_encryption.kms_key_arn named SSESpecification.KMSMasterKeyId
> aws_dynamodb_resource_policy
resource_arn arn .
policy json ResourcePolicy.PolicyDocument

AWS::CloudWatch::Alarm -Alarm
> aws_cloudwatch_metric_alarm
alarm_name named AlarmName
alarm_description named AlarmDescription
namespace named Namespace
metric_name named MetricName
dimensions pairs Dimensions
statistic named Statistic
period named Period
evaluation_periods named EvaluationPeriods
threshold named Threshold
comparison_operator named ComparisonOperator
treat_missing_data named TreatMissingData
alarm_actions named AlarmActions
ok_actions named OKActions

AWS::CloudWatch::Dashboard
> aws_cloudwatch_dashboard
dashboard_name named DashboardName
dashboard_body text DashboardBody
";

/// What a resource has of its own in the template.
const ATTRIBUTES: [&str; 6] = [
    "Type",
    "Properties",
    "Metadata",
    "Condition",
    "DeletionPolicy",
    "UpdateReplacePolicy",
];

fn of(template: &Template, id: &str, resource: &Value) -> Result<Vec<Resource>> {
    let mut attributes = resource.as_object().into_iter().flat_map(Map::keys);
    if let Some(key) = attributes.find(|key| !ATTRIBUTES.contains(&key.as_str())) {
        return Err(unknown("the attribute", &format!("{id}.{key}")));
    }
    let mut properties = resource["Properties"].clone();
    if type_of(resource) == "AWS::Serverless::Function"
        && let (Some(own), Some(for_all)) = (
            properties.as_object_mut(),
            template.whole["Globals"]["Function"].as_object(),
        )
    {
        add(own, for_all);
    }
    let (suffix, made) = part(resource)?;
    let mut used = Vec::new();
    let mut resources = Vec::new();
    for made in made.split("\n> ") {
        let mut lines = made.lines();
        let kind = lines.next().unwrap_or_default();
        let mut body = Vec::new();
        for line in lines {
            let [argument, how, path] = line.split(' ').collect::<Vec<_>>()[..] else {
                return Err(unknown("the line", line));
            };
            used.push(path.replace('?', ""));
            let Some((condition, value)) = find(id, &properties, path)? else {
                continue;
            };
            match item(template, id, how, value)? {
                Item::Own(value) if how == "only" && value == argument => {}
                _ if how == "only" => return Err(unknown("the value of", path)),
                item => put(&mut body, argument, condition, item),
            }
        }
        resources.push(Resource {
            kind,
            name: snake(without_suffix(id, &[suffix])),
            condition: resource["Condition"].as_str().map(ToOwned::to_owned),
            body,
            after: after(&properties),
        });
    }
    match unused(&properties, "", &used) {
        Some(path) => Err(unknown("the property", &format!("{id}.{path}"))),
        None => Ok(resources),
    }
}

/// A function may not run before its role has its policy.
fn after(properties: &Value) -> Vec<String> {
    let role = properties["Role"]["Fn::GetAtt"][0].as_str();
    let role = role.map(|it| snake(without_suffix(it, &["Role"])));
    let policy = role.map(|it| format!("aws_iam_role_policy.{it}"));
    policy.into_iter().collect()
}

/// The property at a path, with the condition that something on the way is under. What ends in `?` there may be missing.
fn find(id: &str, properties: &Value, path: &str) -> Result<Option<(Option<String>, Value)>> {
    let (mut condition, mut value) = (None, properties);
    for name in path.split('.').filter(|it| !it.is_empty()) {
        if let Some((under, inner)) = only_if(value) {
            (condition, value) = (Some(under.to_owned()), inner);
        }
        let optional = name.strip_suffix('?');
        let found = match name.parse::<usize>() {
            Ok(index) => value.get(index),
            Err(_) => value.get(optional.unwrap_or(name)),
        };
        match found {
            Some(found) => value = found,
            None if optional.is_some() => return Ok(None),
            None => return Err(missing(id, path)),
        }
    }
    Ok(Some((condition, value.clone())))
}

/// Adds what is not there, in maps within as well:
/// <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html>
fn add(own: &mut Map<String, Value>, for_all: &Map<String, Value>) {
    for (name, value) in for_all {
        match (own.get_mut(name), value) {
            (Some(Value::Object(own)), Value::Object(for_all)) => add(own, for_all),
            (Some(_), _) => {}
            (None, _) => {
                own.insert(name.clone(), value.clone());
            }
        }
    }
}

/// What a value is under a condition, without which it is not there.
fn only_if(value: &Value) -> Option<(&str, &Value)> {
    match function(value) {
        Some(("Fn::If", of)) if of[2]["Ref"] == "AWS::NoValue" => Some((of[0].as_str()?, &of[1])),
        _ => None,
    }
}

/// The first property that nothing was made of.
fn unused(value: &Value, path: &str, used: &[String]) -> Option<String> {
    if used.iter().any(|it| it == path) {
        return None;
    }
    let value = only_if(value).map_or(value, |(_, inner)| inner);
    let within = |name: &str| format!("{path}.{name}").trim_start_matches('.').to_owned();
    match value {
        Value::Object(values) if function(value).is_none() => values
            .iter()
            .find_map(|(name, value)| unused(value, &within(name), used)),
        Value::Array(values) => (0..)
            .zip(values)
            .find_map(|(index, value)| unused(value, &within(&index.to_string()), used)),
        _ => Some(path.to_owned()),
    }
}

fn item(template: &Template, id: &str, how: &str, value: Value) -> Result<Item> {
    let text = || value.as_str().unwrap_or_default().to_owned();
    let zip = || {
        let binary = text();
        let binary = binary.rsplit('/').next().unwrap_or_default();
        format!("\"${{var.package_directory}}/{binary}.zip\"")
    };
    Ok(match how {
        "known" => Item::Known(value),
        "named" => Item::Named(value),
        "json" => Item::Json(value),
        "text" => Item::Text(value),
        "name" => Item::Named(names::name(template, id)?),
        "itself" => Item::Known(json!({ "Ref": id })),
        "arn" => Item::Known(json!({ "Fn::GetAtt": [id, "Arn"] })),
        "logs-as-text" => Item::Named(json!("Text")),
        "zip" => Item::Own(zip()),
        "hash" => Item::Own(format!("filebase64sha256({})", zip())),
        "only" => Item::Own(text()),
        "pairs" => {
            let pairs = value.as_array().into_iter().flatten();
            let pairs = pairs.filter_map(|it| Some((it["Name"].as_str()?, it["Value"].clone())));
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value));
            Item::Named(pairs.collect::<Map<_, _>>().into())
        }
        other => return Err(unknown("the word", other)),
    })
}

/// Adds an item: as an argument, or within the blocks that the path names first.
fn put(body: &mut Vec<Part>, path: &'static str, condition: Option<String>, item: Item) {
    let Some((block, rest)) = path.split_once('.') else {
        return body.push((path, item));
    };
    let place = body.iter().position(|(name, _)| *name == block);
    let place = place.unwrap_or_else(|| {
        body.push((block, Item::Block(condition, Vec::new())));
        body.len() - 1
    });
    if let Item::Block(_, inner) = &mut body[place].1 {
        put(inner, rest, None, item);
    }
}
