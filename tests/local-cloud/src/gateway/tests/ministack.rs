//! In front of a real MiniStack, which checks signatures and enforces IAM.

use std::time::Duration;

use axum::body::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::events::{EventKind, EventLog};
use crate::gateway::{Gateway, GatewayOptions};
use crate::ministack::tests::{Function, start};
use crate::ministack::{ACCOUNT_ID, MiniStack};
use crate::secrets_manager::RotationOptions;

struct Stand {
    gateway: Gateway,
    ministack: MiniStack,
    events: EventLog,
    http: reqwest::Client,
    _logs: tempfile::TempDir,
}

/// An answer, or an error's type and message.
type Answer = Result<Value, (String, String)>;

impl Stand {
    async fn start() -> Self {
        // Already installed by another test: as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (ministack, logs) = start().await;
        let events = EventLog::default();
        let gateway = Gateway::start(GatewayOptions {
            upstream: Some(ministack.client().clone()),
            events: events.clone(),
            rotation: RotationOptions {
                retry_interval: Duration::from_millis(10),
                attempts: 1,
                ..RotationOptions::default()
            },
            ..GatewayOptions::default()
        })
        .await
        .unwrap();
        Self {
            gateway,
            ministack,
            events,
            http: reqwest::Client::new(),
            _logs: logs,
        }
    }

    async fn send(&self, signed: Request<Bytes>) -> Answer {
        let (parts, body) = signed.into_parts();
        let answer = self
            .http
            .post(self.gateway.endpoint().clone())
            .headers(parts.headers)
            .body(body)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let answer: Value = answer.json().await.unwrap();
        if status.is_success() {
            return Ok(answer);
        }
        let field = |names: [&str; 2]| {
            let found = names.iter().find_map(|name| answer[*name].as_str());
            found.unwrap_or_default().to_owned()
        };
        Err((field(["__type", "code"]), field(["Message", "message"])))
    }

    async fn as_root(&self, operation: &str, body: &Value) -> Answer {
        let request = request(operation, body);
        let signed = self
            .ministack
            .client()
            .sign_as_root("secretsmanager", request);
        self.send(signed).await
    }

    async fn as_function(&self, function: &Function, operation: &str, body: &Value) -> Answer {
        self.send(function.sign("secretsmanager", request(operation, body)))
            .await
    }

    async fn directly(&self, operation: &str, body: &Value) -> Value {
        let target = format!("secretsmanager.{operation}");
        let client = self.ministack.client();
        client
            .json_call("secretsmanager", &target, body)
            .await
            .unwrap()
    }

    /// A function under a role of its own, which may do this to the secrets of a prefix.
    async fn function(&self, name: &str, actions: &[&str], prefix: &str) -> Function {
        let client = self.ministack.client();
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
        client.create_role(name, &trust).await;
        let actions: Vec<String> = actions
            .iter()
            .map(|action| format!("secretsmanager:{action}"))
            .collect();
        let secrets = format!("arn:aws:secretsmanager:*:{ACCOUNT_ID}:secret:{prefix}*");
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Action": actions, "Resource": secrets}]});
        client.put_role_policy(name, &policy).await;
        let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/{name}");
        Function::create(client, name, &role).await
    }

    async fn let_secrets_manager_in(&self, function: &Function) {
        let permission = json!({
            "StatementId": "rotation", "Action": "lambda:InvokeFunction",
            "Principal": "secretsmanager.amazonaws.com", "SourceAccount": ACCOUNT_ID,
        });
        let path = format!(
            "/2015-03-31/functions/{}/policy",
            function.arn.replace(':', "%3A")
        );
        let request = Request::post(path)
            .header("content-type", "application/json")
            .body(Bytes::from(permission.to_string()))
            .unwrap();
        let answer = self
            .ministack
            .client()
            .signed("lambda", request)
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }
}

fn request(operation: &str, body: &Value) -> Request<Bytes> {
    Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("secretsmanager.{operation}"))
        .body(Bytes::from(body.to_string()))
        .unwrap()
}

fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn iam_decides_and_the_model_answers() {
    let stand = Stand::start().await;
    let create =
        |name: &str| json!({"Name": name, "SecretString": "one", "ClientRequestToken": id(1)});
    let mine = stand
        .as_root("CreateSecret", &create("mine/a"))
        .await
        .unwrap();
    stand
        .as_root("CreateSecret", &create("theirs/a"))
        .await
        .unwrap();
    let known = stand
        .directly("DescribeSecret", &json!({"SecretId": "mine/a"}))
        .await;
    assert_eq!(mine["ARN"], known["ARN"]);

    let function = stand
        .function("reader", &["GetSecretValue", "DescribeSecret"], "mine/")
        .await;
    let by =
        async |operation: &str, body: Value| stand.as_function(&function, operation, &body).await;
    let got = by("GetSecretValue", json!({"SecretId": mine["ARN"]}))
        .await
        .unwrap();
    assert_eq!(
        (&got["SecretString"], &got["VersionId"]),
        (&json!("one"), &json!(id(1)))
    );
    let theirs = by("GetSecretValue", json!({"SecretId": "theirs/a"}))
        .await
        .unwrap_err();
    assert_eq!(theirs.0, "AccessDeniedException");
    assert!(
        theirs.1.contains("role/reader") || theirs.1.contains("assumed-role/reader"),
        "{theirs:?}"
    );
    let put = json!({
        "SecretId": "mine/a", "SecretString": "two", "ClientRequestToken": id(2),
    });
    assert_eq!(
        by("PutSecretValue", put.clone()).await.unwrap_err().0,
        "AccessDeniedException"
    );
    // Secrets Manager's own rule, which MiniStack does not have.
    let mut other = put;
    other["ClientRequestToken"] = json!(id(1));
    let refused = stand.as_root("PutSecretValue", &other).await.unwrap_err();
    assert_eq!(refused.0, "ResourceExistsException");
    let got = stand
        .as_root("GetSecretValue", &json!({"SecretId": "mine/a"}))
        .await
        .unwrap();
    assert_eq!(got["SecretString"], "one");

    let genuine = request("DescribeSecret", &json!({"SecretId": "mine/a"}));
    let mut forged = function.sign("secretsmanager", genuine);
    *forged.body_mut() = Bytes::from(json!({"SecretId": "mine/a", "x": 1}).to_string());
    assert_eq!(
        stand.send(forged).await.unwrap_err().0,
        "InvalidSignatureException"
    );
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn both_know_the_same_secrets() {
    let stand = Stand::start().await;
    let made = stand
        .directly(
            "CreateSecret",
            &json!({"Name": "made", "SecretString": "m"}),
        )
        .await;
    let got = stand
        .as_root("GetSecretValue", &json!({"SecretId": "made"}))
        .await
        .unwrap();
    assert_eq!(
        (&got["ARN"], &got["SecretString"]),
        (&made["ARN"], &json!("m"))
    );
    let bad = json!({"Name": "bad name"});
    assert_eq!(
        stand.as_root("CreateSecret", &bad).await.unwrap_err().0,
        "ValidationException"
    );
    let listed = stand.directly("ListSecrets", &json!({})).await;
    assert_eq!(listed["SecretList"].as_array().unwrap().len(), 1);

    let marked = json!({"SecretId": "made", "RecoveryWindowInDays": 7});
    stand.as_root("DeleteSecret", &marked).await.unwrap();
    stand
        .as_root("RestoreSecret", &json!({"SecretId": "made"}))
        .await
        .unwrap();
    stand
        .as_root("GetSecretValue", &json!({"SecretId": "made"}))
        .await
        .unwrap();
    let force = json!({"SecretId": "made", "ForceDeleteWithoutRecovery": true});
    stand.directly("DeleteSecret", &force).await;
    let gone = stand
        .as_root("DescribeSecret", &json!({"SecretId": "made"}))
        .await;
    assert_eq!(gone.unwrap_err().0, "ResourceNotFoundException");
    assert!(stand.gateway.secrets_manager().secrets().is_empty());
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn only_the_rotation_functions_role_stores_the_pending_value() {
    let stand = Stand::start().await;
    let create = json!({"Name": "s", "SecretString": "one", "ClientRequestToken": id(1)});
    stand.as_root("CreateSecret", &create).await.unwrap();
    let rotate = stand.function("rotate", &["*"], "s").await;
    let other = stand.function("other", &["*"], "s").await;
    let request = json!({
        "SecretId": "s", "RotationLambdaARN": rotate.arn, "ClientRequestToken": id(2),
        "RotationRules": {"AutomaticallyAfterDays": 30},
    });
    let refused = stand.as_root("RotateSecret", &request).await.unwrap_err();
    assert_eq!(refused.0, "AccessDeniedException");
    stand.let_secrets_manager_in(&rotate).await;
    stand.as_root("RotateSecret", &request).await.unwrap();
    // The function answers every step and does nothing: the rotation fails at its end.
    let failed = stand.events.wait_for(|events| {
        let failed = |event: &crate::events::Event| match &event.kind {
            EventKind::RotationFailed { message, .. } => Some(message.clone()),
            _ => None,
        };
        events.iter().find_map(failed)
    });
    let message = tokio::time::timeout(crate::patience::PATIENCE, failed)
        .await
        .unwrap();
    assert!(
        message.contains("finishSecret succeeded, but AWSCURRENT is not on"),
        "{message}"
    );

    let put = json!({
        "SecretId": "s", "SecretString": "two", "ClientRequestToken": id(2),
        "VersionStages": ["AWSPENDING"],
    });
    let by_other = stand
        .as_function(&other, "PutSecretValue", &put)
        .await
        .unwrap_err();
    assert_eq!(by_other.0, "AccessDeniedException");
    let by_root = stand.as_root("PutSecretValue", &put).await.unwrap_err();
    assert_eq!(by_root.0, "AccessDeniedException");
    stand
        .as_function(&rotate, "PutSecretValue", &put)
        .await
        .unwrap();
}
