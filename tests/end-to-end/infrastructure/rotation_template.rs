//! Somebody else's rotation function, in AWS's own language and library, is rotated by the local cloud as AWS's guide
//! says: what the strict Secrets Manager demands is not what this project's functions happen to do.

use std::sync::Arc;

use local_cloud::cloud::Cloud;
use serde_json::{Value, json};
use stand_in::events::{Event, EventKind};

use crate::TestResult;
use crate::support::{check, workspace};

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
    let created = cloud
        .aws(&[
            "secretsmanager",
            "create-secret",
            "--name",
            SECRET,
            "--secret-string",
            r#"{"username":"somebody","password":"as it was"}"#,
        ])
        .await?;
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
    let described = describe(&cloud).await?;
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
    let rotate = [
        "secretsmanager",
        "rotate-secret",
        "--secret-id",
        SECRET,
        "--rotation-lambda-arn",
        function,
        "--rotation-rules",
        "AutomaticallyAfterDays=30",
    ];
    cloud.aws(&[&rotate[..], more].concat()).await?;
    Ok(())
}

async fn describe(cloud: &Cloud) -> Result<Value, libtest_mimic::Failed> {
    let describe = ["secretsmanager", "describe-secret", "--secret-id", SECRET];
    Ok(cloud.aws(&describe).await?)
}

async fn password(cloud: &Cloud) -> Result<String, libtest_mimic::Failed> {
    let get = ["secretsmanager", "get-secret-value", "--secret-id", SECRET];
    let answer = cloud.aws(&get).await?;
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
    let trust = trust.to_string();
    let role = ["iam", "create-role", "--role-name", NAME];
    let role = [&role[..], &["--assume-role-policy-document", &trust]].concat();
    let role = cloud.aws(&role).await?;
    let role = role["Role"]["Arn"].as_str().ok_or("no role")?;
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": ACTIONS,
        "Resource": secret,
    }] });
    let policy = policy.to_string();
    let put = [
        "iam",
        "put-role-policy",
        "--role-name",
        NAME,
        "--policy-name",
        NAME,
    ];
    cloud
        .aws(&[&put[..], &["--policy-document", &policy]].concat())
        .await?;

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
    let create = [
        "lambda",
        "create-function",
        "--function-name",
        NAME,
        "--runtime",
        "python3.12",
        "--handler",
        "lambda_function.lambda_handler",
        "--timeout",
        "60",
        "--role",
        role,
        "--zip-file",
        &code,
    ];
    let made = cloud.aws(&create).await?;
    let permit = [
        "lambda",
        "add-permission",
        "--function-name",
        NAME,
        "--statement-id",
        "rotation",
        "--action",
        "lambda:InvokeFunction",
        "--principal",
        "secretsmanager.amazonaws.com",
        "--source-account",
        "000000000000",
    ];
    cloud.aws(&permit).await?;
    Ok(made["FunctionArn"]
        .as_str()
        .ok_or("no function")?
        .to_owned())
}
