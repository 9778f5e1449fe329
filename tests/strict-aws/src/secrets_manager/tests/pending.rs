//! Who may store the value of a version that is being rotated.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::harness::{Api, Cloud, FUNCTION, OPERATOR, StepEvent, code, id};
use crate::secrets_manager::RotationOptions;

fn put(event: &StepEvent, proof: Option<&str>) -> Value {
    json!({
        "SecretId": event.secret,
        "SecretString": "from somebody",
        "ClientRequestToken": event.version,
        "VersionStages": ["AWSPENDING"],
        "RotationToken": proof,
    })
}

/// What each of these requests to `PutSecretValue` is answered while createSecret runs.
async fn answers(
    requests: impl Fn(&StepEvent) -> Vec<(&'static str, Value)> + Send + Sync + 'static,
) -> (Cloud, Vec<String>) {
    let cloud = Cloud::start().await;
    cloud.create().await;
    let found: Arc<Mutex<Vec<String>>> = Arc::default();
    let into = found.clone();
    cloud.function.on("createSecret", move |api: Api, event| {
        let (requests, into) = (requests(&event), into.clone());
        async move {
            for (key, body) in requests {
                let answer = api.call_as(key, "PutSecretValue", body).await;
                let answer = answer.map_or_else(|refusal| refusal.0, |_| "stored".to_owned());
                into.lock().unwrap().push(answer);
            }
            Ok(())
        }
    });
    cloud.rotate(2).await.unwrap();
    cloud.wait_for_success(&id(2)).await;
    let found = found.lock().unwrap().clone();
    (cloud, found)
}

#[tokio::test]
async fn only_the_rotation_function_may_store_the_pending_value() {
    let (cloud, answers) = answers(|event| {
        vec![
            (OPERATOR, put(event, None)),
            (OPERATOR, put(event, Some(&id(77)))),
            // A wrong token is no better than none, whoever shows it.
            (FUNCTION, put(event, Some(&id(77)))),
            (FUNCTION, put(event, None)),
        ]
    })
    .await;
    assert_eq!(
        answers,
        [
            "AccessDeniedException",
            "AccessDeniedException",
            "AccessDeniedException",
            "stored"
        ]
    );
    let got = cloud.call("GetSecretValue", json!({"SecretId": "s"})).await;
    assert_eq!(got["SecretString"], "from somebody");
}

#[tokio::test]
async fn the_rotation_token_speaks_for_the_function() {
    let (_cloud, answers) = answers(|event| {
        let token = event.token.as_deref();
        vec![(OPERATOR, put(event, token))]
    })
    .await;
    assert_eq!(answers, ["stored"]);
}

#[tokio::test]
async fn other_versions_are_anybodys() {
    let (_cloud, answers) = answers(|event| {
        let other = json!({
            "SecretId": event.secret, "SecretString": "x", "ClientRequestToken": id(3),
            "VersionStages": ["X"],
        });
        vec![(OPERATOR, other), (FUNCTION, put(event, None))]
    })
    .await;
    assert_eq!(answers, ["stored", "stored"]);
}

#[tokio::test]
async fn every_attempt_has_a_token_of_its_own_and_none_is_recorded() {
    let cloud = Cloud::start().await;
    cloud.create().await;
    cloud.function.fail("setSecret", 1);
    cloud.rotate(2).await.unwrap();
    cloud.wait_for_success(&id(2)).await;
    let mut tokens: Vec<String> = cloud
        .function
        .events
        .lock()
        .unwrap()
        .iter()
        .map(|event| event.token.clone().unwrap())
        .collect();
    assert_eq!(tokens.len(), 6);
    tokens.dedup();
    assert_eq!(tokens.len(), 2);
    let log = serde_json::to_string(&cloud.events.since(0)).unwrap();
    assert!(tokens.iter().all(|token| !log.contains(token)));
    let sensitive = cloud.gateway.secrets_manager().sensitive_texts();
    assert!(tokens.iter().all(|token| sensitive.contains(token)));
    let late = json!({
        "SecretId": "s", "SecretString": "x", "ClientRequestToken": id(2),
        "RotationToken": tokens[1],
    });
    assert_eq!(
        code(&cloud.refused("PutSecretValue", late).await),
        "AccessDeniedException"
    );
}

#[tokio::test]
async fn older_secrets_manager_sends_no_token() {
    let cloud = Cloud::with(RotationOptions {
        send_rotation_token: false,
        ..RotationOptions::default()
    })
    .await;
    cloud.create().await;
    cloud.rotate(2).await.unwrap();
    cloud.wait_for_success(&id(2)).await;
    let events = cloud.function.events.lock().unwrap();
    assert!(events.iter().all(|event| event.token.is_none()));
}
