//! Lambda's [Runtime API](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) for one
//! process: it hands out events and notes when what came back.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

/// What a process said, and when.
#[derive(Debug)]
pub enum Call {
    Next(Instant),
    Answer(Instant, Value),
    /// Its step failed, or it could not start.
    Error(Value),
}

/// The API, until dropped.
pub struct RuntimeApi {
    address: SocketAddr,
    events: mpsc::UnboundedSender<Value>,
    calls: mpsc::UnboundedReceiver<Call>,
    _serving: AbortOnDropHandle<()>,
}

struct Shared {
    function_arn: String,
    timeout: Duration,
    events: Mutex<mpsc::UnboundedReceiver<Value>>,
    calls: mpsc::UnboundedSender<Call>,
}

impl RuntimeApi {
    /// Serves the API to the function of this ARN, whose invocations may take `timeout`.
    pub async fn start(function_arn: String, timeout: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (events, queue) = mpsc::unbounded_channel();
        let (record, calls) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            function_arn,
            timeout,
            events: Mutex::new(queue),
            calls: record,
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(error))
            .with_state(shared);
        let serving = tokio::spawn(async move {
            // It ends with the handle only.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            events,
            calls,
            _serving: AbortOnDropHandle::new(serving),
        })
    }

    /// What `AWS_LAMBDA_RUNTIME_API` says.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has the process get an event as soon as it asks for one.
    pub fn hand_over(&self, event: Value) {
        // The receiver lives as long as the server.
        let _ = self.events.send(event);
    }

    pub async fn call(&mut self) -> Option<Call> {
        self.calls.recv().await
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let _ = shared.calls.send(Call::Next(Instant::now()));
    let Some(event) = shared.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = (SystemTime::now() + shared.timeout)
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let headers = [
        (
            "lambda-runtime-aws-request-id",
            uuid::Uuid::new_v4().to_string(),
        ),
        (
            "lambda-runtime-deadline-ms",
            deadline.as_millis().to_string(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            shared.function_arn.clone(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0".to_owned(),
        ),
    ];
    (headers, Json(event)).into_response()
}

async fn answer(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let at = Instant::now();
    let _ = shared.calls.send(Call::Answer(at, parsed(&body)));
    StatusCode::ACCEPTED
}

async fn error(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let _ = shared.calls.send(Call::Error(parsed(&body)));
    StatusCode::ACCEPTED
}

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}
