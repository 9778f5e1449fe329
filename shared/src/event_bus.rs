//! What others can follow: events on the account's default event bus of
//! [Amazon EventBridge](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-what-is.html), for a
//! partner's dashboard for example. `infra/rotation-events.schema.json` describes them.

use std::fmt::Display;
use std::time::Duration;

use http::Request;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::aws::{AwsError, Service, UNKNOWN};
use crate::deadline::{Deadline, retry};
use crate::engine::Sessions;
use crate::event::{SecretArn, Step, VersionId};
use crate::start::Start;

/// The events' `source`.
pub const SOURCE: &str = "heroku-addon-rotation";

/// The longest that a function waits to be rid of an event.
pub(crate) const LONGEST: Duration = Duration::from_secs(2);

const OPERATION: &str = "events:PutEvents";

/// What failed, in the words that whoever invoked the function gets.
#[derive(Debug, Clone)]
pub struct Failure(Diagnostic);

impl<E: Clone + Into<Diagnostic>> From<&E> for Failure {
    fn from(error: &E) -> Self {
        Self(error.clone().into())
    }
}

/// What happened to a secret's version.
#[derive(Debug, Clone)]
pub enum Occurrence {
    /// It is current, and Heroku shows it.
    RotationSucceeded,
    /// A step of its rotation failed. Secrets Manager tries again by itself.
    RotationStepFailed(Step, Failure),
    /// It was current until now: its credential ends at this time.
    RevocationScheduled(String),
    /// Its credential is about to end, and sessions are open with it.
    InUse(Sessions),
    /// Its credential has ended.
    Revoked,
    /// Its credential has not ended; it is tried again at this time. `None` of an error: somebody uses it.
    RevocationPostponed(String, Option<Failure>),
    /// Its credential has not ended, and nothing tries it again by itself but the sweep.
    RevocationGivenUp(Failure),
}

impl Occurrence {
    /// The event's `detail-type`.
    fn detail_type(&self) -> &'static str {
        match self {
            Self::RotationSucceeded => "Credential Rotation Succeeded",
            Self::RotationStepFailed(..) => "Credential Rotation Step Failed",
            Self::RevocationScheduled(_) => "Credential Revocation Scheduled",
            Self::InUse(_) => "Old Credential In Use",
            Self::Revoked => "Credential Revoked",
            Self::RevocationPostponed(..) => "Credential Revocation Postponed",
            Self::RevocationGivenUp(_) => "Credential Revocation Given Up",
        }
    }

    fn detail(&self) -> More {
        let mut detail = More::default();
        let failure = match self {
            Self::RotationSucceeded | Self::Revoked => None,
            Self::RotationStepFailed(step, failure) => {
                detail.step = Some(*step);
                Some(failure)
            }
            Self::RevocationScheduled(time) => {
                detail.revokes_at = Some(time.clone());
                None
            }
            Self::InUse(sessions) => {
                detail.sessions = Some(sessions.count);
                detail.addresses.clone_from(&sessions.from);
                None
            }
            Self::RevocationPostponed(time, failure) => {
                detail.revokes_at = Some(time.clone());
                failure.as_ref()
            }
            Self::RevocationGivenUp(failure) => Some(failure),
        };
        if let Some(Failure(failure)) = failure {
            detail.error_type = Some(failure.error_type.clone());
            detail.error_message = Some(failure.error_message.clone());
        }
        detail
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Detail<'a> {
    secret_id: &'a SecretArn,
    version_id: &'a VersionId,
    #[serde(flatten)]
    more: More,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct More {
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revokes_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

/// One event of a [request](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    source: &'static str,
    detail_type: &'static str,
    resources: [&'a SecretArn; 1],
    detail: String,
}

/// What became of the events: an answer is a success although none was taken.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Taken {
    failed_entry_count: u32,
    #[serde(default)]
    entries: Vec<TakenEntry>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TakenEntry {
    error_code: Option<String>,
    error_message: Option<String>,
}

/// The account's default event bus.
#[derive(Debug, Clone)]
pub struct EventBus(Service);

impl EventBus {
    /// The bus, with the execution role's credentials.
    pub(crate) fn start(start: &Start) -> Self {
        Self(Service::new("events", &start.http, &start.aws))
    }

    /// Says what happened, to each version. Nothing depends on it: an event that the bus does not take is logged
    /// and lost. The same may be said twice.
    pub async fn put(
        &self,
        secret: &SecretArn,
        occurrences: &[(&VersionId, Occurrence)],
        deadline: Deadline,
    ) {
        if occurrences.is_empty() {
            return;
        }
        let put = self.try_put(secret, occurrences, deadline.at_most(LONGEST));
        if let Err(error) = put.await {
            let types = occurrences.iter().map(|(_, it)| it.detail_type());
            let types = types.collect::<Vec<_>>().join(", ");
            tracing::warn!(%error, types, "events were not sent, and are lost");
        }
    }

    async fn try_put(
        &self,
        secret: &SecretArn,
        occurrences: &[(&VersionId, Occurrence)],
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let refused =
            |code: &str, message: String| AwsError::new(OPERATION, secret, code, message, false);
        let unmade = |error: &dyn Display| refused("ConstructionFailure", error.to_string());
        let mut entries = Vec::new();
        for (version, occurrence) in occurrences {
            let detail = Detail {
                secret_id: secret,
                version_id: version,
                more: occurrence.detail(),
            };
            entries.push(Entry {
                source: SOURCE,
                detail_type: occurrence.detail_type(),
                resources: [secret],
                detail: serde_json::to_string(&detail).map_err(|error| unmade(&error))?,
            });
        }
        let body = serde_json::json!({ "Entries": entries }).to_string();
        let answer = retry(deadline, || async {
            let request = Request::post("/")
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amz-target", "AWSEvents.PutEvents")
                .body(body.clone().into_bytes())
                .map_err(|error| unmade(&error))?;
            self.0.call(OPERATION, secret, request, deadline).await
        })
        .await?;
        let taken: Taken = serde_json::from_slice(&answer.body)
            .map_err(|_| AwsError::unreadable(OPERATION, secret))?;
        if taken.failed_entry_count == 0 {
            return Ok(());
        }
        let mut entries = taken.entries.into_iter();
        let entry = entries.find(|entry| entry.error_code.is_some());
        let TakenEntry {
            error_code,
            error_message,
        } = entry.unwrap_or_default();
        Err(refused(
            error_code.as_deref().unwrap_or(UNKNOWN),
            error_message.unwrap_or_default(),
        ))
    }
}
