//! The address that the AWS CLI, the SDKs and the functions speak to.
//!
//! MiniStack behind it authenticates every request, and answers most. Secrets Manager and EventBridge Scheduler are
//! answered here, where AWS's rules hold strictly, once MiniStack's IAM allows it. Without a MiniStack every request is
//! allowed, and only these two services are there.
//!
//! No body is ever logged.

mod access;
mod answer;
mod event_bus;
mod faults;
mod operation;
mod record;
mod secrets;
mod tables;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::{Router, body};
use http::{HeaderMap, Request, Response};
use jiff::Timestamp;
use serde_json::{Map, Value};
use stand_in::Fault;
use stand_in::events::EventLog;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;
use url::Url;

use crate::credential::Credential;
use crate::ministack;
use crate::scheduler::{HandOver, Scheduler, SchedulerOptions, Target};
use crate::secrets_manager::{NoFunctions, RotationFunctions, RotationOptions, SecretsManager};

pub use access::{Needed, needed};
use faults::Faults;
pub use faults::GatewayFault;
pub use operation::operation;
pub use record::RequestRecord;
use secrets::Front;
use tables::Tables;

/// The largest request: a function's code on its way to S3.
const MAX_BODY_BYTES: usize = 256 * 1024 * 1024;

/// What stands behind a gateway.
#[derive(Clone, Default)]
pub struct GatewayOptions {
    /// The MiniStack that authenticates, authorises and answers the rest. `None`: all is allowed.
    pub upstream: Option<ministack::Client>,
    /// Where to record what happens.
    pub events: EventLog,
    /// How rotations are attempted.
    pub rotation: RotationOptions,
    /// Where rotation functions run: in the upstream, if not given.
    pub functions: Option<Arc<dyn RotationFunctions>>,
    /// What schedules fire at: the upstream's functions, if not given.
    pub target: Option<Arc<dyn Target>>,
    /// What answers the rest where there is no upstream: for Lambda, say.
    pub others: Router,
}

/// An address that is taken and not served yet: requests wait.
#[derive(Debug)]
pub struct BoundGateway {
    listener: TcpListener,
    endpoint: Url,
}

impl BoundGateway {
    /// The gateway's address.
    #[must_use]
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Begins to answer requests. Must be called within a tokio runtime.
    #[must_use]
    pub fn serve(self, options: GatewayOptions) -> Gateway {
        let GatewayOptions {
            upstream,
            events,
            rotation,
            functions,
            target,
            others,
        } = options;
        let functions = functions.unwrap_or_else(|| match &upstream {
            Some(upstream) => Arc::new(upstream.clone()),
            None => Arc::new(NoFunctions),
        });
        let target = target.unwrap_or_else(|| match &upstream {
            Some(upstream) => Arc::new(upstream.clone()),
            None => Arc::new(NoTarget),
        });
        let (secrets_manager, rotations) = SecretsManager::new(events.clone(), functions, rotation);
        let times = SchedulerOptions::default();
        let scheduler = Scheduler::new(upstream.clone(), events, target, times);
        let faults = Faults::default();
        let routes = Arc::new(Routes {
            faults: faults.clone(),
            secrets: Front {
                upstream: upstream.clone(),
                service: secrets_manager.clone(),
            },
            scheduler: scheduler.clone(),
            upstream,
            others: others.fallback(async || nothing_else()),
            requests: Mutex::default(),
            bus: Mutex::default(),
            tables: Mutex::default(),
        });
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let app = Router::new()
            .fallback(route)
            .with_state(Arc::clone(&routes));
        tokio::spawn(async move {
            let served = axum::serve(self.listener, app).with_graceful_shutdown(stopped);
            if let Err(error) = served.await {
                tracing::error!(%error, "the gateway stopped");
            }
        });
        Gateway {
            endpoint: self.endpoint,
            secrets_manager,
            scheduler,
            faults,
            routes,
            _rotations: rotations,
            _stop: stop.drop_guard(),
        }
    }
}

/// A gateway that answers. It stops when dropped, and its rotations and schedules with it.
pub struct Gateway {
    endpoint: Url,
    secrets_manager: SecretsManager,
    scheduler: Scheduler,
    faults: Faults,
    routes: Arc<Routes>,
    _rotations: DropGuard,
    _stop: DropGuard,
}

impl Gateway {
    /// Takes a free port of the loopback address.
    pub async fn bind() -> anyhow::Result<BoundGateway> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = Url::parse(&format!("http://{}", listener.local_addr()?))?;
        Ok(BoundGateway { listener, endpoint })
    }

    /// Takes a free port and begins to answer there.
    pub async fn start(options: GatewayOptions) -> anyhow::Result<Self> {
        Ok(Self::bind().await?.serve(options))
    }

    /// The gateway's address.
    #[must_use]
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Its Secrets Manager.
    #[must_use]
    pub fn secrets_manager(&self) -> &SecretsManager {
        &self.secrets_manager
    }

    /// Has a request go wrong.
    pub fn fail_next(&self, fault: GatewayFault) {
        self.faults.add(fault);
    }

    /// How many faults of requests about this have not come about yet.
    #[must_use]
    pub fn pending_faults(&self, about: &str) -> usize {
        self.faults.pending(about)
    }

    /// The events that were put on the default event bus, where no MiniStack has one.
    #[must_use]
    pub fn bus_events(&self) -> Vec<Value> {
        let events = self.routes.bus.lock();
        events.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts an item whose key is this attribute, where no MiniStack has the table.
    pub fn put_item(&self, table: &str, key: &str, item: Map<String, Value>) {
        let tables = self.routes.tables.lock();
        let mut tables = tables.unwrap_or_else(PoisonError::into_inner);
        tables.put(table, key, item);
    }

    /// Takes an item away, where no MiniStack has the table.
    pub fn remove_item(&self, table: &str, key: &Value) {
        let tables = self.routes.tables.lock();
        let mut tables = tables.unwrap_or_else(PoisonError::into_inner);
        tables.remove(table, key);
    }

    /// An item of a table, where no MiniStack has it.
    #[must_use]
    pub fn item(&self, table: &str, key: &Value) -> Option<Value> {
        let tables = self.routes.tables.lock();
        let tables = tables.unwrap_or_else(PoisonError::into_inner);
        tables.item(table, key)
    }

    /// The requests to Secrets Manager, EventBridge Scheduler, DynamoDB and EventBridge so far, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        let requests = self.routes.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its EventBridge Scheduler.
    #[must_use]
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }
}

/// What schedules fire at where there is nothing.
struct NoTarget;

impl Target for NoTarget {
    fn invoke(&self, function_arn: String, _role_arn: String, _input: String) -> HandOver<'_> {
        Box::pin(async move { Err(format!("there is no function {function_arn}")) })
    }
}

struct Routes {
    upstream: Option<ministack::Client>,
    others: Router,
    faults: Faults,
    secrets: Front,
    scheduler: Scheduler,
    requests: Mutex<Vec<RequestRecord>>,
    bus: Mutex<Vec<Value>>,
    tables: Mutex<Tables>,
}

async fn route(State(routes): State<Arc<Routes>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let request = match body::to_bytes(body, MAX_BODY_BYTES).await {
        Ok(body) => Request::from_parts(parts, body),
        Err(error) => {
            let message = format!("the request cannot be read, or is too large: {error}");
            return answer::text(http::StatusCode::PAYLOAD_TOO_LARGE, &message).map(Body::from);
        }
    };
    match routes.faults.due(&request) {
        None => routes.answer(request).await,
        Some(Fault::LoseRequest) => faults::broken(),
        Some(Fault::LoseAnswer) => {
            // Whoever asked may be gone by then.
            let _ = tokio::spawn(async move { routes.answer(request).await }).await;
            faults::broken()
        }
        Some(Fault::Status { status, .. } | Fault::Garbage(status)) => faults::error(status),
        Some(Fault::Slow(wait)) => {
            let answer = routes.answer(request).await;
            tokio::time::sleep(wait).await;
            answer
        }
    }
}

impl Routes {
    async fn answer(&self, request: Request<Bytes>) -> Response<Body> {
        if let Some(operation) = secrets_manager_operation(request.headers()) {
            self.record(&request, format!("secretsmanager:{operation}"));
            let answer = self.secrets.handle(&operation, request).await;
            return answer.map(Body::from);
        }
        if is_of_schedules(&request) {
            self.record(&request, format!("scheduler:{}", request.method()));
            return self.scheduler.handle(request).await.map(Body::from);
        }
        if names_event(request.headers()) {
            self.record(&request, "events:PutEvents".to_owned());
            if self.upstream.is_none() {
                return event_bus::put(&self.bus, request.body()).map(Body::from);
            }
        }
        if let Some(operation) = dynamodb_operation(request.headers()) {
            self.record(&request, format!("dynamodb:{operation}"));
            if self.upstream.is_none() {
                let request = serde_json::from_slice(request.body()).unwrap_or_default();
                let tables = self.tables.lock();
                let mut tables = tables.unwrap_or_else(PoisonError::into_inner);
                return answer::dynamodb(tables.handle(&operation, &request)).map(Body::from);
            }
        }
        let Some(upstream) = &self.upstream else {
            let request = request.map(Body::from);
            let Ok(answer) = self.others.clone().oneshot(request).await;
            return answer;
        };
        let answer = upstream.forward(request).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "not forwarded");
            answer::text(http::StatusCode::BAD_GATEWAY, &format!("{error:#}"))
        });
        answer.map(Body::from)
    }

    fn record(&self, request: &Request<Bytes>, operation: String) {
        let record = RequestRecord {
            at: Timestamp::now(),
            access_key_id: Credential::of(request.headers()).map(|it| it.access_key_id),
            operation,
        };
        let requests = self.requests.lock();
        requests
            .unwrap_or_else(PoisonError::into_inner)
            .push(record);
    }
}

fn nothing_else() -> Response<Body> {
    let message = "there is no MiniStack behind this gateway, only Secrets Manager, EventBridge Scheduler, \
                   DynamoDB and EventBridge's PutEvents";
    answer::text(http::StatusCode::NOT_IMPLEMENTED, message).map(Body::from)
}

/// The operation that a request to Secrets Manager names.
fn secrets_manager_operation(headers: &HeaderMap) -> Option<String> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    target.strip_prefix("secretsmanager.").map(str::to_owned)
}

/// The operation that a request to DynamoDB names.
fn dynamodb_operation(headers: &HeaderMap) -> Option<String> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    let operation = target.strip_prefix(operation::DYNAMODB)?;
    operation.strip_prefix('.').map(str::to_owned)
}

/// Whether the request puts events on a bus.
fn names_event(headers: &HeaderMap) -> bool {
    headers
        .get("x-amz-target")
        .is_some_and(|target| target == "AWSEvents.PutEvents")
}

/// Whether the request is about schedules. A bucket may be called so too.
fn is_of_schedules(request: &Request<Bytes>) -> bool {
    let path = request.uri().path();
    let schedules = path == "/schedules" || path.starts_with("/schedules/");
    schedules
        && Credential::of(request.headers()).is_none_or(|credential| credential.service != "s3")
}
