//! The address that the AWS CLI, the SDKs and the functions speak to.
//!
//! MiniStack behind it authenticates every request, and answers most. Secrets Manager and EventBridge Scheduler are
//! answered here, where AWS's rules hold strictly, once MiniStack's IAM allows it. Without a MiniStack every request is
//! allowed, and only these two services are there.
//!
//! No body is ever logged.

mod access;
pub(crate) mod answer;
mod event_bus;
mod faults;
mod operation;
mod secrets;
mod tables;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::{Router, body};
use http::{Request, Response};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::{Map, Value};
use stand_in::events::EventLog;
use stand_in::{ConnectionDropped, Fault, LoopbackServer, lock};
use tokio::net::TcpListener;
use tokio_util::sync::DropGuard;
use tower::ServiceExt as _;
use url::Url;

use crate::credential::Credential;
use crate::ministack;
use crate::scheduler::{HandOver, Scheduler, Target};
use crate::secrets_manager::{NoFunctions, RotationFunctions, RotationOptions, SecretsManager};

pub use access::{Needed, needed};
use faults::Faults;
pub use faults::GatewayFault;
pub use operation::operation;
use secrets::Front;
use tables::Tables;

/// The largest request: a function's code on its way to S3.
const MAX_BODY_BYTES: usize = 256 * 1024 * 1024;

/// A request that was asked of the gateway. It holds no body: those carry secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    pub at: Timestamp,
    /// Who signed it, if anybody did.
    pub access_key_id: Option<String>,
    /// `secretsmanager:` and the operation, or `scheduler:` and the method.
    pub operation: String,
}

#[derive(Clone, Default)]
pub struct GatewayOptions {
    /// The MiniStack that authenticates, authorises and answers the rest. `None`: all is allowed.
    pub upstream: Option<ministack::Client>,
    pub events: EventLog,
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
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Begins to answer requests. Must be called within a tokio runtime.
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
        let scheduler = Scheduler::new(upstream.clone(), events, target);
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
        let shared = Arc::clone(&routes);
        let server = LoopbackServer::start(self.listener, move |request| {
            route(Arc::clone(&shared), request)
        });
        Gateway {
            endpoint: self.endpoint,
            secrets_manager,
            scheduler,
            faults,
            routes,
            _rotations: rotations,
            _server: server,
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
    _server: LoopbackServer,
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

    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    pub fn secrets_manager(&self) -> &SecretsManager {
        &self.secrets_manager
    }

    pub fn fail_next(&self, fault: GatewayFault) {
        self.faults.add(fault);
    }

    /// How many faults of requests about this have not come about yet.
    pub fn pending_faults(&self, about: &str) -> usize {
        self.faults.pending(about)
    }

    /// The events that were put on the default event bus, where no MiniStack has one.
    pub fn bus_events(&self) -> Vec<Value> {
        lock(&self.routes.bus).clone()
    }

    /// Puts an item whose key is this attribute, where no MiniStack has the table.
    pub fn put_item(&self, table: &str, key: &str, item: Map<String, Value>) {
        lock(&self.routes.tables).put(table, key, item);
    }

    /// Takes an item away, where no MiniStack has the table.
    pub fn remove_item(&self, table: &str, key: &Value) {
        lock(&self.routes.tables).remove(table, key);
    }

    /// An item of a table, where no MiniStack has it.
    pub fn item(&self, table: &str, key: &Value) -> Option<Value> {
        lock(&self.routes.tables).item(table, key)
    }

    /// The requests to Secrets Manager, EventBridge Scheduler, DynamoDB and EventBridge so far, in the order in which they came.
    pub fn requests(&self) -> Vec<RequestRecord> {
        lock(&self.routes.requests).clone()
    }

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

async fn route(
    routes: Arc<Routes>,
    request: Request<Incoming>,
) -> Result<Response<Body>, ConnectionDropped> {
    let (parts, body) = request.into_parts();
    let request = match body::to_bytes(Body::new(body), MAX_BODY_BYTES).await {
        Ok(body) => Request::from_parts(parts, body),
        Err(error) => {
            let message = format!("the request cannot be read, or is too large: {error}");
            let answer = answer::text(http::StatusCode::PAYLOAD_TOO_LARGE, &message);
            return Ok(answer.map(Body::from));
        }
    };
    Ok(match routes.faults.due(&request) {
        None => routes.answer(request).await,
        Some(Fault::LoseRequest) => return Err(ConnectionDropped),
        Some(Fault::LoseAnswer) => {
            // Whoever asked may be gone by then.
            let _ = tokio::spawn(async move { routes.answer(request).await }).await;
            return Err(ConnectionDropped);
        }
        Some(Fault::Status { status, .. } | Fault::Garbage(status)) => faults::error(status),
        Some(Fault::Slow(wait)) => {
            let answer = routes.answer(request).await;
            tokio::time::sleep(wait).await;
            answer
        }
    })
}

impl Routes {
    async fn answer(&self, request: Request<Bytes>) -> Response<Body> {
        let target = request.headers().get("x-amz-target");
        let target = target
            .and_then(|target| target.to_str().ok())
            .unwrap_or_default();
        let target = target.to_owned();
        match target.split_once('.') {
            Some(("secretsmanager", operation)) => {
                self.record(&request, format!("secretsmanager:{operation}"));
                let answer = self.secrets.handle(operation, request).await;
                return answer.map(Body::from);
            }
            Some(("AWSEvents", "PutEvents")) => {
                self.record(&request, "events:PutEvents".to_owned());
                if self.upstream.is_none() {
                    return event_bus::put(&self.bus, request.body()).map(Body::from);
                }
            }
            Some((operation::DYNAMODB, operation)) => {
                self.record(&request, format!("dynamodb:{operation}"));
                if self.upstream.is_none() {
                    let request = serde_json::from_slice(request.body()).unwrap_or_default();
                    let answer = lock(&self.tables).handle(operation, &request);
                    return answer::dynamodb(answer).map(Body::from);
                }
            }
            _ if is_of_schedules(&request) => {
                self.record(&request, format!("scheduler:{}", request.method()));
                return self.scheduler.handle(request).await.map(Body::from);
            }
            _ => {}
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
        lock(&self.requests).push(record);
    }
}

fn nothing_else() -> Response<Body> {
    let message = "there is no MiniStack behind this gateway, only Secrets Manager, EventBridge Scheduler, \
                   DynamoDB and EventBridge's PutEvents";
    answer::text(http::StatusCode::NOT_IMPLEMENTED, message).map(Body::from)
}

/// Whether the request is about schedules. A bucket may be called so too.
fn is_of_schedules(request: &Request<Bytes>) -> bool {
    let path = request.uri().path();
    let schedules = path == "/schedules" || path.starts_with("/schedules/");
    schedules
        && Credential::of(request.headers()).is_none_or(|credential| credential.service != "s3")
}
