//! What a command can fail with.

use std::io;

use addon_rotation::aws::AwsError;
use addon_rotation::deadline::Transient as _;
use addon_rotation::invoke::InvokeError;
use addon_rotation::message;
use addon_rotation::secrets::SecretError;
use addon_rotation::start::ConfigurationError;

/// Why a command did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// No stack is named.
    #[error("No stack is named. → Name it with --stack or STACK_NAME. A retry does not help.")]
    NoStack,
    /// The environment has no credentials.
    #[error(
        "AWS cannot be called: {} → For a profile of the AWS CLI: eval \"$(aws configure export-credentials --format env)\", and export AWS_REGION. A retry does not help.",
        message::numbered(&unset(&.0.problems))
    )]
    Environment(#[from] ConfigurationError),
    /// There can be no client of HTTP.
    #[error("{0}")]
    Client(String),
    /// AWS refused or failed.
    #[error("{}", of_aws(.0, rights(.0)))]
    Aws(#[from] AwsError),
    /// A function refused or failed.
    #[error("{}", of_invocation(.0))]
    Invoke(#[from] InvokeError),
    /// There is no such instance.
    #[error(
        "There is no secret {name} for stack {stack} in this account and region. → Check AWS_REGION. Name the instance by its add-on's id (with the right --secret-prefix), its secret's whole name or its ARN. List the instances: `addon-rotation-operator --stack {stack} status`. A retry does not help."
    )]
    Unknown {
        /// The name that was looked for.
        name: String,
        /// The stack.
        stack: String,
    },
    /// The secret is not the stack's.
    #[error(
        "Secret {name} does not have the tag rotation:stack={stack}. → If the stack is to rotate it, tag it: `aws secretsmanager tag-resource --secret-id {name} --tags Key=rotation:stack,Value={stack}`. A retry does not help."
    )]
    NotManaged {
        /// The secret.
        name: String,
        /// The stack.
        stack: String,
    },
    /// What was asked for must not be done now.
    #[error("Nothing was changed: {}", message::sentence(.0))]
    Refused(String),
    /// Something else was done meanwhile.
    #[error("{}", message::sentence(.0))]
    Overtaken(String),
    /// A file cannot be used.
    #[error("File {name} cannot be used: {problem}. → Correct it. A retry does not help.")]
    File {
        /// The file.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A file has lines that cannot be used; nothing was sent.
    #[error(
        "File {name} cannot be used, and nothing was sent: {} → Correct it. A retry does not help.",
        message::numbered(problems)
    )]
    Lines {
        /// The file.
        name: String,
        /// What is wrong, line by line, without any value.
        problems: Vec<String>,
    },
    /// The person did not agree.
    #[error("You did not agree. Nothing was changed.")]
    Declined,
    /// Nobody can be asked.
    #[error(
        "There is no terminal to ask at. Nothing was changed. → Say --yes if you agree. A retry does not help."
    )]
    NobodyToAsk,
    /// A rotation did not end.
    #[error("{0}")]
    Unfinished(String),
    /// A step in the middle failed.
    #[error(
        "Step {step} failed: {}",
        message::because(&source.to_string(), &message::sentence(state), &format!("Repeat: `{again}`"))
    )]
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
    #[error("The terminal cannot be used: {0}.")]
    Terminal(#[from] io::Error),
}

impl From<SecretError> for OperatorError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Aws(error) => Self::Aws(error),
            error => Self::Refused(error.to_string()),
        }
    }
}

impl OperatorError {
    /// The exit status: 1 if something is changed and to be looked at, 2 if the command could not run.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Step { .. } | Self::Unfinished(_) | Self::Overtaken(_) => 1,
            Self::Aws(error) if may_be_done(error) => 1,
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
            "{secret} is being rotated, and AWS did not say to which version. → Look: addon-rotation-operator status"
        ))
    }
}

/// Whether AWS may have done what it did not answer.
fn may_be_done(error: &AwsError) -> bool {
    let operation = error.operation.split_once(':').map_or("", |(_, name)| name);
    let reads = ["Describe", "Filter", "Get", "List"];
    error.is_transient() && !reads.iter().any(|it| operation.starts_with(it))
}

/// A variable that is missing, as the person who sets it says it: nobody else sets it for this tool.
fn unset(problems: &[String]) -> Vec<String> {
    let said = |problem: &String| match problem.split_once(" is missing (") {
        Some((variable, _)) => format!("{variable} is not set"),
        None => problem.clone(),
    };
    problems.iter().map(said).collect()
}

const RIGHTS: &str =
    "Attach the stack's managed policy OperatorPolicy (to enrol, EnrollPolicy) to your role";

const VOUCHING: &str =
    "Attach the stack's managed policy RecoverPolicy to your role, beside OperatorPolicy";

/// Reading and storing a value is left to rights that the partner gives.
const VALUES: &str = "Use a role with secretsmanager:GetSecretValue and PutSecretValue on this secret, and kms:Decrypt and kms:GenerateDataKey on a key of your own: no policy of the stack allows them";

fn rights(error: &AwsError) -> &'static str {
    if error.operation.ends_with("SecretValue") {
        VALUES
    } else {
        RIGHTS
    }
}

/// `rights` is what to do if the operator's own are missing.
fn of_aws(error: &AwsError, rights: &str) -> String {
    let remedy = if error.is("AccessDeniedException") {
        rights
    } else if error.is("ResourceNotFoundException") && error.operation.starts_with("lambda:") {
        "Check --stack and AWS_REGION: this account and region have no such function"
    } else {
        return message::with_retry(error);
    };
    format!("{} → {remedy}. A retry does not help.", error.failure())
}

fn of_invocation(error: &InvokeError) -> String {
    match error {
        InvokeError::Call(error) if error.resource.ends_with("-create-secret") => {
            of_aws(error, VOUCHING)
        }
        InvokeError::Call(error) => of_aws(error, RIGHTS),
        InvokeError::Function { error_message, .. } => error_message.clone(),
    }
}
