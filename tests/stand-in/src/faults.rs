//! Faults on request and a record of what was asked: what a stand-in's tests need to control and
//! to see, from code only.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tower::ServiceExt;
use uuid::Uuid;

use crate::LoopbackServer;

/// The header under which every answer carries an id for the service's support.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The service answers this error in its own form, and nothing takes effect.
    Status {
        /// The HTTP status, 400 to 599; anything else is sent as 500.
        status: u16,
        /// The `Retry-After` header, in whole seconds.
        retry_after: Option<Duration>,
    },
    /// The request takes effect, then the connection is dropped without an answer.
    LoseAnswer,
    /// The connection is dropped before the request takes effect.
    LoseRequest,
    /// A proxy in between answers an HTML page with this status, 200 too, and nothing takes effect. As a
    /// proxy's page, it has none of the service's headers.
    Garbage(u16),
    /// The request takes effect at once; the answer comes this much later.
    Slow(Duration),
}

impl Fault {
    /// This error in the service's own form, without `Retry-After`.
    pub const fn status(status: u16) -> Self {
        Self::Status {
            status,
            retry_after: None,
        }
    }
}

/// Which requests get which fault. Rules are tried in the order in which they were made; the
/// first that fits is used.
#[derive(Clone, Debug)]
pub struct FaultRule {
    /// The method that fits, or any.
    pub method: Option<Method>,
    /// What the request's path (percent-encoded as sent) begins with; `/` fits all.
    pub path_prefix: String,
    /// How many requests get the fault; then the rule is used up.
    pub count: usize,
    pub fault: Fault,
}

impl FaultRule {
    /// The next request, whichever it is, gets the fault.
    pub fn next(fault: Fault) -> Self {
        Self {
            method: None,
            path_prefix: "/".to_owned(),
            count: 1,
            fault,
        }
    }

    #[must_use]
    pub fn by(self, method: Method) -> Self {
        let method = Some(method);
        Self { method, ..self }
    }

    /// The next whose path begins so.
    #[must_use]
    pub fn at(self, path_prefix: impl Into<String>) -> Self {
        let path_prefix = path_prefix.into();
        Self {
            path_prefix,
            ..self
        }
    }

    /// So many of them.
    #[must_use]
    pub fn times(self, count: usize) -> Self {
        Self { count, ..self }
    }
}

/// A request that a stand-in received. It holds no header, query or body: those carry secrets.
#[derive(Clone, Debug)]
pub struct RequestRecord {
    pub at: Timestamp,
    pub method: Method,
    /// Its path, percent-encoded as sent.
    pub path: String,
    /// The answer's status; none if no answer was sent.
    pub status: Option<StatusCode>,
    /// The `Request-Id` of the answer.
    pub request_id: String,
    pub fault: Option<Fault>,
}

/// The connection is to be dropped without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped by a fault on request")]
pub struct ConnectionDropped;

/// Makes the service's own error answer for a fault.
type ErrorAnswer = fn(StatusCode, Option<Duration>) -> Response;

#[derive(Debug, Default)]
struct Book {
    rules: Vec<FaultRule>,
    records: Vec<RequestRecord>,
}

/// Where every request of a stand-in passes: gives out faults and keeps the record.
#[derive(Clone, Debug)]
pub struct FrontDesk {
    book: Arc<Mutex<Book>>,
    error_answer: ErrorAnswer,
}

impl FrontDesk {
    pub fn new(error_answer: ErrorAnswer) -> Self {
        Self {
            book: Arc::default(),
            error_answer,
        }
    }

    pub fn fail_next(&self, rule: FaultRule) {
        self.book().rules.push(rule);
    }

    /// Gives out no more of the faults for this prefix.
    pub fn mend(&self, path_prefix: &str) {
        let mut book = self.book();
        book.rules.retain(|rule| rule.path_prefix != path_prefix);
    }

    /// How many faults are still to be given out.
    pub fn pending_faults(&self) -> usize {
        self.book().rules.iter().map(|rule| rule.count).sum()
    }

    /// The requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.book().records.clone()
    }

    /// Serves what the router has, or as faults say.
    pub fn serve(&self, listener: TcpListener, router: Router) -> LoopbackServer {
        let desk = self.clone();
        LoopbackServer::start(listener, move |request| {
            let (desk, router) = (desk.clone(), router.clone());
            async move { desk.answer(router, request).await }
        })
    }

    async fn answer(
        &self,
        router: Router,
        request: Request<hyper::body::Incoming>,
    ) -> Result<Response, ConnectionDropped> {
        let request_id = Uuid::new_v4().to_string();
        let (number, fault) = self.receive(&request, &request_id);
        let mut answer = match &fault {
            Some(Fault::LoseRequest) => return Err(ConnectionDropped),
            Some(Fault::Garbage(status)) => {
                let answer =
                    garbage(StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY));
                self.sent(number, answer.status());
                return Ok(answer);
            }
            Some(Fault::Status {
                status,
                retry_after,
            }) => (self.error_answer)(error_status(*status), *retry_after),
            Some(Fault::LoseAnswer | Fault::Slow(_)) | None => {
                let Ok(answer) = router.oneshot(request).await;
                answer
            }
        };
        match fault {
            Some(Fault::LoseAnswer) => return Err(ConnectionDropped),
            Some(Fault::Slow(delay)) => tokio::time::sleep(delay).await,
            _ => {}
        }
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            answer.headers_mut().insert(REQUEST_ID, value);
        }
        self.sent(number, answer.status());
        Ok(answer)
    }

    fn receive<B>(&self, request: &Request<B>, request_id: &str) -> (usize, Option<Fault>) {
        let mut book = self.book();
        let path = request.uri().path();
        let rule = book.rules.iter_mut().find(|rule| {
            rule.count > 0
                && rule.method.as_ref().is_none_or(|it| it == request.method())
                && path.starts_with(&rule.path_prefix)
        });
        let fault = rule.map(|rule| {
            rule.count -= 1;
            rule.fault.clone()
        });
        book.rules.retain(|rule| rule.count > 0);
        book.records.push(RequestRecord {
            at: Timestamp::now(),
            method: request.method().clone(),
            path: path.to_owned(),
            status: None,
            request_id: request_id.to_owned(),
            fault: fault.clone(),
        });
        (book.records.len() - 1, fault)
    }

    fn sent(&self, number: usize, status: StatusCode) {
        if let Some(record) = self.book().records.get_mut(number) {
            record.status = Some(status);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        crate::lock(&self.book)
    }
}

fn error_status(status: u16) -> StatusCode {
    StatusCode::from_u16(status)
        .ok()
        .filter(|status| status.is_client_error() || status.is_server_error())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn garbage(status: StatusCode) -> Response {
    let page = "<!DOCTYPE html>\n<html><head><title>Application error</title></head>\
                <body><h1>An error occurred in the application</h1></body></html>\n";
    (status, Html(page)).into_response()
}
