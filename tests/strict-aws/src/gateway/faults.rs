//! Faults of AWS's on request.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, Bytes};
use http::{Request, Response, StatusCode};
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
        stand_in::lock(&self.0)
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
