//! What all Lambda functions share: an invocation from its event to its answer.

use std::time::Instant;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::Value;
use tracing::Instrument;

use crate::deadline::{Deadline, Passing};
use crate::event::Event;
use crate::{Error, telemetry};

/// Serves invocations until Lambda ends the process: reads the event, runs the step within the
/// deadline, logs and measures the outcome.
///
/// # Errors
/// If the Lambda runtime cannot be reached.
pub async fn run<E: Event, A: Serialize>(
    step: impl AsyncFn(E, Deadline) -> Result<A, Error>,
) -> Result<(), lambda_runtime::Error> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    let step = &step;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = Deadline::from_epoch_millis(event.context.deadline);
        let request_id = event.context.request_id;
        handle(step, &event.payload, &request_id, deadline)
            .await
            .map_err(Diagnostic::from)
    }))
    .await
}

/// One invocation: what [`run`] does with each.
///
/// # Errors
/// If the event cannot be read, or with the step's error.
pub async fn handle<E: Event, A>(
    step: impl AsyncFn(E, Deadline) -> Result<A, Error>,
    payload: &Value,
    request_id: &str,
    deadline: Deadline,
) -> Result<A, Error> {
    let started = Instant::now();
    let event =
        E::read(payload).inspect_err(|error| tracing::error!(request_id, %error, "refused"))?;
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
        let result = Box::pin(step(event, deadline)).await;
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(_) => tracing::info!(duration_ms = millis, outcome = "succeeded", "done"),
            Err(error) => {
                let passing = error.is_passing();
                tracing::error!(duration_ms = millis, outcome = "failed", kind = error.kind(), passing, %error, "failed");
            }
        }
        result
    }
    .instrument(span)
    .await;
    telemetry::step(name, result.is_ok(), started.elapsed());
    result
}
