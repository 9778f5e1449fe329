//! Logs as JSON lines, and metrics in CloudWatch's
//! [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html),
//! both on standard output.

use std::io::Write;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// The CloudWatch namespace of all metrics.
pub const NAMESPACE: &str = "HerokuAddonRotation";

/// What is counted besides each step's success, failure and duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Heroku's config was changed: a release and a restart for every attached app.
    ConfigChanged,
    /// An old credential was revoked, and the service refuses it.
    CredentialRevoked,
    /// A revocation has to wait: the credential is in use again, or something is out of order.
    RevocationPostponed,
    /// A revocation cannot be done: the secret was deleted, and the credential with it.
    RevocationImpossible,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::ConfigChanged,
        Self::CredentialRevoked,
        Self::RevocationPostponed,
        Self::RevocationImpossible,
    ];

    /// Its name in CloudWatch.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigChanged => "ConfigChanged",
            Self::CredentialRevoked => "CredentialRevoked",
            Self::RevocationPostponed => "RevocationPostponed",
            Self::RevocationImpossible => "RevocationImpossible",
        }
    }

    /// Counts one.
    pub fn count(self) {
        emit(&[(self.as_str(), "Count", 1)], None);
    }
}

/// Starts logging. `RUST_LOG` sets this library's level, `info` by default; it is a level and no
/// filter, since the AWS SDK and the Lambda runtime log whole requests, values included, at theirs.
pub fn init() {
    let level = std::env::var("RUST_LOG")
        .ok()
        .and_then(|level| level.parse().ok());
    let filter = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level.unwrap_or(LevelFilter::INFO))
        .with_default(LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false);
    // A second call in one process, as in tests, changes nothing.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
}

/// Records how a step ended.
pub(crate) fn step(step: &str, succeeded: bool, took: Duration) {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let outcome = if succeeded { "Succeeded" } else { "Failed" };
    emit(
        &[(outcome, "Count", 1), ("Duration", "Milliseconds", millis)],
        Some(step),
    );
}

/// Writes metrics by function, and by step if there is one: a step's name alone would count both
/// `rotate` and the function that it calls, and other stacks.
fn emit(metrics: &[(&str, &str, u64)], step: Option<&str>) {
    let millis = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let names: Vec<_> = metrics
        .iter()
        .map(|(name, unit, _)| json!({ "Name": name, "Unit": unit }))
        .collect();
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    let dimensions = if step.is_some() {
        json!(["Function", "Step"])
    } else {
        json!(["Function"])
    };
    let mut line = json!({
        "_aws": {
            "Timestamp": u64::try_from(millis).unwrap_or(u64::MAX),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": names }],
        },
        "Function": function,
    });
    if let Some(step) = step {
        line["Step"] = step.into();
    }
    for (name, _, value) in metrics {
        line[*name] = (*value).into();
    }
    // A metric that cannot be written must not fail a rotation.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
