//! Faults of AWS's on request.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http::{Request, Response, StatusCode};
use hyper::body::Frame;
use stand_in::Fault;

use super::answer;
use super::operation::operation;
use crate::secrets_manager::ServiceError;

/// Which request goes wrong, once.
#[derive(Clone, Debug)]
pub struct GatewayFault {
    /// The operation, as [`operation`] names it.
    pub operation: String,
    /// What the request must hold: a secret's ARN, say.
    pub about: String,
    /// How it goes wrong.
    pub fault: Fault,
}

impl GatewayFault {
    /// A fault of the next request for this operation that holds this.
    pub fn new(operation: impl Into<String>, about: impl Into<String>, fault: Fault) -> Self {
        Self {
            operation: operation.into(),
            about: about.into(),
            fault,
        }
    }
}

/// The faults to come. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Arc<Mutex<Vec<GatewayFault>>>);

impl Faults {
    pub(super) fn add(&self, fault: GatewayFault) {
        self.lock().push(fault);
    }

    pub(super) fn pending(&self, about: &str) -> usize {
        self.lock().iter().filter(|it| it.about == about).count()
    }

    /// How a request goes wrong, if it does.
    pub(super) fn due(&self, request: &Request<Bytes>) -> Option<Fault> {
        let mut faults = self.lock();
        if faults.is_empty() {
            return None;
        }
        let name = operation(request.method(), request.uri().path(), request.headers());
        let body = String::from_utf8_lossy(request.body());
        let at = faults
            .iter()
            .position(|fault| fault.operation == name && body.contains(&fault.about))?;
        Some(faults.remove(at).fault)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<GatewayFault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that breaks off, and the connection with it.
pub(super) fn broken() -> Response<Body> {
    Response::new(Body::new(BreaksOff))
}

struct BreaksOff;

impl hyper::body::Body for BreaksOff {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let broken = io::Error::new(io::ErrorKind::ConnectionReset, "a fault on request");
        Poll::Ready(Some(Err(broken)))
    }
}

/// The service's own error, or a refusal that lasts: 403 is for a permission that is missing.
pub(super) fn error(status: u16) -> Response<Body> {
    let error = match status {
        403 => ServiceError::access_denied("refused, on request"),
        _ => ServiceError::internal("out of order, on request"),
    };
    let mut answer = answer::json(Err(error)).map(Body::from);
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    answer
}
