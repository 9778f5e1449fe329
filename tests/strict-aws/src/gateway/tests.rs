//! In front of a MiniStack of paper, which says what the test wrote on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::gateway::{Gateway, GatewayOptions};
use crate::ministack::{Client, ROOT_ACCESS_KEY_ID};

const ARN: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:s-abc123";
const TOKEN: &str = "00000000-0000-4000-8000-000000000001";

#[derive(Default)]
struct Paper {
    answers: Mutex<HashMap<&'static str, (u16, Value)>>,
    seen: Mutex<Vec<(String, HeaderMap, Bytes)>>,
}

impl Paper {
    fn write(&self, operation: &'static str, status: u16, answer: Value) {
        self.answers
            .lock()
            .unwrap()
            .insert(operation, (status, answer));
    }

    fn operations(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .map(|(operation, ..)| operation.clone())
            .collect()
    }
}

async fn answer(
    State(paper): State<Arc<Paper>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1], Json<Value>) {
    let operation = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok()?.strip_prefix("secretsmanager."))
        .map_or_else(|| uri.to_string(), str::to_owned);
    let not_found = json!({
        "__type": "ResourceNotFoundException",
        "message": "Secrets Manager can't find the specified secret.",
    });
    let written = paper
        .answers
        .lock()
        .unwrap()
        .get(operation.as_str())
        .cloned();
    let (status, answer) = written.unwrap_or((400, not_found));
    paper.seen.lock().unwrap().push((operation, headers, body));
    (
        StatusCode::from_u16(status).unwrap(),
        [("x-paper", "yes")],
        Json(answer),
    )
}

struct Stand {
    paper: Arc<Paper>,
    gateway: Gateway,
    http: reqwest::Client,
    server: JoinHandle<()>,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Stand {
    async fn start() -> Self {
        // Already installed by another test: as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let paper = Arc::new(Paper::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(paper.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let upstream = Client::new(format!("http://{address}").parse().unwrap()).unwrap();
        let options = GatewayOptions {
            upstream: Some(upstream),
            ..GatewayOptions::default()
        };
        Self {
            paper,
            gateway: Gateway::start(options).await.unwrap(),
            http: reqwest::Client::new(),
            server,
        }
    }

    async fn call(&self, operation: &str, body: Value) -> (u16, Value) {
        let answer = self
            .http
            .post(self.gateway.endpoint().clone())
            .header("x-amz-target", format!("secretsmanager.{operation}"))
            .header("authorization", authorization("secretsmanager"))
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Makes the secret `s` known to both.
    async fn create(&self) {
        self.paper
            .write("CreateSecret", 200, json!({"ARN": ARN, "Name": "s"}));
        let create = json!({"Name": "s", "SecretString": "one", "ClientRequestToken": TOKEN});
        let (status, created) = self.call("CreateSecret", create).await;
        assert_eq!((status, &created["ARN"]), (200, &json!(ARN)), "{created}");
        assert_eq!(created["VersionId"], TOKEN);
        self.paper
            .write("DescribeSecret", 200, json!({"ARN": ARN, "Name": "s"}));
    }
}

fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ROOT_ACCESS_KEY_ID}/20261123/us-east-1/{service}/\
         aws4_request, SignedHeaders=host, Signature=00"
    )
}

#[tokio::test]
async fn refusals_are_passed_on_word_for_word_and_change_nothing() {
    let stand = Stand::start().await;
    stand.create().await;
    for (status, code) in [
        (400, "AccessDeniedException"),
        (400, "UnrecognizedClientException"),
        (400, "InvalidSignatureException"),
        (400, "ExpiredTokenException"),
        (403, "AnythingElse"),
        (500, "InternalFailure"),
    ] {
        let refusal = json!({"__type": code, "message": "no", "more": 1});
        stand.paper.write("DeleteSecret", status, refusal.clone());
        let delete = json!({"SecretId": "s", "ForceDeleteWithoutRecovery": true});
        assert_eq!(stand.call("DeleteSecret", delete).await, (status, refusal));
        assert!(stand.gateway.secrets_manager().secret("s").is_some());
    }
}

#[tokio::test]
async fn whatever_else_it_says_the_model_answers() {
    let stand = Stand::start().await;
    stand.create().await;
    stand.paper.write(
        "GetSecretValue",
        200,
        json!({"ARN": ARN, "SecretString": "wrong"}),
    );
    let (status, got) = stand.call("GetSecretValue", json!({"SecretId": "s"})).await;
    assert_eq!((status, &got["SecretString"]), (200, &json!("one")));
    let unknown = json!({"__type": "InvalidRequestException", "message": "Unknown action"});
    stand.paper.write("GetSecretValue", 400, unknown);
    let (status, _) = stand.call("GetSecretValue", json!({"SecretId": ARN})).await;
    assert_eq!(status, 200);
    let both = json!({"SecretId": "s", "VersionId": TOKEN, "VersionStage": "AWSPENDING"});
    let (status, refused) = stand.call("GetSecretValue", both).await;
    assert_eq!(
        (status, &refused["__type"]),
        (400, &json!("InvalidRequestException"))
    );
}

#[tokio::test]
async fn what_the_model_refuses_to_create_is_not_left_behind() {
    let stand = Stand::start().await;
    stand
        .paper
        .write("CreateSecret", 200, json!({"ARN": ARN, "Name": "bad name"}));
    stand.paper.write("DeleteSecret", 200, json!({}));
    let (status, refused) = stand
        .call("CreateSecret", json!({"Name": "bad name"}))
        .await;
    assert_eq!(
        (status, &refused["__type"]),
        (400, &json!("ValidationException"))
    );
    let seen = stand.paper.seen.lock().unwrap();
    let (operation, _, body) = seen.last().unwrap();
    let body: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(operation, "DeleteSecret");
    assert_eq!(
        body,
        json!({"SecretId": ARN, "ForceDeleteWithoutRecovery": true})
    );
}

#[tokio::test]
async fn what_only_ministack_refuses_to_create_does_not_exist() {
    let stand = Stand::start().await;
    let exists = json!({"__type": "ResourceExistsException", "message": "no"});
    stand.paper.write("CreateSecret", 400, exists.clone());
    let answered = stand.call("CreateSecret", json!({"Name": "s"})).await;
    assert_eq!(answered, (400, exists));
    assert!(stand.gateway.secrets_manager().secret("s").is_none());
}

#[tokio::test]
async fn secrets_made_by_cloudformation_are_taken_over_at_first_sight() {
    let stand = Stand::start().await;
    let described = json!({
        "ARN": ARN, "Name": "s", "Description": "", "CreatedDate": 1_790_000_000,
        "Tags": [{"Key": "engine", "Value": "http"}], "RotationEnabled": false,
        "RotationLambdaARN": null, "LastAccessedDate": null,
    });
    stand.paper.write("DescribeSecret", 200, described.clone());
    let value = json!({"ARN": ARN, "Name": "s", "VersionId": TOKEN, "SecretString": "made"});
    stand.paper.write("GetSecretValue", 200, value);
    stand
        .paper
        .write("ListSecrets", 200, json!({"SecretList": [described]}));

    let (_, listed) = stand.call("ListSecrets", json!({})).await;
    assert_eq!(
        listed["SecretList"][0]["SecretVersionsToStages"],
        json!({TOKEN: ["AWSCURRENT"]})
    );
    let (_, got) = stand.call("GetSecretValue", json!({"SecretId": "s"})).await;
    assert_eq!(
        (&got["SecretString"], &got["ARN"]),
        (&json!("made"), &json!(ARN))
    );
    let (_, told) = stand.call("DescribeSecret", json!({"SecretId": "s"})).await;
    assert_eq!(told["Tags"], json!([{"Key": "engine", "Value": "http"}]));
    assert_eq!(told["CreatedDate"], 1_790_000_000.0);
    // Once is enough: what MiniStack makes of later requests is of no interest.
    let imports = stand
        .paper
        .operations()
        .iter()
        .filter(|op| *op == "DescribeSecret")
        .count();
    assert_eq!(imports, 2);
}

#[tokio::test]
async fn a_secret_is_taken_over_as_it_was_before_the_request() {
    let stand = Stand::start().await;
    stand
        .paper
        .write("DescribeSecret", 200, json!({"ARN": ARN, "Name": "s"}));
    stand
        .paper
        .write("DeleteSecret", 200, json!({"ARN": ARN, "Name": "s"}));
    stand.call("DeleteSecret", json!({"SecretId": "s"})).await;
    assert_eq!(
        stand.paper.operations(),
        ["DescribeSecret", "GetSecretValue", "DeleteSecret"]
    );
    assert!(
        stand
            .gateway
            .secrets_manager()
            .secret("s")
            .unwrap()
            .deletion
            .is_some()
    );
}

#[tokio::test]
async fn secrets_that_a_stack_took_away_or_replaced_are_noticed() {
    let stand = Stand::start().await;
    stand.create().await;
    let other = format!("{ARN}9");
    stand
        .paper
        .write("DescribeSecret", 200, json!({"ARN": other, "Name": "s"}));
    let (_, told) = stand.call("DescribeSecret", json!({"SecretId": "s"})).await;
    assert_eq!(told["ARN"], other);
    let gone = json!({
        "__type": "ResourceNotFoundException",
        "message": "Secrets Manager can't find the specified secret.",
    });
    stand.paper.write("DescribeSecret", 400, gone);
    let (status, refused) = stand.call("DescribeSecret", json!({"SecretId": "s"})).await;
    assert_eq!(
        (status, &refused["__type"]),
        (400, &json!("ResourceNotFoundException"))
    );
    assert!(stand.gateway.secrets_manager().secret("s").is_none());
}

#[tokio::test]
async fn other_requests_pass_through_untouched_however_large() {
    let stand = Stand::start().await;
    let body = vec![7_u8; 40 * 1024 * 1024];
    let answer = stand
        .http
        .put(
            stand
                .gateway
                .endpoint()
                .join("schedules/code%2Fkey.zip?partNumber=1&x=")
                .unwrap(),
        )
        .header("authorization", authorization("s3"))
        .header("host", "bucket.example:4566")
        .body(body.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-paper"], "yes");
    let seen = stand.paper.seen.lock().unwrap();
    let (target, headers, received) = seen.last().unwrap();
    assert_eq!(target, "/schedules/code%2Fkey.zip?partNumber=1&x=");
    assert_eq!(headers["host"], "bucket.example:4566");
    assert_eq!(headers["authorization"], authorization("s3"));
    assert!(*received == body);
}

#[tokio::test]
async fn what_has_no_part_in_values_and_labels_is_ministacks() {
    let stand = Stand::start().await;
    stand
        .paper
        .write("GetRandomPassword", 200, json!({"RandomPassword": "p"}));
    let answered = stand.call("GetRandomPassword", json!({})).await;
    assert_eq!(answered, (200, json!({"RandomPassword": "p"})));
}

#[tokio::test]
async fn without_a_ministack_only_two_services_are_there() {
    let gateway = Gateway::start(GatewayOptions::default()).await.unwrap();
    // Already installed by another test: as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::get(gateway.endpoint().clone()).await.unwrap();
    assert_eq!(answer.status(), 501);
    let endpoint = gateway.endpoint().clone();
    drop(gateway);
    let stopped = async {
        while reqwest::get(endpoint.clone()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(stand_in::patience::PATIENCE, stopped)
        .await
        .unwrap();
}
