//! Least privilege, shown by enforcement: every permission in the deployed roles is needed, every
//! power that a function's step does not need is denied, and nobody but the rotation function
//! stores a pending value.

use std::collections::BTreeMap;
use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, Instance, STACK};
use local_cloud::heroku::TokenRules;
use serde_json::{Value, json};

use crate::support::{
    check, current, document, failed, fire, invoke, live_versions, names, rotate, rotated,
    schedule, snapshot, spec, store, token, wait_for,
};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("permissions::every_power_is_the_steps_own", powers);
    suite.test(
        "permissions::each_of_a_step_function_is_needed",
        step_functions,
    );
    suite.test("permissions::each_of_rotate_is_needed", rotate_function);
    suite.test(
        "permissions::each_of_revoke_secret_is_needed",
        revoke_function,
    );
    suite.test(
        "permissions::those_of_the_scheduler_are_needed",
        scheduler_role,
    );
    suite.test(
        "permissions::only_rotate_stores_a_pending_value",
        only_rotate_stores,
    );
}

/// A role as deployed.
struct Role {
    arn: String,
    name: String,
    policy_name: String,
    policy: Value,
}

/// The deployed roles by logical id.
async fn roles(cloud: &Cloud) -> Result<BTreeMap<String, Role>, Failed> {
    let answer = cloud
        .aws(&[
            "cloudformation",
            "describe-stack-resources",
            "--stack-name",
            STACK,
        ])
        .await?;
    let mut roles = BTreeMap::new();
    for resource in answer["StackResources"].as_array().into_iter().flatten() {
        if resource["ResourceType"] != "AWS::IAM::Role" {
            continue;
        }
        let name = resource["PhysicalResourceId"]
            .as_str()
            .ok_or("a role without a name")?
            .to_owned();
        let role = cloud
            .aws(&["iam", "get-role", "--role-name", &name])
            .await?;
        let policies = cloud
            .aws(&["iam", "list-role-policies", "--role-name", &name])
            .await?;
        let attached = cloud
            .aws(&["iam", "list-attached-role-policies", "--role-name", &name])
            .await?;
        check(attached["AttachedPolicies"] == json!([]), || {
            format!("{name} has managed policies: {attached}")
        })?;
        let [policy_name] = policies["PolicyNames"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
        else {
            return Err(format!("{name} has not one policy: {policies}").into());
        };
        let policy_name = policy_name.as_str().unwrap_or_default().to_owned();
        let policy = cloud
            .aws(&[
                "iam",
                "get-role-policy",
                "--role-name",
                &name,
                "--policy-name",
                &policy_name,
            ])
            .await?;
        let logical = resource["LogicalResourceId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let role = Role {
            arn: role["Role"]["Arn"]
                .as_str()
                .ok_or("a role without an ARN")?
                .to_owned(),
            name,
            policy_name,
            policy: policy["PolicyDocument"].clone(),
        };
        roles.insert(logical, role);
    }
    check(roles.len() == 7, || {
        format!("{} roles are deployed", roles.len())
    })?;
    Ok(roles)
}

impl Role {
    async fn put(&self, cloud: &Cloud, policy: &Value) -> TestResult {
        let document = policy.to_string();
        let arguments = [
            "iam",
            "put-role-policy",
            "--role-name",
            &self.name,
            "--policy-name",
            &self.policy_name,
        ];
        cloud
            .aws(&[&arguments[..], &["--policy-document", &document]].concat())
            .await?;
        Ok(())
    }

    async fn restore(&self, cloud: &Cloud) -> TestResult {
        self.put(cloud, &self.policy).await
    }

    /// Each permission on its own: the policy without it, and what was removed.
    fn without_each(&self) -> Vec<Removed> {
        let mut all = Vec::new();
        let statements = self.policy["Statement"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for (index, statement) in statements.iter().enumerate() {
            let sid = statement["Sid"].as_str().unwrap_or_default().to_owned();
            for (list, other) in [("Action", "Resource"), ("Resource", "Action")] {
                let Some(entries) = statement[list].as_array() else {
                    continue;
                };
                if list == "Resource" && entries.len() == 1 {
                    continue;
                }
                for entry in entries {
                    let rest: Vec<_> = entries
                        .iter()
                        .filter(|other| *other != entry)
                        .cloned()
                        .collect();
                    let mut policy = self.policy.clone();
                    if rest.is_empty() {
                        if let Some(statements) = policy["Statement"].as_array_mut() {
                            statements.remove(index);
                        }
                    } else {
                        policy["Statement"][index][list] = Value::Array(rest);
                    }
                    let entry = entry.as_str().unwrap_or_default().to_owned();
                    let action = if list == "Action" {
                        entry.clone()
                    } else {
                        statement[other][0].as_str().unwrap_or_default().to_owned()
                    };
                    all.push(Removed {
                        sid: sid.clone(),
                        action,
                        entry,
                        policy,
                    });
                }
            }
        }
        all
    }
}

/// A policy that lacks one permission.
struct Removed {
    sid: String,
    action: String,
    entry: String,
    policy: Value,
}

impl Removed {
    /// Lambda and EventBridge Scheduler use these in the role's name, no function does; `powers`
    /// shows that they are there.
    fn is_used_by_aws(&self) -> bool {
        self.action.starts_with("logs:") || self.action == "sqs:SendMessage"
    }
}

fn role<'a>(roles: &'a BTreeMap<String, Role>, id: &str) -> Result<&'a Role, Failed> {
    roles
        .get(id)
        .ok_or_else(|| format!("no role {id} is deployed").into())
}

/// Has every refresh answer a new refresh token, so that storing one is tried as well.
fn renew_refresh_tokens(cloud: &Cloud, renew: bool) {
    cloud.heroku.set_token_rules(TokenRules {
        rotate_refresh_token: renew,
        ..TokenRules::default()
    });
}

async fn step_functions(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("privileges", Api::V3, Engine::Http))
        .await?;
    let old = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    let current = current(&cloud, &instance)?;
    renew_refresh_tokens(&cloud, true);
    let roles = roles(&cloud).await?;
    for (id, function, step) in [
        ("CreateSecretRole", "create-secret", "createSecret"),
        ("PublishToHerokuRole", "publish-to-heroku", "setSecret"),
        ("TestSecretRole", "test-secret", "testSecret"),
        ("FinishSecretRole", "finish-secret", "finishSecret"),
    ] {
        let role = role(&roles, id)?;
        // finish-secret twice: the second finds the schedule and moves it.
        let version = if function == "finish-secret" {
            &old
        } else {
            &current
        };
        let event = json!({ "Step": step, "SecretId": instance.secret_arn, "VersionId": version });
        let error = invoke(&cloud, function, &event).await?;
        check(error.is_none(), || {
            format!("{function} fails with its own policy: {error:?}")
        })?;
        for removed in role.without_each() {
            if removed.is_used_by_aws() {
                continue;
            }
            if removed.action == "scheduler:CreateSchedule" || removed.action == "iam:PassRole" {
                delete_schedule(&cloud, &old).await?;
            }
            role.put(&cloud, &removed.policy).await?;
            let error = invoke(&cloud, function, &event).await?;
            role.restore(&cloud).await?;
            repair_tokens(&cloud, &instance).await?;
            let what = format!("{function} without {} ({})", removed.action, removed.sid);
            let error = error.ok_or_else(|| format!("{what} still works"))?;
            names(&error, &["AccessDenied", &removed.action])
                .map_err(|_| format!("{what} fails with {error:?}"))?;
            let error = invoke(&cloud, function, &event).await?;
            check(error.is_none(), || {
                format!("{function} fails after all: {error:?}")
            })?;
        }
    }
    renew_refresh_tokens(&cloud, false);
    Ok(())
}

/// Stores a refresh token that Heroku knows: one that was renewed and could not be stored is lost.
async fn repair_tokens(cloud: &Cloud, instance: &Instance) -> TestResult {
    let tokens = json!({ "refresh_token": cloud.heroku.refresh_token(&instance.addon)? });
    let request = json!({
        "SecretId": format!("addon/oauth/{}", instance.addon),
        "ClientRequestToken": token(),
        "SecretString": tokens.to_string(),
    });
    cloud
        .root
        .json_call("secretsmanager", "secretsmanager.PutSecretValue", &request)
        .await?;
    Ok(())
}

async fn delete_schedule(cloud: &Cloud, version: &str) -> TestResult {
    if let Some(schedule) = schedule(cloud, version, 0) {
        let (name, group) = (&schedule.name, &schedule.group);
        cloud
            .aws(&[
                "scheduler",
                "delete-schedule",
                "--name",
                name,
                "--group-name",
                group,
            ])
            .await?;
    }
    Ok(())
}

async fn rotate_function(cloud: Arc<Cloud>) -> TestResult {
    let roles = roles(&cloud).await?;
    let role = role(&roles, "RotateRole")?;
    for (index, removed) in role.without_each().into_iter().enumerate() {
        if removed.is_used_by_aws() {
            continue;
        }
        let instance = cloud
            .enrol(spec(
                &format!("privileges-rotate-{index}"),
                Api::V1,
                Engine::Http,
            ))
            .await?;
        let before = current(&cloud, &instance)?;
        role.put(&cloud, &removed.policy).await?;
        let version = cloud.rotate_now(&instance).await?;
        let error = failed(&cloud, &instance).await;
        role.restore(&cloud).await?;
        let what = format!("rotate without {} on {}", removed.action, removed.entry);
        names(&error?, &["AccessDenied", &removed.action])
            .map_err(|error| format!("{what}: {error:?}"))?;
        // Given back, Secrets Manager's own retry completes the same rotation.
        rotated(&cloud, &instance, &version).await?;
        check(current(&cloud, &instance)? != before, || {
            format!("{what}: never completed")
        })?;
        let releases = cloud.heroku.releases(&instance.apps[0])?.len() - 2;
        check(releases == 1, || {
            format!("{what}: one rotation made {releases} releases")
        })?;
    }
    Ok(())
}

async fn revoke_function(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("privileges-revoke", Api::V3, Engine::Http))
        .await?;
    let old = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    let current = current(&cloud, &instance)?;
    renew_refresh_tokens(&cloud, true);
    let roles = roles(&cloud).await?;
    let role = role(&roles, "RevokeSecretRole")?;
    let event = |version: &str, attempt: u32| json!({ "SecretId": instance.secret_arn, "VersionId": version, "Attempt": attempt });
    for removed in role.without_each() {
        if removed.is_used_by_aws() {
            continue;
        }
        role.put(&cloud, &removed.policy).await?;
        let scheduling =
            removed.sid == "ScheduleRevocations" || removed.sid == "LetSchedulerInvoke";
        let error = if scheduling {
            // What must wait has to be scheduled: the current version is in use. Twice, so that the
            // schedule is moved as well.
            let attempt = 3;
            let first = invoke(&cloud, "revoke-secret", &event(&current, attempt)).await?;
            let second = invoke(&cloud, "revoke-secret", &event(&current, attempt)).await?;
            if let Some(next) = schedule(&cloud, &current, attempt + 1) {
                cloud
                    .aws(&[
                        "scheduler",
                        "delete-schedule",
                        "--name",
                        &next.name,
                        "--group-name",
                        &next.group,
                    ])
                    .await?;
            }
            first.or(second)
        } else {
            // The last try says why it failed, and schedules none.
            invoke(&cloud, "revoke-secret", &event(&old, 40)).await?
        };
        role.restore(&cloud).await?;
        repair_tokens(&cloud, &instance).await?;
        let what = format!("revoke-secret without {} ({})", removed.action, removed.sid);
        let error = error.ok_or_else(|| format!("{what} still works"))?;
        names(&error, &["AccessDenied", &removed.action])
            .map_err(|_| format!("{what} fails with {error:?}"))?;
        let live = live_versions(&cloud, &instance)?;
        check(live.contains(&old), || format!("{what}: the label is off"))?;
    }
    renew_refresh_tokens(&cloud, false);
    let error = invoke(&cloud, "revoke-secret", &event(&old, 0)).await?;
    check(error.is_none(), || {
        format!("revoke-secret fails after all: {error:?}")
    })?;
    let live = live_versions(&cloud, &instance)?;
    check(!live.contains(&old), || "the label is still on".to_owned())
}

async fn scheduler_role(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("privileges-scheduler", Api::V1, Engine::Http))
        .await?;
    let old = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    let roles = roles(&cloud).await?;
    let role = role(&roles, "SchedulerRole")?;
    let removed = role.without_each();
    let removed = removed
        .iter()
        .find(|removed| removed.action == "lambda:InvokeFunction")
        .ok_or("it may not invoke")?;
    let name = schedule(&cloud, &old, 0)
        .ok_or("nothing is scheduled")?
        .name;
    role.put(&cloud, &removed.policy).await?;
    fire(&cloud, &old, 0).await?;
    let buried = wait_for(&cloud, "the dead letter", |events| {
        events.iter().find_map(|event| match &event.kind {
            local_cloud::events::EventKind::ScheduleDeadLettered {
                name: schedule,
                message,
            } => (*schedule == name).then(|| message.clone()),
            _ => None,
        })
    })
    .await;
    role.restore(&cloud).await?;
    names(&buried?, &["lambda:InvokeFunction"])?;
    let queue = cloud.output("DeadLetterQueueUrl")?;
    let message = cloud
        .aws(&["sqs", "receive-message", "--queue-url", queue])
        .await?;
    names(&message.to_string(), &[&old])?;
    check(live_versions(&cloud, &instance)?.contains(&old), || {
        "the label is off".to_owned()
    })
}

async fn only_rotate_stores(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("privileges-pending", Api::V1, Engine::Http))
        .await?;
    let pending = pending_rotation(&cloud, &instance).await?;
    let roles = roles(&cloud).await?;
    let role = role(&roles, "CreateSecretRole")?;
    // Even with IAM's leave: Secrets Manager itself refuses.
    let mut generous = role.policy.clone();
    if let Some(statements) = generous["Statement"].as_array_mut() {
        statements
            .push(json!({ "Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*" }));
    }
    role.put(&cloud, &generous).await?;
    let stolen = cloud
        .aws_as(
            "create-secret",
            &[
                "secretsmanager",
                "put-secret-value",
                "--secret-id",
                &instance.secret_arn,
                "--client-request-token",
                &pending,
                "--secret-string",
                "{}",
                "--version-stages",
                "AWSPENDING",
            ],
        )
        .await;
    role.restore(&cloud).await?;
    let error = stolen
        .err()
        .map(|error| error.to_string())
        .ok_or("create-secret stored a pending value")?;
    names(&error, &["AccessDenied"])?;
    let secret = snapshot(&cloud, &instance)?;
    let stored = secret
        .versions
        .iter()
        .any(|version| version.id == pending && version.has_value);
    check(!stored, || "the pending version has a value".to_owned())
}

/// A rotation that is under way, its pending version without a value: the document is unusable.
async fn pending_rotation(cloud: &Cloud, instance: &Instance) -> Result<String, Failed> {
    let mut document = document(cloud, instance).await?;
    document["engine"] = "oracle".into();
    store(cloud, instance, &document).await?;
    let version = cloud.rotate_now(instance).await?;
    failed(cloud, instance).await?;
    let pending = snapshot(cloud, instance)?
        .labelled("AWSPENDING")
        .map(ToOwned::to_owned);
    check(pending.as_ref() == Some(&version), || {
        format!("pending is {pending:?}")
    })?;
    Ok(version)
}

/// What each role may do and may not, by IAM's own verdict on the deployed policies.
async fn powers(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("powers", Api::V3, Engine::Http)).await?;
    let managed = instance.secret_arn.as_str();
    let secret =
        |name: &str| format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-AbCdEf");
    let (administrator, oauth) = (secret("addon/masters/acme-db"), secret("addon/oauth/0123"));
    let partner = cloud
        .gateway
        .secrets_manager()
        .secret("addon/partner")
        .ok_or("no partner secret")?
        .arn;
    let group = format!("arn:aws:scheduler:us-east-1:000000000000:schedule/{STACK}/any");
    let elsewhere = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/any";
    let queue = cloud
        .aws(&[
            "sqs",
            "get-queue-attributes",
            "--queue-url",
            cloud.output("DeadLetterQueueUrl")?,
            "--attribute-names",
            "QueueArn",
        ])
        .await?;
    let queue = queue["Attributes"]["QueueArn"]
        .as_str()
        .ok_or("no queue")?
        .to_owned();
    let (get, put, describe, stage) = (
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
        "secretsmanager:DescribeSecret",
        "secretsmanager:UpdateSecretVersionStage",
    );
    let (create, update, invoke) = (
        "scheduler:CreateSchedule",
        "scheduler:UpdateSchedule",
        "lambda:InvokeFunction",
    );
    let functions: Vec<String> = [
        "create-secret",
        "publish-to-heroku",
        "test-secret",
        "finish-secret",
        "rotate",
        "revoke-secret",
    ]
    .map(|name| cloud.function_arn(name))
    .into();
    let everything: Vec<(&str, &str)> = [
        get,
        put,
        describe,
        stage,
        "secretsmanager:RotateSecret",
        "secretsmanager:DeleteSecret",
        "secretsmanager:UpdateSecret",
    ]
    .into_iter()
    .flat_map(|action| [managed, &administrator, &oauth, &partner].map(|secret| (action, secret)))
    .chain(
        [create, update, "scheduler:DeleteSchedule"]
            .into_iter()
            .flat_map(|action| [(action, group.as_str()), (action, elsewhere)]),
    )
    .chain(functions.iter().map(|function| (invoke, function.as_str())))
    .chain([
        ("sqs:SendMessage", queue.as_str()),
        ("iam:CreateRole", "*"),
        ("kms:Decrypt", "*"),
    ])
    .collect();
    let tokens = [(get, oauth.as_str()), (put, &oauth), (get, &partner)];
    let scheduling = [(create, group.as_str()), (update, &group)];
    let expected: [(&str, &str, Vec<(&str, &str)>); 7] = [
        (
            "RotateRole",
            "rotate",
            [
                (describe, managed),
                (get, managed),
                (put, managed),
                (stage, managed),
            ]
            .into_iter()
            .chain(
                functions[..4]
                    .iter()
                    .map(|function| (invoke, function.as_str())),
            )
            .collect(),
        ),
        (
            "CreateSecretRole",
            "create-secret",
            vec![(get, managed), (get, &administrator)],
        ),
        (
            "PublishToHerokuRole",
            "publish-to-heroku",
            [(get, managed)].into_iter().chain(tokens).collect(),
        ),
        (
            "TestSecretRole",
            "test-secret",
            [(get, managed)].into_iter().chain(tokens).collect(),
        ),
        ("FinishSecretRole", "finish-secret", scheduling.to_vec()),
        (
            "RevokeSecretRole",
            "revoke-secret",
            [
                (describe, managed),
                (get, managed),
                (stage, managed),
                (get, &administrator),
                ("sqs:SendMessage", &queue),
            ]
            .into_iter()
            .chain(tokens)
            .chain(scheduling)
            .collect(),
        ),
        (
            "SchedulerRole",
            "",
            vec![(invoke, &functions[5]), ("sqs:SendMessage", &queue)],
        ),
    ];
    let roles = roles(&cloud).await?;
    for (id, function, allowed) in expected {
        let role = role(&roles, id)?;
        for &(action, resource) in &everything {
            let verdict = cloud.root.is_allowed(&role.arn, action, resource).await?;
            let wanted = allowed.contains(&(action, resource));
            check(verdict == wanted, || {
                format!("{id}: {action} on {resource} is allowed: {verdict}, wanted: {wanted}")
            })?;
        }
        if function.is_empty() {
            continue;
        }
        let log = |function: &str| {
            format!(
                "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/{STACK}-{function}:log-stream:x"
            )
        };
        for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
            let verdict = cloud
                .root
                .is_allowed(&role.arn, action, &log(function))
                .await?;
            check(verdict, || {
                format!("{id} may not {action} in its own log group")
            })?;
            let verdict = cloud
                .root
                .is_allowed(&role.arn, action, &log("other"))
                .await?;
            check(!verdict, || {
                format!("{id} may {action} in another log group")
            })?;
        }
    }
    Ok(())
}
