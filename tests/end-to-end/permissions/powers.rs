//! What each role may do and may not, by IAM's own verdict on the deployed policies.

use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, STACK};

use super::roles::{role, roles};
use crate::TestResult;
use crate::support::{check, spec};

const GET: &str = "secretsmanager:GetSecretValue";
const PUT: &str = "secretsmanager:PutSecretValue";
const DESCRIBE: &str = "secretsmanager:DescribeSecret";
const STAGE: &str = "secretsmanager:UpdateSecretVersionStage";
const CREATE: &str = "scheduler:CreateSchedule";
const LOOK: &str = "scheduler:GetSchedule";
const UPDATE: &str = "scheduler:UpdateSchedule";
const INVOKE: &str = "lambda:InvokeFunction";
const SEND: &str = "sqs:SendMessage";

/// An action on a resource.
type Power<'a> = (&'static str, &'a str);

/// What there is to have power over: ARNs.
struct Resources {
    managed: String,
    administrator: String,
    oauth: String,
    partner: String,
    schedule: String,
    schedule_elsewhere: String,
    dead_letter_queue: String,
    /// rotate last but one, revoke-secret last.
    functions: [String; 6],
}

impl Resources {
    async fn of(cloud: &Cloud) -> Result<Self, Failed> {
        let instance = cloud.enrol(spec("powers", Api::V3, Engine::Http)).await?;
        let secret = |name: &str| {
            format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-AbCdEf")
        };
        let schedule =
            |group: &str| format!("arn:aws:scheduler:us-east-1:000000000000:schedule/{group}/any");
        let url = cloud.output("DeadLetterQueueUrl")?;
        let queue = cloud
            .aws(&[
                "sqs",
                "get-queue-attributes",
                "--queue-url",
                url,
                "--attribute-names",
                "QueueArn",
            ])
            .await?;
        let queue = queue["Attributes"]["QueueArn"].as_str().ok_or("no queue")?;
        Ok(Self {
            managed: instance.secret_arn,
            administrator: secret("addon/masters/acme-db"),
            oauth: secret("addon/oauth/0123"),
            partner: cloud
                .gateway
                .secrets_manager()
                .secret("addon/partner")
                .ok_or("no partner secret")?
                .arn,
            schedule: schedule(STACK),
            schedule_elsewhere: schedule("default"),
            dead_letter_queue: queue.to_owned(),
            functions: [
                "create-secret",
                "publish-to-heroku",
                "test-secret",
                "finish-secret",
                "rotate",
                "revoke-secret",
            ]
            .map(|name| cloud.function_arn(name)),
        })
    }

    /// Every power that somebody might have by mistake.
    fn all_powers(&self) -> Vec<Power<'_>> {
        let secrets = [
            &self.managed,
            &self.administrator,
            &self.oauth,
            &self.partner,
        ];
        let on_secrets = [GET, PUT, DESCRIBE, STAGE]
            .into_iter()
            .chain([
                "secretsmanager:RotateSecret",
                "secretsmanager:DeleteSecret",
                "secretsmanager:UpdateSecret",
            ])
            .flat_map(|action| secrets.map(|secret| (action, secret.as_str())));
        let on_schedules = [CREATE, LOOK, UPDATE, "scheduler:DeleteSchedule"]
            .into_iter()
            .flat_map(|action| {
                [&self.schedule, &self.schedule_elsewhere]
                    .map(|schedule| (action, schedule.as_str()))
            });
        let on_functions = self
            .functions
            .iter()
            .map(|function| (INVOKE, function.as_str()));
        on_secrets
            .chain(on_schedules)
            .chain(on_functions)
            .chain([
                (SEND, self.dead_letter_queue.as_str()),
                ("iam:CreateRole", "*"),
                ("kms:Decrypt", "*"),
            ])
            .collect()
    }

    /// The powers that each role is to have: its logical id, its function, the powers.
    fn granted(&self) -> [(&'static str, &'static str, Vec<Power<'_>>); 7] {
        let managed = self.managed.as_str();
        let administrator = (GET, self.administrator.as_str());
        let tokens = [
            (GET, self.oauth.as_str()),
            (PUT, &self.oauth),
            (GET, &self.partner),
        ];
        let scheduling = [(CREATE, self.schedule.as_str()), (UPDATE, &self.schedule)];
        let dead_letters = (SEND, self.dead_letter_queue.as_str());
        let called = self.functions[..4]
            .iter()
            .map(|function| (INVOKE, function.as_str()));
        let own = [DESCRIBE, GET, PUT, STAGE].map(|action| (action, managed));
        let revoking = [
            (DESCRIBE, managed),
            (GET, managed),
            (STAGE, managed),
            administrator,
            dead_letters,
        ];
        let publishing: Vec<_> = [(GET, managed)].into_iter().chain(tokens).collect();
        [
            (
                "RotateRole",
                "rotate",
                own.into_iter().chain(called).collect(),
            ),
            (
                "CreateSecretRole",
                "create-secret",
                vec![(GET, managed), administrator],
            ),
            (
                "PublishToHerokuRole",
                "publish-to-heroku",
                publishing.clone(),
            ),
            ("TestSecretRole", "test-secret", publishing),
            ("FinishSecretRole", "finish-secret", scheduling.to_vec()),
            (
                "RevokeSecretRole",
                "revoke-secret",
                revoking
                    .into_iter()
                    .chain(tokens)
                    .chain(scheduling)
                    .chain([(LOOK, self.schedule.as_str())])
                    .collect(),
            ),
            (
                "SchedulerRole",
                "",
                vec![(INVOKE, &self.functions[5]), dead_letters],
            ),
        ]
    }
}

pub(super) async fn powers(cloud: Arc<Cloud>) -> TestResult {
    let resources = Resources::of(&cloud).await?;
    let roles = roles(&cloud).await?;
    for (id, function, granted) in resources.granted() {
        let role = role(&roles, id)?;
        for power in resources.all_powers() {
            let (action, resource) = power;
            let verdict = cloud.root.is_allowed(&role.arn, action, resource).await?;
            let wanted = granted.contains(&power);
            check(verdict == wanted, || {
                format!("{id}: {action} on {resource}: {verdict}, wanted: {wanted}")
            })?;
        }
        if !function.is_empty() {
            writes_its_own_log(&cloud, &role.arn, function).await?;
        }
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
