//! In front of AWS, Heroku and the partner's own service.

use axum::body::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use strict_aws::gateway::operation;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{Bound, Passage, Proxy};
use crate::Problem;
use crate::fault::{HEROKU, Kind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// Secrets Manager and EventBridge Scheduler.
    Aws,
    Lambda,
    /// Heroku's API, and the exchange of tokens.
    Heroku,
    Service,
}

/// Begins to pass requests on to `authority`, like `127.0.0.1:4000`.
pub fn serve(bound: Bound, upstream: Upstream, authority: String, passage: Passage) -> Proxy {
    let desk = Proxying {
        upstream,
        authority,
        passage,
        client: Client::builder(TokioExecutor::new()).build_http(),
    };
    bound.serve(move |stream| {
        let desk = desk.clone();
        async move {
            let service = service_fn(move |request| desk.clone().answer(request));
            // A connection that breaks is what it is here for.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    })
}

/// Ends the connection without an answer.
fn broken() -> Result<Answer, Problem> {
    Err("the connection breaks".into())
}

type Answer = Response<Full<Bytes>>;

#[derive(Clone)]
struct Proxying {
    upstream: Upstream,
    authority: String,
    passage: Passage,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Proxying {
    async fn answer(self, request: Request<Incoming>) -> Result<Answer, Problem> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let request = Request::from_parts(parts, Full::new(body));
        let what = self.what(request.method(), request.uri().path(), request.headers());
        let function = function(request.headers());
        let under_way = self.passage.running.request();
        let (id, kind) = self.passage.pass(function.as_deref(), &what);
        match kind {
            None => self.forward(request, under_way).await,
            Some(Kind::RequestLost) => broken(),
            Some(Kind::AnswerLost) => {
                let _ = self.forward(request, under_way).await;
                broken()
            }
            Some(Kind::Throttled | Kind::PoolEmpty) => Ok(self.throttled(None)),
            Some(Kind::ThrottledRetryAfter) => Ok(self.throttled(Some(1))),
            Some(Kind::ServerError) => Ok(self.server_error()),
            Some(Kind::ServerErrorAfterEffect) => {
                let _ = self.forward(request, under_way).await;
                Ok(self.server_error())
            }
            Some(Kind::Unavailable) => Ok(page(StatusCode::SERVICE_UNAVAILABLE)),
            Some(Kind::LostWay) => Ok(page(StatusCode::NOT_FOUND)),
            Some(Kind::Garbage) => Ok(page(StatusCode::OK)),
            Some(Kind::DiesBefore) => {
                self.passage.kill(id);
                broken()
            }
            Some(Kind::DiesDuring) => {
                self.passage.kill(id);
                let _ = self.forward(request, under_way).await;
                broken()
            }
            Some(Kind::DiesAfter) => {
                let _ = self.forward(request, under_way).await;
                self.passage.kill(id);
                broken()
            }
        }
    }

    /// Passes the request on, whatever becomes of whoever made it.
    async fn forward(
        &self,
        request: Request<Full<Bytes>>,
        under_way: TaskTrackerToken,
    ) -> Result<Answer, Problem> {
        let desk = self.clone();
        let forwarding = tokio::spawn(async move {
            let answer = desk.pass_on(request).await;
            drop(under_way);
            answer
        });
        forwarding.await?
    }

    async fn pass_on(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, Problem> {
        let path = request.uri().path_and_query().cloned();
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.authority.as_str())
            .path_and_query(path.map_or_else(|| "/".to_owned(), |path| path.to_string()));
        *request.uri_mut() = uri.build()?;
        let answer = self.client.request(request).await?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        self.passage.look().await;
        Ok(Response::from_parts(parts, Full::new(body)))
    }

    /// What a request asks, without anything that differs from run to run.
    fn what(&self, method: &Method, path: &str, headers: &HeaderMap) -> String {
        let shape = || {
            let segments = path.split('/').map(|segment| {
                let is_name = segment
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || "_.-".contains(c))
                    || segment == "v1"
                    || segment == "v3";
                if is_name { segment } else { "{id}" }
            });
            segments.collect::<Vec<_>>().join("/")
        };
        match self.upstream {
            Upstream::Aws | Upstream::Lambda => operation(method, path, headers),
            Upstream::Heroku => format!("{HEROKU}{method} {}", shape()),
            Upstream::Service => format!("service {method} {}", shape()),
        }
    }

    fn throttled(&self, retry_after: Option<u64>) -> Answer {
        let mut answer = match self.upstream {
            Upstream::Aws => aws(StatusCode::BAD_REQUEST, "ThrottlingException"),
            Upstream::Lambda => aws(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
            Upstream::Heroku | Upstream::Service => {
                json(StatusCode::TOO_MANY_REQUESTS, r#"{"id":"rate_limit"}"#)
            }
        };
        if let Some(seconds) = retry_after {
            let seconds = HeaderValue::from(seconds);
            answer.headers_mut().insert(RETRY_AFTER, seconds);
        }
        answer
    }

    fn server_error(&self) -> Answer {
        const STATUS: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
        match self.upstream {
            Upstream::Aws => aws(STATUS, "InternalServiceError"),
            Upstream::Lambda => aws(STATUS, "ServiceException"),
            Upstream::Heroku | Upstream::Service => json(STATUS, r#"{"id":"internal"}"#),
        }
    }
}

/// The function whose credentials signed a request to AWS.
fn function(headers: &HeaderMap) -> Option<String> {
    let authorization = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = authorization.split_once("Credential=")?;
    Some(credential.split_once('/')?.0.to_owned())
}

fn aws(status: StatusCode, code: &'static str) -> Answer {
    let body = format!(r#"{{"__type":"{code}","message":"out of order"}}"#);
    let mut answer = json(status, &body);
    let code = HeaderValue::from_static(code);
    answer.headers_mut().insert("x-amzn-errortype", code);
    answer
}

fn json(status: StatusCode, body: &str) -> Answer {
    with_type(status, "application/json", body)
}

fn page(status: StatusCode) -> Answer {
    with_type(status, "text/html", "<html><body>Bad gateway</body></html>")
}

fn with_type(status: StatusCode, content_type: &'static str, body: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *answer.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}
