//! What a request asks AWS for.

use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

/// What DynamoDB is called in requests to it.
pub(super) const DYNAMODB: &str = "DynamoDB_20120810";

/// The operation of a request to Secrets Manager, EventBridge Scheduler, DynamoDB or Lambda's Invoke, as IAM names
/// actions: `secretsmanager:PutSecretValue`, `scheduler:CreateSchedule`, and with the function's name
/// `lambda:InvokeFunction rotate`.
pub fn operation(method: &Method, path: &str, headers: &HeaderMap) -> String {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    if let Some((service, operation)) = target.and_then(|target| target.split_once('.')) {
        let service = if service == DYNAMODB {
            "dynamodb"
        } else {
            service
        };
        return format!("{service}:{operation}");
    }
    let segments: Vec<_> = path.split('/').filter(|it| !it.is_empty()).collect();
    if let [.., "functions", function, "invocations"] = segments[..] {
        let arn = percent_decode_str(function).decode_utf8_lossy();
        let name = arn.rsplit(':').next().unwrap_or_default();
        return format!("lambda:InvokeFunction {name}");
    }
    let operation = match (method, &segments[..]) {
        (&Method::POST, ["schedules", _]) => "CreateSchedule",
        (&Method::PUT, ["schedules", _]) => "UpdateSchedule",
        (&Method::DELETE, ["schedules", _]) => "DeleteSchedule",
        (&Method::GET, ["schedules", _]) => "GetSchedule",
        (&Method::GET, ["schedules"]) => "ListSchedules",
        _ => return format!("{method} {path}"),
    };
    format!("scheduler:{operation}")
}
