//! Who may store the value of a version that is being rotated.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::harness::{Cloud, FUNCTION, OPERATOR, StepEvent, id};

fn put(event: &StepEvent, proof: Option<&str>) -> Value {
    json!({
        "SecretId": event.secret,
        "SecretString": "from somebody",
        "ClientRequestToken": event.version,
        "VersionStages": ["AWSPENDING"],
        "RotationToken": proof,
    })
}

/// What `PutSecretValue` is answered while createSecret runs, in this order.
#[tokio::test]
async fn only_the_rotation_function_may_store_the_pending_value() {
    const REFUSED: &str = "AccessDeniedException";
    type Requests = fn(&StepEvent) -> Vec<(&'static str, Value, &'static str)>;
    let by_its_role: Requests = |event| {
        let mut others = put(event, None);
        others["ClientRequestToken"] = json!(id(3));
        others["VersionStages"] = json!(["X"]);
        vec![
            // Other versions are anybody's.
            (OPERATOR, others, "stored"),
            (OPERATOR, put(event, None), REFUSED),
            (OPERATOR, put(event, Some(&id(77))), REFUSED),
            // A wrong token is no better than none, whoever shows it.
            (FUNCTION, put(event, Some(&id(77))), REFUSED),
            (FUNCTION, put(event, None), "stored"),
        ]
    };
    // The rotation token speaks for the function.
    let by_token: Requests = |event| vec![(OPERATOR, put(event, Some(&event.token)), "stored")];
    for requests in [by_its_role, by_token] {
        let cloud = Cloud::new().await;
        let answered: Arc<Mutex<Vec<(&str, &str)>>> = Arc::default();
        let into = answered.clone();
        cloud.function.on("createSecret", move |api, event| {
            let into = into.clone();
            async move {
                for (caller, body, expected) in requests(&event) {
                    let answer = api.call_as(caller, "PutSecretValue", body).await;
                    let answer = answer.map_or_else(|refusal| refusal.code, |_| "stored");
                    into.lock().unwrap().push((answer, expected));
                }
                Ok(())
            }
        });
        cloud.rotated(2).await;
        let answered = answered.lock().unwrap();
        assert!(!answered.is_empty());
        for (answer, expected) in &*answered {
            assert_eq!(answer, expected, "{answered:?}");
        }
        let stored = cloud.service.value("s", &id(2));
        assert_eq!(stored.as_deref(), Some("from somebody"));
    }
}

#[tokio::test]
async fn every_attempt_has_a_token_of_its_own_and_none_is_recorded() {
    let cloud = Cloud::new().await;
    cloud.function.fail("setSecret", 1);
    cloud.rotated(2).await;
    let events = cloud.function.events.lock().unwrap().clone();
    let mut tokens: Vec<String> = events.into_iter().map(|event| event.token).collect();
    assert_eq!(tokens.len(), 6);
    tokens.dedup();
    assert_eq!(tokens.len(), 2);
    let log = serde_json::to_string(&cloud.events.since(0)).unwrap();
    assert!(tokens.iter().all(|token| !log.contains(token)));
    let sensitive = cloud.service.sensitive_texts();
    assert!(tokens.iter().all(|token| sensitive.contains(token)));
    let late = json!({
        "SecretId": "s", "SecretString": "x", "ClientRequestToken": id(2),
        "RotationToken": tokens[1],
    });
    let code = cloud.code("PutSecretValue", late).await;
    assert_eq!(code, "AccessDeniedException");
}
