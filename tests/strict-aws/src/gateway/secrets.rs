//! Secrets Manager in front of MiniStack: MiniStack says who asks, IAM whether it is allowed, the strict model answers.

use axum::body::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use super::{access, answer};
use crate::credential::Credential;
use crate::ministack::{Client, Principal};
use crate::secrets_manager::{Caller, SecretsManager, ServiceError};

pub(super) struct Front {
    pub(super) upstream: Option<Client>,
    pub(super) service: SecretsManager,
}

impl Front {
    pub(super) async fn handle(&self, operation: &str, request: Request<Bytes>) -> Response<Bytes> {
        let Some(credential) = Credential::of(request.headers()) else {
            // MiniStack takes whoever does not sign for its root user.
            return answer::json(Err(ServiceError::unauthenticated()));
        };
        let body = request.body().clone();
        let principal = match &self.upstream {
            None => None,
            Some(upstream) => match upstream.authenticate(request).await {
                Ok(Ok(principal)) => Some(principal),
                Ok(Err(refusal)) => return refusal,
                Err(error) => return answer::json(Err(access::unknown(&error))),
            },
        };
        let policies = principal.as_ref().map(Principal::policies_of);
        let caller = Caller(policies.unwrap_or(credential.access_key_id));
        let answered = self.answer(&caller, principal.as_ref(), operation, &body);
        let answered = answered.await;
        let error = answered.as_ref().err().map(|error| error.code);
        tracing::debug!(operation, caller = caller.0, error, "answered");
        answer::json(answered)
    }

    async fn answer(
        &self,
        caller: &Caller,
        principal: Option<&Principal>,
        operation: &str,
        body: &Bytes,
    ) -> Result<Value, ServiceError> {
        let parameters = match &body[..] {
            [] => json!({}),
            // The parser's message is left out: it may quote what it could not read.
            body => serde_json::from_slice(body)
                .map_err(|_| ServiceError::serialization("the request's body is not JSON"))?,
        };
        if let Some((iam, principal)) = self.upstream.as_ref().zip(principal) {
            let id = ["SecretId", "Name"].map(|name| parameters[name].as_str());
            let secret = id[0].or(id[1]).and_then(|id| self.service.secret(id));
            access::check(iam, principal, operation, &parameters, secret.as_ref()).await?;
        }
        self.service.handle(caller, operation, parameters).await
    }
}
