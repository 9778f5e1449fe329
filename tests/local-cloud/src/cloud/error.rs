//! Why the local cloud does not start, or does not do as it is told.

use crate::credential_service::CredentialServiceError;
use crate::gateway::GatewayError;
use crate::heroku::HerokuError;
use crate::mariadb::MariadbError;
use crate::ministack::MiniStackError;
use crate::postgres::PostgresError;
use crate::redis::RedisError;
use crate::stack::StackError;
use crate::tools::ToolsError;

/// What went wrong in the local cloud.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// A tool is missing and cannot be installed.
    #[error(transparent)]
    Tools(#[from] ToolsError),
    /// The functions cannot be built, or the stack not deployed, or the AWS CLI failed.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// MiniStack does not start or does not answer.
    #[error(transparent)]
    MiniStack(#[from] MiniStackError),
    /// The gateway does not start.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// PostgreSQL does not start or refuses.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// MariaDB does not start or refuses.
    #[error(transparent)]
    Mariadb(#[from] MariadbError),
    /// Redis does not start or refuses.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// An add-on instance is not one of Redis.
    #[error("the add-on instance `{name}` has no Redis server")]
    NoRedis {
        /// The instance's name.
        name: String,
    },
    /// Heroku refuses.
    #[error(transparent)]
    Heroku(#[from] HerokuError),
    /// The partner's service refuses.
    #[error(transparent)]
    CredentialService(#[from] CredentialServiceError),
    /// The account has no administrator's secret for a service.
    #[error("the account has no secret of the service's administrator yet")]
    NoAdministrator,
    /// The template lacks an output.
    #[error("the stack has no output {name}: compare infra/template.yaml")]
    Output {
        /// The output's name.
        name: String,
    },
    /// AWS answered something that is not what was asked for.
    #[error("the answer to `{command}` is not the JSON that AWS documents")]
    NotJson {
        /// The command or call.
        command: String,
    },
    /// The AWS CLI failed.
    #[error("aws {command}: {message}")]
    Aws {
        /// Service and command.
        command: String,
        /// What it printed.
        message: String,
    },
    /// Secrets Manager refuses.
    #[error(transparent)]
    SecretsManager(#[from] crate::secrets_manager::ServiceError),
    /// An add-on instance was described in a way that cannot be.
    #[error("the add-on instance `{name}` has no app: name at least the one that owns it")]
    NoApp {
        /// The instance's name.
        name: String,
    },
    /// The template is not understood.
    #[error(transparent)]
    Template(#[from] crate::lambda::TemplateError),
    /// Another deployed cloud of this checkout is running.
    #[error(
        "another deployed cloud of this checkout runs, as process {pid} (`demo --deployed`, `up --deployed` or \
         `test`): end it first, or wait for it"
    )]
    Busy {
        /// The process.
        pid: String,
    },
    /// A directory or file cannot be used.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file or directory.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
}
