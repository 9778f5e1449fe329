//! The template's resources as Terraform's: the same properties under the provider's names. A property that is not
//! known here is an error, so that none is left out.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::names::{self, snake, without_suffix};
use crate::template::{Template, function, type_of};
use crate::{missing, unknown};

/// A resource of the provider.
#[derive(Debug)]
pub(crate) struct Resource {
    /// Its type.
    pub(crate) kind: &'static str,
    /// Its name within the module.
    pub(crate) name: String,
    /// The condition under which there is one.
    pub(crate) condition: Option<String>,
    /// What it consists of, in order.
    pub(crate) body: Vec<(&'static str, Item)>,
    /// What must be there before, although nothing of it is named.
    pub(crate) after: Vec<String>,
}

impl Resource {
    /// Its address within the module.
    pub(crate) fn address(&self) -> String {
        format!("{}.{}", self.kind, self.name)
    }
}

/// A part of a resource.
#[derive(Debug)]
pub(crate) enum Item {
    /// An argument, in which resources are named by what Terraform knows of them once they are there.
    Known(Value),
    /// An argument, in which resources are named by their ARNs and names, which a plan shows.
    Named(Value),
    /// An argument that is a text of JSON.
    Json(Value),
    /// An argument that is longer than a line.
    Text(Value),
    /// An argument in Terraform's own language, which the template has no equal of.
    Own(String),
    /// A block, under a condition perhaps.
    Block(Option<String>, Vec<(&'static str, Item)>),
}

/// All that the template's resources become, in the order of their ids.
pub(crate) fn all(template: &Template) -> Result<Vec<Resource>> {
    let mut all = Vec::new();
    for (id, resource) in template.section("Resources")? {
        let mut properties = Properties::of(id, resource)?;
        let made = of(template, id, type_of(resource), &mut properties)?;
        properties.finish()?;
        let condition = resource["Condition"].as_str();
        all.extend(made.into_iter().map(|resource| Resource {
            condition: condition.map(ToOwned::to_owned),
            ..resource
        }));
    }
    Ok(all)
}

/// The provider's type for one of the template's, and what the ids of those end in.
pub(crate) fn address(template: &Template, id: &str) -> Result<String> {
    let (kind, suffix) = kind(type_of(template.resource(id)?))?;
    Ok(format!("{kind}.{}", snake(without_suffix(id, &[suffix]))))
}

fn kind(of: &str) -> Result<(&'static str, &'static str)> {
    Ok(match of {
        "AWS::Serverless::Function" => ("aws_lambda_function", "Function"),
        "AWS::Lambda::EventInvokeConfig" => (
            "aws_lambda_function_event_invoke_config",
            "FunctionEventInvokeConfig",
        ),
        "AWS::Lambda::EventSourceMapping" => ("aws_lambda_event_source_mapping", ""),
        "AWS::Lambda::Permission" => ("aws_lambda_permission", "Permission"),
        "AWS::IAM::Role" => ("aws_iam_role", "Role"),
        "AWS::IAM::ManagedPolicy" => ("aws_iam_policy", "Policy"),
        "AWS::Logs::LogGroup" => ("aws_cloudwatch_log_group", "LogGroup"),
        "AWS::Scheduler::ScheduleGroup" => ("aws_scheduler_schedule_group", ""),
        "AWS::Scheduler::Schedule" => ("aws_scheduler_schedule", "Schedule"),
        "AWS::SQS::Queue" => ("aws_sqs_queue", "Queue"),
        "AWS::DynamoDB::Table" => ("aws_dynamodb_table", ""),
        "AWS::CloudWatch::Alarm" => ("aws_cloudwatch_metric_alarm", "Alarm"),
        "AWS::CloudWatch::Dashboard" => ("aws_cloudwatch_dashboard", ""),
        other => return Err(unknown("the type", other)),
    })
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn of(
    template: &Template,
    id: &str,
    of: &str,
    properties: &mut Properties<'_>,
) -> Result<Vec<Resource>> {
    let (kind, suffix) = kind(of)?;
    let name = snake(without_suffix(id, &[suffix]));
    let mut after = Vec::new();
    let body = match of {
        "AWS::Serverless::Function" => {
            let role = properties.peek("Role");
            if let Some(("Fn::GetAtt", of)) = function(&role) {
                let role = without_suffix(of[0].as_str().unwrap_or_default(), &["Role"]);
                after.push(format!("aws_iam_role_policy.{}", snake(role)));
            }
            return Ok(vec![Resource {
                kind,
                name,
                condition: None,
                body: lambda(template, properties)?,
                after,
            }]);
        }
        "AWS::IAM::Role" => return role(template, id, properties),
        "AWS::IAM::ManagedPolicy" => vec![
            ("name", Item::Named(names::name(template, id)?)),
            ("description", Item::Named(properties.take("Description")?)),
            ("policy", Item::Json(properties.take("PolicyDocument")?)),
        ],
        "AWS::Lambda::EventInvokeConfig" => {
            let mut body = vec![
                (
                    "function_name",
                    Item::Known(properties.take("FunctionName")?),
                ),
                ("qualifier", Item::Named(properties.take("Qualifier")?)),
                (
                    "maximum_retry_attempts",
                    Item::Named(properties.take("MaximumRetryAttempts")?),
                ),
            ];
            if let Some(destinations) = properties.take_optional("DestinationConfig") {
                let mut destinations = Properties::nested(id, destinations);
                let mut failure = Properties::nested(id, destinations.take("OnFailure")?);
                let destination = Item::Known(failure.take("Destination")?);
                destinations.finish()?;
                failure.finish()?;
                let failure = Item::Block(None, vec![("destination", destination)]);
                body.push((
                    "destination_config",
                    Item::Block(None, vec![("on_failure", failure)]),
                ));
            }
            body
        }
        "AWS::Lambda::EventSourceMapping" => vec![
            (
                "function_name",
                Item::Known(properties.take("FunctionName")?),
            ),
            (
                "event_source_arn",
                Item::Known(properties.take("EventSourceArn")?),
            ),
            ("batch_size", Item::Named(properties.take("BatchSize")?)),
            ("enabled", Item::Named(properties.take("Enabled")?)),
        ],
        "AWS::Lambda::Permission" => vec![
            (
                "function_name",
                Item::Known(properties.take("FunctionName")?),
            ),
            ("action", Item::Named(properties.take("Action")?)),
            ("principal", Item::Named(properties.take("Principal")?)),
            (
                "source_account",
                Item::Named(properties.take("SourceAccount")?),
            ),
        ],
        "AWS::Logs::LogGroup" => vec![
            ("name", Item::Named(properties.take("LogGroupName")?)),
            (
                "retention_in_days",
                Item::Named(properties.take("RetentionInDays")?),
            ),
            ("kms_key_id", Item::Named(properties.take("KmsKeyId")?)),
        ],
        "AWS::Scheduler::ScheduleGroup" => vec![("name", Item::Named(properties.take("Name")?))],
        "AWS::Scheduler::Schedule" => schedule(id, properties)?,
        "AWS::SQS::Queue" => {
            let mut body = vec![("name", Item::Named(names::name(template, id)?))];
            for (property, argument) in [
                ("MessageRetentionPeriod", "message_retention_seconds"),
                ("SqsManagedSseEnabled", "sqs_managed_sse_enabled"),
                ("VisibilityTimeout", "visibility_timeout_seconds"),
            ] {
                let value = properties.take_optional(property);
                body.extend(value.map(|value| (argument, Item::Named(value))));
            }
            body
        }
        "AWS::DynamoDB::Table" => return table(id, properties),
        "AWS::CloudWatch::Alarm" => alarm(properties)?,
        "AWS::CloudWatch::Dashboard" => vec![
            (
                "dashboard_name",
                Item::Named(properties.take("DashboardName")?),
            ),
            (
                "dashboard_body",
                Item::Text(properties.take("DashboardBody")?),
            ),
        ],
        other => return Err(unknown("the type", other)),
    };
    Ok(vec![Resource {
        kind,
        name,
        condition: None,
        body,
        after,
    }])
}

/// A function, with what the template has for all of them.
fn lambda(
    template: &Template,
    properties: &mut Properties<'_>,
) -> Result<Vec<(&'static str, Item)>> {
    let globals = template.section("Globals")?.get("Function");
    add(
        &mut properties.left,
        globals.and_then(Value::as_object).into_iter().flatten(),
    );
    let source = properties.take("CodeUri")?;
    let source = source.as_str().unwrap_or_default();
    let binary = source.rsplit('/').next().unwrap_or_default();
    let zip = format!("${{var.package_directory}}/{binary}.zip");
    let mut body = vec![
        (
            "function_name",
            Item::Named(properties.take("FunctionName")?),
        ),
        ("description", Item::Named(properties.take("Description")?)),
        ("filename", Item::Own(format!("\"{zip}\""))),
        (
            "source_code_hash",
            Item::Own(format!("filebase64sha256(\"{zip}\")")),
        ),
    ];
    for (property, argument) in [
        ("Runtime", "runtime"),
        ("Handler", "handler"),
        ("Architectures", "architectures"),
        ("MemorySize", "memory_size"),
        ("Timeout", "timeout"),
        (
            "ReservedConcurrentExecutions",
            "reserved_concurrent_executions",
        ),
    ] {
        body.push((argument, Item::Named(properties.take(property)?)));
    }
    let layers = properties.take_optional("Layers");
    body.extend(layers.map(|layers| ("layers", Item::Named(layers))));
    body.push(("role", Item::Known(properties.take("Role")?)));
    let mut environment = Properties::nested("Environment", properties.take("Environment")?);
    let variables = Item::Named(environment.take("Variables")?);
    environment.finish()?;
    body.push((
        "environment",
        Item::Block(None, vec![("variables", variables)]),
    ));
    let mut logging = Properties::nested("LoggingConfig", properties.take("LoggingConfig")?);
    let group = Item::Known(logging.take("LogGroup")?);
    logging.finish()?;
    let format = Item::Named(json!("Text"));
    body.push((
        "logging_config",
        Item::Block(None, vec![("log_format", format), ("log_group", group)]),
    ));
    let mode = Item::Named(properties.take("Tracing")?);
    body.push(("tracing_config", Item::Block(None, vec![("mode", mode)])));
    if let Some(network) = properties.take_optional("VpcConfig") {
        let (condition, network) = only_if(&network)?;
        let mut network = Properties::nested("VpcConfig", network);
        let arguments = vec![
            ("subnet_ids", Item::Named(network.take("SubnetIds")?)),
            (
                "security_group_ids",
                Item::Named(network.take("SecurityGroupIds")?),
            ),
        ];
        network.finish()?;
        body.push(("vpc_config", Item::Block(Some(condition), arguments)));
    }
    Ok(body)
}

/// Adds what is not there, in maps within as well:
/// <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html>
fn add<'a>(
    properties: &mut Map<String, Value>,
    globals: impl Iterator<Item = (&'a String, &'a Value)>,
) {
    for (name, global) in globals {
        match (properties.get_mut(name), global) {
            (Some(Value::Object(own)), Value::Object(global)) => add(own, global.iter()),
            (Some(_), _) => {}
            (None, _) => {
                properties.insert(name.clone(), global.clone());
            }
        }
    }
}

/// What a value is under a condition, without which it is not there.
fn only_if(value: &Value) -> Result<(String, Value)> {
    match function(value) {
        Some(("Fn::If", arguments)) if arguments[2] == json!({ "Ref": "AWS::NoValue" }) => Ok((
            arguments[0].as_str().unwrap_or_default().to_owned(),
            arguments[1].clone(),
        )),
        _ => Err(unknown("the value", &value.to_string())),
    }
}

/// A role, and its one policy.
fn role(template: &Template, id: &str, properties: &mut Properties<'_>) -> Result<Vec<Resource>> {
    let name = snake(without_suffix(id, &["Role"]));
    let trust = properties.take("AssumeRolePolicyDocument")?;
    let policies = properties.take("Policies")?;
    let [policy] = policies.as_array().map_or(&[][..], Vec::as_slice) else {
        return Err(unknown("the number of policies of", id));
    };
    let mut policy = Properties::nested(id, policy.clone());
    let resources = vec![
        Resource {
            kind: "aws_iam_role",
            name: name.clone(),
            condition: None,
            body: vec![
                ("name", Item::Named(names::name(template, id)?)),
                ("assume_role_policy", Item::Json(trust)),
            ],
            after: Vec::new(),
        },
        Resource {
            kind: "aws_iam_role_policy",
            name: name.clone(),
            condition: None,
            body: vec![
                ("name", Item::Named(policy.take("PolicyName")?)),
                ("role", Item::Known(json!({ "Ref": id }))),
                ("policy", Item::Json(policy.take("PolicyDocument")?)),
            ],
            after: Vec::new(),
        },
    ];
    policy.finish()?;
    Ok(resources)
}

/// A table, and its policy. What outlives the stack, Terraform does not destroy.
fn table(id: &str, properties: &mut Properties<'_>) -> Result<Vec<Resource>> {
    let name = snake(id);
    let keys = properties.take("KeySchema")?;
    let attributes = properties.take("AttributeDefinitions")?;
    let mut recovery = Properties::nested(id, properties.take("PointInTimeRecoverySpecification")?);
    let (encrypted, encryption) = only_if(&properties.take("SSESpecification")?)?;
    let mut encryption = Properties::nested(id, encryption);
    let is_kms = encryption.take("SSEType")? == json!("KMS");
    let [key, attribute] = [&keys[0], &attributes[0]];
    if !is_kms || keys.as_array().map(Vec::len) != Some(1) || key["KeyType"] != "HASH" {
        return Err(unknown("the keys of", id));
    }
    let body = vec![
        ("name", Item::Named(properties.take("TableName")?)),
        ("billing_mode", Item::Named(properties.take("BillingMode")?)),
        ("hash_key", Item::Named(key["AttributeName"].clone())),
        (
            "deletion_protection_enabled",
            Item::Named(properties.take("DeletionProtectionEnabled")?),
        ),
        (
            "attribute",
            Item::Block(
                None,
                vec![
                    ("name", Item::Named(attribute["AttributeName"].clone())),
                    ("type", Item::Named(attribute["AttributeType"].clone())),
                ],
            ),
        ),
        (
            "point_in_time_recovery",
            Item::Block(
                None,
                vec![(
                    "enabled",
                    Item::Named(recovery.take("PointInTimeRecoveryEnabled")?),
                )],
            ),
        ),
        (
            "server_side_encryption",
            Item::Block(
                Some(encrypted),
                vec![
                    ("enabled", Item::Named(encryption.take("SSEEnabled")?)),
                    (
                        "kms_key_arn",
                        Item::Named(encryption.take("KMSMasterKeyId")?),
                    ),
                ],
            ),
        ),
    ];
    let mut policy = Properties::nested(id, properties.take("ResourcePolicy")?);
    let resources = vec![
        Resource {
            kind: "aws_dynamodb_table",
            name: name.clone(),
            condition: None,
            body,
            after: Vec::new(),
        },
        Resource {
            kind: "aws_dynamodb_resource_policy",
            name,
            condition: None,
            body: vec![
                (
                    "resource_arn",
                    Item::Known(json!({ "Fn::GetAtt": [id, "Arn"] })),
                ),
                ("policy", Item::Json(policy.take("PolicyDocument")?)),
            ],
            after: Vec::new(),
        },
    ];
    for part in [recovery, encryption, policy] {
        part.finish()?;
    }
    Ok(resources)
}

fn schedule(id: &str, properties: &mut Properties<'_>) -> Result<Vec<(&'static str, Item)>> {
    let mut window = Properties::nested(id, properties.take("FlexibleTimeWindow")?);
    let mut target = Properties::nested(id, properties.take("Target")?);
    let mut retries = Properties::nested(id, target.take("RetryPolicy")?);
    let body = vec![
        ("name", Item::Named(properties.take("Name")?)),
        ("group_name", Item::Known(properties.take("GroupName")?)),
        ("description", Item::Named(properties.take("Description")?)),
        (
            "schedule_expression",
            Item::Named(properties.take("ScheduleExpression")?),
        ),
        (
            "flexible_time_window",
            Item::Block(None, vec![("mode", Item::Named(window.take("Mode")?))]),
        ),
        (
            "target",
            Item::Block(
                None,
                vec![
                    ("arn", Item::Known(target.take("Arn")?)),
                    ("role_arn", Item::Known(target.take("RoleArn")?)),
                    ("input", Item::Named(target.take("Input")?)),
                    (
                        "retry_policy",
                        Item::Block(
                            None,
                            vec![
                                (
                                    "maximum_event_age_in_seconds",
                                    Item::Named(retries.take("MaximumEventAgeInSeconds")?),
                                ),
                                (
                                    "maximum_retry_attempts",
                                    Item::Named(retries.take("MaximumRetryAttempts")?),
                                ),
                            ],
                        ),
                    ),
                ],
            ),
        ),
    ];
    window.finish()?;
    target.finish()?;
    retries.finish()?;
    Ok(body)
}

fn alarm(properties: &mut Properties<'_>) -> Result<Vec<(&'static str, Item)>> {
    let mut body = Vec::new();
    for (property, argument) in [
        ("AlarmName", "alarm_name"),
        ("AlarmDescription", "alarm_description"),
        ("Namespace", "namespace"),
        ("MetricName", "metric_name"),
        ("Statistic", "statistic"),
        ("Period", "period"),
        ("EvaluationPeriods", "evaluation_periods"),
        ("Threshold", "threshold"),
        ("ComparisonOperator", "comparison_operator"),
        ("TreatMissingData", "treat_missing_data"),
        ("AlarmActions", "alarm_actions"),
        ("OKActions", "ok_actions"),
    ] {
        body.push((argument, Item::Named(properties.take(property)?)));
    }
    let mut dimensions = Map::new();
    let pairs = properties.take("Dimensions")?;
    for pair in pairs.as_array().into_iter().flatten() {
        let name = pair["Name"].as_str().unwrap_or_default();
        dimensions.insert(name.to_owned(), pair["Value"].clone());
    }
    body.insert(4, ("dimensions", Item::Named(dimensions.into())));
    Ok(body)
}

/// A resource's properties, each of which is taken once.
struct Properties<'a> {
    of: &'a str,
    left: Map<String, Value>,
}

impl<'a> Properties<'a> {
    fn of(id: &'a str, resource: &Value) -> Result<Self> {
        for key in resource
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key)
        {
            const KNOWN: [&str; 6] = [
                "Type",
                "Properties",
                "Metadata",
                "Condition",
                "DeletionPolicy",
                "UpdateReplacePolicy",
            ];
            if !KNOWN.contains(&key.as_str()) {
                return Err(unknown("the attribute", &format!("{id}.{key}")));
            }
        }
        Ok(Self::nested(id, resource["Properties"].clone()))
    }

    fn nested(of: &'a str, value: Value) -> Self {
        let left = match value {
            Value::Object(left) => left,
            _ => Map::new(),
        };
        Self { of, left }
    }

    fn peek(&self, name: &str) -> Value {
        self.left.get(name).cloned().unwrap_or_default()
    }

    fn take(&mut self, name: &str) -> Result<Value> {
        self.take_optional(name)
            .ok_or_else(|| missing(self.of, name))
    }

    fn take_optional(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name)
    }

    fn finish(&self) -> Result<()> {
        match self.left.keys().next() {
            Some(key) => Err(unknown("the property", &format!("{}.{key}", self.of))),
            None => Ok(()),
        }
    }
}
