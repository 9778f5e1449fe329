//! What all Lambda functions share: a function from its start to its end, an invocation from its event to its answer.

use std::pin::Pin;
use std::time::Instant;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::Value;
use tracing::Instrument;

use crate::deadline::{Deadline, Transient};
use crate::event::{Event, Step};
use crate::start::{ConfigurationError, Start};
use crate::{Error, telemetry};

/// One invocation under way. It is boxed, so that its code is made once, with this library: a bare future's is made anew
/// in each program that polls it.
pub type Handling<'a, A> = Pin<Box<dyn Future<Output = Result<A, Error>> + 'a>>;

/// A Lambda function: what it needs, and what it does with an event.
pub trait Function: Sized {
    /// What it is invoked with.
    type Event: Event;
    /// What it answers.
    type Answer: Serialize;

    /// Reads its configuration and builds its clients. All variables are read before the first `?`, so that all that
    /// is wrong is told at once.
    fn start(start: &mut Start) -> Option<Self>;

    /// Serves one invocation.
    fn handle(&self, event: Self::Event, deadline: Deadline) -> Handling<'_, Self::Answer>;
}

/// Starts a function.
///
/// # Errors
/// With all that is wrong with its environment variables.
pub fn start<F: Function>(mut start: Start) -> Result<F, ConfigurationError> {
    let function = F::start(&mut start);
    start.finish(function)
}

/// A function's `main`: starts it, and serves invocations until Lambda ends the process.
///
/// # Errors
/// If its configuration is not usable, or the Lambda runtime cannot be reached.
pub async fn run<F: Function>() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    let function: F = start(Start::of_process()?)?;
    let function = &function;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = Deadline::from_epoch_millis(event.context.deadline);
        let request_id = event.context.request_id;
        invoke(function, &event.payload, &request_id, deadline)
            .await
            .map_err(Diagnostic::from)
    }))
    .await
}

/// One invocation: reads the event, has the function handle it within the deadline, logs and measures the outcome.
///
/// # Errors
/// If the event cannot be read, or with the function's error.
pub async fn invoke<F: Function>(
    function: &F,
    payload: &Value,
    request_id: &str,
    deadline: Deadline,
) -> Result<F::Answer, Error> {
    let started = Instant::now();
    let event = F::Event::read(payload)
        .inspect_err(|error| tracing::error!(request_id, %error, "refused"))?;
    let name = event.step();
    let (secret, version) = event.subject().unzip();
    let span = tracing::info_span!(
        "step",
        step = name,
        secret = secret.map(tracing::field::display),
        version = version.map(tracing::field::display),
        request_id,
    );
    let result = async {
        let result = function.handle(event, deadline).await;
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(_) => tracing::info!(duration_ms = millis, outcome = "succeeded", "done"),
            Err(error) => {
                let transient = error.is_transient();
                tracing::error!(duration_ms = millis, outcome = "failed", kind = error.kind(), transient, %error, "failed");
            }
        }
        result
    }
    .instrument(span)
    .await;
    // A rehearsal's end is told to whoever enrols.
    if name != Step::Rehearse.as_str() {
        telemetry::step(name, result.is_ok(), started.elapsed());
    }
    result
}
