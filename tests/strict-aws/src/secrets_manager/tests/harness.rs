//! A gateway in this process, a client to it, and a rotation function that tests can bend.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};
use stand_in::events::{EventKind, EventLog};
use stand_in::patience::PATIENCE;
use url::Url;

use crate::gateway::{Gateway, GatewayOptions};
use crate::ministack::Invocation;
use crate::secrets_manager::{Answer, RotationFunctions, RotationOptions, Untidy};

/// The access key ids of an operator, and of the rotation function.
pub(super) const OPERATOR: &str = "AKIAOPERATOR";
pub(super) const FUNCTION: &str = "ASIAFUNCTION";
pub(super) const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:rotate";

#[derive(Clone)]
pub(super) struct Api {
    http: reqwest::Client,
    endpoint: Url,
}

/// An error's type and message.
pub(super) type Refusal = (String, String);

impl Api {
    fn new(endpoint: Url) -> Self {
        // Already installed by another test: as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            http: reqwest::Client::new(),
            endpoint,
        }
    }

    pub(super) async fn send(&self, key: &str, operation: &str, body: String) -> reqwest::Response {
        self.http
            .post(self.endpoint.clone())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("secretsmanager.{operation}"))
            .header(
                "authorization",
                format!(
                    "AWS4-HMAC-SHA256 Credential={key}/20261123/us-east-1/secretsmanager/\
                     aws4_request, SignedHeaders=host, Signature=00"
                ),
            )
            .body(body)
            .send()
            .await
            .unwrap()
    }

    pub(super) async fn call_as(
        &self,
        key: &str,
        operation: &str,
        body: Value,
    ) -> Result<Value, Refusal> {
        let response = self.send(key, operation, body.to_string()).await;
        let status = response.status();
        let answer: Value = response.json().await.unwrap();
        if status.is_success() {
            return Ok(answer);
        }
        assert_eq!(status, 400, "{operation}: {answer}");
        let field = |name: &str| answer[name].as_str().unwrap().to_owned();
        Err((field("__type"), field("Message")))
    }
}

impl Api {
    /// As [`Self::call_as`], by the operator.
    pub(super) async fn operate(&self, operation: &str, body: Value) -> Result<Value, Refusal> {
        self.call_as(OPERATOR, operation, body).await
    }

    /// As [`Self::call_as`], by the rotation function; a refusal in words.
    pub(super) async fn by_function(&self, operation: &str, body: Value) -> Result<Value, String> {
        let answer = self.call_as(FUNCTION, operation, body).await;
        answer.map_err(|(code, message)| format!("{code}: {message}"))
    }
}

/// An event that the rotation function gets.
#[derive(Clone, Debug)]
pub(super) struct StepEvent {
    pub(super) step: String,
    pub(super) secret: String,
    pub(super) version: String,
    pub(super) token: Option<String>,
}

type Hook = Arc<
    dyn Fn(Api, StepEvent) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>>
        + Send
        + Sync,
>;

/// A rotation function that does what AWS's templates do, but for what a test tells it.
pub(super) struct Function {
    api: OnceLock<Api>,
    pub(super) events: Mutex<Vec<StepEvent>>,
    hooks: Mutex<HashMap<&'static str, Hook>>,
    pub(super) lets_in: AtomicBool,
}

impl Function {
    /// Does this in place of the step's own work.
    pub(super) fn on<F>(
        &self,
        step: &'static str,
        hook: impl Fn(Api, StepEvent) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let hook: Hook = Arc::new(move |api, event| Box::pin(hook(api, event)));
        self.hooks.lock().unwrap().insert(step, hook);
    }

    /// Fails the step this many times before its own work is done.
    pub(super) fn fail(&self, step: &'static str, times: usize) {
        let left = Mutex::new(times);
        self.on(step, move |api, event| {
            let fails = {
                let mut left = left.lock().unwrap();
                let fails = *left > 0;
                *left = left.saturating_sub(1);
                fails
            };
            async move {
                if fails {
                    return Err("out of luck".to_owned());
                }
                usual(&api, &event).await
            }
        });
    }

    pub(super) fn steps(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        events.iter().map(|event| event.step.clone()).collect()
    }
}

/// What a rotation function does at each step.
async fn usual(api: &Api, event: &StepEvent) -> Result<(), String> {
    match event.step.as_str() {
        "createSecret" => {
            let id = json!({"SecretId": event.secret, "VersionId": event.version});
            let stored = api.call_as(FUNCTION, "GetSecretValue", id).await;
            if stored.is_err() {
                let put = json!({
                    "SecretId": event.secret,
                    "ClientRequestToken": event.version,
                    "SecretString": format!("value of {}", event.version),
                    "VersionStages": ["AWSPENDING", format!("LIVE-{}", event.version)],
                    "RotationToken": event.token,
                });
                api.by_function("PutSecretValue", put).await?;
            }
        }
        "finishSecret" => {
            let id = json!({"SecretId": event.secret});
            let described = api.by_function("DescribeSecret", id).await?;
            let versions = described["VersionIdsToStages"].as_object().unwrap();
            let (current, _) = versions
                .iter()
                .find(|(_, labels)| labels.as_array().unwrap().contains(&json!("AWSCURRENT")))
                .unwrap();
            if *current != event.version {
                let promote = json!({
                    "SecretId": event.secret,
                    "VersionStage": "AWSCURRENT",
                    "MoveToVersionId": event.version,
                    "RemoveFromVersionId": current,
                });
                api.by_function("UpdateSecretVersionStage", promote).await?;
            }
        }
        _ => {}
    }
    Ok(())
}

impl RotationFunctions for Function {
    fn invoke<'a>(&'a self, function_arn: &'a str, event: &'a Value) -> Answer<'a, Invocation> {
        assert_eq!(function_arn, FUNCTION_ARN);
        let field = |name: &str| event[name].as_str().unwrap().to_owned();
        let event = StepEvent {
            step: field("Step"),
            secret: field("SecretId"),
            version: field("ClientRequestToken"),
            token: event
                .get("RotationToken")
                .map(|token| token.as_str().unwrap().to_owned()),
        };
        self.events.lock().unwrap().push(event.clone());
        let hook = self.hooks.lock().unwrap().get(event.step.as_str()).cloned();
        let api = self.api.get().unwrap().clone();
        Box::pin(async move {
            let done = match hook {
                Some(hook) => hook(api, event).await,
                None => usual(&api, &event).await,
            };
            Ok(match done {
                Ok(()) => Invocation {
                    payload: Value::Null,
                    function_error: None,
                },
                Err(message) => Invocation {
                    payload: json!({"errorType": "RotationError", "errorMessage": message}),
                    function_error: Some("Unhandled".to_owned()),
                },
            })
        })
    }

    fn lets_in<'a>(&'a self, _function_arn: &'a str, _secret_arn: &'a str) -> Answer<'a, bool> {
        let lets_in = self.lets_in.load(Ordering::Relaxed);
        Box::pin(async move { Ok(lets_in) })
    }

    fn principal<'a>(&'a self, _function_arn: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async { Ok(Some(FUNCTION.to_owned())) })
    }
}

pub(super) struct Cloud {
    pub(super) gateway: Gateway,
    pub(super) api: Api,
    pub(super) events: EventLog,
    pub(super) function: Arc<Function>,
}

impl Cloud {
    pub(super) async fn start() -> Self {
        Self::with(RotationOptions {
            retry_interval: Duration::from_millis(10),
            attempts: 3,
            send_rotation_token: true,
        })
        .await
    }

    pub(super) async fn with(rotation: RotationOptions) -> Self {
        let function = Arc::new(Function {
            api: OnceLock::new(),
            events: Mutex::default(),
            hooks: Mutex::default(),
            lets_in: AtomicBool::new(true),
        });
        let events = EventLog::default();
        let gateway = Gateway::start(GatewayOptions {
            events: events.clone(),
            rotation,
            functions: Some(function.clone()),
            ..GatewayOptions::default()
        })
        .await
        .unwrap();
        let api = Api::new(gateway.endpoint().clone());
        assert!(function.api.set(api.clone()).is_ok());
        Self {
            gateway,
            api,
            events,
            function,
        }
    }

    pub(super) async fn try_call(&self, operation: &str, body: Value) -> Result<Value, Refusal> {
        self.api.operate(operation, body).await
    }

    pub(super) async fn call(&self, operation: &str, body: Value) -> Value {
        self.try_call(operation, body).await.unwrap()
    }

    /// The error's type and message.
    pub(super) async fn refused(&self, operation: &str, body: Value) -> Refusal {
        self.try_call(operation, body).await.unwrap_err()
    }

    /// Creates a secret called `s`, with the version of [`id`] 1.
    pub(super) async fn create(&self) {
        let created = self
            .call(
                "CreateSecret",
                json!({"Name": "s", "SecretString": "one", "ClientRequestToken": id(1)}),
            )
            .await;
        assert_eq!(created["VersionId"], id(1));
    }

    pub(super) async fn put(&self, version: u32, labels: &[&str]) -> Value {
        self.call(
            "PutSecretValue",
            json!({
                "SecretId": "s",
                "SecretString": format!("value {version}"),
                "ClientRequestToken": id(version),
                "VersionStages": labels,
            }),
        )
        .await
    }

    /// `UpdateSecretVersionStage`, of versions by their numbers.
    pub(super) async fn stage(
        &self,
        label: &str,
        from: Option<u32>,
        to: Option<u32>,
    ) -> Result<Value, Refusal> {
        let request = json!({
            "SecretId": "s", "VersionStage": label,
            "RemoveFromVersionId": from.map(id), "MoveToVersionId": to.map(id),
        });
        self.try_call("UpdateSecretVersionStage", request).await
    }

    pub(super) async fn describe(&self) -> Value {
        self.call("DescribeSecret", json!({"SecretId": "s"})).await
    }

    /// From now on it does what AWS may do and need not.
    pub(super) fn be(&self, untidy: Untidy) {
        self.gateway.secrets_manager().be(untidy);
    }

    /// The labels of each labelled version.
    pub(super) async fn labels(&self) -> Value {
        self.describe().await["VersionIdsToStages"].clone()
    }

    pub(super) fn rotation_request(version: u32) -> Value {
        json!({
            "SecretId": "s",
            "ClientRequestToken": id(version),
            "RotationLambdaARN": FUNCTION_ARN,
            "RotationRules": {"AutomaticallyAfterDays": 30},
        })
    }

    pub(super) async fn rotate(&self, version: u32) -> Result<Value, Refusal> {
        self.try_call("RotateSecret", Self::rotation_request(version))
            .await
    }

    /// Waits until the log holds this many events that `counts`.
    pub(super) async fn wait_for(&self, many: usize, counts: impl Fn(&EventKind) -> bool) {
        let waited = self.events.wait_for(|events| {
            let found = events.iter().filter(|event| counts(&event.kind)).count();
            (found >= many).then_some(())
        });
        tokio::time::timeout(PATIENCE, waited)
            .await
            .unwrap_or_else(|_| panic!("not within the deadline: {:#?}", self.events.since(0)));
    }

    pub(super) async fn wait_for_success(&self, version: &str) {
        self.wait_for(1, |kind| {
            matches!(kind, EventKind::RotationSucceeded { version: of, .. } if of == version)
        })
        .await;
    }

    pub(super) async fn wait_for_failures(&self, many: usize) {
        self.wait_for(many, |kind| {
            matches!(kind, EventKind::RotationFailed { .. })
        })
        .await;
    }
}

/// A version id that a test can tell.
pub(super) fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

pub(super) fn code(refusal: &Refusal) -> &str {
    &refusal.0
}
