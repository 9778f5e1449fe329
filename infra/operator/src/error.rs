//! What a command can fail with.

use std::io;

use addon_rotation::aws::AwsError;
use addon_rotation::invoke::InvokeError;
use addon_rotation::start::ConfigurationError;

/// Why a command did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// No stack is named.
    #[error("which stack? Name it with --stack or STACK_NAME")]
    NoStack,
    /// The environment has no credentials.
    #[error(
        "{}; for a profile of the AWS CLI: eval \"$(aws configure export-credentials --format env)\" and export AWS_REGION",
        .0.problems.join("; ")
    )]
    Environment(#[from] ConfigurationError),
    /// There can be no client of HTTP.
    #[error("no HTTPS client can be made: {0}")]
    Client(String),
    /// AWS refused or failed.
    #[error("{error}{rights}", error = .0, rights = rights(.0))]
    Aws(#[from] AwsError),
    /// A function refused or failed.
    #[error("{error}{rights}", error = .0, rights = invocation_rights(.0))]
    Invoke(#[from] InvokeError),
    /// There is no such instance.
    #[error(
        "There is no instance with secret {name} in stack {stack}. → List its instances: addon-rotation-operator --stack {stack} status. An instance is named by what follows the stack's SecretNamePrefix (--secret-prefix), by its secret's whole name or its ARN"
    )]
    Unknown {
        /// The name that was looked for.
        name: String,
        /// The stack.
        stack: String,
    },
    /// The secret is not the stack's.
    #[error("{name} does not have the tag rotation:stack={stack}: this stack does not rotate it")]
    NotManaged {
        /// The secret.
        name: String,
        /// The stack.
        stack: String,
    },
    /// What was asked for must not be done now.
    #[error("{0}. Nothing is changed")]
    Refused(String),
    /// Something else was done meanwhile.
    #[error("{0}")]
    Overtaken(String),
    /// A file cannot be used.
    #[error("{name}: {problem}")]
    File {
        /// The file.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A file has lines that cannot be used; nothing was sent.
    #[error("{name} cannot be used: {}. Nothing was sent", problems.join("; "))]
    Lines {
        /// The file.
        name: String,
        /// What is wrong, line by line, without any value.
        problems: Vec<String>,
    },
    /// The person did not agree.
    #[error("not done: nothing is changed")]
    Declined,
    /// Nobody can be asked.
    #[error("there is no terminal to ask at: say --yes if that is what you want")]
    NobodyToAsk,
    /// A rotation did not end.
    #[error("{0}")]
    Unfinished(String),
    /// A step in the middle failed.
    #[error("{step}: {}. {state}. To go on, correct that and repeat: {again}", .source.to_string().trim_end_matches('.'))]
    Step {
        /// The step.
        step: &'static str,
        /// Why it failed.
        source: Box<OperatorError>,
        /// What holds now.
        state: String,
        /// The command that goes on.
        again: String,
    },
    /// A terminal cannot be used.
    #[error("the terminal cannot be used: {0}")]
    Terminal(#[from] io::Error),
}

impl OperatorError {
    /// The exit status: 1 if something is changed and to be looked at, 2 if the command could not run.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Step { .. } | Self::Unfinished(_) | Self::Overtaken(_) => 1,
            Self::NoStack
            | Self::Environment(_)
            | Self::Client(_)
            | Self::Aws(_)
            | Self::Invoke(_)
            | Self::Unknown { .. }
            | Self::NotManaged { .. }
            | Self::Refused(_)
            | Self::File { .. }
            | Self::Lines { .. }
            | Self::Declined
            | Self::NobodyToAsk
            | Self::Terminal(_) => 2,
        }
    }

    /// AWS did not say which version it made.
    pub(crate) fn no_version(secret: &str) -> Self {
        Self::Unfinished(format!(
            "{secret} is rotated, but AWS did not say to which version; look with status"
        ))
    }
}

const RIGHTS: &str = " (yours, if this is not about a function's role: the stack's managed policies \
    OperatorPolicy and, to enrol, EnrollPolicy)";

const VOUCHING: &str = " (yours: the stack's managed policy RecoverPolicy, beside OperatorPolicy)";

fn rights(error: &AwsError) -> &'static str {
    if error.is("AccessDeniedException") {
        RIGHTS
    } else {
        ""
    }
}

fn invocation_rights(error: &InvokeError) -> &'static str {
    match error {
        InvokeError::Call(error) if error.resource.ends_with("-create-secret") => {
            if error.is("AccessDeniedException") {
                VOUCHING
            } else {
                ""
            }
        }
        InvokeError::Call(error) => rights(error),
        InvokeError::Function { .. } => "",
    }
}
