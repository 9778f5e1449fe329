//! A function's configuration: environment variables, read once at start. What is missing or
//! malformed is reported all at once.

mod fleet;

use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

pub use fleet::{
    DeprovisionConfiguration, EnrollConfiguration, FleetConfiguration, StartConfiguration,
};

use crate::event::SecretArn;
use crate::net::{Addresses, PlainText, Roots};

/// Configuration that a function cannot start with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "The environment variables are not valid: {} → Correct the stack's parameters or the template.",
    crate::message::numbered(problems)
)]
pub struct ConfigurationError {
    /// What is wrong, one entry per variable.
    pub problems: Vec<String>,
}

/// Reads environment variables and collects what is wrong with them.
#[derive(Debug, Default)]
pub struct Environment {
    problems: Vec<String>,
}

impl Environment {
    /// Begins with nothing found wrong.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A variable that must be there, parsed; `expected` says what it must be.
    pub fn required<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        match std::env::var(name) {
            Err(_) => self
                .problems
                .push(format!("{name} is missing (it must be {expected})")),
            Ok(text) => match text.parse() {
                Ok(value) => return Some(value),
                Err(_) => self.problems.push(format!("{name} must be {expected}")),
            },
        }
        None
    }

    /// A variable that has a default; `expected` says what it must be.
    pub fn or<T: FromStr>(&mut self, name: &str, expected: &str, default: &str) -> Option<T> {
        let text = std::env::var(name).unwrap_or_default();
        let text = if text.is_empty() { default } else { &text };
        let value = text.parse().ok();
        if value.is_none() {
            self.problems.push(format!("{name} must be {expected}"));
        }
        value
    }

    /// A whole number that must be there, within bounds.
    pub fn within(&mut self, name: &str, bounds: RangeInclusive<u32>) -> Option<u32> {
        let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        let number = self.required(name, &expected)?;
        if bounds.contains(&number) {
            return Some(number);
        }
        self.problems.push(format!("{name} must be {expected}"));
        None
    }

    /// Notes what is wrong with variables that each are right.
    pub(crate) fn problem(&mut self, problem: &str) {
        self.problems.push(problem.to_owned());
    }

    /// Ends the reading: `value` if nothing was wrong.
    ///
    /// # Errors
    /// With every problem found.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, ConfigurationError> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(ConfigurationError {
                problems: self.problems,
            }),
        }
    }
}

/// Where `rotate` finds the functions with the powers that it lacks.
#[derive(Clone, Debug)]
pub struct StepFunctions {
    /// `CREATE_SECRET_FUNCTION`
    pub create_secret: String,
    /// `PUBLISH_TO_HEROKU_FUNCTION`
    pub publish_to_heroku: String,
    /// `TEST_SECRET_FUNCTION`
    pub test_secret: String,
    /// `FINISH_SECRET_FUNCTION`
    pub finish_secret: String,
}

impl StepFunctions {
    /// Reads the names or ARNs of the four functions.
    ///
    /// # Errors
    /// If one is missing.
    pub fn from_environment() -> Result<Self, ConfigurationError> {
        let mut environment = Environment::new();
        let mut function = |name| environment.required(name, "a Lambda function's name or ARN");
        let (create_secret, publish_to_heroku, test_secret, finish_secret) = (
            function("CREATE_SECRET_FUNCTION"),
            function("PUBLISH_TO_HEROKU_FUNCTION"),
            function("TEST_SECRET_FUNCTION"),
            function("FINISH_SECRET_FUNCTION"),
        );
        let functions = (|| {
            Some(Self {
                create_secret: create_secret?,
                publish_to_heroku: publish_to_heroku?,
                test_secret: test_secret?,
                finish_secret: finish_secret?,
            })
        })();
        environment.finish(functions)
    }
}

/// Where Heroku is, and who the partner is.
#[derive(Clone, Debug)]
pub struct HerokuConfiguration {
    /// `HEROKU_API_URL`: the base of both partner APIs, `https://api.heroku.com` by default.
    pub api: Url,
    /// `HEROKU_OAUTH_URL`: the token endpoint, `https://id.heroku.com/oauth/token` by default.
    pub oauth: Url,
    /// `PARTNER_SECRET_ARN`: the add-on service's own secret.
    pub partner: SecretArn,
}

impl HerokuConfiguration {
    /// Reads the two addresses and the partner secret's ARN.
    ///
    /// # Errors
    /// If one is malformed, or no HTTPS address beyond loopback.
    pub fn from_environment() -> Result<Self, ConfigurationError> {
        let mut environment = Environment::new();
        let expected = "an https:// URL (http:// for loopback only)";
        let api: Option<Url> = environment.or("HEROKU_API_URL", expected, "https://api.heroku.com");
        let oauth: Option<Url> = environment.or(
            "HEROKU_OAUTH_URL",
            expected,
            "https://id.heroku.com/oauth/token",
        );
        let partner = environment.required("PARTNER_SECRET_ARN", "the ARN of the partner secret");
        for (name, url) in [("HEROKU_API_URL", &api), ("HEROKU_OAUTH_URL", &oauth)] {
            if url.as_ref().is_some_and(|url| !crate::net::is_safe(url)) {
                environment
                    .problems
                    .push(format!("{name} must be {expected}"));
            }
        }
        let configuration = (|| {
            Some(Self {
                api: api?,
                oauth: oauth?,
                partner: partner?,
            })
        })();
        environment.finish(configuration)
    }
}

/// Where functions are scheduled.
#[derive(Clone, Debug)]
pub struct ScheduleConfiguration {
    /// `SCHEDULE_GROUP`: the stack's schedule group.
    pub group: String,
    /// `SCHEDULER_ROLE_ARN`: the role in which EventBridge Scheduler invokes the function.
    pub role: String,
    /// `REVOKE_SECRET_FUNCTION_ARN`, or `DEPROVISION_ADDON_FUNCTION_ARN`: the function to invoke.
    pub function: String,
    /// `DEAD_LETTER_QUEUE_ARN`: where an event goes that could not be handed over.
    pub dead_letter_queue: String,
    /// `SOONEST_SCHEDULE_SECONDS`: no schedule is written for an earlier time from now, [`SOONEST`] by default. For
    /// test stands; the template never sets it.
    pub soonest: Duration,
}

/// [A schedule is precise to a minute](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html),
/// and what becomes of one that is over when it arrives is documented nowhere: a minute, and what clocks and a
/// request take.
pub const SOONEST: Duration = Duration::from_secs(75);

impl ScheduleConfiguration {
    /// Reads the four names.
    ///
    /// # Errors
    /// If one is missing.
    pub fn from_environment() -> Result<Self, ConfigurationError> {
        Self::of("REVOKE_SECRET_FUNCTION_ARN")
    }

    /// Reads the four names, that of the function from `DEPROVISION_ADDON_FUNCTION_ARN`.
    ///
    /// # Errors
    /// If one is missing.
    pub fn of_deprovisioning() -> Result<Self, ConfigurationError> {
        Self::of("DEPROVISION_ADDON_FUNCTION_ARN")
    }

    fn of(function: &str) -> Result<Self, ConfigurationError> {
        let mut environment = Environment::new();
        let group = environment.required("SCHEDULE_GROUP", "a schedule group's name");
        let role = environment.required("SCHEDULER_ROLE_ARN", "a role's ARN");
        let function = environment.required(function, "a Lambda function's ARN");
        let dead_letter_queue = environment.required("DEAD_LETTER_QUEUE_ARN", "an SQS queue's ARN");
        let soonest = environment.or(
            "SOONEST_SCHEDULE_SECONDS",
            "a whole number of seconds",
            &SOONEST.as_secs().to_string(),
        );
        let configuration = (|| {
            Some(Self {
                group: group?,
                role: role?,
                function: function?,
                dead_letter_queue: dead_letter_queue?,
                soonest: Duration::from_secs(soonest?),
            })
        })();
        environment.finish(configuration)
    }
}

/// The certificate authorities that AWS's and Heroku's certificates may come from: Mozilla's, and on
/// a test stand those of `AWS_CA_BUNDLE`, the path of a PEM file, as for AWS's own tools.
///
/// # Errors
/// If the file is not there or is no bundle of certificates.
pub fn roots() -> Result<Roots, ConfigurationError> {
    Ok(bundle_of(AWS_CA_BUNDLE)?.unwrap_or_else(Roots::mozilla))
}

/// The certificate authorities that the services' certificates may come from besides Mozilla's:
/// `CA_BUNDLE_FILE`, the path of a PEM file. `None` if it is not set or empty.
///
/// # Errors
/// If the file is not there or is no bundle of certificates.
pub fn service_roots() -> Result<Option<Roots>, ConfigurationError> {
    bundle_of(CA_BUNDLE_FILE)
}

/// The addresses that services may have that are reached over HTTP: `ALLOW_PRIVATE_ADDRESSES`, `true`
/// or `false`, which is the default.
///
/// # Errors
/// If it is another text.
pub fn service_addresses() -> Result<Addresses, ConfigurationError> {
    let mut environment = Environment::new();
    let any = environment.or("ALLOW_PRIVATE_ADDRESSES", "true or false", "false");
    environment.finish(any.map(|any: bool| {
        if any {
            Addresses::Any
        } else {
            Addresses::Public
        }
    }))
}

/// Whether services on loopback may be spoken with in plain text: `ALLOW_PLAIN_TEXT_ON_LOOPBACK`, `true` or
/// `false`, which is the default. For test stands; the template never sets it.
///
/// # Errors
/// If it is another text.
pub fn plain_text() -> Result<PlainText, ConfigurationError> {
    let mut environment = Environment::new();
    let allowed = environment.or("ALLOW_PLAIN_TEXT_ON_LOOPBACK", "true or false", "false");
    environment.finish(allowed.map(|allowed: bool| {
        if allowed {
            PlainText::OnLoopback
        } else {
            PlainText::Never
        }
    }))
}

const AWS_CA_BUNDLE: &str = "AWS_CA_BUNDLE";
const CA_BUNDLE_FILE: &str = "CA_BUNDLE_FILE";

fn bundle_of(variable: &str) -> Result<Option<Roots>, ConfigurationError> {
    std::env::var_os(variable)
        .filter(|file| !file.is_empty())
        .map(|file| bundle(variable, Path::new(&file)))
        .transpose()
}

fn bundle(variable: &str, file: &Path) -> Result<Roots, ConfigurationError> {
    Roots::with_bundle(file).map_err(|error| {
        let expected = "it must be the path of a PEM file of root certificates, in one of the function's layers (/opt/...) for example";
        let file = file.display();
        ConfigurationError {
            problems: vec![format!("{variable}: {file} {error} ({expected})")],
        }
    })
}

/// The longest grace period, for the stack or for one secret: seven days.
pub const LONGEST_GRACE_PERIOD_SECONDS: u32 = 7 * 24 * 60 * 60;

/// How long an old credential lives on after the new one is current: `GRACE_PERIOD_SECONDS`.
///
/// # Errors
/// If it is missing or not from 1 to [`LONGEST_GRACE_PERIOD_SECONDS`].
pub fn grace_period_seconds() -> Result<u32, ConfigurationError> {
    let mut environment = Environment::new();
    let expected = "a whole number of seconds from 1 to 604800";
    let seconds: Option<u32> = environment.required("GRACE_PERIOD_SECONDS", expected);
    if seconds.is_some_and(|seconds| !(1..=LONGEST_GRACE_PERIOD_SECONDS).contains(&seconds)) {
        environment
            .problems
            .push(format!("GRACE_PERIOD_SECONDS must be {expected}"));
    }
    environment.finish(seconds)
}

/// The longest that a revocation can be held for open sessions: within a day its tries are over.
pub const LONGEST_HOLD_SECONDS: u32 = 43_200;

/// For how long at most revocations are held while sessions are open with the old credential:
/// `HOLD_WHILE_IN_USE_SECONDS`, 0 by default.
///
/// # Errors
/// If it is no such number.
pub fn hold_while_in_use_seconds() -> Result<u32, ConfigurationError> {
    let mut environment = Environment::new();
    let expected = "a whole number of seconds from 0 to 43200";
    let seconds: Option<u32> = environment.or("HOLD_WHILE_IN_USE_SECONDS", expected, "0");
    if seconds.is_some_and(|seconds| seconds > LONGEST_HOLD_SECONDS) {
        environment.problem(&format!("HOLD_WHILE_IN_USE_SECONDS must be {expected}"));
    }
    environment.finish(seconds)
}

/// The stack's name, with which its secrets are tagged: `STACK_NAME`.
///
/// # Errors
/// If it is missing.
pub fn stack_name() -> Result<String, ConfigurationError> {
    let mut environment = Environment::new();
    let name = environment.required("STACK_NAME", "the stack's name");
    environment.finish(name)
}

/// What the names of the stack's rotating secrets begin with: `SECRET_NAME_PREFIX`.
///
/// # Errors
/// If it is missing.
pub fn secret_name_prefix() -> Result<String, ConfigurationError> {
    let mut environment = Environment::new();
    let prefix = environment.required("SECRET_NAME_PREFIX", "the rotating secrets' prefix");
    environment.finish(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_is_not_there_names_the_variable_and_the_file() {
        let error = bundle(CA_BUNDLE_FILE, Path::new("/opt/missing.pem"))
            .unwrap_err()
            .to_string();
        for part in ["CA_BUNDLE_FILE", "/opt/missing.pem", "not found", "PEM"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
