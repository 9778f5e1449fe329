//! Secrets Manager in front of MiniStack: MiniStack says whether a request is allowed, the strict
//! model answers it.

use axum::body::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::access;
use super::answer;
use crate::credential::Credential;
use crate::ministack::{self, code, error_of};
use crate::secrets_manager::{Caller, SecretsManager, ServiceError, principal_name};

/// What MiniStack answers by itself. It touches neither values nor labels.
const PASSED_THROUGH: [&str; 8] = [
    "DeleteResourcePolicy",
    "GetRandomPassword",
    "GetResourcePolicy",
    "PutResourcePolicy",
    "RemoveRegionsFromReplication",
    "ReplicateSecretToRegions",
    "StopReplicationToReplica",
    "ValidateResourcePolicy",
];

/// MiniStack's word for a secret that is not there at all.
const NOT_FOUND: &str = "Secrets Manager can't find the specified secret.";

pub(super) struct Front {
    upstream: Option<ministack::Client>,
    service: SecretsManager,
    /// Held while a secret comes to be in both stores.
    arrivals: Mutex<()>,
}

impl Front {
    pub(super) fn new(upstream: Option<ministack::Client>, service: SecretsManager) -> Self {
        Self {
            upstream,
            service,
            arrivals: Mutex::default(),
        }
    }

    pub(super) async fn handle(&self, operation: &str, request: Request<Bytes>) -> Response<Bytes> {
        let Some(credential) = Credential::of(request.headers()) else {
            return answer::json(Err(ServiceError::unauthenticated()));
        };
        let key = credential.access_key_id;
        let Some(upstream) = &self.upstream else {
            let result = match parse(request.body()) {
                Ok(parameters) => self.answer(&Caller(key), operation, parameters).await,
                Err(error) => Err(error),
            };
            return answer::json(result);
        };
        match self.handle_with(upstream, &key, operation, request).await {
            Ok(response) => response,
            Err(error) => {
                tracing::warn!(operation, %error, "MiniStack failed");
                answer::json(Err(ServiceError::internal(format!("{error:#}"))))
            }
        }
    }

    async fn handle_with(
        &self,
        upstream: &ministack::Client,
        key: &str,
        operation: &str,
        request: Request<Bytes>,
    ) -> anyhow::Result<Response<Bytes>> {
        if PASSED_THROUGH.contains(&operation) {
            return upstream.forward(request).await;
        }
        let parameters = parse(request.body());
        let id = parameters.as_ref().ok().and_then(|parameters| {
            let id = parameters
                .get("SecretId")
                .or_else(|| parameters.get("Name"))?;
            id.as_str().map(str::to_owned)
        });
        let creates = operation == "CreateSecret";
        let _arriving = if creates {
            Some(self.arrivals.lock().await)
        } else {
            None
        };
        if let Some(id) = &id
            && self.service.arn(id).is_none()
        {
            self.import(upstream, id, creates).await?;
        }
        let principal = upstream.principal(key).await?;
        let secret = id.as_deref().and_then(|id| self.service.secret(id));
        if let Ok(parameters) = &parameters {
            let secret = secret.as_ref();
            let checked = access::check(upstream, &principal, operation, parameters, secret);
            if let Err(error) = checked.await? {
                tracing::debug!(operation, key, "refused");
                return Ok(answer::json(Err(error)));
            }
            if creates {
                let checked = access::check_key(upstream, &principal, operation, parameters, None);
                if let Err(error) = checked.await? {
                    return Ok(answer::json(Err(error)));
                }
            }
        }
        let body = request.body().clone();
        let mut verdict = upstream.forward(request).await?;
        if is_refusal(&verdict) {
            // MiniStack takes a condition that it does not know for unmet.
            let denied = error_of(&verdict).0 == "AccessDeniedException";
            let is_checked = id.is_some() && matches!(principal, ministack::Principal::Role { .. });
            if !denied || !is_checked {
                tracing::debug!(operation, key, status = %verdict.status(), "refused");
                return Ok(verdict);
            }
            let in_both = [
                "CreateSecret",
                "DeleteSecret",
                "RestoreSecret",
                "TagResource",
                "UntagResource",
            ];
            if in_both.contains(&operation) {
                // Allowed by what MiniStack does not know: it must have it done all the same.
                verdict = upstream
                    .signed("secretsmanager", again(operation, body)?)
                    .await?;
            }
        }
        let parameters = match parameters {
            Ok(parameters) => parameters,
            Err(error) => return Ok(answer::json(Err(error))),
        };
        if creates {
            return self.create(upstream, parameters, verdict).await;
        }
        if operation == "ListSecrets" {
            self.import_all(upstream).await?;
        } else if let Some(id) = &id {
            self.reconcile(upstream, id, &verdict).await?;
        }
        let secret = id.as_deref().and_then(|id| self.service.secret(id));
        let secret = secret.as_ref();
        if secret.is_some()
            && let Err(error) =
                access::check_key(upstream, &principal, operation, &parameters, secret).await?
        {
            return Ok(answer::json(Err(error)));
        }
        let caller = Caller(principal_name(principal, key));
        Ok(answer::json(
            self.answer(&caller, operation, parameters).await,
        ))
    }

    async fn answer(
        &self,
        caller: &Caller,
        operation: &str,
        parameters: Value,
    ) -> Result<Value, ServiceError> {
        let result = self.service.handle(caller, operation, parameters).await;
        let error = result.as_ref().err().map(|error| error.code);
        tracing::debug!(operation, caller = caller.0, error, "answered");
        result
    }

    /// MiniStack has made the secret, and chosen its ARN, or refused to.
    async fn create(
        &self,
        upstream: &ministack::Client,
        parameters: Value,
        verdict: Response<Bytes>,
    ) -> anyhow::Result<Response<Bytes>> {
        let arn = verdict
            .status()
            .is_success()
            .then(|| text(&verdict, "ARN"))
            .flatten();
        let known = parameters
            .get("Name")
            .and_then(Value::as_str)
            .is_some_and(|name| self.service.arn(name).is_some());
        let result = self.service.create(parameters, arn.clone());
        match (&result, arn) {
            // MiniStack takes what the model refuses, by the API reference.
            (Err(_), Some(arn)) => {
                let forced = json!({ "SecretId": arn, "ForceDeleteWithoutRecovery": true });
                call(upstream, "DeleteSecret", &forced).await?;
            }
            // It refuses what is allowed: nothing may exist here that it cannot authorise.
            (Ok(created), None) if !known => {
                if let Some(name) = created.get("Name").and_then(Value::as_str) {
                    self.service.forget(name);
                }
                return Ok(verdict);
            }
            _ => {}
        }
        Ok(answer::json(result))
    }

    /// Learns from MiniStack's answer that CloudFormation took the secret away, or made another
    /// of its name.
    async fn reconcile(
        &self,
        upstream: &ministack::Client,
        id: &str,
        verdict: &Response<Bytes>,
    ) -> anyhow::Result<()> {
        let Some(known) = self.service.arn(id) else {
            return Ok(());
        };
        if verdict.status().is_success() {
            if text(verdict, "ARN").is_some_and(|arn| arn != known) {
                self.service.forget(id);
                self.import(upstream, id, false).await?;
            }
        } else if error_of(verdict).1 == NOT_FOUND {
            self.service.forget(id);
        }
        Ok(())
    }

    /// Takes over a secret that MiniStack knows, with its current value.
    async fn import(
        &self,
        upstream: &ministack::Client,
        id: &str,
        arriving: bool,
    ) -> anyhow::Result<()> {
        let _arriving = if arriving {
            None
        } else {
            Some(self.arrivals.lock().await)
        };
        if self.service.arn(id).is_some() {
            return Ok(());
        }
        let named = json!({ "SecretId": id });
        let described = match call(upstream, "DescribeSecret", &named).await {
            Err(error) if code(&error) == Some("ResourceNotFoundException") => return Ok(()),
            answer => answer?,
        };
        // There may be none, or the secret be marked for deletion.
        let current = call(upstream, "GetSecretValue", &named).await.ok();
        self.service.import(&described, current.as_ref());
        Ok(())
    }

    async fn import_all(&self, upstream: &ministack::Client) -> anyhow::Result<()> {
        let mut page = json!({ "IncludePlannedDeletion": true });
        loop {
            let answer = call(upstream, "ListSecrets", &page).await?;
            let list = answer.get("SecretList").and_then(Value::as_array);
            for arn in list
                .into_iter()
                .flatten()
                .filter_map(|secret| secret.get("ARN")?.as_str())
            {
                if self.service.arn(arn).is_none() {
                    self.import(upstream, arn, false).await?;
                }
            }
            match answer.get("NextToken") {
                Some(token) if token.is_string() => page["NextToken"] = token.clone(),
                _ => return Ok(()),
            }
        }
    }
}

async fn call(
    upstream: &ministack::Client,
    operation: &str,
    parameters: &Value,
) -> anyhow::Result<Value> {
    let target = format!("secretsmanager.{operation}");
    upstream
        .json_call("secretsmanager", &target, parameters)
        .await
}

fn parse(body: &Bytes) -> Result<Value, ServiceError> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    // The parser's message is left out: it may quote what it could not read.
    serde_json::from_slice(body)
        .map_err(|_| ServiceError::serialization("the request's body is not JSON"))
}

/// The same request, to be signed anew.
fn again(operation: &str, body: Bytes) -> anyhow::Result<Request<Bytes>> {
    let request = Request::post("/")
        .header(http::header::CONTENT_TYPE, "application/x-amz-json-1.1")
        .header("x-amz-target", format!("secretsmanager.{operation}"));
    Ok(request.body(body)?)
}

/// Whether MiniStack did not let the caller in, or failed by itself.
fn is_refusal(verdict: &Response<Bytes>) -> bool {
    const REFUSALS: [&str; 10] = [
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ];
    let status = verdict.status();
    if status.is_success() {
        return false;
    }
    let (code, _) = error_of(verdict);
    status.is_server_error()
        || matches!(status.as_u16(), 401 | 403)
        || REFUSALS.contains(&code.as_str())
}

fn text(answer: &Response<Bytes>, field: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(answer.body()).ok()?;
    body.get(field)?.as_str().map(str::to_owned)
}
