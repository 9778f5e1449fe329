//! What others can follow: events on the account's default event bus of
//! [Amazon EventBridge](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-what-is.html), for a
//! partner's dashboard for example. `infra/rotation-events.schema.json` describes them.

use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_types::SdkConfig;
use lambda_runtime::Diagnostic;
use serde::Serialize;

use crate::Error;
use crate::aws::{AwsError, call};
use crate::deadline::Deadline;
use crate::event::{SecretArn, Step, VersionId};

/// The events' `source`.
pub const SOURCE: &str = "heroku-addon-rotation";

/// The longest that a function waits to be rid of an event.
pub(crate) const LONGEST: Duration = Duration::from_secs(2);

const OPERATION: &str = "events:PutEvents";

/// What happened to a secret's version.
#[derive(Debug, Clone, Copy)]
pub enum Happening<'a> {
    /// It is current, and Heroku shows it.
    RotationSucceeded,
    /// A step of its rotation failed. Secrets Manager tries again by itself.
    RotationStepFailed(Step, &'a Error),
}

impl Happening<'_> {
    /// The event's `detail-type`.
    fn detail_type(self) -> &'static str {
        match self {
            Self::RotationSucceeded => "Credential Rotation Succeeded",
            Self::RotationStepFailed(..) => "Credential Rotation Step Failed",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Detail<'a> {
    secret_id: &'a SecretArn,
    version_id: &'a VersionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

/// The account's default event bus.
#[derive(Debug, Clone)]
pub struct EventBus {
    config: SdkConfig,
    client: OnceLock<Client>,
}

impl EventBus {
    /// The bus, with the execution role's credentials. Its client is made when there is an event.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            client: OnceLock::new(),
        }
    }

    /// Says what happened. Nothing depends on it: an event that the bus does not take is logged and
    /// lost. The same may be said twice.
    pub async fn put(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        happening: Happening<'_>,
        deadline: Deadline,
    ) {
        let put = self.try_put(secret, version, happening, deadline.at_most(LONGEST));
        if let Err(error) = put.await {
            tracing::warn!(%error, detail_type = happening.detail_type(), "an event is lost");
        }
    }

    async fn try_put(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        happening: Happening<'_>,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        // In the words that whoever invoked the function gets.
        let failure = match happening {
            Happening::RotationStepFailed(step, error) => {
                Some((step, Diagnostic::from(error.clone())))
            }
            Happening::RotationSucceeded => None,
        };
        let (step, failure) = failure.unzip();
        let (error_type, error_message) = failure
            .map(|failure| (failure.error_type, failure.error_message))
            .unzip();
        let detail = Detail {
            secret_id: secret,
            version_id: version,
            step,
            error_type,
            error_message,
        };
        let refused =
            |code: &str, message: String| AwsError::new(OPERATION, secret, code, message, false);
        let detail = serde_json::to_string(&detail)
            .map_err(|error| refused("ConstructionFailure", error.to_string()))?;
        let entry = PutEventsRequestEntry::builder()
            .source(SOURCE)
            .detail_type(happening.detail_type())
            .resources(secret.as_str())
            .detail(detail)
            .build();
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let request = client.put_events().entries(entry);
        let answer = call(OPERATION, secret, deadline, Box::pin(request.send())).await?;
        if answer.failed_entry_count == 0 {
            return Ok(());
        }
        let entry = answer.entries.into_iter().flatten().next();
        let (code, message) = entry
            .map(|entry| (entry.error_code, entry.error_message))
            .unwrap_or_default();
        Err(refused(
            &code.unwrap_or_else(|| "UnknownError".to_owned()),
            message.unwrap_or_default(),
        ))
    }
}
