//! What lies outside a function's step is refused when it is tried, with the function's own
//! credentials and the AWS CLI.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use serde_json::json;

use crate::TestResult;
use crate::support::{check, current, invoke, names, rotate, snapshot, spec};

#[expect(clippy::too_many_lines, reason = "one try after the other")]
pub(super) async fn refused(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("beyond", Api::V3, Engine::Http)).await?;
    let old = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    let version = current(&cloud, &instance)?;
    // Of the same name prefix, but in nobody's hands.
    let stray = spec("stray", Api::V1, Engine::Http);
    let stray = cloud.provision(stray).await?.secret_arn;
    let untag = [
        "secretsmanager",
        "untag-resource",
        "--secret-id",
        &stray,
        "--tag-keys",
        "rotation:stack",
    ];
    cloud.aws(&untag).await?;
    let (managed, administrator) = (instance.secret_arn.as_str(), "addon/masters/acme-api");

    let read = |secret| vec!["secretsmanager", "get-secret-value", "--secret-id", secret];
    let write = || {
        let put = ["secretsmanager", "put-secret-value", "--secret-id", managed];
        [&put[..], &["--secret-string", "{}"]].concat()
    };
    let make_current = || {
        let stage = [
            "secretsmanager",
            "update-secret-version-stage",
            "--secret-id",
            managed,
        ];
        let label = [
            "--version-stage",
            "AWSCURRENT",
            "--remove-from-version-id",
            &version,
        ];
        [&stage[..], &label, &["--move-to-version-id", &old]].concat()
    };
    let delete = |secret, how: &[&'static str]| {
        let delete = ["secretsmanager", "delete-secret", "--secret-id", secret];
        [&delete[..], how].concat()
    };
    let tag = |secret, tag| {
        let tag_it = ["secretsmanager", "tag-resource", "--secret-id", secret];
        [&tag_it[..], &["--tags", tag]].concat()
    };
    let rotate_now = vec!["secretsmanager", "rotate-secret", "--secret-id", managed];
    let forced = ["--force-delete-without-recovery"];
    let window = ["--recovery-window-in-days", "7"];
    let tries = [
        ("rotate", read(administrator)),
        ("rotate", read(&stray)),
        ("create-secret", write()),
        ("create-secret", read("addon/partner")),
        ("publish-to-heroku", read(administrator)),
        ("publish-to-heroku", make_current()),
        ("test-secret", read(administrator)),
        ("test-secret", write()),
        ("finish-secret", read(managed)),
        (
            "finish-secret",
            vec![
                "scheduler",
                "delete-schedule",
                "--name",
                "sweep",
                "--group-name",
                local_cloud::cloud::STACK,
            ],
        ),
        ("revoke-secret", write()),
        ("revoke-secret", make_current()),
        ("revoke-secret", read(&stray)),
        ("sweep", read(managed)),
        ("sweep", make_current()),
        ("enroll-addon", read(administrator)),
        ("enroll-addon", write()),
        ("enroll-addon", read(&stray)),
        ("enroll-addon", rotate_now.clone()),
        ("enroll-addon", delete(managed, &forced)),
        ("enroll-addon", delete(managed, &window)),
        // Else what follows would be allowed.
        (
            "enroll-addon",
            tag(&stray, "Key=rotation:stack,Value=addon-rotation"),
        ),
        (
            "enroll-addon",
            tag(&stray, "Key=rotation:oauth-of,Value=addon-rotation"),
        ),
        ("enroll-addon", delete(&stray, &forced)),
        ("deprovision-addon", write()),
        ("deprovision-addon", read("addon/partner")),
        ("deprovision-addon", read(&stray)),
        ("deprovision-addon", make_current()),
        ("deprovision-addon", rotate_now),
        ("deprovision-addon", delete(managed, &forced)),
        ("deprovision-addon", delete(&stray, &window)),
    ];
    let before = snapshot(&cloud, &instance)?;
    for (function, arguments) in tries {
        is_refused(&cloud, function, &arguments).await?;
    }
    check(snapshot(&cloud, &instance)? == before, || {
        "the secret changed".to_owned()
    })
}

/// The customer's button rotates an instance as it is enrolled.
pub(super) async fn button(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("pressed", Api::V1, Engine::Http)).await?;
    let (managed, another) = (&instance.secret_arn, cloud.function_arn("another"));
    let of = |operation, how: &[&str]| -> Vec<String> {
        let command = ["secretsmanager", operation, "--secret-id", managed];
        let words = command.iter().chain(how);
        words.map(|word| (*word).to_owned()).collect()
    };
    let before = snapshot(&cloud, &instance)?;
    for arguments in [
        of("get-secret-value", &[]),
        of("put-secret-value", &["--secret-string", "{}"]),
        of("cancel-rotate-secret", &[]),
        of("delete-secret", &["--recovery-window-in-days", "7"]),
        of("rotate-secret", &["--rotation-lambda-arn", &another]),
        of(
            "rotate-secret",
            &["--rotation-rules", "AutomaticallyAfterDays=1"],
        ),
    ] {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        is_refused(&cloud, "start-rotation", &arguments).await?;
    }
    check(snapshot(&cloud, &instance)? == before, || {
        "the secret changed".to_owned()
    })
}

async fn is_refused(cloud: &Arc<Cloud>, function: &str, arguments: &[&str]) -> TestResult {
    // MiniStack makes a function's credentials when it first runs.
    invoke(cloud, function, &json!({})).await?;
    let outcome = cloud.aws_as(function, arguments).await;
    let error = outcome.err().map(|error| error.to_string());
    let error = error.ok_or_else(|| format!("{function} may {arguments:?}"))?;
    names(&error, &["AccessDenied"]).map_err(|_| format!("{function}: {error}").into())
}
