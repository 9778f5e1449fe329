//! A service of AWS of which a function makes a call or two. The SDK's client of such a service brings all of its
//! operations: Lambda's alone takes longer to compile than this library, and is 1,080 files.

use std::env;
use std::fmt::Display;

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_types::SdkConfig;
use http::{HeaderValue, Request};
use serde_json::Value;

use super::{AwsError, UNKNOWN, is_transient};
use crate::deadline::Deadline;
use crate::net::{self, Answer, Unreachable};

const TRACE: &str = "x-amzn-trace-id";

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
        let request = self.signed(request, trace()).await.map_err(|error| {
            let error = error.source().unwrap_or(&*error);
            failed("ConstructionFailure", error.to_string(), false)
        })?;
        let request = reqwest::RequestBuilder::from_parts(self.http.clone(), request);
        // Two bounds: what is late because of the network has words of its own.
        let sent = net::send(request, deadline.left() + net::CONNECT_TIMEOUT);
        let Ok(answer) = tokio::time::timeout(deadline.left(), sent).await else {
            let words = "no answer before the function's time-out";
            return Err(failed("Timeout", words.to_owned(), true));
        };
        let answer = answer.map_err(|reason| match reason {
            Unreachable::TooLarge => AwsError::unreadable(operation, resource),
            reason => AwsError::unsent(operation, resource, reason),
        })?;
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

    async fn signed(
        &self,
        mut request: Request<Vec<u8>>,
        trace: Option<HeaderValue>,
    ) -> Result<reqwest::Request, Unmade> {
        let region = self.aws.region().ok_or("there is no region")?;
        let host = match self.aws.endpoint_url() {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://{}.{region}.{}", self.name, domain(region.as_ref())),
        };
        *request.uri_mut() = format!("{host}{}", request.uri()).parse()?;
        request.uri().authority().ok_or("the endpoint is no URL")?;
        if let Some(trace) = trace {
            request.headers_mut().insert(TRACE, trace);
        }
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

/// What X-Ray, and Lambda's look for loops, follow from function to function. Lambda's runtime sets it for each
/// invocation.
fn trace() -> Option<HeaderValue> {
    let trace = env::var("_X_AMZN_TRACE_ID").ok()?;
    HeaderValue::from_str(&trace).ok()
}

/// Where AWS's hosts are, in the [partitions](https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html)
/// from which Heroku can be reached.
fn domain(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "amazonaws.com.cn",
        // The European Sovereign Cloud.
        Some("eusc") => "amazonaws.eu",
        _ => "amazonaws.com",
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
        .or_else(|| field(["code", "__type"]))
        .filter(|code| !code.is_empty())
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
    use std::time::{Duration, UNIX_EPOCH};

    use aws_credential_types::Credentials;
    use aws_smithy_async::time::StaticTimeSource;

    use super::super::sdk_config_with;
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

    /// The signatures are botocore's (1.43.127), of the same requests.
    #[tokio::test]
    async fn a_request_is_signed_as_aws_own_tools_sign_it() {
        let lambda = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Aaddon-rotation-create-secret/invocations";
        let lambda = Request::post(lambda).body(br#"{"Step":"createSecret"}"#.to_vec());
        let events = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "AWSEvents.PutEvents")
            .body(br#"{"Entries":[]}"#.to_vec());
        for (service, request, headers, signature) in [
            (
                "lambda",
                lambda.unwrap(),
                "host;x-amz-date;x-amz-security-token",
                "6ce3ca8c105bfadeca6d56c1097fa426f242dd19ed0d8537ff23d8a6bee0df1f",
            ),
            (
                "events",
                events.unwrap(),
                "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
                "4410e5491b19c073b4093a415f5285856d42022abad11c862f4b1a51ecabaacf",
            ),
        ] {
            let path = request.uri().path().to_owned();
            let signed = service_of(service, "eu-central-1", None)
                .signed(request, Some(HeaderValue::from_static("Root=1-2-3")))
                .await
                .unwrap();
            let host = format!("https://{service}.eu-central-1.amazonaws.com{path}");
            assert_eq!(signed.url().as_str(), host);
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261130/eu-central-1/{service}/aws4_request, \
                 SignedHeaders={headers}, Signature={signature}"
            );
            assert_eq!(signed.headers()["authorization"], expected);
            assert_eq!(signed.headers()["x-amz-security-token"], "session");
            assert_eq!(signed.headers()[TRACE], "Root=1-2-3");
        }
    }

    #[tokio::test]
    async fn each_partition_has_its_hosts_and_an_endpoint_of_ones_own_is_a_url() {
        for (region, endpoint, url) in [
            (
                "us-gov-west-1",
                None,
                Some("https://lambda.us-gov-west-1.amazonaws.com/x"),
            ),
            (
                "cn-north-1",
                None,
                Some("https://lambda.cn-north-1.amazonaws.com.cn/x"),
            ),
            (
                "eusc-de-east-1",
                None,
                Some("https://lambda.eusc-de-east-1.amazonaws.eu/x"),
            ),
            (
                "eu-west-1",
                Some("http://127.0.0.1:4566/"),
                Some("http://127.0.0.1:4566/x"),
            ),
            ("eu-west-1", Some("/"), None),
            ("eu-west-1", Some("127.0.0.1:4566"), None),
        ] {
            let request = Request::get("/x").body(Vec::new()).unwrap();
            let signed = service_of("lambda", region, endpoint)
                .signed(request, None)
                .await;
            let signed = signed.map(|signed| signed.url().to_string());
            assert_eq!(signed.ok().as_deref(), url, "{region} {endpoint:?}");
        }
    }

    fn service_of(name: &'static str, region: &str, endpoint: Option<&str>) -> Service {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let session = Some("session".to_owned());
        let credentials = Credentials::new("AKIDEXAMPLE", secret, session, None, "test");
        let http = net::http_client().unwrap();
        let endpoint = endpoint.map(str::to_owned);
        let aws = sdk_config_with(&http, region.to_owned(), credentials, endpoint);
        // 2026-11-30T00:00:00Z
        let clock = UNIX_EPOCH + Duration::from_hours(498_888);
        let aws = aws.to_builder().time_source(StaticTimeSource::new(clock));
        Service::new(name, &http, &aws.build())
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
            (Some(""), "<html>", "UnknownError", "status 502"),
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
