//! What each role may do and may not, by IAM's own verdict on the deployed policies.

use std::sync::Arc;

use local_cloud::cloud::{Cloud, STACK};

use super::roles::{role, roles};
use super::things::{FUNCTIONS, ONLY_TO, things};
use crate::TestResult;
use crate::support::check;

const GET: &str = "secretsmanager:GetSecretValue";
const PUT: &str = "secretsmanager:PutSecretValue";
const DESCRIBE: &str = "secretsmanager:DescribeSecret";
const TAG: &str = "secretsmanager:TagResource";
const STAGE: &str = "secretsmanager:UpdateSecretVersionStage";
const CREATE: &str = "scheduler:CreateSchedule";
const LOOK: &str = "scheduler:GetSchedule";
const UPDATE: &str = "scheduler:UpdateSchedule";
const INVOKE: &str = "lambda:InvokeFunction";
const DECRYPT: &str = "kms:Decrypt";
const TELL: &str = "events:PutEvents";
const ENCRYPT: &str = "kms:GenerateDataKey";
const GET_ITEM: &str = "dynamodb:GetItem";
const UPDATE_ITEM: &str = "dynamodb:UpdateItem";
const DELETE_ITEM: &str = "dynamodb:DeleteItem";

/// Everything that somebody might be given by mistake.
const ACTIONS: [&str; 46] = [
    GET_ITEM,
    UPDATE_ITEM,
    DELETE_ITEM,
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    GET,
    PUT,
    DESCRIBE,
    STAGE,
    "secretsmanager:CancelRotateSecret",
    "secretsmanager:CreateSecret",
    "secretsmanager:DeleteSecret",
    "secretsmanager:ListSecrets",
    "secretsmanager:ListSecretVersionIds",
    "secretsmanager:PutResourcePolicy",
    "secretsmanager:RotateSecret",
    "secretsmanager:TagResource",
    "secretsmanager:UpdateSecret",
    CREATE,
    LOOK,
    UPDATE,
    "scheduler:DeleteSchedule",
    "scheduler:ListSchedules",
    INVOKE,
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
    "sqs:SendMessage",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:PurgeQueue",
    DECRYPT,
    ENCRYPT,
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
    TELL,
];

/// Those that no policy can bind to a resource.
const BOUND_TO_NOTHING: [&str; 5] = [
    "secretsmanager:ListSecrets",
    "scheduler:ListSchedules",
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "xray:PutTraceSegments",
];

/// An action on a thing, by its name.
type Power = (&'static str, &'static str);

fn each(actions: &[&'static str], things: &[&'static str]) -> Vec<Power> {
    let on = |action| things.iter().map(move |thing| (action, *thing));
    actions.iter().flat_map(|action| on(*action)).collect()
}

fn tokens() -> Vec<Power> {
    [
        each(&[GET_ITEM, UPDATE_ITEM], &["the refresh tokens"]),
        each(&[GET], &["partner", "oauth"]),
    ]
    .concat()
}

fn traces() -> Vec<Power> {
    each(&["xray:PutTraceSegments"], &["anything"])
}

fn network() -> Vec<Power> {
    let actions = [
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
    ];
    each(&actions, &["anything"])
}

fn scheduling() -> Vec<Power> {
    [
        each(&[CREATE], &["a revocation's schedule"]),
        each(&["iam:PassRole"], &["the scheduler's role"]),
    ]
    .concat()
}

fn token_keys() -> Vec<Power> {
    [
        each(&[DECRYPT], &["the key for partner", "the key for oauth"]),
        each(&[DECRYPT], &["the key for the refresh tokens"]),
    ]
    .concat()
}

fn reading() -> Vec<Power> {
    [
        each(&[GET], &["managed"]),
        each(&[DECRYPT], &["the key for managed"]),
    ]
    .concat()
}

fn publishing() -> Vec<Power> {
    [reading(), tokens(), token_keys(), traces()].concat()
}

fn administrator() -> Vec<Power> {
    [
        each(&[GET], &["administrator"]),
        each(&[DECRYPT], &["the key for administrator"]),
    ]
    .concat()
}

/// A role's logical id, its function, its powers.
type Granted = (&'static str, &'static str, Vec<Power>);

/// The powers that each role is to have.
fn granted() -> Vec<Granted> {
    let own = [
        (
            "RotateRole",
            "rotate",
            [
                each(&[DESCRIBE, GET, PUT], &["managed"]),
                each(&[STAGE], &["managed", "managed, AWSCURRENT"]),
                each(&[TAG], &["managed, shown"]),
                each(&[DECRYPT, ENCRYPT], &["the key for managed"]),
                each(&[INVOKE], &FUNCTIONS[..4]),
                each(&[TELL], &["the default event bus"]),
                traces(),
            ]
            .concat(),
        ),
        (
            "CreateSecretRole",
            "create-secret",
            [
                // What rotations will do is tried before an instance rotates.
                each(&[GET], &OWN),
                each(&[DECRYPT], &["the key for managed"]),
                administrator(),
                network(),
                traces(),
            ]
            .concat(),
        ),
        ("PublishToHerokuRole", "publish-to-heroku", publishing()),
        (
            "TestSecretRole",
            "test-secret",
            [publishing(), network()].concat(),
        ),
        (
            "FinishSecretRole",
            "finish-secret",
            [
                scheduling(),
                each(&[LOOK, UPDATE], &["a revocation's schedule"]),
                traces(),
            ]
            .concat(),
        ),
        (
            "RevokeSecretRole",
            "revoke-secret",
            [
                // Of a rotation that is switched off, AWS may forget the function.
                each(&[GET, DESCRIBE, STAGE], &OWN),
                each(&[TAG], &["managed, shown"]),
                each(&[DECRYPT], &["the key for managed"]),
                administrator(),
                tokens(),
                token_keys(),
                scheduling(),
                each(&[LOOK, UPDATE], &["a revocation's schedule"]),
                each(
                    &[
                        "sqs:SendMessage",
                        "sqs:ReceiveMessage",
                        "sqs:DeleteMessage",
                        "sqs:GetQueueAttributes",
                    ],
                    &["the dead-letter queue"],
                ),
                each(&[TELL], &["the default event bus"]),
                network(),
                traces(),
            ]
            .concat(),
        ),
        (
            "SweepRole",
            "sweep",
            [
                each(
                    &["secretsmanager:ListSecrets", "scheduler:ListSchedules"],
                    &["anything"],
                ),
                scheduling(),
                each(&[LOOK, UPDATE], &["a revocation's schedule"]),
                traces(),
            ]
            .concat(),
        ),
        (
            "SchedulerRole",
            "",
            [
                each(&[INVOKE], &["revoke-secret"]),
                each(&["sqs:SendMessage"], &["the dead-letter queue"]),
            ]
            .concat(),
        ),
        ("SweepSchedulerRole", "", each(&[INVOKE], &["sweep"])),
    ];
    own.into_iter().chain(of_the_fleet()).collect()
}

/// Those of whoever enrols, rotates and deprovisions.
fn of_the_fleet() -> [Granted; 4] {
    [
        (
            "StartRotationRole",
            "start-rotation",
            [
                each(&[DESCRIBE], &NAMED),
                each(
                    &["secretsmanager:RotateSecret"],
                    &["managed", "managed, now"],
                ),
                each(&[INVOKE], &["rotate"]),
                traces(),
            ]
            .concat(),
        ),
        ("EnrollAddonRole", "enroll-addon", enrolling()),
        (
            "DeprovisionAddonRole",
            "deprovision-addon",
            deprovisioning(),
        ),
        (
            "DeprovisionSchedulerRole",
            "",
            [
                each(&[INVOKE], &["deprovision-addon"]),
                each(&["sqs:SendMessage"], &["the deprovisionings' queue"]),
            ]
            .concat(),
        ),
    ]
}

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

fn enrolling() -> Vec<Power> {
    [
        each(&[DESCRIBE], &NAMED),
        each(&[DESCRIBE], &OAUTH),
        each(&[DESCRIBE], &["administrator"]),
        each(&[GET], &OWN),
        each(
            &["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
            &OWN,
        ),
        each(&["secretsmanager:RotateSecret"], &OWN),
        each(
            &["secretsmanager:DeleteSecret"],
            &["managed, not rotated yet", "oauth"],
        ),
        each(&[DELETE_ITEM], &["the refresh tokens"]),
        each(&[INVOKE], &["rotate"]),
        tokens(),
        token_keys(),
        each(&[DECRYPT, ENCRYPT], &["the key for managed"]),
        network(),
        traces(),
    ]
    .concat()
}

fn deprovisioning() -> Vec<Power> {
    [
        each(&[DESCRIBE], &NAMED),
        each(&[DESCRIBE], &OAUTH),
        each(&[GET], &OWN),
        each(&[DECRYPT], &["the key for managed"]),
        administrator(),
        each(&["secretsmanager:CancelRotateSecret"], &["managed"]),
        each(&[STAGE], &OWN),
        each(&[TAG], &["managed, shown"]),
        each(&["secretsmanager:DeleteSecret"], &["managed", "oauth"]),
        each(&[DELETE_ITEM], &["the refresh tokens"]),
        each(&[DECRYPT], &["the key for the refresh tokens"]),
        each(&["scheduler:ListSchedules"], &["anything"]),
        each(&["scheduler:DeleteSchedule"], &["a revocation's schedule"]),
        each(&[CREATE, LOOK, UPDATE], &["a deprovisioning's schedule"]),
        each(&["iam:PassRole"], &["the deprovisionings' role"]),
        each(&["sqs:SendMessage"], &["the deprovisionings' queue"]),
        network(),
        traces(),
    ]
    .concat()
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
    let named: usize = granted().iter().map(|(_, _, powers)| powers.len()).sum();
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
