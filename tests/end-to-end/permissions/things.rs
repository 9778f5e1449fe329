//! What there is to have power over, with the context in which IAM is asked about it.

use std::collections::BTreeMap;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, STACK};

use super::roles::{Role, role};
use crate::support::{aws, spec};

/// The functions that `rotate` calls, then the others.
pub(crate) const FUNCTIONS: [&str; 10] = [
    "create-secret",
    "publish-to-heroku",
    "test-secret",
    "finish-secret",
    "rotate",
    "revoke-secret",
    "sweep",
    "start-rotation",
    "enroll-addon",
    "deprovision-addon",
];

const STAGE: &str = "secretsmanager:UpdateSecretVersionStage";
const ROTATE: &str = "secretsmanager:RotateSecret";
const DELETE: &str = "secretsmanager:DeleteSecret";
const CREATE: &str = "secretsmanager:CreateSecret";
const TAG_RESOURCE: &str = "secretsmanager:TagResource";

/// Things that differ from another by what one action asks for.
pub(super) const ONLY_TO: [(&str, &str); 11] = [
    ("managed, AWSCURRENT", STAGE),
    ("managed, AWSPENDING", STAGE),
    ("managed, now", ROTATE),
    ("managed, by another function", ROTATE),
    ("managed, by other rules", ROTATE),
    ("managed, for good", DELETE),
    ("oauth, for good", DELETE),
    ("for another stack", CREATE),
    ("managed, there already", TAG_RESOURCE),
    ("managed, shown", TAG_RESOURCE),
    ("managed, shown and more", TAG_RESOURCE),
];

/// A resource, and what a request about it carries besides.
pub(super) struct Thing {
    pub(super) name: &'static str,
    pub(super) arn: String,
    context: Vec<(&'static str, String)>,
}

impl Thing {
    fn new(name: &'static str, arn: impl Into<String>) -> Self {
        Self {
            name,
            arn: arn.into(),
            context: Vec::new(),
        }
    }

    fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.context.push((key, value.into()));
        self
    }

    pub(super) fn context(&self) -> Vec<(&str, &str)> {
        let pairs = self.context.iter();
        pairs.map(|(key, value)| (*key, value.as_str())).collect()
    }
}

const TAG: &str = "aws:ResourceTag/rotation:stack";
const ROTATED_BY: &str = "secretsmanager:resource/AllowRotationLambdaArn";
const OAUTH_OF: &str = "aws:ResourceTag/rotation:oauth-of";
const TO_TAG: &str = "aws:RequestTag/rotation:stack";
const TO_TAG_OAUTH: &str = "aws:RequestTag/rotation:oauth-of";
const KEYS: &str = "aws:TagKeys";
const BY: &str = "secretsmanager:RotationLambdaARN";
const NOW: &str = "secretsmanager:RotateImmediately";
const RULES: &str = "secretsmanager:ModifyRotationRules";
const WINDOW: &str = "secretsmanager:RecoveryWindowInDays";
const NAMED: &str = "secretsmanager:SecretId";
const FORCED: &str = "secretsmanager:ForceDeleteWithoutRecovery";
const LABEL: &str = "secretsmanager:VersionStage";
const THROUGH: &str = "kms:ViaService";
const OF_SECRET: &str = "kms:EncryptionContext:SecretARN";
const SECRETS_MANAGER: &str = "secretsmanager.us-east-1.amazonaws.com";
const OF_TABLE: &str = "kms:EncryptionContext:aws:dynamodb:tableName";
const DYNAMODB: &str = "dynamodb.us-east-1.amazonaws.com";

/// The secrets, and the key that encrypts them.
#[expect(clippy::too_many_lines, reason = "a list of secrets")]
async fn secrets(cloud: &Cloud) -> Result<Vec<Thing>, Failed> {
    let instance = cloud.enrol(spec("powers", Api::V3, Engine::Http)).await?;
    let managed = instance.secret_arn.as_str();
    let rotate = cloud.function_arn("rotate");
    let secret =
        |name: &str| format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-AbCdEf");
    let (administrator, oauth) = (secret("addon/masters/acme-db"), secret("addon/oauth/0123"));
    let partner = cloud.gateway.secrets_manager().secret("addon/partner");
    let partner = partner.ok_or("no partner secret")?.arn;
    let foreign = secret("payroll/database");
    let key = instance_key(cloud, managed)?;
    let other_key = key.replacen("key/", "key/00000000", 1);

    let own = |name, label: &str| {
        Thing::new(name, managed)
            .with(TAG, STACK)
            .with(ROTATED_BY, rotate.as_str())
            .with(LABEL, label)
            .with(TO_TAG, STACK)
            .with(BY, rotate.as_str())
            .with(NOW, "false")
            .with(WINDOW, "30")
    };
    // As a request makes it, or asks for it.
    let asked = |name| Thing::new(name, managed).with(TAG, STACK);
    let mut things = vec![
        Thing::new("anything", "*"),
        own("managed", "LIVE-0123"),
        own("managed, AWSCURRENT", "AWSCURRENT"),
        own("managed, AWSPENDING", "AWSPENDING"),
        asked("managed, not rotated yet")
            .with(LABEL, "LIVE-0123")
            .with(TO_TAG, STACK)
            .with(BY, rotate.as_str())
            .with(NOW, "false")
            .with(FORCED, "true"),
        asked("managed, now")
            .with(ROTATED_BY, rotate.as_str())
            .with(RULES, "false")
            .with(NOW, "true"),
        asked("managed, by other rules")
            .with(ROTATED_BY, rotate.as_str())
            .with(RULES, "true")
            .with(NOW, "true"),
        asked("managed, by another function")
            .with(ROTATED_BY, rotate.as_str())
            .with(BY, cloud.function_arn("another"))
            .with(NOW, "false"),
        asked("managed, for good")
            .with(ROTATED_BY, rotate.as_str())
            .with(FORCED, "true"),
        asked("managed, shown")
            .with(ROTATED_BY, rotate.as_str())
            .with(NAMED, managed)
            .with(KEYS, "rotation:shown"),
        asked("managed, shown and more")
            .with(ROTATED_BY, rotate.as_str())
            .with(NAMED, managed)
            .with(KEYS, "rotation:shown")
            .with(KEYS, "rotation:revoke-after"),
        asked("for another stack").with(TO_TAG, "another"),
        Thing::new("oauth", oauth.as_str())
            .with(LABEL, "LIVE-0123")
            .with(OAUTH_OF, STACK)
            .with(WINDOW, "30"),
        Thing::new("oauth, for good", oauth.as_str())
            .with(LABEL, "LIVE-0123")
            .with(OAUTH_OF, STACK)
            .with(FORCED, "true"),
        Thing::new("oauth of another stack", oauth.as_str())
            .with(OAUTH_OF, "another")
            .with(WINDOW, "30"),
        Thing::new("oauth without the stack's tag", oauth.as_str()).with(WINDOW, "30"),
        asked("managed, there already")
            .with(TO_TAG, STACK)
            .with(NAMED, managed),
        Thing::new("managed by another stack", managed)
            .with(TAG, "another")
            .with(ROTATED_BY, rotate.as_str())
            .with(LABEL, "LIVE-0123"),
        Thing::new("without the stack's tag", managed)
            .with(ROTATED_BY, rotate.as_str())
            .with(LABEL, "LIVE-0123"),
        // Of the name alone, whatever is asked for.
        Thing::new("in nobody's hands", managed)
            .with(LABEL, "LIVE-0123")
            .with(NAMED, managed)
            .with(TO_TAG, STACK)
            .with(TO_TAG_OAUTH, STACK)
            .with(BY, rotate.as_str())
            .with(NOW, "false")
            .with(FORCED, "true")
            .with(WINDOW, "30"),
        Thing::new("rotated by another function", managed)
            .with(TAG, STACK)
            .with(ROTATED_BY, cloud.function_arn("another"))
            .with(LABEL, "LIVE-0123"),
        Thing::new("of another name", foreign.as_str())
            .with(TAG, STACK)
            .with(ROTATED_BY, rotate.as_str())
            .with(LABEL, "LIVE-0123"),
    ];
    for (name, key_name, arn) in [
        ("administrator", "the key for administrator", &administrator),
        ("oauth", "the key for oauth", &oauth),
        ("partner", "the key for partner", &partner),
        ("payroll", "the key for payroll", &foreign),
        ("", "the key for managed", &instance.secret_arn),
    ] {
        if !name.is_empty() && name != "oauth" {
            things.push(Thing::new(name, arn.as_str()).with(LABEL, "LIVE-0123"));
        }
        things.push(
            Thing::new(key_name, key.as_str())
                .with(THROUGH, SECRETS_MANAGER)
                .with(OF_SECRET, arn.as_str()),
        );
    }
    let table = |name: &str| format!("arn:aws:dynamodb:us-east-1:000000000000:table/{name}");
    let (tokens, others) = (format!("{STACK}-refresh-tokens"), "another-refresh-tokens");
    things.extend([
        Thing::new("the refresh tokens", table(&tokens)),
        Thing::new("another stack's refresh tokens", table(others)),
        Thing::new("the key for the refresh tokens", key.as_str())
            .with(THROUGH, DYNAMODB)
            .with(OF_TABLE, tokens),
        Thing::new("the key for another table", key.as_str())
            .with(THROUGH, DYNAMODB)
            .with(OF_TABLE, others),
    ]);
    let direct = Thing::new("the key, not through Secrets Manager", key.as_str());
    things.push(direct.with(OF_SECRET, managed));
    things.push(
        Thing::new("another key", other_key)
            .with(THROUGH, SECRETS_MANAGER)
            .with(OF_SECRET, managed),
    );
    Ok(things)
}

/// All of them.
pub(super) async fn things(
    cloud: &Cloud,
    roles: &BTreeMap<String, Role>,
) -> Result<Vec<Thing>, Failed> {
    let mut things = secrets(cloud).await?;
    let schedule = |group: &str, name: &str| {
        format!("arn:aws:scheduler:us-east-1:000000000000:schedule/{group}/{name}")
    };
    let bus = |name: &str| format!("arn:aws:events:us-east-1:000000000000:event-bus/{name}");
    things.extend([
        Thing::new("a revocation's schedule", schedule(STACK, "revoke-0123-0")),
        Thing::new("the sweep's schedule", schedule(STACK, "sweep")),
        Thing::new(
            "a deprovisioning's schedule",
            schedule(STACK, "deprovision-0123-0"),
        ),
        Thing::new("a schedule elsewhere", schedule("default", "revoke-0123-0")),
        Thing::new("the default event bus", bus("default")),
        Thing::new("another event bus", bus("another")),
    ]);
    for (name, output) in [
        ("the dead-letter queue", "DeadLetterQueueUrl"),
        (
            "the deprovisionings' queue",
            "DeprovisionDeadLetterQueueUrl",
        ),
    ] {
        let url = cloud.output(output)?;
        let get = "sqs get-queue-attributes --attribute-names QueueArn --queue-url";
        let queue = aws(cloud, get, &[url]).await?;
        let queue = queue["Attributes"]["QueueArn"].as_str().ok_or("no queue")?;
        things.push(Thing::new(name, queue));
    }
    let functions = FUNCTIONS.map(|name| Thing::new(name, cloud.function_arn(name)));
    things.extend(functions);
    let scheduler = &role(roles, "SchedulerRole")?.arn;
    let deprovision_scheduler = &role(roles, "DeprovisionSchedulerRole")?.arn;
    let sweep_scheduler = &role(roles, "SweepSchedulerRole")?.arn;
    let passed =
        |name, role: &str, service| Thing::new(name, role).with("iam:PassedToService", service);
    things.extend([
        passed("the scheduler's role", scheduler, "scheduler.amazonaws.com"),
        passed(
            "the scheduler's role for Lambda",
            scheduler,
            "lambda.amazonaws.com",
        ),
        passed(
            "the deprovisionings' role",
            deprovision_scheduler,
            "scheduler.amazonaws.com",
        ),
        passed(
            "the sweep's role",
            sweep_scheduler,
            "scheduler.amazonaws.com",
        ),
    ]);
    Ok(things)
}

fn instance_key(cloud: &Cloud, secret: &str) -> Result<String, Failed> {
    let secret = cloud.gateway.secrets_manager().secret(secret);
    let key = secret.and_then(|secret| secret.kms_key_id);
    key.ok_or_else(|| "the secret is not under a customer-managed key".into())
}
