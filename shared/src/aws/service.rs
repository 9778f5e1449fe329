//! A service of AWS of which a function makes a call or two. The SDK's client of such a service brings all of its
//! operations: Lambda's alone takes longer to compile than this library, and is 1,080 files.

use std::fmt::Display;

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_types::SdkConfig;
use http::Request;
use serde_json::Value;

use super::{AwsError, is_transient};
use crate::deadline::Deadline;
use crate::net::{self, Answer};

/// The code of an error that has none, as in the SDK.
const UNKNOWN: &str = "UnknownError";

/// What keeps a request from being made.
type Unmade = Box<dyn std::error::Error + Send + Sync>;

/// A service, called with the execution role's credentials through the function's HTTP client.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    name: &'static str,
    http: reqwest::Client,
    aws: SdkConfig,
}

impl Service {
    /// The service of this name, as it is in signatures and in the names of AWS's hosts.
    pub(crate) fn new(name: &'static str, http: &reqwest::Client, aws: &SdkConfig) -> Self {
        Self {
            name,
            http: http.clone(),
            aws: aws.clone(),
        }
    }

    /// Makes a call, once, for as long as there is time. The request's URI is a path; `operation` and `resource` are for
    /// the error.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub(crate) async fn call(
        &self,
        operation: &'static str,
        resource: &(impl Display + Sync),
        request: Request<Vec<u8>>,
        deadline: Deadline,
    ) -> Result<Answer, AwsError> {
        let failed = |code: &str, words: String, is_transient| {
            AwsError::new(operation, resource, code, words, is_transient)
        };
        let request = self.signed(request).await;
        let request =
            request.map_err(|error| failed("ConstructionFailure", error.to_string(), false))?;
        let request = reqwest::RequestBuilder::from_parts(self.http.clone(), request);
        // Two bounds: what is late because of the network has words of its own.
        let sent = net::send(request, deadline.left() + net::CONNECT_TIMEOUT);
        let Ok(answer) = tokio::time::timeout(deadline.left(), sent).await else {
            let words = "no answer before the function's time-out";
            return Err(failed("Timeout", words.to_owned(), true));
        };
        let answer = answer.map_err(|reason| AwsError::unsent(operation, resource, reason))?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let (code, words) = refusal(&answer);
        // Lambda answers what lasts with 502 as well, a function's missing key for example: the code says more.
        let may_pass = match code.as_str() {
            UNKNOWN => answer.status.is_server_error(),
            code => is_transient(code),
        };
        Err(failed(&code, words, may_pass))
    }

    async fn signed(&self, mut request: Request<Vec<u8>>) -> Result<reqwest::Request, Unmade> {
        let region = self.aws.region().ok_or("there is no region")?;
        let host = match self.aws.endpoint_url() {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://{}.{region}.{}", self.name, domain(region.as_ref())),
        };
        *request.uri_mut() = format!("{host}{}", request.uri()).parse()?;
        let provider = self.aws.credentials_provider();
        let provider = provider.ok_or("there are no credentials")?;
        let identity = provider.provide_credentials().await?.into();
        let clock = self.aws.time_source().ok_or("there is no clock")?;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region.as_ref())
            .name(self.name)
            .time(clock.now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = request.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new(
            request.method().as_str(),
            request.uri().to_string(),
            headers,
            SignableBody::Bytes(request.body()),
        )?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.try_into()?)
    }
}

/// Where AWS's hosts are, in the [partitions](https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html)
/// from which Heroku can be reached.
fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    }
}

/// AWS's error code and message: in a header and the body for
/// [REST](https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization), in the body
/// alone for [JSON 1.1](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization).
fn refusal(answer: &Answer) -> (String, String) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let field = |names: [&str; 2]| names.iter().find_map(|name| body.get(name)?.as_str());
    let header = answer.headers.get("x-amzn-errortype");
    let code = header
        .and_then(|value| value.to_str().ok())
        .or_else(|| field(["__type", "code"]))
        .unwrap_or(UNKNOWN);
    // It may come as `namespace#Code`, and as `Code:url`.
    let code = code.split(':').next().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let words = match field(["message", "Message"]) {
        Some(words) => words.to_owned(),
        None => format!("status {}", answer.status.as_u16()),
    };
    (code.to_owned(), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(header: Option<&'static str>, body: &str) -> Answer {
        let mut headers = reqwest::header::HeaderMap::new();
        if let Some(header) = header {
            headers.insert("x-amzn-errortype", header.parse().unwrap());
        }
        Answer {
            status: reqwest::StatusCode::BAD_GATEWAY,
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn an_error_is_read_in_every_form_of_the_protocols() {
        for (header, body, code, words) in [
            (
                Some("ResourceNotFoundException"),
                r#"{"Type":"User","Message":"Function not found: arn"}"#,
                "ResourceNotFoundException",
                "Function not found: arn",
            ),
            (
                Some("FooError:http://internal.amazon.com/coral/com.amazon.coral.validate/"),
                r#"{"message":"no","Message":"no"}"#,
                "FooError",
                "no",
            ),
            (
                None,
                r#"{"__type":"aws.protocoltests.json10#FooError","message":"no"}"#,
                "FooError",
                "no",
            ),
            (None, "<html>", "UnknownError", "status 502"),
        ] {
            let read = refusal(&answer(header, body));
            assert_eq!(
                read,
                (code.to_owned(), words.to_owned()),
                "{header:?} {body}"
            );
        }
    }
}
