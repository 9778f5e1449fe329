//! Events that no rotation sends: each is refused with what is wrong and what to do, and nothing
//! changes.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use serde_json::json;

use crate::support::{check, current, invoke, names, snapshot, spec, token};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("events::refused", refused);
    suite.test("events::rotation_not_switched_on", not_switched_on);
    suite.test("events::done_already", done_already);
}

async fn refused(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("eventful", Api::V1, Engine::Http)).await?;
    let before = snapshot(&cloud, &instance)?;
    let (arn, unknown) = (&instance.secret_arn, token());
    for (event, words) in [
        (
            json!({ "Step": "dropSecret", "SecretId": arn, "ClientRequestToken": unknown }),
            vec!["Step must be one of createSecret, setSecret, testSecret, finishSecret"],
        ),
        (
            json!({ "Step": "createSecret", "SecretId": arn, "ClientRequestToken": unknown }),
            vec![
                unknown.as_str(),
                "is not a version of",
                arn,
                "rotate-secret",
            ],
        ),
        (
            json!({ "Step": "createSecret" }),
            vec!["SecretId is missing", "ClientRequestToken is missing"],
        ),
        (
            json!({ "Step": 1, "SecretId": "hunter2", "ClientRequestToken": [] }),
            vec!["Step must be a string", "SecretId must be the ARN"],
        ),
    ] {
        let error = invoke(&cloud, "rotate", &event)
            .await?
            .ok_or("the event was accepted")?;
        names(&error, &words)?;
        check(!error.contains("hunter2"), || {
            "the error repeats a value".to_owned()
        })?;
    }
    check(snapshot(&cloud, &instance)? == before, || {
        "the secret changed".to_owned()
    })?;
    let writes = cloud.heroku.config_writes(&instance.addon)?;
    check(writes == 0, || {
        format!("the config was written {writes} times")
    })
}

async fn not_switched_on(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .provision(spec("sleeping", Api::V1, Engine::Http))
        .await?;
    let version = current(&cloud, &instance)?;
    let event = json!({ "Step": "createSecret", "SecretId": instance.secret_arn, "ClientRequestToken": version });
    let error = invoke(&cloud, "rotate", &event)
        .await?
        .ok_or("the event was accepted")?;
    // The roles reach no secret that does not name the stack's rotation function.
    names(
        &error,
        &["AccessDenied", &instance.secret_arn, "rotation function"],
    )
}

/// AWS asks to answer success for a version that is current already.
async fn done_already(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud.enrol(spec("done", Api::V1, Engine::Http)).await?;
    let (before, version) = (snapshot(&cloud, &instance)?, current(&cloud, &instance)?);
    for step in ["createSecret", "set_secret", "testSecret", "finish_secret"] {
        let event =
            json!({ "Step": step, "SecretId": instance.secret_arn, "ClientRequestToken": version });
        let error = invoke(&cloud, "rotate", &event).await?;
        check(error.is_none(), || {
            format!("{step} on the current version fails: {error:?}")
        })?;
    }
    check(snapshot(&cloud, &instance)? == before, || {
        "the secret changed".to_owned()
    })
}
