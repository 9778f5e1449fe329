//! In front of AWS, Heroku and the partner's own service.

use std::net::SocketAddr;

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
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::{Passage, listen};
use crate::fault::{HEROKU, Kind};
use crate::running;

/// Who is behind a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// Secrets Manager and EventBridge Scheduler.
    Aws,
    /// Lambda.
    Lambda,
    /// Heroku's API, and the exchange of tokens.
    Heroku,
    /// The partner's service.
    Service,
}

/// A proxy's address, not served yet.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// Serves until dropped.
pub struct Proxy {
    _serving: AbortOnDropHandle<()>,
}

impl Bound {
    /// Takes a free port.
    ///
    /// # Errors
    /// If there is none.
    pub async fn bind() -> std::io::Result<Self> {
        let (listener, address) = listen().await?;
        Ok(Self { listener, address })
    }

    /// `url` as functions are to use it: at the proxy's address.
    ///
    /// # Errors
    /// If it has no host.
    pub fn instead_of(&self, url: &Url) -> Result<Url, url::ParseError> {
        let mut own = url.clone();
        own.set_ip_host(self.address.ip())
            .and_then(|()| own.set_port(Some(self.address.port())))
            .map_err(|()| url::ParseError::EmptyHost)?;
        Ok(own)
    }

    /// Begins to pass requests on to `authority`, like `127.0.0.1:4000`.
    #[must_use]
    pub fn serve(self, upstream: Upstream, authority: String, passage: Passage) -> Proxy {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let desk = Proxying {
            upstream,
            authority,
            passage,
            client,
        };
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = self.listener.accept().await {
                let desk = desk.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let desk = desk.clone();
                        async move { desk.answer(request).await }
                    });
                    // A connection that breaks is what it is here for.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Proxy {
            _serving: AbortOnDropHandle::new(serving),
        }
    }
}

/// Ends the connection without an answer.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection breaks")
    }
}

impl std::error::Error for Broken {}

type Answer = Response<Full<Bytes>>;

#[derive(Clone)]
struct Proxying {
    upstream: Upstream,
    authority: String,
    passage: Passage,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Proxying {
    async fn answer(self, request: Request<Incoming>) -> Result<Answer, Broken> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        let request = Request::from_parts(parts, Full::new(body));
        let what = self.what(request.method(), request.uri().path(), request.headers());
        let function = function(request.headers());
        let under_way = self.passage.running.request();
        let (id, kind) = self.passage.pass(function.as_deref(), &what);
        match kind {
            None => self.forward(request, under_way).await,
            Some(Kind::RequestLost) => Err(Broken),
            Some(Kind::AnswerLost) => {
                let _ = self.forward(request, under_way).await;
                Err(Broken)
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
                Err(Broken)
            }
            Some(Kind::DiesDuring) => {
                self.passage.kill(id);
                let _ = self.forward(request, under_way).await;
                Err(Broken)
            }
            Some(Kind::DiesAfter) => {
                let _ = self.forward(request, under_way).await;
                self.passage.kill(id);
                Err(Broken)
            }
        }
    }

    /// Passes the request on, whatever becomes of whoever made it.
    async fn forward(
        &self,
        request: Request<Full<Bytes>>,
        under_way: running::Request,
    ) -> Result<Answer, Broken> {
        let desk = self.clone();
        let forwarding = tokio::spawn(async move {
            let answer = desk.pass_on(request).await;
            drop(under_way);
            answer
        });
        forwarding.await.map_err(|_| Broken)?
    }

    async fn pass_on(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, Broken> {
        let path = request.uri().path_and_query().cloned();
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.authority.as_str())
            .path_and_query(path.map_or_else(|| "/".to_owned(), |path| path.to_string()));
        *request.uri_mut() = uri.build().map_err(|_| Broken)?;
        let answer = self.client.request(request).await.map_err(|_| Broken)?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
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

/// A page of some proxy's.
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
