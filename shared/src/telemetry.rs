//! Logs as JSON lines, and metrics in CloudWatch's
//! [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html),
//! both on standard output.

use std::io::Write;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// The CloudWatch namespace of all metrics.
pub const NAMESPACE: &str = "HerokuAddonRotation";

/// What is measured. Those of a step have the dimensions `Function`, the function's name, and `Step`; all others have
/// `Stack`, whichever function counts them: one alarm is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// A step succeeded.
    Succeeded,
    /// A step failed.
    Failed,
    /// How long a step took, in milliseconds.
    Duration,
    /// Heroku's config was changed: a release and a restart for every attached app.
    ConfigChanged,
    /// Heroku answered 429: the account's requests for the hour are used up.
    HerokuThrottled,
    /// A renewed refresh token could not be stored: the add-on's tokens may be lost.
    RefreshTokenLost,
    /// An operator vouched for a current credential that does not work.
    Vouched,
    /// Sessions that were open with an old credential when it was to end.
    SessionsInUse,
    /// An old credential was revoked, and the service refuses it.
    CredentialRevoked,
    /// A revocation has to wait: the credential is in use again, or something is out of order.
    RevocationPostponed,
    /// A revocation cannot be done: the secret was deleted. At a sweep: such secrets, whose credentials may be alive.
    RevocationImpossible,
    /// At a sweep: credentials that wait for their revocation.
    RevocationsWaiting,
    /// At a sweep: those of them that should have been revoked an hour ago or longer.
    RevocationsOverdue,
    /// At a sweep: those of them that nothing was scheduled for, until then.
    RevocationsUnscheduled,
    /// At a sweep: for how long the one that waits longest has waited, in seconds.
    LongestWait,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Succeeded,
        Self::Failed,
        Self::Duration,
        Self::ConfigChanged,
        Self::HerokuThrottled,
        Self::RefreshTokenLost,
        Self::Vouched,
        Self::SessionsInUse,
        Self::CredentialRevoked,
        Self::RevocationPostponed,
        Self::RevocationImpossible,
        Self::RevocationsWaiting,
        Self::RevocationsOverdue,
        Self::RevocationsUnscheduled,
        Self::LongestWait,
    ];

    /// Its name in CloudWatch.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Duration => "Duration",
            Self::ConfigChanged => "ConfigChanged",
            Self::HerokuThrottled => "HerokuThrottled",
            Self::RefreshTokenLost => "RefreshTokenLost",
            Self::Vouched => "Vouched",
            Self::SessionsInUse => "SessionsInUse",
            Self::CredentialRevoked => "CredentialRevoked",
            Self::RevocationPostponed => "RevocationPostponed",
            Self::RevocationImpossible => "RevocationImpossible",
            Self::RevocationsWaiting => "RevocationsWaiting",
            Self::RevocationsOverdue => "RevocationsOverdue",
            Self::RevocationsUnscheduled => "RevocationsUnscheduled",
            Self::LongestWait => "LongestWait",
        }
    }

    /// The names of its dimensions.
    #[must_use]
    pub fn dimensions(self) -> &'static [&'static str] {
        match self {
            Self::Succeeded | Self::Failed | Self::Duration => &["Function", "Step"],
            _ => &["Stack"],
        }
    }

    /// Whether it is measured without the stack's detailed metrics: what tells that a credential lives too long, or
    /// that nobody looks. Lambda counts invocations, errors, durations and throttles itself.
    fn is_basic(self, step: Option<&str>) -> bool {
        match self {
            Self::Succeeded => step == Some("sweep"),
            Self::RefreshTokenLost
            | Self::Vouched
            | Self::RevocationImpossible
            | Self::RevocationsWaiting
            | Self::RevocationsOverdue
            | Self::RevocationsUnscheduled => true,
            _ => false,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Duration => "Milliseconds",
            Self::LongestWait => "Seconds",
            _ => "Count",
        }
    }

    /// Counts one.
    pub fn count(self) {
        record(&[(self, 1)]);
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
    // A panic's message may hold what it met. Where it was is enough to find it.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location();
        let (file, line) = place.map(|it| (it.file(), it.line())).unzip();
        tracing::error!(file, line, "the function's code panicked");
        crate::last_will::execute();
    }));
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
    let outcome = if succeeded {
        Metric::Succeeded
    } else {
        Metric::Failed
    };
    emit(&[(outcome, 1), (Metric::Duration, millis)], Some(step));
}

/// Records values that have nothing to do with a step.
pub(crate) fn record(metrics: &[(Metric, u64)]) {
    emit(metrics, None);
}

/// Writes metrics of the same dimensions.
fn emit(metrics: &[(Metric, u64)], step: Option<&str>) {
    let is_detailed = std::env::var("DETAILED_METRICS").is_ok_and(|value| value == "true");
    if let Some(line) = line(metrics, step, is_detailed) {
        // A metric that cannot be written must not fail a rotation.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}

/// The line of those that are measured, if any are.
fn line(metrics: &[(Metric, u64)], step: Option<&str>, is_detailed: bool) -> Option<Value> {
    let metrics: Vec<_> = metrics
        .iter()
        .filter(|(metric, _)| is_detailed || metric.is_basic(step))
        .collect();
    let (first, _) = metrics.first()?;
    let millis = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let names: Vec<_> = metrics
        .iter()
        .map(|(metric, _)| json!({ "Name": metric.as_str(), "Unit": metric.unit() }))
        .collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": u64::try_from(millis).unwrap_or(u64::MAX),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [first.dimensions()], "Metrics": names }],
        },
        "Function": std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
        "Stack": std::env::var("STACK_NAME").unwrap_or_default(),
    });
    if let Some(step) = step {
        line["Step"] = step.into();
    }
    for (metric, value) in metrics {
        line[metric.as_str()] = (*value).into();
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lambda_counts_is_not_measured_again_unless_asked_for() {
        let step = [(Metric::Succeeded, 1), (Metric::Duration, 7)];
        assert_eq!(line(&step, Some("setSecret"), false), None);
        let all = line(&step, Some("setSecret"), true).unwrap();
        assert_eq!(
            (&all["Succeeded"], &all["Duration"]),
            (&json!(1), &json!(7))
        );
        // A sweep that does not succeed is missed.
        let sweep = line(&step, Some("sweep"), false).unwrap();
        let measured = &sweep["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            measured["Metrics"],
            json!([{ "Name": "Succeeded", "Unit": "Count" }])
        );
        assert_eq!(measured["Dimensions"], json!([["Function", "Step"]]));
        let lost = line(&[(Metric::RefreshTokenLost, 1)], None, false).unwrap();
        assert_eq!(lost["RefreshTokenLost"], 1);
        // Whose it is stays in the log.
        assert!(lost["Function"].is_string() && lost["Stack"].is_string());
        let measured = &lost["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(measured["Dimensions"], json!([["Stack"]]));
    }
}
