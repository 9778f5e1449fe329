//! What Lambda gives a function's process: the event's source, its own name, a region, credentials, its variables.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use super::RuntimeApi;

#[derive(Clone, Debug)]
pub struct Launch {
    /// Its name. It is its access key id as well.
    pub function: String,
    pub executable: PathBuf,
    /// Its memory, in MB.
    pub memory: u32,
    pub environment: BTreeMap<String, String>,
}

impl Launch {
    /// Gives a command that runs the function [what Lambda
    /// sets](https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html), and nothing else.
    pub fn prepare(&self, command: &mut Command, api: &RuntimeApi) {
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", &self.function)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", self.memory.to_string())
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", &self.function)
            .env(
                "AWS_SECRET_ACCESS_KEY",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            )
            .env("AWS_SESSION_TOKEN", "a session token")
            .env("LANG", "en_US.UTF-8")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin")
            .env("TZ", ":UTC")
            .envs(&self.environment);
    }
}
