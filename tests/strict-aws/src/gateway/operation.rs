//! What a request asks AWS for.

use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

/// What DynamoDB is called in requests to it.
pub(super) const DYNAMODB: &str = "DynamoDB_20120810";

/// The operation of a request to Secrets Manager, EventBridge Scheduler, DynamoDB or Lambda's Invoke, as IAM names
/// actions: `secretsmanager:PutSecretValue`, `scheduler:CreateSchedule`, and with the function's name
/// `lambda:InvokeFunction rotate`.
#[must_use]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_named_as_iam_names_them() {
        let mut headers = HeaderMap::new();
        for (method, path, name) in [
            (
                Method::POST,
                "/schedules/revoke-1",
                "scheduler:CreateSchedule",
            ),
            (
                Method::PUT,
                "/schedules/revoke-1",
                "scheduler:UpdateSchedule",
            ),
            (Method::GET, "/schedules/revoke-1", "scheduler:GetSchedule"),
            (Method::GET, "/schedules", "scheduler:ListSchedules"),
            (
                Method::POST,
                "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A0%3Afunction%3As-rotate/invocations",
                "lambda:InvokeFunction s-rotate",
            ),
            (Method::GET, "/bucket", "GET /bucket"),
        ] {
            assert_eq!(operation(&method, path, &headers), name);
        }
        for (target, expected) in [
            (
                "secretsmanager.PutSecretValue",
                "secretsmanager:PutSecretValue",
            ),
            ("DynamoDB_20120810.GetItem", "dynamodb:GetItem"),
        ] {
            headers.insert("x-amz-target", target.parse().unwrap());
            assert_eq!(operation(&Method::POST, "/", &headers), expected);
        }
    }
}
