//! Logs as JSON lines, and metrics in CloudWatch's
//! [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html),
//! both on standard output.

use std::io::Write;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tracing_subscriber::EnvFilter;

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
        emit(&[(self.as_str(), "Count", 1)], &[]);
    }
}

/// Starts logging. `RUST_LOG` sets the level, `info` by default.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A second call in one process, as in tests, changes nothing.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_env_filter(filter)
        .try_init();
}

/// Records how a step ended.
pub(crate) fn step(step: &str, succeeded: bool, took: Duration) {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let outcome = if succeeded { "Succeeded" } else { "Failed" };
    emit(
        &[(outcome, "Count", 1), ("Duration", "Milliseconds", millis)],
        &[("Step", step)],
    );
}

fn emit(metrics: &[(&str, &str, u64)], dimensions: &[(&str, &str)]) {
    let millis = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let names: Vec<_> = metrics
        .iter()
        .map(|(name, unit, _)| json!({ "Name": name, "Unit": unit }))
        .collect();
    let keys: Vec<_> = dimensions.iter().map(|(key, _)| *key).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": u64::try_from(millis).unwrap_or(u64::MAX),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [keys], "Metrics": names }],
        }
    });
    for (key, value) in dimensions {
        line[*key] = (*value).into();
    }
    for (name, _, value) in metrics {
        line[*name] = (*value).into();
    }
    // A metric that cannot be written must not fail a rotation.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
