//! Somebody else's rotation function, in AWS's own language and library, is rotated by the local cloud as AWS's guide
//! says: what the strict Secrets Manager demands is not what this project's functions happen to do.

use std::sync::Arc;

use local_cloud::cloud::Cloud;
use serde_json::{Value, json};
use stand_in::events::{Event, EventKind};

use crate::TestResult;
use crate::support::{aws, check, workspace};

const NAME: &str = "guides-own";
const SECRET: &str = "guide/secret";

/// What [the guide](https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html)
/// has the function's role do.
const ACTIONS: [&str; 4] = [
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
];

pub(super) async fn rotates(cloud: Arc<Cloud>) -> TestResult {
    let create = format!("secretsmanager create-secret --name {SECRET} --secret-string");
    let value = r#"{"username":"somebody","password":"as it was"}"#;
    let created = aws(&cloud, &create, &[value]).await?;
    let secret = created["ARN"].as_str().ok_or("no ARN")?.to_owned();
    let function = deploy(&cloud, &secret).await?;

    // Without a rotation: the function tests a version, and the value stays.
    let seen = cloud.events.since(0).len();
    rotate(&cloud, &function, &["--no-rotate-immediately"]).await?;
    let tested = |event: &Event| matches!(&event.kind, EventKind::StepSucceeded { step, .. } if step == "testSecret");
    check(cloud.events.since(seen).iter().any(tested), || {
        "the function was not tested".to_owned()
    })?;
    check(password(&cloud).await? == "as it was", || {
        "rotated, although that was not asked for".to_owned()
    })?;

    let seen = cloud.events.since(0).len();
    rotate(&cloud, &function, &[]).await?;
    let ended = |events: &[Event]| {
        events
            .iter()
            .skip(seen)
            .find_map(|event| match &event.kind {
                EventKind::RotationSucceeded { .. } => Some(Ok(())),
                EventKind::RotationFailed { message, .. } => Some(Err(message.clone())),
                _ => None,
            })
    };
    cloud.events.wait_for(ended).await?;
    let password = password(&cloud).await?;
    check(password != "as it was" && !password.is_empty(), || {
        "the value is the old one".to_owned()
    })?;
    let describe = "secretsmanager describe-secret --secret-id";
    let described = aws(&cloud, describe, &[SECRET]).await?;
    let stages = described["VersionIdsToStages"].as_object();
    let labels = stages
        .into_iter()
        .flatten()
        .filter_map(|(_, labels)| labels.as_array());
    let mut labels: Vec<_> = labels.flatten().filter_map(Value::as_str).collect();
    labels.sort_unstable();
    check(labels == ["AWSCURRENT", "AWSPREVIOUS"], || {
        format!("{labels:?}")
    })
}

async fn rotate(cloud: &Cloud, function: &str, more: &[&str]) -> TestResult {
    let rules = "--rotation-rules AutomaticallyAfterDays=30";
    let by = format!("--rotation-lambda-arn {function} {rules}");
    let rotate = format!("secretsmanager rotate-secret --secret-id {SECRET} {by}");
    aws(cloud, &rotate, more).await.map(drop)
}

async fn password(cloud: &Cloud) -> Result<String, libtest_mimic::Failed> {
    let get = "secretsmanager get-secret-value --secret-id";
    let answer = aws(cloud, get, &[SECRET]).await?;
    let value: Value = serde_json::from_str(answer["SecretString"].as_str().unwrap_or_default())?;
    Ok(value["password"].as_str().unwrap_or_default().to_owned())
}

/// The function, its role, and the right of Secrets Manager's to invoke it. Its ARN.
async fn deploy(cloud: &Cloud, secret: &str) -> Result<String, libtest_mimic::Failed> {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Service": "lambda.amazonaws.com" },
        "Action": "sts:AssumeRole",
    }] });
    let create = format!("iam create-role --role-name {NAME} --assume-role-policy-document");
    let role = aws(cloud, &create, &[&trust.to_string()]).await?;
    let role = role["Role"]["Arn"].as_str().ok_or("no role")?;
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": ACTIONS,
        "Resource": secret,
    }] });
    let put = format!("iam put-role-policy --role-name {NAME} --policy-name {NAME}");
    let document = ["--policy-document", &policy.to_string()];
    aws(cloud, &put, &document).await?;

    let directory = tempfile::tempdir()?;
    let zip = directory.path().join("function.zip");
    let source =
        workspace().join("tests/end-to-end/infrastructure/rotation_template/lambda_function.py");
    let mut writer = zip::ZipWriter::new(std::fs::File::create(&zip)?);
    writer.start_file(
        "lambda_function.py",
        zip::write::SimpleFileOptions::default(),
    )?;
    std::io::Write::write_all(&mut writer, &std::fs::read(source)?)?;
    writer.finish()?;
    let code = format!("fileb://{}", zip.display());
    let runs = "--runtime python3.12 --handler lambda_function.lambda_handler --timeout 60";
    let create = format!("lambda create-function --function-name {NAME} {runs} --role {role}");
    let made = aws(cloud, &create, &["--zip-file", &code]).await?;
    let whom = "--principal secretsmanager.amazonaws.com --source-account 000000000000";
    let what = "--statement-id rotation --action lambda:InvokeFunction";
    let permit = format!("lambda add-permission --function-name {NAME} {what} {whom}");
    aws(cloud, &permit, &[]).await?;
    Ok(made["FunctionArn"]
        .as_str()
        .ok_or("no function")?
        .to_owned())
}
