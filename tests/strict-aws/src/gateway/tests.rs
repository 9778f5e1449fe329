//! In front of a MiniStack of paper, which answers every request alike.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request as Asked, State};
use axum::{Json, Router};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::gateway::{Gateway, GatewayOptions};
use crate::ministack::{Client, ROOT_ACCESS_KEY_ID};

type Paper = Arc<Mutex<(u16, Value)>>;

struct Stand {
    paper: Paper,
    seen: Arc<Mutex<Vec<(Uri, HeaderMap, Bytes)>>>,
    gateway: Gateway,
    client: Client,
    server: JoinHandle<()>,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Stand {
    async fn start() -> Self {
        let root = json!({ "Arn": "arn:aws:iam::000000000000:root" });
        let paper = Paper::new(Mutex::new((200, root)));
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = format!("http://{}", listener.local_addr().unwrap());
        let answer = async |State((paper, seen)): State<(Paper, Arc<Mutex<Vec<_>>>)>,
                            asked: Asked| {
            let (parts, body) = asked.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            seen.lock().unwrap().push((parts.uri, parts.headers, body));
            let (status, answer) = paper.lock().unwrap().clone();
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("x-paper", "yes")], Json(answer))
        };
        let app = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state((paper.clone(), seen.clone()));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let gateway = Gateway::start(GatewayOptions {
            upstream: Some(Client::new(upstream.parse().unwrap()).unwrap()),
            ..GatewayOptions::default()
        });
        let gateway = gateway.await.unwrap();
        Self {
            client: Client::new(gateway.endpoint().clone()).unwrap(),
            paper,
            seen,
            gateway,
            server,
        }
    }

    async fn call(&self, operation: &str, body: Value) -> (u16, Value) {
        let request = Request::post("/")
            .header("x-amz-target", format!("secretsmanager.{operation}"))
            .body(body.to_string().into());
        let answer = self.client.signed("secretsmanager", request.unwrap());
        read(&answer.await.unwrap())
    }
}

fn read(answer: &Response<Bytes>) -> (u16, Value) {
    let body = serde_json::from_slice(answer.body()).unwrap();
    (answer.status().as_u16(), body)
}

#[tokio::test]
async fn who_signed_is_ministacks_to_say_and_the_model_answers() {
    let stand = Stand::start().await;
    let token = "00000000-0000-4000-8000-000000000001";
    let create = json!({"Name": "s", "SecretString": "one", "ClientRequestToken": token});
    let (status, created) = stand.call("CreateSecret", create).await;
    assert_eq!((status, &created["VersionId"]), (200, &json!(token)));
    // A refusal is passed on word for word, and changes nothing.
    for (status, code) in [
        (400, "UnrecognizedClientException"),
        (403, "AnythingElse"),
        (500, "InternalFailure"),
    ] {
        let refusal = json!({"__type": code, "message": "no", "more": 1});
        *stand.paper.lock().unwrap() = (status, refusal.clone());
        let delete = json!({"SecretId": "s", "ForceDeleteWithoutRecovery": true});
        assert_eq!(stand.call("DeleteSecret", delete).await, (status, refusal));
        assert!(stand.gateway.secrets_manager().secret("s").is_some());
    }
}

#[tokio::test]
async fn who_does_not_sign_is_nobody() {
    let stand = Stand::start().await;
    let secrets = Request::post("/").header("x-amz-target", "secretsmanager.ListSecrets");
    for (request, refused) in [(secrets, 400), (Request::get("/schedules"), 403)] {
        let request = request.body(Bytes::new()).unwrap();
        let answer = stand.client.forward(request).await.unwrap();
        assert_eq!(answer.status(), refused);
    }
    assert!(stand.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn other_requests_pass_through_untouched_however_large() {
    let stand = Stand::start().await;
    let body = Bytes::from(vec![7_u8; 40 * 1024 * 1024]);
    let target = "/schedules/code%2Fkey.zip?partNumber=1&x=";
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={ROOT_ACCESS_KEY_ID}/20261123/us-east-1/s3/aws4_request, \
         SignedHeaders=host, Signature=00"
    );
    let request = Request::put(target)
        .header("authorization", &authorization)
        .header("host", "bucket.example:4566")
        .body(body.clone());
    let answer = stand.client.forward(request.unwrap()).await.unwrap();
    assert_eq!(answer.headers()["x-paper"], "yes");
    let seen = stand.seen.lock().unwrap();
    let (uri, headers, received) = seen.last().unwrap();
    assert_eq!(uri, target);
    assert_eq!(headers["host"], "bucket.example:4566");
    assert_eq!(headers["authorization"], authorization);
    assert!(*received == body);
}

#[tokio::test]
async fn without_a_ministack_only_two_services_are_there() {
    let gateway = Gateway::start(GatewayOptions::default()).await.unwrap();
    let client = Client::new(gateway.endpoint().clone()).unwrap();
    let ask = || client.signed("s3", Request::get("/bucket").body(Bytes::new()).unwrap());
    assert_eq!(ask().await.unwrap().status(), 501);
    drop(gateway);
    assert!(stand_in::patience::eventually(async || ask().await.is_err()).await);
}

#[tokio::test]
async fn answers_are_in_awss_json_and_quote_nothing() {
    let gateway = Gateway::start(GatewayOptions::default()).await.unwrap();
    let client = Client::new(gateway.endpoint().clone()).unwrap();
    for (operation, body, status) in [
        ("CreateSecret", r#"{"Name": "s"}"#, 200),
        ("PutSecretValue", r#"{"SecretString": "hunter2"#, 400),
        (
            "PutSecretValue",
            r#"{"SecretId": "s", "SecretString": ["hunter2"]}"#,
            400,
        ),
        ("PutSecretValue", r#"{"SecretString": "hunter2"}"#, 400),
        ("PutSecretValue", r#""hunter2""#, 400),
        ("NoSuchOperation", r#"{"SecretString": "hunter2"}"#, 400),
        ("BatchGetSecretValue", "{}", 400),
    ] {
        let request = Request::post("/")
            .header("x-amz-target", format!("secretsmanager.{operation}"))
            .body(Bytes::from(body));
        let answer = client
            .signed("secretsmanager", request.unwrap())
            .await
            .unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "application/x-amz-json-1.1");
        assert_eq!(header("x-amzn-requestid").len(), 36);
        let (answered, told) = read(&answer);
        assert_eq!(answered, status, "{operation} {body}");
        assert_eq!(told["__type"].is_string(), status == 400);
        assert!(!told.to_string().contains("hunter2"), "{body}");
    }
}
