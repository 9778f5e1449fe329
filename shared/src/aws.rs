//! The AWS SDK's configuration, and its requests sent through the function's one HTTP client.

mod service;

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Region};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use crate::deadline::{Deadline, Transient};
use crate::message;
use crate::net::Unreachable;

pub(crate) use service::Service;

/// The longest that one attempt of a call that is repeated may take.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// The code of an error that has none, as in the SDK.
pub(crate) const UNKNOWN: &str = "UnknownError";

/// The SDK's configuration for a region, credentials and, if it is not AWS's own, an endpoint.
#[must_use]
pub fn sdk_config_with(
    http: &reqwest::Client,
    region: String,
    credentials: Credentials,
    endpoint: Option<String>,
) -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(SharedHttpClient::new(Http(http.clone())))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .retry_config(retries())
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .build(),
        );
    if let Some(endpoint) = endpoint {
        config = config.endpoint_url(endpoint);
    }
    config.build()
}

/// The same configuration with another HTTP client.
pub(crate) fn through(config: &SdkConfig, http: &reqwest::Client) -> SdkConfig {
    let http = SharedHttpClient::new(Http(http.clone()));
    config.to_builder().http_client(http).build()
}

/// How often and when the SDK repeats a call.
#[must_use]
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(4)
}

/// A call to AWS that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", self.failure(), message::remedy(remedy))]
pub struct AwsError {
    /// The call, as `service:Operation`, the form of IAM's actions.
    pub operation: &'static str,
    /// What it was made on: an ARN or a name.
    pub resource: String,
    /// AWS's error code, or how the call failed before it had an answer.
    pub code: String,
    /// AWS's message.
    pub message: String,
    remedy: &'static str,
    transient: bool,
}

const KEY: &str =
    "Check the secret's KMS key and its policy, and that it is the stack's SecretsKmsKeyArn";

fn remedy(code: &str, message: &str) -> &'static str {
    match code {
        // "Access to KMS is not allowed", as in the tests of AWS's own aws-secretsmanager-agent.
        "AccessDeniedException" if message.contains("KMS") => KEY,
        "AccessDeniedException" => {
            "Compare the role with the template, and the resource's policy. A rotating secret needs the tag rotation:stack with the stack's name, and the stack's rotation function; an OAuth secret needs the tag rotation:oauth-of with the stack's name"
        }
        "ResourceNotFoundException" => "Check that it exists in this account and region",
        "InvalidRequestException" => "Check that the secret is not marked for deletion",
        "LimitExceededException" => {
            "Check the quota that the message names (a secret has at most 20 labels)"
        }
        "DecryptionFailure" | "EncryptionFailure" | "KMSAccessDeniedException" => KEY,
        _ => "",
    }
}

impl AwsError {
    /// Whether AWS answered with this error code.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// A failure that AWS did not report itself.
    pub(crate) fn new(
        operation: &'static str,
        resource: impl Display,
        code: &str,
        message: impl Into<String>,
        transient: bool,
    ) -> Self {
        let message = message.into();
        Self {
            operation,
            resource: resource.to_string(),
            code: code.to_owned(),
            remedy: remedy(code, &message),
            message,
            transient,
        }
    }

    /// A request that nobody answered.
    pub(crate) fn unsent(
        operation: &'static str,
        resource: &dyn Display,
        reason: Unreachable,
    ) -> Self {
        let remedy = match reason {
            Unreachable::Name => "Check AWS_REGION, and that the network resolves AWS's names",
            _ => "Check the network's way to AWS (NAT gateway, VPC endpoints, proxy)",
        };
        let words = reason.to_string();
        Self::new(operation, resource, "DispatchFailure", words, true).with_remedy(remedy)
    }

    /// An answer that is not what this service answers. Its words are kept out: there may be values among them.
    pub(crate) fn unreadable(operation: &'static str, resource: &dyn Display) -> Self {
        let words = "an answer that cannot be read";
        Self::new(operation, resource, "ResponseError", words, true)
    }

    /// The same, with what to do about it.
    pub(crate) fn with_remedy(self, remedy: &'static str) -> Self {
        Self { remedy, ..self }
    }

    /// The first part alone: what failed, on which resource, in AWS's words.
    #[must_use]
    pub fn failure(&self) -> String {
        format!(
            "{} on {} failed: {} ({}).",
            self.operation,
            self.resource,
            message::bare(&self.message),
            self.code
        )
    }

    fn from_sdk<E, R>(
        operation: &'static str,
        resource: &dyn Display,
        error: &SdkError<E, R>,
    ) -> Self
    where
        E: ProvideErrorMetadata,
    {
        match error {
            SdkError::ServiceError(context) => {
                let code = context.err().code().unwrap_or(UNKNOWN);
                let words = context.err().message().unwrap_or("no message");
                Self::new(operation, resource, code, words, is_transient(code))
            }
            SdkError::TimeoutError(_) => {
                Self::new(operation, resource, "Timeout", "no answer in time", true)
            }
            SdkError::DispatchFailure(failure) => {
                let error = failure.as_connector_error();
                let reason = error.and_then(|error| Unreachable::of(error));
                let reason = reason.unwrap_or(Unreachable::Connection);
                Self::unsent(operation, resource, reason)
            }
            SdkError::ResponseError(_) => Self::unreadable(operation, resource),
            // Covers `ConstructionFailure` and what the SDK may add: nothing was sent.
            _ => Self::new(
                operation,
                resource,
                "ConstructionFailure",
                "the request could not be made",
                false,
            ),
        }
    }
}

/// Whether what AWS refuses with this code may pass by itself.
fn is_transient(code: &str) -> bool {
    [
        "Throttl",
        "TooManyRequests",
        "InternalServ",
        "ServiceUnavailable",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "SlowDown",
        "InternalFailure",
        "InternalException",
        "ServiceException",
        "ResourceNotReady",
        "ResourceConflict",
        "EC2Throttled",
        "EC2Unexpected",
    ]
    .iter()
    .any(|prefix| code.starts_with(prefix))
}

impl Transient for AwsError {
    fn is_transient(&self) -> bool {
        self.transient
    }
}

/// A request of the SDK, boxed: its future is some 15 kB, and its type nests too deep to be inlined
/// into a step's.
pub(crate) type Request<'a, T, E, R> =
    Pin<Box<dyn Future<Output = Result<T, SdkError<E, R>>> + Send + 'a>>;

/// Makes a call, bounded by the deadline.
pub(crate) async fn call<T, E, R>(
    operation: &'static str,
    resource: &(impl Display + Sync),
    deadline: Deadline,
    request: Request<'_, T, E, R>,
) -> Result<T, AwsError>
where
    E: ProvideErrorMetadata,
{
    match tokio::time::timeout(deadline.left(), request).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) => Err(AwsError::from_sdk(operation, resource, &error)),
        Err(_) => Err(AwsError::new(
            operation,
            resource,
            "Timeout",
            "no answer before the function's time-out",
            true,
        )),
    }
}

/// The SDK's requests, sent by reqwest.
#[derive(Debug, Clone)]
struct Http(reqwest::Client);

impl HttpClient for Http {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let request = request.map(|body| body.bytes().map(<[u8]>::to_vec).unwrap_or_default());
            let request = reqwest::Request::try_from(request)
                .map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.execute(request).await.map_err(connector_error)?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = response.bytes().await.map_err(connector_error)?;
            let mut response = http::Response::new(SdkBody::from(body.to_vec()));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            HttpResponse::try_from(response)
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn connector_error(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_builder() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}
