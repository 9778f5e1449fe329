//! Who asks, and whether IAM lets them.

use axum::body::Bytes;
use http::{Method, Request, Response, StatusCode};

use super::api::{internal_error, refusal};
use super::model::{Refusal, is_name};
use crate::credential::Credential;
use crate::ministack::{ACCOUNT_ID, Client, Principal, error_of};

/// The service that roles are passed to.
pub(super) const SERVICE: &str = "scheduler.amazonaws.com";

/// What a request needs.
pub(super) struct Need<'a> {
    /// As in `scheduler:CreateSchedule`.
    pub(super) action: &'a str,
    /// The schedule's ARN, or `*`.
    pub(super) resource: &'a str,
    /// The role that the request passes to the scheduler.
    pub(super) passes: Option<&'a str>,
}

/// Has MiniStack authenticate the request, then asks IAM. The error is the answer to give.
pub(super) async fn check(
    upstream: &Client,
    request: Request<Bytes>,
    group: &str,
    need: &Need<'_>,
) -> Result<(), Response<Bytes>> {
    let Some(credential) = Credential::of(request.headers()) else {
        // MiniStack takes whoever does not sign for its root user.
        return Err(refusal(&Refusal {
            status: StatusCode::FORBIDDEN,
            code: "MissingAuthenticationTokenException",
            message: "Missing Authentication Token".to_owned(),
        }));
    };
    let created = created_path(&request, group);
    let answer = upstream
        .forward(request)
        .await
        .map_err(|error| internal_error(&error))?;
    if answer.status().is_success()
        && let Some(path) = created
    {
        remove(upstream, &path).await;
    }
    let denied = is_denial(&answer);
    if answer.status().is_server_error() || (is_about_credentials(&answer) && !denied) {
        return Err(answer);
    }
    let principal = upstream
        .principal(&credential.access_key_id)
        .await
        .map_err(|error| internal_error(&error))?;
    match principal {
        Principal::Root => Ok(()),
        // Nobody's key: its policies cannot be judged.
        Principal::Unknown => Err(refusal(&Refusal {
            status: StatusCode::FORBIDDEN,
            code: "UnrecognizedClientException",
            message: "The security token included in the request is invalid.".to_owned(),
        })),
        Principal::Role { role_arn, session } => authorise(upstream, &role_arn, &session, need)
            .await
            .map_err(|error| match error {
                Denial::Refused(message) => refusal(&Refusal {
                    status: StatusCode::FORBIDDEN,
                    code: "AccessDeniedException",
                    message,
                }),
                Denial::Unknown(answer) => *answer,
            }),
    }
}

enum Denial {
    Refused(String),
    Unknown(Box<Response<Bytes>>),
}

async fn authorise(
    upstream: &Client,
    role_arn: &str,
    session: &str,
    need: &Need<'_>,
) -> Result<(), Denial> {
    let unknown = |error| Denial::Unknown(Box::new(internal_error(&error)));
    let denial = |action: &str, resource: &str| {
        let role = role_arn.rsplit('/').next().unwrap_or_default();
        Denial::Refused(format!(
            "User: arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role}/{session} is not authorized to \
             perform: {action} on resource: {resource} because no identity-based policy allows \
             the {action} action"
        ))
    };
    if !upstream
        .is_allowed(role_arn, need.action, need.resource)
        .await
        .map_err(unknown)?
    {
        return Err(denial(need.action, need.resource));
    }
    let Some(passed) = need.passes else {
        return Ok(());
    };
    let context = [("iam:PassedToService", SERVICE)];
    if !upstream
        .is_allowed_in(role_arn, "iam:PassRole", passed, &context)
        .await
        .map_err(unknown)?
    {
        return Err(denial("iam:PassRole", passed));
    }
    Ok(())
}

/// Where a creation that MiniStack accepts has to be undone, so that it does not fire there too.
fn created_path(request: &Request<Bytes>, group: &str) -> Option<String> {
    (request.method() == Method::POST && is_name(group))
        .then(|| format!("{}?groupName={group}", request.uri().path()))
}

async fn remove(upstream: &Client, path: &str) {
    let request = match Request::delete(path).body(Bytes::new()) {
        Ok(request) => request,
        Err(error) => {
            tracing::error!(path, %error, "cannot remove a schedule from MiniStack");
            return;
        }
    };
    match upstream.signed("scheduler", request).await {
        Ok(answer) if answer.status().is_success() => {}
        Ok(answer) => {
            tracing::error!(path, status = %answer.status(), "MiniStack keeps a schedule, and may fire it");
        }
        Err(error) => tracing::error!(path, %error, "MiniStack keeps a schedule, and may fire it"),
    }
}

fn is_denial(answer: &Response<Bytes>) -> bool {
    matches!(
        error_of(answer).0.as_str(),
        "AccessDenied" | "AccessDeniedException"
    )
}

/// Whether the request was refused before anybody looked at what it asks.
fn is_about_credentials(answer: &Response<Bytes>) -> bool {
    answer.status() == StatusCode::FORBIDDEN
        || matches!(
            error_of(answer).0.as_str(),
            "ExpiredToken"
                | "ExpiredTokenException"
                | "IncompleteSignature"
                | "IncompleteSignatureException"
                | "InvalidClientTokenId"
                | "InvalidSignatureException"
                | "InvalidToken"
                | "MissingAuthenticationToken"
                | "MissingAuthenticationTokenException"
                | "RequestExpired"
                | "SignatureDoesNotMatch"
                | "UnrecognizedClientException"
        )
}
