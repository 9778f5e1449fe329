//! Who asks, and whether IAM lets them.

use axum::body::Bytes;
use http::{Request, Response, StatusCode};

use super::api::{refusal, unavailable};
use super::model::Refusal;
use crate::credential::Credential;
use crate::ministack::Client;

/// The service that roles are passed to.
pub(super) const SERVICE: &str = "scheduler.amazonaws.com";

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
    need: &Need<'_>,
) -> Result<(), Response<Bytes>> {
    let forbidden = |code, message| {
        refusal(&Refusal {
            status: StatusCode::FORBIDDEN,
            code,
            message,
        })
    };
    if Credential::of(request.headers()).is_none() {
        // MiniStack takes whoever does not sign for its root user.
        let message = "Missing Authentication Token".to_owned();
        return Err(forbidden("MissingAuthenticationTokenException", message));
    }
    let principal = upstream.authenticate(request).await;
    let principal = principal.map_err(|error| refusal(&unavailable(&error)))??;
    let passed = [("iam:PassedToService", SERVICE)];
    let passed = need.passes.map(|role| ("iam:PassRole", role, &passed[..]));
    let own = (need.action, need.resource, &[][..]);
    for (action, resource, context) in [own].into_iter().chain(passed) {
        let denial = upstream.denial(&principal, action, resource, context).await;
        if let Some(message) = denial.map_err(|error| refusal(&unavailable(&error)))? {
            return Err(forbidden("AccessDeniedException", message));
        }
    }
    Ok(())
}
