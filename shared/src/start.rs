//! What a function starts with: its environment variables, read once, and what reaches AWS. All that is missing or
//! malformed is reported at once.

use std::path::Path;

use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use serde_json::Map;

use crate::aws::sdk_config_with;
use crate::fields::{Check, Found};
use crate::limits::LONGEST_GRACE_PERIOD_SECONDS;
use crate::net::{self, NetError, Roots};

/// Configuration that a function cannot start with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "The environment variables are not valid: {} → Correct the stack's parameters or the template. A retry does not help.",
    crate::message::numbered(problems)
)]
pub struct ConfigurationError {
    /// What is wrong, one entry per variable.
    pub problems: Vec<String>,
}

/// What a function starts with.
#[derive(Debug)]
pub struct Start {
    variables: Map<String, serde_json::Value>,
    found: Found,
    /// The function's one HTTP client.
    pub http: reqwest::Client,
    /// The AWS SDK's configuration.
    pub aws: SdkConfig,
    /// The certificate authorities that AWS's and Heroku's certificates may come from.
    pub(crate) roots: Roots,
}

impl Start {
    /// From the environment variables of this process.
    ///
    /// # Errors
    /// If the HTTP client cannot be built, which is a fault of the build.
    pub fn of_process() -> Result<Self, NetError> {
        let variables = std::env::vars_os();
        let variables = variables.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::new(variables, None)
    }

    /// From these variables, of which an empty one is none. A client that is given is used instead of one of its own.
    ///
    /// # Errors
    /// If the HTTP client cannot be built, which is a fault of the build.
    pub fn new(
        variables: impl IntoIterator<Item = (String, String)>,
        http: Option<reqwest::Client>,
    ) -> Result<Self, NetError> {
        let variables = variables.into_iter().filter(|(_, value)| !value.is_empty());
        let variables = variables
            .map(|(name, value)| (name, value.into()))
            .collect();
        let mut found = Found::of_texts();
        let mut check = Check::new(&variables, &mut found);
        // Mozilla's, and on a test stand those of a bundle, as for AWS's own tools.
        let roots = bundle(&mut check, "AWS_CA_BUNDLE").unwrap_or_else(Roots::mozilla);
        let http = match http {
            Some(http) => http,
            None => net::http_client_trusting(&roots)?,
        };
        let aws = aws(&mut check, &http);
        Ok(Self {
            variables,
            found,
            http,
            aws,
            roots,
        })
    }

    /// The function's environment variables.
    pub(crate) fn variables(&mut self) -> Check<'_> {
        Check::new(&self.variables, &mut self.found)
    }

    /// The certificate authorities of a bundle that a variable names, if it does.
    pub(crate) fn bundle(&mut self, variable: &str) -> Option<Roots> {
        bundle(&mut self.variables(), variable)
    }

    /// The names of the variables that were asked for.
    pub fn asked(&self) -> impl Iterator<Item = &str> {
        self.found.asked()
    }

    /// Ends the reading: `value` if nothing was wrong.
    ///
    /// # Errors
    /// With all that was.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, ConfigurationError> {
        self.found
            .finish(value)
            .map_err(|problems| ConfigurationError { problems })
    }
}

/// How long an old credential lives on after the new one is current.
pub(crate) fn grace_period_seconds(variables: &mut Check<'_>) -> Option<u32> {
    variables.number(
        "GRACE_PERIOD_SECONDS",
        1..=u64::from(LONGEST_GRACE_PERIOD_SECONDS),
    )
}

/// A text that is not interpreted: a name, an ARN.
pub(crate) fn name(variables: &mut Check<'_>, variable: &str, expected: &str) -> Option<String> {
    variables.text(variable, expected, |_| true)
}

/// Region, credentials of the execution role and endpoint from the
/// [variables that Lambda sets](https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html), no other
/// source. `AWS_ENDPOINT_URL` points it elsewhere than AWS.
fn aws(variables: &mut Check<'_>, http: &reqwest::Client) -> SdkConfig {
    let mut required =
        |variable| name(variables, variable, "set, by Lambda or by you").unwrap_or_default();
    let region = required("AWS_REGION");
    let (key, secret) = (
        required("AWS_ACCESS_KEY_ID"),
        required("AWS_SECRET_ACCESS_KEY"),
    );
    let mut optional = |variable| variables.optional_text(variable, "a text", |_| true);
    let session = optional("AWS_SESSION_TOKEN");
    let credentials = Credentials::new(key, secret, session, None, "environment");
    sdk_config_with(http, region, credentials, optional("AWS_ENDPOINT_URL"))
}

fn bundle(variables: &mut Check<'_>, variable: &str) -> Option<Roots> {
    const EXPECTED: &str = "the path of a PEM file of root certificates, in one of the function's layers (/opt/...) for example";
    let file = variables.optional_text(variable, EXPECTED, |_| true)?;
    match Roots::with_bundle(Path::new(&file)) {
        Ok(roots) => Some(roots),
        Err(error) => {
            let problem = format!("is {file}, which {error} (it must be {EXPECTED})");
            variables.problem(variable, &problem);
            None
        }
    }
}
