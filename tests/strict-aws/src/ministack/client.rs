//! A client of one MiniStack that signs as its root user, or passes on what others signed.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::body::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use stand_in::patience::PATIENCE;
use url::Url;

use super::error::Refused;
use super::xml;

/// The root user's access key id in every MiniStack started here. It opens nothing else.
pub const ROOT_ACCESS_KEY_ID: &str = "AKIALOCALCLOUDROOT00";
/// The secret to [`ROOT_ACCESS_KEY_ID`]. It opens nothing else.
pub const ROOT_SECRET_ACCESS_KEY: &str = "local-cloud/root/not-a-secret/0000000000";
pub const REGION: &str = "us-east-1";
pub const ACCOUNT_ID: &str = "000000000000";

/// How long one call of the client's own may take. Forwarded requests and invocations have no limit:
/// they are as slow as the function they reach.
const CALL_TIMEOUT: Duration = PATIENCE;

/// Headers that belong to one connection and not to the message (RFC 9110, section 7.6.1), and `Expect`, which the
/// gateway itself has already answered.
const HOP_BY_HOP: [&str; 4] = ["connection", "keep-alive", "transfer-encoding", "expect"];

/// A root-signed client of one MiniStack. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: Url,
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// A client of the MiniStack at this address, which need not be up yet.
    ///
    /// Fails if the address is not of the form `http://host:port`.
    pub fn new(endpoint: Url) -> Result<Self> {
        let is_address = endpoint.scheme() == "http" && endpoint.host_str().is_some();
        ensure!(is_address, "{endpoint} is not of the form http://host:port");
        let mut connector = HttpConnector::new();
        // A request goes in two pieces, of which the second would wait 40 ms for a receipt of the first.
        connector.set_nodelay(true);
        Ok(Self {
            endpoint,
            http: hyper_util::client::legacy::Client::builder(TokioExecutor::new())
                .build(connector),
        })
    }

    /// MiniStack's own address, behind the gateway.
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Sends a request as it came, signature, `Host` and all, and gives its answer untouched but
    /// for hop-by-hop headers. Waits for the answer without limit.
    pub async fn forward(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>> {
        drop_hop_by_hop(request.headers_mut());
        let description = format!("{} {}", request.method(), request.uri().path());
        *request.uri_mut() = self.uri(request.uri())?;
        let no_answer = || {
            let endpoint = &self.endpoint;
            format!("no answer from MiniStack at {endpoint} to {description}; see its log")
        };
        let sent = self.http.request(request.map(Full::new));
        let (mut parts, body) = sent.await.with_context(no_answer)?.into_parts();
        drop_hop_by_hop(&mut parts.headers);
        let body = body.collect().await.with_context(no_answer)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }

    /// Makes any call, signed as root. The request's URI is a path with its query.
    /// An answer that tells of an error is an `Ok` here: see [`Self::json_call`].
    pub async fn signed(
        &self,
        service: &str,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>> {
        self.sign(service, &mut request)?;
        self.forward(request).await
    }

    /// Calls a JSON 1.1 operation, signed as root. The target is as in `secretsmanager.DescribeSecret`.
    ///
    /// Fails with AWS's error type and message if the service refuses.
    pub async fn json_call(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/")
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(Bytes::from(body.to_string()))?;
        let answer = self.call(service, target, request).await?;
        json_body(target, &answer)
    }

    /// Calls an operation of the query protocol, signed as root; the answer's XML.
    pub(super) async fn query(
        &self,
        service: &str,
        version: &str,
        operation: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", operation)
            .append_pair("Version", version)
            .extend_pairs(parameters)
            .finish();
        let request = Request::post("/")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(body))?;
        let answer = self
            .call(service, &format!("{service}:{operation}"), request)
            .await?;
        Ok(String::from_utf8_lossy(answer.body()).into_owned())
    }

    /// Has a service of the query protocol make something; what `element` of the answer names it.
    pub async fn make(
        &self,
        (service, version): (&str, &str),
        operation: &str,
        parameters: &[(&str, &str)],
        element: &str,
    ) -> Result<String> {
        let answer = self.query(service, version, operation, parameters).await?;
        xml::text(&answer, element)
            .with_context(|| format!("the answer to {service}:{operation} has no {element}"))
    }

    /// Calls an operation signed as root within [`CALL_TIMEOUT`], and turns an answer that tells
    /// of an error into one.
    pub(super) async fn call(
        &self,
        service: &str,
        operation: &str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>> {
        let answer = tokio::time::timeout(CALL_TIMEOUT, self.signed(service, request)).await;
        accept(
            operation,
            answer.with_context(|| format!("no answer to {operation}"))??,
        )
    }

    /// This MiniStack's, for what is a path with its query.
    fn uri(&self, target: &Uri) -> Result<Uri> {
        let host = self.endpoint.host_str().unwrap_or_default();
        let port = self.endpoint.port_or_known_default().unwrap_or(80);
        let target = target
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let uri = Uri::builder()
            .scheme("http")
            .authority(format!("{host}:{port}"));
        Ok(uri.path_and_query(target).build()?)
    }

    /// Signs a request to this MiniStack, whose URI is a path with its query.
    fn sign(&self, service: &str, request: &mut Request<Bytes>) -> Result<()> {
        let uri = self.uri(request.uri())?;
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let host = HeaderValue::from_str(&authority)?;
        request.headers_mut().insert(header::HOST, host);

        let (key, secret) = (ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY);
        let identity = Credentials::new(key, secret, None, None, "local cloud").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers: Vec<(&str, &str)> = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let signable = SignableRequest::new(
            request.method().as_str(),
            uri.to_string(),
            headers.into_iter(),
            SignableBody::Bytes(request.body()),
        )?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

/// The answer, unless it tells of an error.
pub(super) fn accept(operation: &str, answer: Response<Bytes>) -> Result<Response<Bytes>> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let (code, message) = error_of(&answer);
    let refused = Refused {
        operation: operation.to_owned(),
        status: answer.status().as_u16(),
        code,
        message,
    };
    Err(refused.into())
}

/// AWS's error type and message, from JSON and XML answers alike.
pub(crate) fn error_of(answer: &Response<Bytes>) -> (String, String) {
    let header = answer
        .headers()
        .get("x-amzn-errortype")
        .and_then(|value| value.to_str().ok());
    let (code, message) = if let Ok(body) = serde_json::from_slice::<Value>(answer.body()) {
        let field = |names: [&str; 2]| {
            names
                .iter()
                .find_map(|name| body.get(*name)?.as_str().map(str::to_owned))
        };
        (field(["__type", "code"]), field(["message", "Message"]))
    } else {
        let text = String::from_utf8_lossy(answer.body());
        let element = |name| super::xml::text(&text, name);
        (element("Code"), element("Message"))
    };
    let code = code
        .or_else(|| header.map(str::to_owned))
        .unwrap_or_default();
    // A type may come as `namespace#Type` or as `Type:url`.
    let code = code.rsplit('#').next().unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default();
    (code.to_owned(), message.unwrap_or_default())
}

/// The answer's body as JSON; null if it has none.
pub(super) fn json_body(operation: &str, answer: &Response<Bytes>) -> Result<Value> {
    if answer.body().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(answer.body())
        .with_context(|| format!("{operation} was answered by what is no JSON"))
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}
