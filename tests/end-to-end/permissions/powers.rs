//! What each role may do and may not, by IAM's own verdict on the deployed policies.

use std::sync::Arc;

use local_cloud::cloud::{Cloud, STACK};

use super::roles::{role, roles};
use super::things::{ONLY_TO, things};
use crate::TestResult;
use crate::support::check;

/// Everything that somebody might be given by mistake.
const ACTIONS: [&str; 46] = [
    "dynamodb:GetItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:DescribeSecret",
    "secretsmanager:UpdateSecretVersionStage",
    "secretsmanager:CancelRotateSecret",
    "secretsmanager:CreateSecret",
    "secretsmanager:DeleteSecret",
    "secretsmanager:ListSecrets",
    "secretsmanager:ListSecretVersionIds",
    "secretsmanager:PutResourcePolicy",
    "secretsmanager:RotateSecret",
    "secretsmanager:TagResource",
    "secretsmanager:UpdateSecret",
    "scheduler:CreateSchedule",
    "scheduler:GetSchedule",
    "scheduler:UpdateSchedule",
    "scheduler:DeleteSchedule",
    "scheduler:ListSchedules",
    "lambda:InvokeFunction",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
    "sqs:SendMessage",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:PurgeQueue",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "kms:Encrypt",
    "kms:ScheduleKeyDeletion",
    "iam:CreateRole",
    "iam:PassRole",
    "sts:AssumeRole",
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:RunInstances",
    "xray:PutTraceSegments",
    "cloudwatch:PutMetricData",
    "s3:GetObject",
    "events:PutEvents",
];

/// Those that no policy can bind to a resource.
const BOUND_TO_NOTHING: [&str; 5] = [
    "secretsmanager:ListSecrets",
    "scheduler:ListSchedules",
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "xray:PutTraceSegments",
];

/// The powers that each role is to have, and the function that it is of: actions, and what they are on. What rotations
/// will do is tried before an instance rotates; of a rotation that is switched off, AWS may forget the function.
const GRANTED: &str = "
RotateRole rotate
secretsmanager:DescribeSecret secretsmanager:GetSecretValue secretsmanager:PutSecretValue | managed
secretsmanager:UpdateSecretVersionStage | managed & managed, AWSCURRENT
secretsmanager:TagResource | managed, shown
kms:Decrypt kms:GenerateDataKey | the key for managed
lambda:InvokeFunction | create-secret & publish-to-heroku & test-secret & finish-secret
events:PutEvents | the default event bus
xray:PutTraceSegments | anything

CreateSecretRole create-secret
secretsmanager:GetSecretValue | OWN & administrator
kms:Decrypt | the key for managed & the key for administrator
ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces xray:PutTraceSegments | anything

PublishToHerokuRole publish-to-heroku
secretsmanager:GetSecretValue | managed & partner & oauth
dynamodb:GetItem dynamodb:UpdateItem | the refresh tokens
kms:Decrypt | the key for managed & the key for partner & the key for oauth & the key for the refresh tokens
xray:PutTraceSegments | anything

TestSecretRole test-secret
secretsmanager:GetSecretValue | managed & partner & oauth
dynamodb:GetItem dynamodb:UpdateItem | the refresh tokens
kms:Decrypt | the key for managed & the key for partner & the key for oauth & the key for the refresh tokens
ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces xray:PutTraceSegments | anything

FinishSecretRole finish-secret
scheduler:CreateSchedule scheduler:GetSchedule scheduler:UpdateSchedule | a revocation's schedule
iam:PassRole | the scheduler's role
xray:PutTraceSegments | anything

RevokeSecretRole revoke-secret
secretsmanager:GetSecretValue secretsmanager:DescribeSecret secretsmanager:UpdateSecretVersionStage | OWN
secretsmanager:GetSecretValue | administrator & partner & oauth
secretsmanager:TagResource | managed, shown
dynamodb:GetItem dynamodb:UpdateItem | the refresh tokens
kms:Decrypt | the key for managed & the key for administrator
kms:Decrypt | the key for partner & the key for oauth & the key for the refresh tokens
scheduler:CreateSchedule scheduler:GetSchedule scheduler:UpdateSchedule | a revocation's schedule
iam:PassRole | the scheduler's role
sqs:SendMessage sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes | the dead-letter queue
events:PutEvents | the default event bus
ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces xray:PutTraceSegments | anything

SweepRole sweep
secretsmanager:ListSecrets scheduler:ListSchedules xray:PutTraceSegments | anything
scheduler:CreateSchedule scheduler:GetSchedule scheduler:UpdateSchedule | a revocation's schedule
iam:PassRole | the scheduler's role

SchedulerRole
lambda:InvokeFunction | revoke-secret
sqs:SendMessage | the dead-letter queue

SweepSchedulerRole
lambda:InvokeFunction | sweep

StartRotationRole start-rotation
secretsmanager:DescribeSecret | NAMED
secretsmanager:RotateSecret | managed & managed, now
lambda:InvokeFunction | rotate
xray:PutTraceSegments | anything

EnrollAddonRole enroll-addon
secretsmanager:DescribeSecret | NAMED & OAUTH & administrator
secretsmanager:GetSecretValue secretsmanager:CreateSecret secretsmanager:TagResource | OWN
secretsmanager:RotateSecret | OWN
secretsmanager:DeleteSecret | managed, not rotated yet & oauth
secretsmanager:GetSecretValue | partner & oauth
dynamodb:GetItem dynamodb:UpdateItem dynamodb:DeleteItem | the refresh tokens
lambda:InvokeFunction | rotate
kms:Decrypt | the key for partner & the key for oauth & the key for the refresh tokens
kms:Decrypt kms:GenerateDataKey | the key for managed
ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces xray:PutTraceSegments | anything

DeprovisionAddonRole deprovision-addon
secretsmanager:DescribeSecret | NAMED & OAUTH
secretsmanager:GetSecretValue | OWN & administrator
secretsmanager:CancelRotateSecret | managed
secretsmanager:UpdateSecretVersionStage | OWN
secretsmanager:TagResource | managed, shown
secretsmanager:DeleteSecret | managed & oauth
dynamodb:DeleteItem | the refresh tokens
kms:Decrypt | the key for managed & the key for administrator & the key for the refresh tokens
scheduler:ListSchedules | anything
scheduler:DeleteSchedule | a revocation's schedule
scheduler:CreateSchedule scheduler:GetSchedule scheduler:UpdateSchedule | a deprovisioning's schedule
iam:PassRole | the deprovisionings' role
sqs:SendMessage | the deprovisionings' queue
ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces xray:PutTraceSegments | anything

DeprovisionSchedulerRole
lambda:InvokeFunction | deprovision-addon
sqs:SendMessage | the deprovisionings' queue
";

/// Whatever has the name of a rotating secret.
const NAMED: [&str; 6] = [
    "managed",
    "managed, not rotated yet",
    "managed by another stack",
    "without the stack's tag",
    "in nobody's hands",
    "rotated by another function",
];

/// Those of them that the stack rotates, or is to rotate.
const OWN: [&str; 2] = ["managed", "managed, not rotated yet"];

/// The OAuth secrets, whoever they are of.
const OAUTH: [&str; 3] = [
    "oauth",
    "oauth of another stack",
    "oauth without the stack's tag",
];

/// An action on a thing, by its name.
type Power = (&'static str, &'static str);

fn each(line: &'static str) -> Vec<Power> {
    let (actions, things) = line.split_once(" | ").unwrap_or_default();
    let things = things.split(" & ").flat_map(|thing| match thing {
        "NAMED" => NAMED.to_vec(),
        "OWN" => OWN.to_vec(),
        "OAUTH" => OAUTH.to_vec(),
        one => vec![one],
    });
    let things: Vec<_> = things.collect();
    let on = |action| things.iter().map(move |thing| (action, *thing));
    actions.split(' ').flat_map(on).collect()
}

/// A role's logical id, its function, its powers.
fn granted() -> impl Iterator<Item = (&'static str, &'static str, Vec<Power>)> {
    GRANTED.trim().split("\n\n").map(|role| {
        let (head, lines) = role.split_once('\n').unwrap_or_default();
        let (id, function) = head.split_once(' ').unwrap_or((head, ""));
        (id, function, lines.lines().flat_map(each).collect())
    })
}

pub(super) async fn powers(cloud: Arc<Cloud>) -> TestResult {
    let roles = roles(&cloud).await?;
    let things = things(&cloud, &roles).await?;
    let mut granted_powers = 0;
    for (id, function, granted) in granted() {
        let role = role(&roles, id)?;
        for thing in &things {
            let asked: Vec<_> = ACTIONS
                .into_iter()
                .filter(|action| {
                    BOUND_TO_NOTHING.contains(action) == (thing.name == "anything")
                        && ONLY_TO
                            .iter()
                            .all(|(name, only)| *name != thing.name || only == action)
                })
                .collect();
            let allowed = cloud
                .root
                .allowed_in(&role.arn, &asked, &thing.arn, &thing.context())
                .await?;
            for action in asked {
                let verdict = allowed.iter().any(|allowed| allowed == action);
                let wanted = granted.contains(&(action, thing.name));
                granted_powers += usize::from(wanted);
                check(verdict == wanted, || {
                    format!(
                        "{id}: {action} on {}: {verdict}, wanted: {wanted}",
                        thing.name
                    )
                })?;
            }
        }
        if !function.is_empty() {
            writes_its_own_log(&cloud, &role.arn, function).await?;
        }
    }
    let named: usize = granted().map(|(_, _, powers)| powers.len()).sum();
    check(granted_powers == named, || {
        format!("of {named} powers, {granted_powers} were asked for: a name is wrong")
    })
}

/// Lambda makes network interfaces in the role's name; the function's own code may not.
pub(super) async fn no_network(cloud: Arc<Cloud>) -> TestResult {
    let roles = roles(&cloud).await?;
    for (id, function) in [
        ("CreateSecretRole", "create-secret"),
        ("TestSecretRole", "test-secret"),
        ("RevokeSecretRole", "revoke-secret"),
        ("EnrollAddonRole", "enroll-addon"),
        ("DeprovisionAddonRole", "deprovision-addon"),
    ] {
        let (role, function) = (role(&roles, id)?, cloud.function_arn(function));
        let context = [("lambda:SourceFunctionArn", function.as_str())];
        let action = "ec2:CreateNetworkInterface";
        let verdict = cloud.root.is_allowed_in(&role.arn, action, "*", &context);
        check(!verdict.await?, || format!("{id}: the code may {action}"))?;
    }
    Ok(())
}

async fn writes_its_own_log(cloud: &Cloud, role: &str, function: &str) -> TestResult {
    for (function, wanted) in [(function, true), ("another", false)] {
        let stream = format!(
            "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/{STACK}-{function}:log-stream:x"
        );
        for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
            let verdict = cloud.root.is_allowed(role, action, &stream).await?;
            check(verdict == wanted, || {
                format!("{role}: {action} on {stream}: {verdict}, wanted: {wanted}")
            })?;
        }
    }
    Ok(())
}
