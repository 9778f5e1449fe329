//! A Secrets Manager, and a rotation function that tests can bend.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};
use stand_in::events::{EventKind, EventLog};
use stand_in::patience::PATIENCE;
use tokio_util::sync::DropGuard;

use crate::ministack::Invocation;
use crate::secrets_manager::{
    Answer, Caller, RotationFunctions, RotationOptions, SecretsManager, ServiceError, Untidy,
};

/// An operator, and the rotation function.
pub(super) const OPERATOR: &str = "AKIAOPERATOR";
pub(super) const FUNCTION: &str = "ASIAFUNCTION";
pub(super) const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:rotate";

#[derive(Clone)]
pub(super) struct Api(SecretsManager);

impl Api {
    pub(super) async fn call_as(
        &self,
        caller: &str,
        operation: &str,
        body: Value,
    ) -> Result<Value, ServiceError> {
        let caller = Caller(caller.to_owned());
        self.0.handle(&caller, operation, body).await
    }

    pub(super) async fn operate(
        &self,
        operation: &str,
        body: Value,
    ) -> Result<Value, ServiceError> {
        self.call_as(OPERATOR, operation, body).await
    }

    pub(super) async fn by_function(
        &self,
        operation: &str,
        body: Value,
    ) -> Result<Value, ServiceError> {
        self.call_as(FUNCTION, operation, body).await
    }
}

#[derive(Clone, Debug)]
pub(super) struct StepEvent {
    pub(super) step: String,
    pub(super) secret: String,
    pub(super) version: String,
    pub(super) token: String,
}

type Done = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;
type Hook = Arc<dyn Fn(Api, StepEvent) -> Done + Send + Sync>;

/// A rotation function that does what AWS's templates do, but for what a test tells it.
#[derive(Default)]
pub(super) struct Function {
    api: OnceLock<Api>,
    pub(super) events: Mutex<Vec<StepEvent>>,
    hooks: Mutex<HashMap<&'static str, Hook>>,
    pub(super) is_closed: AtomicBool,
}

impl Function {
    /// Does this in place of the step's own work.
    pub(super) fn on<F>(
        &self,
        step: &'static str,
        hook: impl Fn(Api, StepEvent) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let hook: Hook = Arc::new(move |api, event| Box::pin(hook(api, event)));
        self.hooks.lock().unwrap().insert(step, hook);
    }

    /// Fails the step this many times before its own work is done.
    pub(super) fn fail(&self, step: &'static str, times: usize) {
        let calls = Mutex::new(0);
        self.on(step, move |api, event| {
            *calls.lock().unwrap() += 1;
            let fails = *calls.lock().unwrap() <= times;
            async move {
                anyhow::ensure!(!fails, "out of luck");
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
async fn usual(api: &Api, event: &StepEvent) -> anyhow::Result<()> {
    match event.step.as_str() {
        "createSecret" => {
            let id = json!({"SecretId": event.secret, "VersionId": event.version});
            if api.by_function("GetSecretValue", id).await.is_err() {
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
            token: field("RotationToken"),
        };
        self.events.lock().unwrap().push(event.clone());
        let hook = self.hooks.lock().unwrap().get(event.step.as_str()).cloned();
        let api = self.api.get().unwrap().clone();
        Box::pin(async move {
            let done = match hook {
                Some(hook) => hook(api, event).await,
                None => usual(&api, &event).await,
            };
            let message = done.err().map(|error| error.to_string());
            Ok(Invocation {
                function_error: message.is_some().then(|| "Unhandled".to_owned()),
                payload: json!({"errorType": "RotationError", "errorMessage": message}),
            })
        })
    }

    fn lets_in<'a>(&'a self, _function_arn: &'a str, _secret_arn: &'a str) -> Answer<'a, bool> {
        Box::pin(async { Ok(!self.is_closed.load(Ordering::Relaxed)) })
    }

    fn principal<'a>(&'a self, _function_arn: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async { Ok(Some(FUNCTION.to_owned())) })
    }
}

pub(super) struct Cloud {
    pub(super) service: SecretsManager,
    pub(super) api: Api,
    pub(super) events: EventLog,
    pub(super) function: Arc<Function>,
    pub(super) running: DropGuard,
}

impl Cloud {
    pub(super) fn empty() -> Self {
        let function = Arc::new(Function::default());
        let events = EventLog::default();
        let options = RotationOptions {
            retry_interval: Duration::from_millis(10),
            attempts: 3,
        };
        let (service, running) = SecretsManager::new(events.clone(), function.clone(), options);
        let api = Api(service.clone());
        assert!(function.api.set(api.clone()).is_ok());
        Self {
            service,
            api,
            events,
            function,
            running,
        }
    }

    /// With a secret called `s`, whose version of [`id`] 1 holds `one`.
    pub(super) async fn new() -> Self {
        let cloud = Self::empty();
        let create = json!({"Name": "s", "SecretString": "one", "ClientRequestToken": id(1)});
        cloud.call("CreateSecret", create).await;
        cloud
    }

    pub(super) async fn call(&self, operation: &str, body: Value) -> Value {
        self.api.operate(operation, body).await.unwrap()
    }

    pub(super) async fn refused(&self, operation: &str, body: Value) -> ServiceError {
        self.api.operate(operation, body).await.unwrap_err()
    }

    pub(super) async fn code(&self, operation: &str, body: Value) -> &'static str {
        self.refused(operation, body).await.code
    }

    pub(super) async fn put(&self, version: u32, labels: &[&str]) -> Value {
        let put = json!({
            "SecretId": "s", "SecretString": format!("value {version}"),
            "ClientRequestToken": id(version), "VersionStages": labels,
        });
        self.call("PutSecretValue", put).await
    }

    /// `UpdateSecretVersionStage`, of versions by their numbers.
    pub(super) async fn stage(
        &self,
        label: &str,
        from: Option<u32>,
        to: Option<u32>,
    ) -> Result<Value, ServiceError> {
        let request = json!({
            "SecretId": "s", "VersionStage": label,
            "RemoveFromVersionId": from.map(id), "MoveToVersionId": to.map(id),
        });
        self.api.operate("UpdateSecretVersionStage", request).await
    }

    pub(super) async fn describe(&self) -> Value {
        self.call("DescribeSecret", json!({"SecretId": "s"})).await
    }

    /// From now on it does what AWS may do and need not.
    pub(super) fn be(&self, untidy: Untidy) {
        self.service.be(untidy);
    }

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

    pub(super) async fn enrol(&self) -> Result<Value, ServiceError> {
        let mut request = Self::rotation_request(2);
        request["RotateImmediately"] = json!(false);
        self.api.operate("RotateSecret", request).await
    }

    pub(super) async fn rotate(&self, version: u32) -> Result<Value, ServiceError> {
        let request = Self::rotation_request(version);
        self.api.operate("RotateSecret", request).await
    }

    /// Rotates, and waits for the end.
    pub(super) async fn rotated(&self, version: u32) {
        self.rotate(version).await.unwrap();
        self.wait_for_success(version).await;
    }

    /// Waits until the log holds this many events that `counts`.
    async fn wait_for(&self, many: usize, counts: impl Fn(&EventKind) -> bool) {
        let waited = self.events.wait_for(|events| {
            let found = events.iter().filter(|event| counts(&event.kind)).count();
            (found >= many).then_some(())
        });
        tokio::time::timeout(PATIENCE, waited)
            .await
            .unwrap_or_else(|_| panic!("not within the deadline: {:#?}", self.events.since(0)));
    }

    pub(super) async fn wait_for_success(&self, version: u32) {
        let success = |kind: &EventKind| matches!(kind, EventKind::RotationSucceeded { version: of, .. } if *of == id(version));
        self.wait_for(1, success).await;
    }

    pub(super) async fn wait_for_successes(&self, many: usize) {
        let success = |kind: &EventKind| matches!(kind, EventKind::RotationSucceeded { .. });
        self.wait_for(many, success).await;
    }

    /// Waits for this many failures, and answers what the first was.
    pub(super) async fn wait_for_failures(&self, many: usize) -> String {
        let failure = |kind: &EventKind| matches!(kind, EventKind::RotationFailed { .. });
        self.wait_for(many, failure).await;
        let told = self
            .events
            .since(0)
            .into_iter()
            .find_map(|event| match event.kind {
                EventKind::RotationFailed { message, .. } => Some(message),
                _ => None,
            });
        told.unwrap()
    }

    /// What the rotations that began were begun by.
    pub(super) fn causes(&self) -> Vec<String> {
        let events = self.events.since(0).into_iter();
        let causes = events.filter_map(|event| match event.kind {
            EventKind::RotationStarted { cause, .. } => Some(cause),
            _ => None,
        });
        causes.collect()
    }
}

/// A version id that a test can tell.
pub(super) fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}
